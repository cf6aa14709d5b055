"""Where a preset is: a path, the zoo's own folder, the user's cache, or an address to fetch it from."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import zoo
from zoo import registry
from zoo.files import PARTIAL, path_of
from zoo.presets import _integrity as integrity
from zoo.presets._integrity import SUMS, Damaged
from zoo.presets._table import table

ADDRESS, CACHE, OFFLINE = "ZOO_PRESETS", "ZOO_CACHE", "ZOO_OFFLINE"
RETRIES = 3
TIMEOUT = 30  # seconds without an answer
STALE = 24 * 3600  # seconds after which an unfinished download has no owner


class Unavailable(OSError):
    """A preset is neither here nor to be had."""


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
        name: a name from `zoo presets`, or the path of a preset's folder.
        address: where presets are offered: the address of a static web server, or a folder. Default: the environment
            variable `ZOO_PRESETS`.
        offline: never fetch; default: whether the environment variable `ZOO_OFFLINE` is set.
        show_progress: whether progress bars are shown.

    Raises:
        Damaged: the preset is there and not whole, and cannot be fetched anew.
        Unavailable: it is not there and cannot be fetched.
        ValueError: nothing has this name.
    """
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
    """Whether this is the folder of a preset, or the name of a known one that is not that of something else here."""
    path = path_of(name)
    return (path / SUMS).exists() or (os.fspath(name) in table() and not path.exists())


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
        FileExistsError: `out` exists.
    """
    out = path_of(out)
    if out.exists():
        raise FileExistsError(f"{out} exists. Choose another path, or remove it.")
    address = _address(name, address)
    try:
        with _staging(out) as folder:
            _download(name, address, folder, only, show_progress)
            _settle(folder, out)
    except Unavailable:
        raise
    except OSError as error:
        raise Unavailable(
            f"Cannot write {out}: {error.strerror or error}. Make room, or choose another folder "
            f"(environment variable {CACHE})."
        ) from error
    return out


def own_folders() -> list[Path]:
    """`saved_models/` of a checkout, and as installed with the package."""
    package = Path(zoo.__file__).parent
    return [package.parent / "saved_models", package / "saved_models"]


def cache_folder() -> Path:
    """The user's cache: the environment variable `ZOO_CACHE`, else where the system keeps caches."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("zoo")) / "presets"


def _cached(name: str, address: str | None, offline: bool | None, show_progress: bool) -> Path:
    folder = cache_folder() / name
    damage = None
    if folder.exists():
        try:
            integrity.verify(folder)
            return folder
        except Damaged as error:
            damage = error
    offline = bool(os.environ.get(OFFLINE)) if offline is None else offline
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
    if damage:
        shutil.rmtree(folder)
    return fetch(name, folder, address=address, show_progress=show_progress)


def _address(name: str, address: str | None) -> str:
    address = address or os.environ.get(ADDRESS)
    if not address:
        raise Unavailable(
            f'Preset "{name}" is not here, and there is no address to fetch it from. Pass one, or '
            f"set the environment variable {ADDRESS}: a web address, or a folder."
        )
    return address.rstrip("/") + "/"


def _download(name: str, address: str, folder: Path, only: str, show_progress: bool) -> None:
    known = table().get(name, {}).get("sha256")
    list_hash = f"sha256:{known}" if known else None
    _retrieve(f"{address}{name}/", {SUMS: list_hash}, folder, show_progress=False)
    try:
        sums = integrity.read_sums(folder)
    except Damaged as error:
        raise Unavailable(f"{address}{name}/ offers no preset: {error}") from None
    wanted = {file: f"sha256:{sha}" for file, sha in sums.items() if file.startswith(only)}
    _retrieve(f"{address}{name}/", wanted, folder, show_progress)
    if not only:
        integrity.verify(folder)


def _retrieve(base: str, hashes: dict[str, str | None], folder: Path, show_progress: bool) -> None:
    """Downloads files, each tried again when the line breaks or its checksum is wrong."""
    import pooch
    import requests

    store = pooch.create(folder, base, registry=hashes, retry_if_failed=RETRIES)
    downloader = _from_web(show_progress) if "://" in base else _from_folder
    pooch.get_logger().setLevel("ERROR")
    for file in hashes:
        try:
            store.fetch(file, downloader=downloader)
        except requests.HTTPError as error:
            raise Unavailable(f"{base}{file}: the server answers {error}.") from None
        except requests.RequestException as error:
            raise Unavailable(f"{base}{file}: {type(error).__name__}: {error}") from None
        except FileNotFoundError:
            raise Unavailable(f"{base}{file} does not exist.") from None
        except ValueError as error:
            if "hash" not in str(error):
                raise
            raise Unavailable(
                f"{base}{file} is not the file that was asked for: its checksum is wrong, after "
                f"{RETRIES + 1} tries."
            ) from None


def _from_web(show_progress: bool):
    import pooch

    return pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=show_progress)


def _from_folder(path: str, output_file: str, pooch) -> None:
    shutil.copyfile(path, output_file)


@contextlib.contextmanager
def _staging(out: Path):
    """A folder beside `out` to fill; removed at the end, with what killed processes left of theirs."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f"{PARTIAL}*"):
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, out: Path) -> None:
    """Gives the folder its name, unless another process was first."""
    folder.chmod(0o755)
    try:
        folder.rename(out)
    except OSError:
        if not out.is_dir():
            raise
        integrity.verify(out)
