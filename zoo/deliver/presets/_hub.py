"""Presets on the Hugging Face Hub: `hf://USER/NAME`, or `hf://USER/NAME@REVISION`."""

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.deliver.presets import _cache as cache
from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets._integrity import SUMS, Damaged
from zoo.deliver.presets._transfer import Unavailable
from zoo.utils.extras import need
from zoo.utils.texts import first_line

SCHEME = "hf://"
PLACE = re.compile(r"hf://([\w.\-]+/[\w.\-]+)(?:@([\w.\-/]+))?")
CARD, README = "card.md", "README.md"


class _Silent(Unavailable):
    """Nobody answered."""


def is_hub(name: str | os.PathLike) -> bool:
    """Whether a name is a place on the Hub."""
    return os.fspath(name).startswith(SCHEME)


def parse(place: str | os.PathLike) -> tuple[str, str | None]:
    """The repository and the revision of a place on the Hub.

    Raises:
        ValueError: it is no such place.

    Example:
        >>> parse("hf://someone/factor_vae@main")
        ('someone/factor_vae', 'main')
    """
    match = PLACE.fullmatch(os.fspath(place))
    if match is None or {".", ".."} & set(re.split("[/@]", os.fspath(place)[len(SCHEME) :])):
        raise ValueError(
            f"Expected hf://USER/NAME, or hf://USER/NAME@REVISION. Received: {os.fspath(place)}"
        )
    return match[1], match[2]


def find(place: str, *, offline: bool | None = None, show_progress: bool = False) -> Path:
    """The verified folder of a preset on the Hub: the user's cache, brought up to date.

    Args:
        place: `hf://USER/NAME`.
        offline: ask nobody, and take what is in the cache; default: whether the environment variable `ZOO_OFFLINE` or
            `HF_HUB_OFFLINE` is set.
        show_progress: whether progress bars are shown.

    Warns:
        UserWarning: the Hub does not answer, and the preset as it was fetched before is taken.

    Raises:
        Damaged: what the Hub holds is no whole preset.
        Unavailable: the preset is neither in the cache nor to be had.
        ImportError: huggingface_hub is not installed: `pip install "vae-zoo[hub]"`.
    """
    repository, revision = parse(place)
    folder = cache.cache_folder().parent / "hub" / repository / (revision or "main")
    known = _whole(folder)
    if _is_offline(offline):
        if known is None:
            raise Unavailable(
                f"{place} is not in the cache ({folder}), and offline mode forbids to fetch it."
            )
        return folder
    need("huggingface_hub", extra="hub")
    try:
        return _fetched(repository, revision, folder, known, show_progress)
    except _Silent as error:
        if known is None:
            raise
        warnings.warn(f"{error} Taken as it was fetched before.", UserWarning, stacklevel=2)
        return folder


def upload(folder: str | os.PathLike, place: str, *, overwrite: bool = False) -> None:
    """Puts a preset's folder on the Hub, its card as the page of the repository, which is made where there is none.

    Args:
        folder: the preset; it is verified first.
        place: `hf://USER/NAME`. Who may write there, `hf auth login` or the environment variable `HF_TOKEN` says.
        overwrite: whether a preset that is there is replaced.

    Raises:
        Damaged: the preset is not whole.
        FileExistsError: there is a preset and `overwrite` is false.
        Unavailable: the Hub does not answer, or refuses.
        ImportError: huggingface_hub is not installed: `pip install "vae-zoo[hub]"`.
    """
    repository, revision = parse(place)
    need("huggingface_hub", extra="hub")
    folder = Path(folder)
    listed = integrity.verify(folder)
    import huggingface_hub

    api = huggingface_hub.HfApi(endpoint=_endpoint())
    with _as_unavailable(place):
        api.create_repo(repository, exist_ok=True)
        if not overwrite and api.file_exists(repository, SUMS, revision=revision):
            raise FileExistsError(f"{place} holds a preset. Pass overwrite=True to replace it.")
        page = folder / CARD
        text = page.read_bytes() if page.exists() else _page(place, folder)
        operations = [huggingface_hub.CommitOperationAdd(README, text)]
        operations += [
            huggingface_hub.CommitOperationAdd(name, folder / name) for name in [*listed, SUMS]
        ]
        message = f"Preset {folder.name}"
        api.create_commit(repository, operations, commit_message=message, revision=revision)


