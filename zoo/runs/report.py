"""What is written about a trained model: scores, pictures and a card to read."""

import contextlib
import inspect
import os
import platform
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import scipy
import sklearn
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import zoo
from zoo import datasets, runs
from zoo.deliver import export, presets
from zoo.measure import evaluation, plots
from zoo.utils import files, hardware, image_files, layouts, registry
from zoo.utils.checks import check_integer, is_number

MEASURED = 64  # images that an exported file is compared on
FORMS = {"saved_model": layouts.SAVED_MODEL, "litert": layouts.LITERT, "onnx": layouts.ONNX}
# Formats that Matplotlib writes by itself.
PICTURES = (
    "png",
    "jpg",
    "jpeg",
    "webp",
    "gif",
    "tif",
    "tiff",
    "avif",
    "svg",
    "svgz",
    "pdf",
    "eps",
    "ps",
)


def score(
    path: str | os.PathLike,
    data: str | None = None,
    metrics: str | Iterable[str] | None = None,
    *,
    samples: int | None = evaluation.SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    out: str | os.PathLike | None = None,
    show_progress: bool = False,
) -> evaluation.Evaluation:
    """Scores of a run's model, or of a `.keras` file, by `zoo.evaluate`, with how they were taken.

    Args:
        path: run folder or `.keras` file.
        data: default: what the run was trained on.
        metrics: as for `zoo.evaluate`. One that cannot be taken of the codes leaves the others as they are: its
            `failed` says why, in `out` too.
        samples: as for `zoo.evaluate`.
        seed: as for `zoo.evaluate`.
        jobs: as for `zoo.evaluate`.
        out: a JSON file for the scores, how many images they are of, and each metric's parameters, seconds and
            warnings. Its folder is made.
        show_progress: whether a progress bar is shown.

    Raises:
        ValueError: as for `zoo.evaluate`, or `out` can be no file.
    """
    if out is not None:
        _check_can_be_written(out)
    model, data = runs.load(path), _data_of(path, data)
    found = evaluation.evaluate_in_detail(
        model, data, metrics, samples=samples, seed=seed, jobs=jobs, show_progress=show_progress
    )
    if out is not None:
        how = {"data": data, "seed": seed, "jobs": jobs}
        write_scores(out, found.scores, **how, **details(found))
    return found


def _check_can_be_written(file: str | os.PathLike) -> None:
    """Checks before minutes of work that a file can be written after them."""
    target = files.target_of(file)
    folder = next(parent for parent in target.parents if parent.exists())
    is_open = files.is_stream(target) or os.access(folder, os.W_OK)
    if not files.is_file_place(target) or not folder.is_dir() or not is_open:
        raise ValueError(
            f"Expected `out` to be a file, in a folder that can be written to. Received: out={file}"
        )


def _check_picture(file: str | os.PathLike) -> None:
    """Checks the same of a picture, whose suffix is one that figures are written with."""
    _check_can_be_written(file)
    suffix = _suffix(file)
    if suffix not in PICTURES:
        raise ValueError(
            f"Expected a picture, such as .png, .jpg, .webp, .svg or .pdf. Received: out={file}"
        )


def _suffix(file: str | os.PathLike) -> str:
    """What chooses a picture's format: `png` where the name has no suffix."""
    return Path(file).suffix[1:].lower() or "png"


def details(found: evaluation.Evaluation) -> dict[str, Any]:
    """How scores came about, for `write_scores`: the number of images, and what each metric did."""
    metrics = {
        scored.metric: {
            "parameters": scored.parameters,
            "entries": list(scored.scores),
            "seconds": scored.seconds,
            "warnings": scored.warnings,
            "failed": scored.failed,
        }
        for scored in found.metrics
    }
    samples = len(found.table.codes)
    return {"samples": samples, "encoding_seconds": found.seconds, "metrics": metrics}


