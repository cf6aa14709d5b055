"""Picture files as a viewer shows them: read by Pillow, turned, laid on a background, at eight bits a channel."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageColor, UnidentifiedImageError

from zoo.datasets._paths import refuse_pointer
from zoo.utils.checks import check_integer
from zoo.utils.texts import one_line

# What is read, by the first bytes of a file and not by its name; formats that run programs are not among them.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
KNOWN = "PNG, JPEG, BMP, GIF, TIFF, WebP or PPM"
SUFFIXES = {
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
}
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"}
DEEP = {"I", "I;16", "I;16B", "I;16L", "F"}  # more than eight bits in one channel
# Pillow keeps the high bytes of several deep channels; these are where the raw mode's low bytes are the high ones.
SWAPPED = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in ("BL", "LB", "NB")
}
PAIRS = "LA;16B"  # grey and opacity, four bytes a pixel
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unsupported(ValueError):
    """A picture that is whole, but is not read."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a picture's header says.

    Attributes:
        grey: whether it has no colours: grey channels, or a palette of greys.
        deep: whether a channel has more than eight bits.
        moving: whether more frames or pages follow the first.
        printed: whether its colours are those of a printer, CMYK.
        clear: whether it may be transparent somewhere.
    """

    grey: bool
    deep: bool
    moving: bool
    printed: bool
    clear: bool


def facts_of(file: Path) -> Facts:
    """What a picture's header says; a PNG's checksums are compared.

    Raises:
        ValueError: the file is no picture, or is broken.
    """
    with _Errors(file), _opened(file) as picture:
        _check_rows(picture)
        raw = _raw_mode(picture)
        facts = Facts(
            grey=picture.mode in GREY or raw == PAIRS or _has_grey_palette(file, picture.mode),
            deep=picture.mode in DEEP or raw in {*SWAPPED, PAIRS},
            moving=picture.format != "MPO" and getattr(picture, "is_animated", False),
            printed=picture.mode == "CMYK",
            clear=picture.has_transparency_data,
        )
        picture.verify()  # last: nothing can be read after it, nor it after the pixels
    return facts


def highest(file: Path) -> float:
    """The highest value of a picture's pixels, its transparency aside, in the numbers of the file.

    Raises:
        ValueError: the file is broken, or holds values that are no brightness.
    """
    with _Errors(file):
        return float(_samples(file)[0].max())


def white_for(most: float) -> float:
    """The number that is white where a set's highest is `most`: all ones of 1, 8, 10, 12, … bits.

    Example:
        >>> [white_for(most) for most in (0.7, 200, 900, 4000, 60000)]
        [1.0, 255.0, 1023.0, 4095.0, 65535.0]
    """
    if most <= 1:
        return 1.0
    bits = max(8, int(most).bit_length())
    return float(2 ** (bits + bits % 2) - 1)


def read(
    file: Path, background: tuple[int, int, int] = (0, 0, 0), white: float | None = None
) -> tuple[Image.Image, bool]:
    """A picture's first frame as a viewer shows it.

    It is turned as its EXIF data says, and what is transparent shows the background. Colour profiles are not applied.

    Args:
        file: the picture.
        background: red, green and blue, 0 … 255.
        white: for a picture of more than eight bits, the number that becomes 255.

    Returns:
        An image of mode `L` or `RGB`, and whether some of the picture is transparent.

    Raises:
        ValueError: the file cannot be decoded.
    """
    with _Errors(file), _opened(file) as picture:
        # Before the pixels are read: reading a TIFF turns it.
        turn = None if picture.format == "TIFF" else TURNS.get(_orientation(picture))
        shown = _plain(picture) if white is None else _eight_bits(*_samples(file), white)
        shown, is_transparent = _laid_on(shown, background)
        return shown if turn is None else shown.transpose(turn), is_transparent


def fitted(
    picture: Image.Image, size: tuple[int, int] | None, crop: tuple[int, int] | None
) -> Image.Image:
    """A picture cropped in its centre and resized with anti-aliasing; what is too much at its sides is cut off.

    Raises:
        ValueError: it is smaller than `crop`.
    """
    width, height = picture.size
    if crop:
        if height < crop[0] or width < crop[1]:
            raise ValueError(
                f"`crop` must fit into the picture of {height}×{width} pixels. "
                f"Received: {crop[0]}×{crop[1]}"
            )
        picture = picture.crop(_central(picture.size, *crop))
        height, width = crop
    if not size or size == (height, width):
        return picture
    rows = min(max(width * size[0] // size[1], 1), height)
    columns = min(max(height * size[1] // size[0], 1), width)
    box = _central(picture.size, rows, columns)
    return picture.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)


def checked_colour(name: str, colour: int | str | Sequence[int]) -> tuple[int, int, int]:
    """Red, green and blue of a colour: its name or `"#rrggbb"`, a grey from 0 to 255, or three numbers.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> checked_colour("background", "white"), checked_colour("background", 7)
        ((255, 255, 255), (7, 7, 7))
    """
    try:
        if isinstance(colour, str):
            return ImageColor.getrgb(colour)[:3]
        values = tuple(colour) if isinstance(colour, Sequence | np.ndarray) else (colour,) * 3
        red, green, blue = (check_integer(name, value, 0, 255) for value in values)
    except ValueError:
        raise ValueError(
            f'`{name}` must be a colour such as "white" or "#808080", a grey from 0 to 255, or red, green and blue. '
            f"Received: {name}={colour!r}"
        ) from None
    return red, green, blue


class _Errors:
    """Turns what decoders raise on foreign bytes, which is anything, into one line that names the file."""

    def __init__(self, file: Path):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if not isinstance(error, Exception):
            return
        if isinstance(error, Unsupported | PermissionError):
            raise ValueError(f"Cannot read {self.file}: {_reason(error)}.") from None
        if isinstance(error, Image.DecompressionBombError):
            raise ValueError(
                f"{self.file} says that it is larger than the {2 * Image.MAX_IMAGE_PIXELS:,} pixels that are decoded. "
                "Make it smaller, or remove it."
            ) from None
        reason = _reason(error)
        if isinstance(error, UnidentifiedImageError):
            refuse_pointer(self.file)
            reason = f"it is no {KNOWN} picture" if os.path.getsize(self.file) else "it is empty"
        raise ValueError(f"Cannot decode {self.file}: {reason}. Remove or replace it.") from None


def _reason(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or error).rstrip(".")


def _opened(file: Path) -> Image.Image:
    return Image.open(file, formats=FORMATS)


def _check_rows(picture: Image.Image) -> None:
    """Raises `OSError` where strips of a TIFF are missing, which Pillow shows as black."""
    if picture.format == "TIFF" and max(tile.extents[3] for tile in picture.tile) < picture.height:
        raise OSError(f"rows of its {picture.height:,} are missing")


def _orientation(picture: Image.Image) -> int:
    """What EXIF says about how the camera was held; 1, upright, where that cannot be read."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1


