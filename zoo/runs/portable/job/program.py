"""A training as a program: an update and the order of the images as StableHLO, with the arrays they start from.

The file, a zip archive that Python runs, holds

| member | content |
|---|---|
| `plan.json` | what is made of the rest: see `Program.plan` |
| `update.bin`, `order.bin` | what `jax.export.deserialize` reads |
| `state/N.npy`, `constants/N.npy` | arrays; of the state, those that are zero are left out |
| `__main__.py`, `zoo_job/`, `flatbuffers/` | what runs it |
"""

import dataclasses
import hashlib
import io
import json
import os
import zipfile
import zlib
from typing import Any

import numpy as np

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Program:
    """A training that needs neither TensorFlow nor the zoo.

    Attributes:
        plan: by name

            - `config`: what `zoo.train` would have been called with;
            - `steps`, `log_every`, `checkpoint_every`: updates;
            - `images`, `batch_size`: how many there are, and how many a batch has;
            - `stride`, `offsets`: update t takes the batches of number `stride * t + offset`;
            - `state`: name, shape and dtype of each array that an update changes;
            - `arguments`: what an update is called with, each `["number", 0]` for t, `["batch", number of an offset]`,
              `["state", number]` or `["constant", number]`;
            - `reported`: name and numbers, in the state, of total and count of each mean of the history;
            - `made_by`: versions of the packages that made it.
        update: a function of the arguments to the new state, and more that is not used.
        order: a function of an epoch to the order of all images, int32; None where an update draws its images itself.
        state: arrays of the beginning.
        constants: arrays that updates read.
    """

    plan: dict[str, Any]
    update: bytes
    order: bytes | None
    state: list[np.ndarray]
    constants: list[np.ndarray]

    @property
    def name(self) -> str:
        """Of the training, for people."""
        config = self.plan["config"]
        return f"{config['model']} on {config['data']}, seed {config['seed']}"


def write(program: Program, archive: zipfile.ZipFile) -> None:
    """Adds a program to an archive."""
    facts = [
        {
            "name": name,
            "shape": list(array.shape),
            "dtype": array.dtype.name,
            "zero": not array.any(),
        }
        for name, array in zip(program.plan["state"], program.state, strict=True)
    ]
    counts = {"constants": len(program.constants), "ordered": program.order is not None}
    plan = {**program.plan, **counts, "format": FORMAT, "state": facts, "id": identity(program)}
    archive.writestr("plan.json", json.dumps(plan, indent=1))
    archive.writestr("update.bin", program.update)
    if program.order is not None:
        archive.writestr("order.bin", program.order)
    for number, array in enumerate(program.state):
        if not facts[number]["zero"]:
            archive.writestr(f"state/{number}.npy", _written(array))
    for number, array in enumerate(program.constants):
        archive.writestr(f"constants/{number}.npy", _written(array))


def read(path: str | os.PathLike) -> Program:
    """The program of a job.

    Raises:
        ValueError: it is no job, one of a later zoo, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "plan.json" not in archive.namelist():
                raise ValueError(
                    f"Expected a job of `zoo pack`. Received: {path}, without plan.json."
                )
            return _read(archive, path)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        KeyError,
        TypeError,
    ) as error:
        if isinstance(error, zipfile.BadZipFile) and not zipfile.is_zipfile(path):
            raise ValueError(
                f"Expected a job of `zoo pack`. Received: {path}, which is no zip archive."
            ) from None
        raise ValueError(f"{path} is damaged: {error}. Copy it anew.") from None


def identity(program: Program) -> str:
    """What tells this program from any other."""
    digest = hashlib.sha256(json.dumps(program.plan, sort_keys=True).encode())
    digest.update(program.update + (program.order or b""))
    for array in (*program.state, *program.constants):
        digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1))
    return digest.hexdigest()


def _read(archive: zipfile.ZipFile, path) -> Program:
    plan = json.loads(archive.read("plan.json"))
    if plan["format"] != FORMAT:
        raise ValueError(
            f"{path} is a job of another zoo: format {plan['format']}, not {FORMAT}. Pack it anew."
        )
    state = [
        np.zeros(fact["shape"], fact["dtype"])
        if fact["zero"]
        else _array(archive, f"state/{number}.npy")
        for number, fact in enumerate(plan["state"])
    ]
    return Program(
        plan,
        archive.read("update.bin"),
        archive.read("order.bin") if plan["ordered"] else None,
        state,
        [_array(archive, f"constants/{number}.npy") for number in range(plan["constants"])],
    )


def _written(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    return np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