def draw_traversals(
    path: str | os.PathLike,
    out: str | os.PathLike | None = None,
    data: str | None = None,
    *,
    animate: bool = False,
    **options,
) -> Path:
    """Draws the traversals of a preset's or a run's model, or of a `.keras` file.

    Args:
        path: preset, run folder or `.keras` file.
        out: the file; default `traversals.png`, or `traversals.gif` of an animation, which may be WebP as well.
        data: default: what the model was trained on.
        animate: whether all latents move at once, through as many pictures as there are columns and back.
        **options: of `zoo.traverse`.

    Returns:
        The file.
    """
    out = Path(out or f"traversals.{'gif' if animate else 'png'}")
    if animate:
        image_files.check_animation(out)
        _check_can_be_written(out)
    else:
        _check_picture(out)
    model, data = runs.load(path), _data_of(path, data)
    traversal = evaluation.traverse(model, data, **options)
    if animate:
        drawn, labels = live_rows(traversal, model)
        image_files.animate(traversal.images[drawn], traversal.filled[drawn], labels, out)
    else:
        save_figure(traversal_figure(traversal, model, data), out)
    return out


def draw_dataset(
    data: str | datasets.Dataset,
    out: str | os.PathLike,
    *,
    columns: int = 10,
    seed: int = 0,
) -> Path:
    """Draws a dataset to a PNG: random images, and for each factor a row in which it alone moves.

    Args:
        data: what `zoo.datasets.load` takes.
        out: the file.
        columns: images in a row, from 2 to 500; of a factor with more values, some that are spread evenly.
        seed: of the random images, the first of which is the one whose factors move.

    Returns:
        The file.

    Raises:
        ValueError: `columns` or `seed` is out of range, or there is no such dataset.
    """
    _check_picture(out)
    data = datasets.load(data)
    columns = check_integer("columns", columns, least=2, most=evaluation.MOST_COLUMNS)
    rng = np.random.default_rng(check_integer("seed", seed, least=0))
    some = rng.integers(len(data), size=2 * columns)
    images = data.images(some)
    sizes = list(zip(data.factor_names, data.factor_sizes, strict=True))
    sweeps = [_sweep(data, int(some[0]), factor, columns) for factor in range(len(sizes))]
    figure = plots.contact_sheet(
        [images[:columns], images[columns:], *sweeps],
        labels=["random", "", *(plots.plain(f"{name}  {size}") for name, size in sizes)],
        title=plots.plain(data.name),
    )
    save_figure(figure, out)
    return Path(out)


def _sweep(
    data: datasets.Dataset, index: int, factor: int, columns: int
) -> list[np.ndarray | None]:
    """An image as one factor moves; None where the dataset has no such image."""
    size = data.factor_sizes[factor]
    values = np.linspace(0, size - 1, min(columns, size)).round().astype(int)
    rows = data.factors([index]).repeat(len(values), axis=0)
    rows[:, factor] = values
    return [_image_with(data, row) for row in rows]


def _image_with(data: datasets.Dataset, factors: np.ndarray) -> np.ndarray | None:
    try:
        return data.images(data.index(factors[None]))[0]
    except ValueError:
        return None


def export_model(
    path: str | os.PathLike,
    out: str | os.PathLike,
    form: str = "saved_model",
    data: str | None = None,
    *,
    overwrite: bool = False,
    **options,
) -> export.Exported:
    """Writes a preset's or a run's model, or that of a `.keras` file, for other programs.

    Args:
        path: preset, run folder or `.keras` file.
        out: the new folder or file.
        form: `"saved_model"`, `"litert"` or `"onnx"`: a function of `zoo.export`.
        data: whose images the file is compared on; default: what the model was trained on.
        overwrite: whether what is there is replaced.
        **options: of that function.

    Raises:
        ValueError: an option is not of that function, or out of range; or there is no model at `path`.
        FileExistsError: `out` exists and `overwrite` is false, or it is not what the zoo wrote.
    """
    write = getattr(export, registry.check_known("form", form, FORMS))
    others = [name for name in options if name not in inspect.signature(write).parameters]
    if others:
        raise ValueError(
            f"`{others[0]}` is no option of {FORMS[form].what} (--{others[0]} with --format {form}). Leave it "
            "out, or choose litert."
        )
    tolerance = options.get("tolerance", 0)
    if not is_number(tolerance) or not tolerance >= 0:
        raise ValueError(f"`tolerance` must be a number >= 0. Received: tolerance={tolerance!r}")
    files.check_new(out, overwrite, FORMS[form])
    model = runs.load(path)
    if form == "saved_model":
        return write(model, out, overwrite=overwrite)
    images = measured_images(datasets.load(_data_of(path, data)))
    return write(model, out, images, overwrite=overwrite, **options)


