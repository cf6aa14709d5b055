"""Folders of pictures: what a viewer shows is what is learnt from, for every kind of picture that Pillow writes."""

import os
import socket
import struct
import warnings
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo

load = zoo.datasets.load

RED, GREEN, BLUE = (200, 10, 20), (30, 180, 40), (50, 60, 220)


def random_bytes(*shape, seed=0):
    return np.random.default_rng(seed).integers(256, size=shape, dtype="uint8")


def shown(folder, **arguments):
    """The images of a folder, and what was said while it was read: one line, or nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load(f"{folder}/", **arguments)
    lines = [str(warning.message) for warning in caught]
    assert len(lines) <= 1, lines
    assert "\n" not in "".join(lines)
    return data.images(range(len(data))), "".join(lines)


def refused(folder, **arguments):
    """The text of the error that reading a folder ends with: one line."""
    with pytest.raises(ValueError, match=r"\S") as error:
        load(f"{folder}/", **arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def over(colour, opacity, ground):
    """A colour of an opacity in 0 … 255 on another one."""
    share = np.float64(opacity)[..., None] / 255
    return np.round(share * np.float64(colour) + (1 - share) * np.float64(ground))


# Transparency.


def transparent_picture(kind, tmp_path):
    """A picture of 4×3 with clear, half clear (where the kind can) and solid pixels; its colours and opacities."""
    colours = random_bytes(4, 3, 3, seed=1)
    opacity = np.uint8([[0, 255, 128], [255, 0, 77], [255, 255, 0], [1, 254, 255]])
    if kind in ("LA", "key of L"):
        colours = np.repeat(colours[..., :1], 3, axis=-1)
    if kind.startswith("key") or kind in ("P", "gif"):
        opacity = np.where(opacity > 127, np.uint8(255), np.uint8(0))
    path, info = tmp_path / "one.png", {}
    if kind in ("RGBA", "LA", "webp", "tiff"):
        pixels = np.dstack([colours if kind != "LA" else colours[..., :1], opacity])
        picture = Image.fromarray(pixels)
        path = path.with_suffix({"webp": ".webp", "tiff": ".tif"}.get(kind, ".png"))
        info = {"lossless": True, "exact": True} if kind == "webp" else {}
    elif kind.startswith("key"):
        colours[opacity == 0] = 9
        pixels = colours if kind == "key of RGB" else colours[..., 0]
        picture = Image.fromarray(pixels)
        info = {"transparency": (9, 9, 9) if kind == "key of RGB" else 9}
    else:
        colours[opacity == 0] = BLUE
        flat = colours.reshape(-1, 3)
        palette, numbers = np.unique(flat, axis=0, return_inverse=True)
        picture = Image.fromarray(np.uint8(numbers).reshape(4, 3))
        picture.putpalette(palette.ravel().tolist())
        info = {"transparency": int(np.flatnonzero((palette == BLUE).all(axis=1))[0])}
        path = path.with_suffix(".gif") if kind == "gif" else path
    picture.save(path, **info)
    return colours, opacity


CLEAR = ["RGBA", "LA", "P", "key of RGB", "key of L", "gif", "webp", "tiff"]


@pytest.mark.parametrize("kind", CLEAR)
def test_transparent_pictures_lie_on_black_and_that_is_said(kind, tmp_path):
    colours, opacity = transparent_picture(kind, tmp_path)
    images, said = shown(tmp_path)
    expected = over(colours, opacity, (0, 0, 0))
    assert images.shape[-1] == (1 if kind in ("LA", "key of L") else 3)
    np.testing.assert_array_equal(images[0], expected[..., : images.shape[-1]])
    assert ", 1 pictures: 1 transparent, laid on black (another: background=...)." in said
    assert "background" in said


@pytest.mark.parametrize("kind", CLEAR)
@pytest.mark.parametrize(
    ("background", "colour"),
    [("white", (255,) * 3), (100, (100,) * 3), ([200, 10, 20], RED), ("#32c814", (50, 200, 20))],
)
def test_transparent_pictures_lie_on_the_background_that_the_user_names(
    kind, background, colour, tmp_path
):
    colours, opacity = transparent_picture(kind, tmp_path)
    images, _ = shown(tmp_path, background=background)
    is_grey = kind in ("LA", "key of L") and len(set(colour)) == 1
    assert images.shape[-1] == (1 if is_grey else 3)
    np.testing.assert_array_equal(
        images[0], over(colours, opacity, colour)[..., : images.shape[-1]]
    )


def test_a_solid_picture_with_an_alpha_channel_is_no_matter(tmp_path):
    pixels = random_bytes(5, 4, 4)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "one.png")
    images, said = shown(tmp_path)
    np.testing.assert_array_equal(images[0], pixels[..., :3])
    assert said == ""


def test_transparent_pictures_become_grey_after_they_lie_on_the_background(tmp_path):
    Image.new("RGBA", (4, 4), (*RED, 0)).save(tmp_path / "one.png")
    images, _ = shown(tmp_path, grey=True, background=GREEN)
    assert images.shape == (1, 4, 4, 1)
    assert (images == round(np.dot(GREEN, [0.299, 0.587, 0.114]))).all()


@pytest.mark.parametrize("background", ["blak", 256, -1, (1, 2), (1, 2, 300), 0.5, None, True])
def test_a_background_that_is_no_colour(background, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    text = refused(tmp_path, background=background)
    assert "`background` must be a colour" in text
    assert f"background={background!r}" in text


# Turned by the camera.

UPRIGHT = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jpg"])
def test_pictures_are_turned_as_the_camera_says(orientation, suffix, tmp_path):
    pixels = np.kron(random_bytes(3, 2, 3), np.ones((16, 16, 1), "uint8"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(
        tmp_path / f"one.{suffix}",
        exif=exif,
        **lossless,
        **({"quality": 100, "subsampling": 0} if suffix == "jpg" else {}),
    )
    images, _ = shown(tmp_path)
    expected = UPRIGHT[orientation](pixels)
    assert images[0].shape == expected.shape
    difference = abs(images[0].astype(int) - expected)
    assert difference.max() <= (3 if suffix == "jpg" else 0)


def test_turned_pictures_of_one_size_are_of_one_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "held.jpg", exif=exif)
    Image.new("RGB", (10, 20)).save(tmp_path / "upright.jpg")
    images, said = shown(tmp_path)
    assert images.shape == (2, 20, 10, 3)
    assert said == ""


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0nonsense"]
)
def test_pictures_with_broken_camera_data_are_shown_upright(exif, tmp_path):
    pixels = np.full((8, 6, 3), 90, "uint8")
    Image.fromarray(pixels).save(tmp_path / "one.jpg", exif=exif)
    images, _ = shown(tmp_path)
    assert abs(images[0].astype(int) - pixels).max() <= 1


# Palettes, bits and printers' colours.


def palette_picture(colours):
    palette, numbers = np.unique(colours.reshape(-1, 3), axis=0, return_inverse=True)
    picture = Image.fromarray(np.uint8(numbers).reshape(colours.shape[:2]))
    picture.putpalette(palette.ravel().tolist())
    return picture


@pytest.mark.parametrize("suffix", ["bmp", "gif", "png", "tif"])
def test_palettes_show_their_colours(suffix, tmp_path):
    colours = np.uint8([[RED, GREEN, BLUE], [GREEN, GREEN, RED]])
    palette_picture(colours).save(tmp_path / f"one.{suffix}")
    images, said = shown(tmp_path)
    np.testing.assert_array_equal(images[0], colours)
    assert said == ""
    luma = np.round(colours @ [0.299, 0.587, 0.114])
    grey, _ = shown(tmp_path, grey=True)
    assert abs(grey[0, ..., 0] - luma).max() <= 1


@pytest.mark.parametrize("suffix", ["bmp", "gif", "png", "tif", "webp", "pgm"])
def test_grey_pictures_are_grey(suffix, tmp_path):
    pixels = random_bytes(7, 5)
    Image.fromarray(pixels).save(
        tmp_path / f"one.{suffix}", **({"lossless": True} if suffix == "webp" else {})
    )
    for arguments in (
        ({"grey": True}, {}) if suffix != "webp" else ({"grey": True},)
    ):  # WebP has no grey
        images, said = shown(tmp_path, **arguments)
        np.testing.assert_array_equal(images[0, ..., 0], pixels)
        assert images.shape == (1, 7, 5, 1)
        assert said == ""


@pytest.mark.parametrize("suffix", ["bmp", "gif", "png", "tif", "pbm"])
def test_pictures_of_one_bit_are_black_and_white(suffix, tmp_path):
    bits = random_bytes(9, 11) > 127
    Image.fromarray(bits).save(tmp_path / f"one.{suffix}")
    images, _ = shown(tmp_path)
    np.testing.assert_array_equal(images[0], 255 * np.uint8(bits)[..., None])
    colour, _ = shown(tmp_path, grey=False)
    np.testing.assert_array_equal(colour[0], np.repeat(images[0], 3, axis=-1))


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_printers_colours_become_red_green_and_blue(suffix, tmp_path):
    inks = np.uint8([[(255, 0, 0, 0), (0, 255, 0, 0)], [(0, 0, 255, 0), (0, 0, 0, 255)]])
    inks = np.kron(inks, np.ones((16, 16, 1), "uint8"))
    quality = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    Image.frombytes("CMYK", (32, 32), inks.tobytes()).save(tmp_path / f"one.{suffix}", **quality)
    expected = 255 - inks[..., :3].astype(int)
    expected[16:, 16:] = 0
    images, said = shown(tmp_path)
    assert abs(images[0].astype(int) - expected).max() <= 3
    assert "1 in CMYK" in said
    Image.new("L", (32, 32), 77).save(tmp_path / "two.png")
    grey, _ = shown(tmp_path, grey=True)
    assert abs(grey[0, ..., 0] - expected @ [0.299, 0.587, 0.114]).max() <= 3
    assert (grey[1] == 77).all()


def test_printers_colours_in_the_other_coding(tmp_path):
    """YCCK: Pillow writes the file as CMYK, and another number in its Adobe marker says how to read it."""
    path = tmp_path / "one.jpg"
    Image.new("CMYK", (32, 32), (100, 110, 140, 0)).save(path, quality=100, subsampling=0)
    content = bytearray(path.read_bytes())
    transform = content.index(b"Adobe") + 11
    assert content[transform] == 0
    content[transform] = 2
    path.write_bytes(content)
    images, _ = shown(tmp_path)
    y, cb, cr = 155, 145 - 128, 115 - 128  # the inks are stored inverted
    expected = 255 - np.array([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb])
    assert abs(images[0] - expected).max() <= 2


# Sixteen bits.


def save_deep(path, values):
    """Sixteen bits of one to four channels, as no version of Pillow writes them."""
    path.write_bytes(tf.io.encode_png(np.uint16(values)).numpy())


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_all_bits_that_are_used_make_the_greys(bits, channels, tmp_path):
    most = 2**bits - 1
    values = np.random.default_rng(bits).integers(most + 1, size=(2, 6, 5, channels))
    values[1, 0, 0, 0] = most  # in the second picture alone
    values[0] //= 3
    if channels in (2, 4):
        values[..., -1] = 65535
    for number, picture in enumerate(values):
        save_deep(tmp_path / f"{number}.png", picture)
    images, said = shown(tmp_path)
    colours = values[..., :-1] if channels in (2, 4) else values
    assert images.shape == colours.shape
    np.testing.assert_array_equal(images, np.round(colours * (255 / most)))
    assert f"2 with more than 8 bits, of which 0 ... {most} became 0 ... 255" in said
    assert "transparent" not in said


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
def test_deep_tiffs(compression, tmp_path):
    values = np.random.default_rng(0).integers(4096, size=(6, 5))
    values[0, 0] = 4095
    Image.fromarray(np.uint16(values)).save(tmp_path / "one.tif", compression=compression)
    images, _ = shown(tmp_path)
    np.testing.assert_array_equal(images[0, ..., 0], np.round(values / 4095 * 255))


def deep_colour_tiff(values, order="<"):
    """An uncompressed TIFF of three channels of sixteen bits."""
    height, width, _ = values.shape
    offset = 8 + 2 + 12 * 9 + 4
    tags = [
        *((256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, offset), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, offset + 6), (277, 3, 1, 3), (278, 3, 1, height)),
        (279, 4, 1, values.size * 2),
    ]
    entries = b"".join(
        struct.pack(f"{order}HHI", *tag[:3])
        + (
            struct.pack(f"{order}HH", tag[3], 0)
            if tag[1:3] == (3, 1)
            else struct.pack(f"{order}I", tag[3])
        )
        for tag in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return (
        head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
        + struct.pack(f"{order}HHH", 16, 16, 16) + values.astype(f"{order}u2").tobytes()
    )  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_colour_tiffs(order, tmp_path):
    values = np.random.default_rng(0).integers(4096, size=(6, 5, 3))
    values[0, 0, 0] = 4095
    (tmp_path / "one.tif").write_bytes(deep_colour_tiff(values, order))
    images, _ = shown(tmp_path)
    np.testing.assert_array_equal(images[0], np.round(values / 4095 * 255))


def test_float_tiffs(tmp_path):
    values = np.random.default_rng(0).random((6, 5), "float32")
    Image.fromarray(values).save(tmp_path / "one.tif")
    images, _ = shown(tmp_path)
    np.testing.assert_allclose(images[0, ..., 0], 255 * values, atol=0.51)
    values[2, 2] = np.nan
    Image.fromarray(values).save(tmp_path / "two.tif")
    assert (
        f"Cannot read {tmp_path / 'two.tif'}: its numbers are not all >= 0 and finite"
        in refused(tmp_path)
    )


def test_deep_pictures_that_are_transparent(tmp_path):
    values = np.uint16([[[65535, 0, 30000, 65535], [65535, 0, 30000, 0], [65535, 0, 30000, 32768]]])
    save_deep(tmp_path / "one.png", values)
    images, said = shown(tmp_path, background="white")
    colour = np.round(np.float64([65535, 0, 30000]) / 257)
    expected = over(np.stack([colour] * 3), np.float64([255, 0, 128]), (255, 255, 255))
    np.testing.assert_array_equal(images[0, 0], expected)
    assert "transparent" in said


# Many frames.


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_used_and_that_is_said(suffix, tmp_path):
    frames = [Image.new("RGB", (8, 6), colour) for colour in (RED, GREEN, BLUE)]
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"one.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    Image.new("RGB", (8, 6), GREEN).save(tmp_path / "two.png")
    images, said = shown(tmp_path)
    np.testing.assert_array_equal(images[0], np.full((6, 8, 3), RED))
    assert "1 with more frames, of which the first is used" in said


# Grey or colour.


@pytest.mark.parametrize("grey_ones", [[0], [1], [0, 1], [0, 2]])
def test_a_folder_is_in_colour_if_one_picture_is(grey_ones, tmp_path):
    pixels = random_bytes(3, 6, 5, 3)
    for number, picture in enumerate(pixels):
        picture = picture[..., 0] if number in grey_ones else picture
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    images, said = shown(tmp_path)
    pixels[grey_ones] = pixels[grey_ones][..., :1]
    np.testing.assert_array_equal(images, pixels)
    assert f"{len(grey_ones)} grey, kept among the colours" in said
    assert shown(tmp_path, grey=False)[1] == ""
    assert shown(tmp_path, grey=True)[0].shape == (3, 6, 5, 1)


# What is passed over.


def test_what_is_passed_over_is_counted_in_one_line(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("one.png", "a/two.TIFF", "a/three.jfif", "elsewhere/four.webp"):
        Image.new("RGB", (4, 4)).save(tmp_path / name, format="PNG")
    for name in ("five.heic", "a/six.heic", "seven.svg", "eight", "notes.txt", "a/.DS_Store"):
        (tmp_path / name).write_bytes(b"any")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere")
    images, said = shown(tmp_path)
    assert len(images) == 4
    counts = ("2 .heic", "1 .svg", "1 without a suffix", "1 linked folder")
    assert [count for count in counts if count not in said] == []
    assert "txt" not in said


def test_a_folder_with_nothing_but_other_files(tmp_path):
    (tmp_path / "one.heic").write_bytes(b"any")
    text = refused(tmp_path)
    assert f"No pictures in {tmp_path}. Expected files .apng, .bmp" in text
    assert "Received: 1 .heic." in text


# Files that are no pictures.


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    os.chdir(path.parent)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_pipe, "pipe"),
        (make_socket, "socket"),
        (lambda path: path.symlink_to("/dev/zero"), "device"),
        (lambda path: path.symlink_to("/dev/null"), "device"),
        (lambda path: path.symlink_to("gone"), "dead link"),
        (lambda path: path.symlink_to(path.name), "dead link"),
    ],
    ids=["pipe", "socket", "zero", "null", "gone", "loop"],
)
def test_what_is_no_file_is_named(make, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    make(tmp_path / "two.png")
    assert (
        refused(tmp_path)
        == f"{tmp_path / 'two.png'} is a {kind}, no picture. Remove or replace it."
    )


@pytest.mark.parametrize("make", [make_pipe, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_and_called_no_picture_is_passed_over(make, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    make(tmp_path / "stream")
    assert "passed over 1 " in shown(tmp_path)[1]


def test_a_folder_that_is_called_a_picture_is_a_folder(tmp_path):
    (tmp_path / "set.png").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "set.png" / "one.png")
    assert len(shown(tmp_path)[0]) == 1


def chunk(name, content):
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def claims(suffix, width, height):
    """A small file that says that it is a large picture."""
    if suffix == "png":
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        rows = zlib.compress(bytes(1000))
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", rows)
            + chunk(b"IEND", b"")
        )
    if suffix == "bmp":
        size = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + size
    if suffix == "ppm":
        return f"P6 {width} {height} 255\n".encode()
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", min(width, 65535), min(height, 65535), 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, min(width, 65535), min(height, 65535), 0)
        + b"\x02\x00;"
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "gif"])
def test_pictures_that_claim_a_huge_size(suffix, tmp_path):
    (tmp_path / f"one.{suffix}").write_bytes(claims(suffix, 60_000, 60_000))
    text = refused(tmp_path, size=8)
    assert (
        f"{tmp_path / f'one.{suffix}'} says that it is larger than the 178,956,970 pixels" in text
    )


def test_a_tiff_with_fewer_strips_than_its_height_needs(tmp_path):
    values = np.zeros((6, 5, 3), "uint16")
    content = bytearray(deep_colour_tiff(values))
    height = content.index(struct.pack("<HHIHH", 257, 3, 1, 6, 0)) + 8
    content[height : height + 2] = struct.pack("<H", 60_000)
    (tmp_path / "one.tif").write_bytes(content)
    assert "rows of its 60,000 are missing. Remove or replace it." in refused(tmp_path)


def test_pictures_that_claim_a_large_size_and_hold_nothing(tmp_path):
    (tmp_path / "one.png").write_bytes(claims("png", 12_000, 9_000))
    assert f"Cannot decode {tmp_path / 'one.png'}: " in refused(tmp_path, size=8)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tif", "webp", "ppm"])
def test_pictures_that_are_cut_off_are_named(suffix, tmp_path):
    path = tmp_path / f"one.{suffix}"
    Image.fromarray(random_bytes(40, 30, 3)).save(path)
    content = path.read_bytes()
    for size in (0, 3, len(content) // 3, 2 * len(content) // 3):
        path.write_bytes(content[:size])
        text = refused(tmp_path)
        assert f"Cannot decode {path}: " in text
        assert text.endswith("Remove or replace it.")


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(random_bytes(40, 30, 3)).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    assert f"Cannot decode {path}: " in refused(tmp_path)


@pytest.mark.parametrize(
    "content", [b"<svg/>", b"\0" * 500, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"PK\x03\x04"]
)
def test_files_of_another_kind_are_named(content, tmp_path):
    (tmp_path / "one.png").write_bytes(content)
    assert "it is no PNG, JPEG, BMP, GIF, TIFF, WebP or PPM picture" in refused(tmp_path)


def test_batches_of_a_folder_follow_from_seed_and_step(tmp_path):
    for number, picture in enumerate(random_bytes(10, 6, 6, 4)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    with pytest.warns(UserWarning, match="10 transparent, laid on black"):
        data = load(f"{tmp_path}/", size=4)
    straight = [batch.numpy() for batch in data.batches(4, seed=1).take(5)]
    with pytest.warns(UserWarning, match="transparent"):
        again = load(f"{tmp_path}/", size=4)
    resumed = [batch.numpy() for batch in again.batches(4, seed=1, start_step=3).take(2)]
    np.testing.assert_array_equal(straight[3:], resumed)
