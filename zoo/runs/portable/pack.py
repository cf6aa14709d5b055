"""`zoo pack`: a training as one file that Python runs where JAX is."""

import importlib.metadata
import os
import zipfile
from pathlib import Path

from zoo.runs import _fitting, training
from zoo.runs.portable.job import program
from zoo.utils import extras, files
from zoo.utils.checks import check_integer

HERE = "zoo.runs.portable.job"
THERE = "zoo_job"
MAIN = '''"""Trains what was packed: python {name} --help"""

import sys

try:
    from zoo_job.command import main
except ImportError as error:
    print(f"zoo: This needs NumPy and JAX ({{error}}). Install them: pip install jax", file=sys.stderr)
    sys.exit(2)

sys.exit(main(sys.argv[0], sys.argv[1:]))
'''


def pack(
    model: str,
    data: str,
    out: str | os.PathLike,
    *,
    checkpoint_every: int = training.CHECKPOINT_EVERY,
    **options,
) -> Path:
    """Writes the training of a model on a dataset as a file that `python` runs, with JAX and NumPy alone.

    Images that are made by rules are made there; those of a file go with it.

    Args:
        model: as for `zoo.train`.
        data: as for `zoo.train`.
        out: the new file, such as `job.zip`.
        checkpoint_every: updates between checkpoints, of which there is one in ten seconds at most.
        **options: of `zoo.train`: `steps`, `seed`, `settings`, ...

    Returns:
        The file.

    Raises:
        ImportError: JAX is not installed.
        ValueError: as for `zoo.train`; or this training has no portable form.
    """
    extras.need("jax", "flatbuffers", extra="jax")
    from zoo.runs.portable.program import program_of

    check_integer("checkpoint_every", checkpoint_every, least=1)
    files.check_file(out)
    config, images = training.with_images(training.configure(model, data, **options))
    made = training.make_model(config, images)
    packed = program_of(
        made, images, config, log_every=_fitting.LOG_EVERY, checkpoint_every=checkpoint_every
    )
    with (
        files.whole_file(out) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("__main__.py", MAIN.format(name=Path(out).name))
        program.write(packed, archive)
        for file in sorted(Path(program.__file__).parent.glob("*.py")):
            text = file.read_text(encoding="utf-8").replace(HERE, THERE)
            archive.writestr(f"{THERE}/{file.name}", text)
        _add_package(archive, "flatbuffers")
    return files.target_of(out)


def _add_package(archive: zipfile.ZipFile, name: str) -> None:
    """Adds a package of Python alone, with what says its licence: JAX reads programs with it, and does not bring it."""
    for file in importlib.metadata.files(name) or ():
        is_wanted = file.suffix == ".py" or file.name in ("METADATA", "LICENSE", "LICENSE.txt")
        if is_wanted and ".." not in file.parts:
            archive.writestr(str(file), file.read_text(encoding="utf-8"))