def measured_images(data: datasets.Dataset) -> np.ndarray:
    """The images of a dataset that exported files are compared with their model on."""
    return data.images(np.random.default_rng(0).integers(len(data), size=MEASURED))


def _data_of(path: str | os.PathLike, data: str | None) -> str:
    if data is not None:
        return data
    if presets.is_preset(path):
        data = presets.facts(path)["data"]
        if data is not None:
            return data
    elif files.path_of(path).is_dir():
        return runs.load_config(path).data
    raise ValueError(
        f"Expected a dataset, since {path} does not tell its own. Pass --data NAME (data=...)."
    )


def write_scores(file: str | os.PathLike, scores: Mapping[str, float], **how) -> None:
    """Writes `scores.json`: the scores, and how they were taken, on what hardware and by which versions."""
    made = {"hardware": hardware.describe(), "commit": commit(), "versions": versions()}
    files.target_of(file).parent.mkdir(parents=True, exist_ok=True)
    files.write_json(file, {"scores": dict(scores), "how": {**how, **made}})


def pictures(
    model: keras.Model, data, data_name: str, table: evaluation.Table | None = None
) -> dict[str, Figure]:
    """Figures of a model on a dataset, `traversals` and `reconstructions`; `table` as for `zoo.traverse`."""
    inputs, outputs, _ = evaluation.reconstruct(model, data)
    title = f"{type(model).__name__} on {plots.plain(data_name)}: reconstructions"
    return {
        "traversals": traversal_figure(
            evaluation.traverse(model, data, table=table), model, data_name
        ),
        "reconstructions": plots.reconstructions(inputs, outputs, title=title),
    }


def traversal_figure(traversal: evaluation.Traversal, model: keras.Model, data_name: str) -> Figure:
    """A traversal, its rows named by latent, by the factor that it knows best and how much of it, and by KL.

    Latents that are not used stand in one grey line at the end. The row of a categorical latent shows its categories,
    not what is written above the columns, and says so.
    """
    drawn, labels = live_rows(traversal, model, costs=True)
    idle = [f"z{latent}" for latent in np.sort(np.delete(traversal.latents, drawn))]
    is_percent = traversal.span is None and model.continuous_dim
    moves = "categories"
    if model.continuous_dim:
        low, high = traversal.values[[0, -1]]
        moves = (
            f"latents through the {low:.0f}st to the {high:.0f}th percentile of their codes,"
            if is_percent
            else f"latents from {low:g} to {high:g}"
        )
    return plots.traversals(
        traversal.images[drawn],
        values=[f"{value:.0f} %" for value in traversal.values] if is_percent else traversal.values,
        filled=traversal.filled[drawn],
        labels=[plots.plain(label) for label in labels],
        title=f"{type(model).__name__} on {plots.plain(data_name)}:\n{moves} at image {traversal.index}",
        note=f"not used: {', '.join(idle)}" if idle else None,
    )


def live_rows(
    traversal: evaluation.Traversal, model: keras.Model, *, costs: bool = False
) -> tuple[np.ndarray, list[str]]:
    """The rows of a traversal whose latents are used, or all where none is, and a label for each.

    Args:
        traversal: of `zoo.traverse`.
        model: whose it is.
        costs: whether labels tell the KL, or the variance, as well.

    Returns:
        Numbers of the rows, and texts such as `"z5  object_hue 61 %"`.
    """
    rows = np.arange(len(traversal.latents))
    drawn = rows if traversal.dead.all() else rows[~traversal.dead]
    return drawn, [_row_label(traversal, model, row, costs) for row in drawn]