def _fetched(
    repository: str, revision: str | None, folder: Path, known: str | None, show_progress: bool
) -> Path:
    """The cache's folder, after it was compared with the Hub and fetched anew where it differs."""
    place = f"{SCHEME}{repository}"
    with cache.staging(folder) as staged, _as_unavailable(place), _bars(show_progress):
        _download(repository, revision, SUMS, staged)
        try:
            sums = integrity.read_sums(staged)
        except Damaged as error:
            raise Damaged(f"{place} holds no preset: {error}") from None
        if known == integrity.digest(staged / SUMS):
            return folder
        _check_size(repository, revision, sums)
        for file in sums:
            _download(repository, revision, file, staged)
        shutil.rmtree(staged / ".cache", ignore_errors=True)  # the client's notes
        integrity.verify(staged)
        shutil.rmtree(folder, ignore_errors=True)
        cache.settle(staged, folder)
    return folder


def _download(repository: str, revision: str | None, file: str, folder: Path) -> None:
    import huggingface_hub

    huggingface_hub.hf_hub_download(
        repository, file, revision=revision, local_dir=folder, endpoint=_endpoint()
    )


def _check_size(repository: str, revision: str | None, names: Iterable[str]) -> None:
    """Raises `Unavailable` before much is fetched that is no preset."""
    import huggingface_hub as client

    urls = (
        client.hf_hub_url(repository, name, revision=revision, endpoint=_endpoint())
        for name in names
    )
    size = sum(client.get_hf_file_metadata(url, endpoint=_endpoint()).size or 0 for url in urls)
    if size > cache.MOST_BYTES:
        raise Unavailable(
            f"{SCHEME}{repository} holds {size:,} bytes; no preset has more than {cache.MOST_BYTES:,}."
        )


def _whole(folder: Path) -> str | None:
    """The checksum of the list of a folder that is whole; None where there is none or it is damaged."""
    try:
        integrity.verify(folder)
    except Damaged:
        return None
    return integrity.digest(folder / SUMS)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


def _is_offline(offline: bool | None) -> bool:
    if offline is not None:
        return offline
    said = os.environ.get("HF_HUB_OFFLINE", "").upper()
    return bool(os.environ.get(cache.OFFLINE)) or said in ("1", "ON", "YES", "TRUE")


@contextlib.contextmanager
def _as_unavailable(place: str) -> Iterator[None]:
    from huggingface_hub import errors

    line = errors.HfHubHTTPError.__bases__  # the client's base of all that goes wrong on the way
    try:
        yield
    except (FileExistsError, Unavailable):
        raise
    except errors.LocalEntryNotFoundError as error:
        raise _Silent(f"{place}: the Hub does not answer: {first_line(error)}") from None
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError) as error:
        raise Unavailable(
            f"{place}: there is no such preset on the Hub, or it is private: {first_line(error)}"
        ) from None
    except errors.HfHubHTTPError as error:
        raise Unavailable(f"{place}: {first_line(error)}") from None
    except (OSError, *line) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise _Silent(f"{place}: the Hub does not answer: {reason}") from None


@contextlib.contextmanager
def _bars(shown: bool) -> Iterator[None]:
    """Within it, the client's progress bars are shown or not."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    enable_progress_bars() if shown else disable_progress_bars()
    try:
        yield
    finally:
        disable_progress_bars() if before else enable_progress_bars()


def _page(place: str, folder: Path) -> bytes:
    """The page of a preset that has no card."""
    name = place.rpartition("/")[2]
    return f"""\
---
library_name: vae-zoo
tags: ["keras", "tensorflow", "vae", "disentanglement"]
---
# {name}

```python
import zoo

model = zoo.from_preset("{place}")
```
""".encode()