def _has_grey_palette(file: Path, mode: str) -> bool:
    if mode not in ("P", "PA"):
        return False
    with _opened(file) as picture:
        colours = np.reshape(picture.getpalette("RGB"), (-1, 3))  # reads the pixels
    return bool((colours == colours[:, :1]).all())


def _plain(picture: Image.Image) -> Image.Image:
    """A picture of eight bits as `L`, `LA`, `RGB` or `RGBA`."""
    picture.load()
    mode = "L" if picture.mode in GREY else "RGB"
    if picture.has_transparency_data:
        return picture.convert(mode + "A")
    try:
        return picture.convert(mode)
    except ValueError:
        raise Unsupported(
            f"pictures of mode {picture.mode} are not known. Save it as PNG"
        ) from None


def _laid_on(picture: Image.Image, background: tuple[int, int, int]) -> tuple[Image.Image, bool]:
    """A picture on a background, and whether something of it shows."""
    if picture.mode not in ("LA", "RGBA"):
        return picture, False
    alpha = picture.getchannel("A")
    solid = picture.convert(picture.mode[:-1])
    if alpha.getextrema()[0] == 255:
        return solid, False
    if len(set(background)) > 1:
        solid = solid.convert("RGB")
    colour = background if solid.mode == "RGB" else background[0]
    ground = Image.new(solid.mode, solid.size, colour)
    ground.paste(solid, mask=alpha)
    return ground, True


def _samples(file: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A deep picture's numbers, and its opacity in 0 ... 65535.

    Returns:
        Array of shape `(height, width)` or `(height, width, 3)`; and uint16 of shape `(height, width)`, or `None`
        where nothing is transparent.

    Raises:
        Unsupported: some numbers are below 0, infinite or NaN.
    """
    with _opened(file) as picture:
        raw, key = _raw_mode(picture), picture.info.get("transparency")
        if raw == PAIRS:
            _read_as(picture, "RGBA")  # the same four bytes a pixel
        values = np.asarray(picture)
    if raw == PAIRS:
        values = _joined(values[..., ::2], values[..., 1::2])
        return values[..., 0], values[..., 1]
    if raw in SWAPPED:
        with _opened(file) as picture:
            _read_as(picture, SWAPPED[raw])
            values = _joined(values, np.asarray(picture))
    elif values.dtype.kind != "u" and not (np.isfinite(values).all() and values.min() >= 0):
        raise Unsupported("its numbers are not all >= 0 and finite. Save it as PNG")
    if values.shape[2:] == (4,):
        return values[..., :3], values[..., 3]
    if key is None:
        return values, None
    is_key = values == np.array(key, values.dtype)
    is_key = is_key if is_key.ndim == 2 else is_key.all(axis=-1)
    return values, np.where(is_key, np.uint16(0), np.uint16(65535))


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    return high.astype(np.uint16) << 8 | low


def _eight_bits(values: np.ndarray, opacity: np.ndarray | None, white: float) -> Image.Image:
    """A deep picture's numbers as `L`, `LA`, `RGB` or `RGBA`."""
    picture = Image.fromarray(_scaled(values, white))
    if opacity is not None:
        picture.putalpha(Image.fromarray(_scaled(opacity, 65535)))
    return picture


def _scaled(values: np.ndarray, white: float) -> np.ndarray:
    """Numbers of which `white` becomes 255; sixteen bits are looked up, which saves time and memory."""
    if values.dtype == np.uint16:
        return _scaled(np.arange(2**16), white)[values]
    return np.minimum(np.round(values * np.float64(255 / white)), 255).astype(np.uint8)


def _raw_mode(picture: Image.Image) -> str:
    """What Pillow calls the file's own layout of a pixel."""
    modes = {_raw_mode_of(tile.args) for tile in picture.tile}
    return modes.pop() if len(modes) == 1 else ""


def _raw_mode_of(arguments) -> str:
    first = arguments if isinstance(arguments, str) else arguments[0] if arguments else ""
    return first if isinstance(first, str) else ""


def _read_as(picture: Image.Image, raw: str) -> None:
    """Has a picture that is not read yet read as of another raw mode."""
    picture.tile = [
        tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:]))
        for tile in picture.tile
    ]


def _central(size: tuple[int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """The box of the central pixels of a picture of a size `(width, height)`."""
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height