def _row_label(traversal: evaluation.Traversal, model, row: int, costs: bool) -> str:
    latent, told = traversal.latents[row], traversal.told[row]
    known = "" if told is None else f"  {told[0]} {told[1]:.0%}".replace("%", " %")
    cost = ""
    if costs:
        kl = traversal.kl
        cost = f"variance {traversal.variance[row]:.2g}" if kl is None else f"{kl[row]:.2f} nats"
        cost = f"\n{cost}" if known else f"  {cost}"
    kind = "" if latent < model.continuous_dim or not costs else "\ncategories"
    return f"z{latent}{known}{cost}{kind}"


@contextlib.contextmanager
def not_vital(what: str) -> Iterator[None]:
    """Makes a warning of whatever goes wrong with `what`, such as a picture: no training should end of it.

    Example:
        >>> import pytest
        >>> with pytest.warns(UserWarning, match="The picture is left out: no font"):
        ...     with not_vital("The picture"):
        ...         raise RuntimeError("no font")
    """
    try:
        yield
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        warnings.warn(f"{what} is left out: {reason}", UserWarning, stacklevel=3)


def save_figure(figure: Figure, file: str | os.PathLike) -> None:
    """Writes a figure as an image file; the suffix chooses the format, which without one is PNG."""
    files.target_of(file).parent.mkdir(parents=True, exist_ok=True)
    with files.whole_file(file) as partial, partial.open("wb") as content:
        figure.savefig(content, format=_suffix(file))


def pixels(figure: Figure) -> np.ndarray:
    """A figure as `(height, width, 3)` uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def commit() -> str | None:
    """The commit of the checkout that this is run from, `-dirty` where it was changed; None where it is none."""
    root = Path(zoo.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    command = [
        "git",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    return {
        "zoo": zoo.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }


CARD = """\
# {model} on {data}

{steps} updates of {batch_size} images, {latent_dim} latents, {likelihood} likelihood,
Adam {learning_rate:g}, {precision}, seed {seed}{settings}.
Training took {seconds:.0f} s on {hardware}.

## Scores on {samples} images, seed {seed}

{scores}

## Training, means of the updates up to {steps}

{terms}
{symptoms}
Reconstruction, KL, ELBO and losses are nats per image.

{figures}

Made with {versions}.
"""


def card(
    config: Mapping,
    scores: Mapping[str, float],
    last: Mapping[str, float],
    symptoms: Sequence[str] = (),
    *,
    samples: int = evaluation.SAMPLES,
    figures: Iterable[str] = ("traversals", "reconstructions", "curves"),
) -> str:
    """The card of a run, in Markdown.

    Args:
        config: the run's configuration.
        scores: from `zoo.evaluate`.
        last: the last row of the history.
        symptoms: what the training ails from, in sentences.
        samples: how many images the scores are of.
        figures: names of those that were drawn.
    """
    settings = "".join(f", {name} = {value}" for name, value in config["settings"].items())
    terms = {name: value for name, value in last.items() if name not in ("step", "seconds")}
    return CARD.format_map(
        {
            **config,
            "settings": settings,
            "seconds": last["seconds"],
            "hardware": hardware.describe(),
            "samples": f"{samples:,}",
            "scores": _table(scores),
            "terms": _table(terms),
            "figures": "\n".join(f"![{name}](figures/{name}.png)" for name in figures),
            "symptoms": "".join(f"\n**{symptom}**\n" for symptom in symptoms),
            "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        }
    )


def _table(values: Mapping[str, float]) -> str:
    rows = [f"| {name} | {value:.4g} |" for name, value in values.items()]
    return "\n".join(["| | |", "|---|---:|", *rows])
