"""Where a preset is: a path, the zoo's own folder, the user's cache, or an address to fetch it from."""

import os
import shutil
import time
from pathlib import Path

import zoo
from zoo.deliver.presets import _cache as cache
from zoo.deliver.presets import _hub as hub
from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets._integrity import SUMS, Damaged
from zoo.deliver.presets._table import table
from zoo.deliver.presets._transfer import Broken, Unavailable
from zoo.deliver.presets._transfer import from_folder as _from_folder
from zoo.deliver.presets._transfer import from_web as _from_web
from zoo.utils import registry
from zoo.utils.files import path_of

ADDRESS = "ZOO_PRESETS"
RETRIES = 3
MOST_SECONDS = 3600  # for all files of a preset


def find(
    name: str | os.PathLike,
    *,
    address: str | None = None,
    offline: bool | None = None,
    show_progress: bool = False,
) -> Path:
    """The verified folder of a preset.

    Looked for in this order: `name` as a path; `saved_models/` as installed or checked out; the user's cache; the
    address. What the cache holds damaged is fetched again.

    Args:
        name: a name from `zoo presets`, the path of a preset's folder, or `hf://USER/NAME` on the Hugging Face Hub.
        address: where presets are offered: the address of a static web server, or a folder. Default: the environment
            variable `ZOO_PRESETS`.
        offline: never fetch; default: whether the environment variable `ZOO_OFFLINE` is set.
        show_progress: whether progress bars are shown.

    Raises:
        Damaged: the preset is there and not whole, and cannot be fetched anew.
        Unavailable: it is not there and cannot be fetched.
        ValueError: nothing has this name.
    """
    if hub.is_hub(name):
        return hub.find(name, offline=offline, show_progress=show_progress)
    if os.sep in os.fspath(name) or Path(name).is_dir():
        folder = path_of(name)
        integrity.verify(folder)
        return folder
    name = os.fspath(name)
    for root in own_folders():
        if (root / name / SUMS).exists():
            integrity.verify(root / name)
            return root / name
    return _cached(name, address, offline, show_progress)


def is_preset(name: str | os.PathLike) -> bool:
    """Whether this is the folder of a preset, a place on the Hub, or a known name that nothing else here has."""
    if hub.is_hub(name):
        return True
    is_known = os.fspath(name) in table() and not path_of(name).exists()
    return is_folder_of_preset(name) or is_known


def is_folder_of_preset(path: str | os.PathLike) -> bool:
    """Whether this is the folder of a preset, whole or not: it has checksums, or what a preset but no run has."""
    path = path_of(path)
    lost_its_sums = (path / "config.json").exists() and (path / "1" / "saved_model.pb").exists()
    return os.path.lexists(path / SUMS) or lost_its_sums


def fetch(
    name: str,
    out: str | os.PathLike,
    *,
    only: str = "",
    address: str | None = None,
    show_progress: bool = False,
) -> Path:
    """Fetches a preset's files into the new folder `out`, which appears when all of them are verified.

    Args:
        name: of the preset.
        out: the new folder.
        only: files whose names begin with this, such as `"1/"` for the SavedModel alone.
        address: as for `find`.
        show_progress: as for `find`.

    Raises:
        Unavailable: the address does not answer, has no such preset, or offers something else.
        FileExistsError: `out` exists, or another process made something else there meanwhile.
    """
    out = path_of(out)
    if out.exists():
        raise FileExistsError(f"{out} exists. Choose another path, or remove it.")
    address = _address(name, address)
    try:
        with cache.staging(out) as folder:
            _download(name, address, folder, only, show_progress)
            cache.settle(folder, out, only)
    except (Unavailable, FileExistsError):
        raise
    except OSError as error:
        raise cache.cannot_write(out, error) from error
    return out


def own_folders() -> list[Path]:
    """`saved_models/` of a checkout, and as installed with the package."""
    package = Path(zoo.__file__).parent
    return [package.parent / "saved_models", package / "saved_models"]


def _cached(name: str, address: str | None, offline: bool | None, show_progress: bool) -> Path:
    folder = cache.cache_folder() / name
    damage = _damage(folder)
    if folder.exists() and not damage:
        return folder
    offline = bool(os.environ.get(cache.OFFLINE)) if offline is None else offline
    address = address or os.environ.get(ADDRESS)
    if damage and (offline or not address):
        raise damage
    if name not in table() and not address:
        raise ValueError(registry.unknown("preset", name, table()))
    if offline:
        raise Unavailable(
            f'Preset "{name}" is not here, and offline mode forbids to fetch it. Looked in: '
            f"{', '.join(map(str, [*own_folders(), folder.parent]))}."
        )
    with cache.alone(folder):
        if folder.exists() and not _damage(folder):  # Another process was first.
            return folder
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        return fetch(name, folder, address=address, show_progress=show_progress)


def _damage(folder: Path) -> Damaged | None:
    """What is wrong with a folder, if it is there."""
    try:
        if folder.exists():
            integrity.verify(folder)
    except Damaged as error:
        return error
    return None


def _address(name: str, address: str | None) -> str:
    address = address or os.environ.get(ADDRESS)
    if not address:
        raise Unavailable(
            f'Preset "{name}" is not here, and there is no address to fetch it from. Pass one, or '
            f"set the environment variable {ADDRESS}: a web address, or a folder."
        )
    return address.rstrip("/") + "/"


def _download(name: str, address: str, folder: Path, only: str, show_progress: bool) -> None:
    known, base = table().get(name, {}), f"{address}{name}/"
    if Path(base).is_dir():
        try:
            integrity.plain_files(base)
        except Damaged as error:
            raise Unavailable(str(error)) from None
    _retrieve(base, SUMS, folder, known.get("sha256"), integrity.MOST_LIST_BYTES)
    try:
        sums = integrity.read_sums(folder)
    except Damaged as error:
        raise Unavailable(f"{base} offers no preset: {error}") from None
    sizes, left = known.get("sizes", {}), known.get("size", cache.MOST_BYTES)
    end = time.monotonic() + MOST_SECONDS
    for file, sha in sums.items():
        if file.startswith(only):
            if time.monotonic() > end:
                raise Unavailable(f"{base}: the server is too slow, {MOST_SECONDS} s are over.")
            _retrieve(base, file, folder, sha, sizes.get(file, left), show_progress)
            left -= (folder / file).stat().st_size
    integrity.verify(folder, only)


def _retrieve(
    base: str, name: str, folder: Path, sha256: str | None, most: int, show_progress: bool = False
) -> None:
    """Gets a file of at most so many bytes; again when the line breaks or its checksum is wrong."""
    take = _from_web if "://" in base else _from_folder
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(RETRIES + 1):
        time.sleep(attempt)
        try:
            take(f"{base}{name}", file, most, show_progress)
        except Broken as error:
            fault = str(error)
        else:
            if sha256 in (None, integrity.digest(file)):
                return
            fault = f"{base}{name} is not the file that was asked for: its checksum is wrong."
    raise Unavailable(f"{fault} Tried {RETRIES + 1} times.")
