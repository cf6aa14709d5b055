"""Files and folders of images: every format against arrays that the test knows, and what is broken by its name."""

import contextlib
import gc
import gzip
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from zoo.datasets import _containers, _folder, _idx
from zoo.datasets._idx import read_idx
from zoo.datasets._table import first_rows, row_codes
from zoo.utils.pixels import aligned_empty

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"

load = zoo.datasets.load


def random_bytes(*shape, seed=0):
    return np.random.default_rng(seed).integers(256, size=shape, dtype="uint8")


def grid(*sizes):
    return np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, len(sizes))


def message(call, *arguments, **named):
    """The text of the error that a call ends with: one line."""
    with pytest.raises(ValueError, match=r"\S") as error:
        call(*arguments, **named)
    assert "\n" not in str(error.value)
    return str(error.value)


def meets_the_contract(data):
    """What `contracts.py` asks of every dataset."""
    indices = np.random.default_rng(0).integers(len(data), size=20)
    images = data.images(indices)
    assert images.shape == (20, *data.image_shape)
    assert images.dtype == data.image_dtype
    first, second = [batch.numpy() for batch in data.batches(4, seed=1).take(2)]
    assert first.shape == (4, *data.image_shape)
    [resumed] = [batch.numpy() for batch in data.batches(4, seed=1, start_step=1).take(1)]
    np.testing.assert_array_equal(second, resumed)
    if data.factor_names:
        factors = data.factors(indices)
        assert (factors < data.factor_sizes).all()
        np.testing.assert_array_equal(data.factors(data.index(factors)), factors)
        assert [len(values) for values in data.factor_values] == list(data.factor_sizes)


# Arrays: .npz, .npy and .h5.


class Malice:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def write_dsprites(path, **more):
    """A file in the shape of the original: the colour a constant factor, metadata a pickled object."""
    classes = np.c_[np.zeros(24, int), grid(3, 2, 2, 1, 2)]
    values = np.c_[np.ones(24), grid(3, 2, 2, 1, 2) * [1, 0.1, 6.28, 0.5, 0.5] + [1, 0.5, 0, 0, 0]]
    images = random_bytes(24, 8, 8) % 2
    np.savez_compressed(path, imgs=images, latents_classes=classes, latents_values=values, **more)
    return images, classes, values


def test_npz_of_the_original_dsprites(tmp_path):
    unpickled = tmp_path / "unpickled"
    images, classes, values = write_dsprites(
        tmp_path / "dsprites.npz", metadata=np.array(Malice(unpickled), dtype=object)
    )
    data = load(tmp_path / "dsprites.npz")
    assert data.factor_names == ("shape", "scale", "orientation", "x", "y")
    assert data.factor_sizes == (3, 2, 2, 1, 2)
    np.testing.assert_array_equal(data.images(range(24))[..., 0], 255 * images)
    np.testing.assert_array_equal(data.factors(range(24)), classes[:, 1:])
    for column, known in enumerate(data.factor_values):
        np.testing.assert_array_equal(known[classes[:, column + 1]], values[:, column + 1])
    meets_the_contract(data)
    assert not unpickled.exists()


@pytest.mark.parametrize(
    ("sizes", "side"), [((6, 2, 2, 3, 3, 2, 2), 8), ((4, 24, 3), 16)], ids=["mpi3d", "cars3d"]
)
def test_npz_of_a_grid(tmp_path, sizes, side):
    """MPI3D and Cars3D are images alone, in the order of their factors, the last one fastest."""
    images = random_bytes(int(np.prod(sizes)), side, side, 3)
    np.savez(tmp_path / "grid.npz", images=images)
    np.savez(tmp_path / "axes.npz", images=images.reshape(*sizes, side, side, 3))
    given = load(tmp_path / "grid.npz", factor_sizes=sizes)
    for data in (given, load(tmp_path / "axes.npz")):
        assert data.factor_sizes == sizes
        np.testing.assert_array_equal(data.factors(range(len(images))), grid(*sizes))
        np.testing.assert_array_equal(data.images(range(len(images))), images)
        meets_the_contract(data)
    assert load(tmp_path / "grid.npz").factor_names == ()


def test_h5_of_the_original_shapes3d(tmp_path):
    """Its labels are values: the factors are their ranks."""
    classes = grid(2, 1, 2, 2, 3, 2)
    values = classes * [0.1, 0.1, 0.1, 0.07, 1, 4.3] + [0, 0, 0, 0.75, 0, -30]
    images = random_bytes(48, 8, 8, 3)
    with h5py.File(tmp_path / "3dshapes.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(5, 8, 8, 3), compression="gzip")
        file.create_dataset("labels", data=values)
    data = load(tmp_path / "3dshapes.h5")
    names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert (data.name, data.factor_names) == ("3dshapes", names)
    np.testing.assert_array_equal(data.factors(range(48)), classes)
    np.testing.assert_array_equal(data.images(range(48)), images)
    for column, known in enumerate(data.factor_values):
        np.testing.assert_array_equal(known[classes[:, column]], values[:, column])
    meets_the_contract(data)


def test_h5_of_the_original_dsprites(tmp_path):
    images, classes, _ = write_dsprites(tmp_path / "same.npz")
    with h5py.File(tmp_path / "dsprites.hdf5", "w") as file:
        file["imgs"] = images
        file["latents/classes"] = classes
    data = load(tmp_path / "dsprites.hdf5")
    np.testing.assert_array_equal(data.factors(range(24)), classes[:, 1:])
    np.testing.assert_array_equal(data.images(range(24))[..., 0], 255 * images)


def test_npz_keeps_what_the_file_says(tmp_path):
    """Bytes above 1 are grey values; names, values and floats are the file's."""
    np.savez(
        tmp_path / "own.npz",
        images=np.asfortranarray(random_bytes(6, 4, 4, 3) / np.float32(255)),
        factors=np.array([2, 0, 1, 2, 0, 0])[:, None],
        factor_names=["hue"],
        factor_values=np.array([0.3, 0.1, 0.2, 0.3, 0.1, 0.1])[:, None],
    )
    data = load(tmp_path / "own.npz")
    np.testing.assert_array_equal(data.images(range(6)), random_bytes(6, 4, 4, 3) / np.float32(255))
    assert data.factor_names == ("hue",)
    np.testing.assert_array_equal(data.factor_values[0], [0.1, 0.2, 0.3])
    np.savez(tmp_path / "dark.npz", images=np.uint8([[[0, 2]]]), labels=[7])
    dark = load(tmp_path / "dark.npz")
    assert dark.images([0]).max() == 2
    assert dark.factors([0])[0, 0] == 7


def test_npy_is_mapped_and_not_read(tmp_path):
    """A file of 8 GiB, most of it a hole, is at hand at once and takes no memory."""
    n = 700_000
    images = np.lib.format.open_memmap(tmp_path / "holes.npy", "w+", "uint8", (n, 64, 64, 3))
    marked = np.arange(0, n, 6999)
    images[marked] = random_bytes(64, 64, 3)
    del images
    before = resident()
    data = load(tmp_path / "holes.npy")
    np.testing.assert_array_equal(
        data.images(marked), np.broadcast_to(random_bytes(64, 64, 3), (len(marked), 64, 64, 3))
    )
    assert not data.images(marked + 1)[:-1].any()
    assert resident() - before < 200 * 2**20


def resident():
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def peak():
    """Bytes of memory this process had at most since `reset_peak`."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def reset_peak():
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_million_accesses_in_random_order(tmp_path, suffix):
    """Each image holds its index in four bytes."""
    n = 300_000
    images = np.arange(n, dtype="<u4").view("uint8").reshape(n, 2, 2)
    if suffix == "npz":
        np.savez(tmp_path / "numbered.npz", images=images)
    else:
        np.save(tmp_path / "numbered.npy", images)
    data = load(tmp_path / f"numbered.{suffix}")
    order = np.random.default_rng(0).integers(n, size=1_000_000)
    data.images(order[:1000])
    reset_peak()
    before = resident()
    found = data.images(order)
    assert peak() - before < found.nbytes + 50 * 2**20
    np.testing.assert_array_equal(found.reshape(-1, 4).copy().view("<u4").ravel(), order)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shapes2d", "xysquares", "shapes3d"])
def test_a_million_accesses_to_rendered_images(name):
    """In parts, for a million images at once are 16 to 49 GB; each part against one image on its own."""
    data = load(name)
    order = np.random.default_rng(0).integers(len(data), size=1_000_000)
    data.images(order[:5000])
    reset_peak()
    before = resident()
    for part in np.split(order, 200):
        images = data.images(part)
        np.testing.assert_array_equal(images[17], data.images(part[17:18])[0])
        np.testing.assert_array_equal(data.index(data.factors(part)), part)
    # A part is still held while the next is rendered.
    assert peak() - before < 2 * images.nbytes + 200 * 2**20


def test_arrays_in_python_are_copied():
    images = aligned_empty((3, 2, 2, 1), np.dtype("uint8"))
    images[:] = 7
    data = zoo.datasets.Arrays(images)
    images[:] = 0
    assert (data.images(range(3)) == 7).all()


def test_npz_too_large_for_the_memory(tmp_path, monkeypatch):
    np.savez(tmp_path / "large.npz", images=random_bytes(100, 8, 8))
    monkeypatch.setattr(_containers, "LARGEST", 6399)
    text = message(load, tmp_path / "large.npz")
    assert f'"images" of {tmp_path / "large.npz"} takes 0.0 GiB of memory; at most 0 GiB' in text
    assert "unzip" in text
    monkeypatch.setattr(_containers, "LARGEST", 6400)
    assert len(load(tmp_path / "large.npz")) == 100


def torn(path, keep=0.6):
    """The file without its end."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_broken_containers(tmp_path):
    images = random_bytes(50, 8, 8)
    for name in ("torn.npz", "flipped.npz"):
        np.savez(tmp_path / name, images=images)
    np.savez_compressed(tmp_path / "deflated.npz", images=images)
    np.save(tmp_path / "torn.npy", images)
    np.save(tmp_path / "objects.npy", images.astype(object))
    with h5py.File(tmp_path / "torn.h5", "w") as file:
        file["images"] = images
    with h5py.File(tmp_path / "no.h5", "w") as file:
        file["pixels"] = images
    (tmp_path / "text.h5").write_text("no container")
    for name in ("torn.npz", "torn.npy", "torn.h5"):
        torn(tmp_path / name)
    flipped(tmp_path / "flipped.npz", 1000)
    flipped(tmp_path / "deflated.npz", 1000)
    for path in tmp_path.iterdir():
        text = message(load, path)
        assert str(path) in text
        assert "Cannot read" in text or path.name == "no.h5"
    assert 'must hold an array "images" (or "imgs"). Received: pixels' in message(
        load, tmp_path / "no.h5"
    )


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        ({}, {}, 'must hold an array "images" (or "imgs"). Received: nothing'),
        ({"factors": [0]}, {}, 'must hold an array "images" (or "imgs"). Received: factors'),
        ({"images": np.zeros((4, 2), "u1")}, {}, "Received: shape (4, 2)"),
        ({"images": np.zeros((0, 2, 2), "u1")}, {}, "Received: shape (0, 2, 2)"),
        ({"images": np.zeros((4, 2, 2), "i8")}, {}, "Received: dtype int64"),
        ({"images": np.full((4, 2, 2), 2.0)}, {}, "Received: values from 2 to 2"),
        ({"factors": [0, 1]}, None, "one row per image. Received: 2 rows for 4 images"),
        ({"factors": [0, 1, 2, -3]}, None, "Received: a value of -3"),
        ({"factors": [0.5, 1, 2, 3]}, None, "`factors` must be integers"),
        (
            {"factors": [0, 1, 2, 3], "factor_values": [[1]]},
            None,
            "`factor_values` must have the shape of the factors, (4, 1). Received: shape (1, 1)",
        ),
        ({}, {"factor_sizes": (2, 3)}, "product is the number of images, 4, where"),
        ({}, {"factor_sizes": (0, 4)}, "Received: (0, 4)"),
        ({"factors": [0, 1, 2, 3]}, {"factor_sizes": [3]}, "from 0 to 2. Received: 3"),
        ({"factors": [0, 1, 2, 3]}, {"factor_sizes": [3, 3]}, "1 integers, one per factor"),
        ({}, {"sizes": (2, 2)}, "unexpected keyword argument 'sizes'. Its arguments: path"),
    ],
)
def test_wrong_content_of_an_npz(tmp_path, content, arguments, expected):
    whole = {"images": np.zeros((4, 2, 2), "u1")}
    takes_images = arguments is None or arguments
    np.savez(tmp_path / "wrong.npz", **(whole if takes_images else {}), **content)
    assert expected in message(load, tmp_path / "wrong.npz", **(arguments or {}))


# What all images say, and not the first thousand.


def white_late(late):
    """2,000 images of 0 and 1, but the last, whose last pixel is `late`."""
    images = random_bytes(2000, 2, 2, 1) % 2
    images[-1, -1, -1] = late
    return images


@pytest.mark.parametrize("late", [1, 2, 255])
@pytest.mark.parametrize("form", ["array", "npy", "npz", "h5", "idx", "read-only map"])
def test_bytes_are_black_and_white_where_all_of_them_are_0_and_1(tmp_path, form, late):
    images = white_late(late)
    path = tmp_path / {"idx": "a-images-idx3-ubyte"}.get(form, f"a.{form}")
    given = path
    if form == "array":
        given = images
    elif form == "npz":
        np.savez(path, images=images)
    elif form == "h5":
        with h5py.File(path, "w") as file:
            file["images"] = images
    elif form == "idx":
        path.write_bytes(idx_bytes(images[..., 0]))
    else:
        np.save(tmp_path / "a.npy", images)
        given = np.load(tmp_path / "a.npy", mmap_mode="r") if form == "read-only map" else path
    data = load(given)
    expected = images * (255 if late == 1 else 1)
    np.testing.assert_array_equal(data.images(range(2000)), expected)
    order = np.concatenate([batch.numpy() for batch in data.batches(500).take(4)])
    np.testing.assert_array_equal(np.bincount(order.ravel()), np.bincount(expected.ravel()))


# Files that lie on the disk and are used there.


def anonymous():
    """Bytes of memory that this process has and that are no file's."""
    text = Path("/proc/self/smaps_rollup").read_text()
    return 1024 * int(text.partition("Anonymous:")[2].split()[0])


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16"])
def test_batches_of_a_mapped_file_do_not_copy_it(tmp_path, dtype):
    """A file of 128 MiB, ones and holes; bytes of these are black and white."""
    count = 2**15 // np.dtype(dtype).itemsize
    images = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", dtype, (count, 64, 64, 1))
    images[::2, 0] = 1
    del images
    next(iter(load(random_bytes(64, 64, 64, 1)).batches(8)))  # what TensorFlow takes once
    before = anonymous()
    data = load(tmp_path / "a.npy")
    white = 255 if dtype == "uint8" else 1
    for batch in data.batches(64).take(5):
        assert batch.numpy()[:, 0].max() == batch.numpy().max() == white
    assert anonymous() - before < 64 * 2**20


def misaligned(path, images):
    """As NumPy wrote files before 1.14: the header's length is a multiple of 16, not of 64."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {images.shape}, }}"
    text = text.ljust(96 + 16 - 11) + "\n"
    path.write_bytes(
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + images.tobytes()
    )


@pytest.mark.parametrize("layout", ["misaligned", "big-endian", "fortran", "long double", "bool"])
def test_npy_in_a_layout_of_its_own(tmp_path, layout, monkeypatch):
    images = random_bytes(30, 8, 8, 3)
    monkeypatch.setattr(_containers, "SMALL", 0)
    if layout == "misaligned":
        misaligned(tmp_path / "a.npy", images)
    elif layout == "fortran":
        np.save(tmp_path / "a.npy", np.asfortranarray(images))
    elif layout == "bool":
        images = images > 99
        np.save(tmp_path / "a.npy", images)
    else:
        images = images / np.float32(255)
        np.save(
            tmp_path / "a.npy", images.astype(">f4" if layout == "big-endian" else "longdouble")
        )
    if layout == "fortran":
        with pytest.warns(UserWarning, match="a.npy is in Fortran order.*slow to read"):
            data = load(tmp_path / "a.npy")
    else:
        data = load(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.images(range(30)), images)
    meets_the_contract(data)


def test_a_small_npy_in_fortran_order_is_copied_without_a_word(tmp_path):
    images = random_bytes(30, 8, 8, 3)
    np.save(tmp_path / "a.npy", np.asfortranarray(images))
    np.testing.assert_array_equal(load(tmp_path / "a.npy").images(range(30)), images)


def test_images_stay_while_their_batches_are_used(tmp_path):
    """Nobody but the pipeline holds the dataset."""
    images = random_bytes(30, 8, 8, 3)
    misaligned(tmp_path / "a.npy", images)
    np.save(tmp_path / "b.npy", images)
    for name in "ab":
        batches = iter(load(tmp_path / f"{name}.npy").batches(30))
        gc.collect()
        for _ in range(5):
            assert next(batches).numpy().sum() == images.sum()


def test_a_dataset_made_in_a_strategys_scope(tmp_path):
    images = random_bytes(30, 8, 8, 3)
    np.save(tmp_path / "a.npy", images)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        data = load(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.images(range(30)), images)


# Names and places as users write them.


def written(path, images):
    """A file in the format that the name says, small letters or capitals."""
    suffix = path.suffix.lower()
    with open(path, "wb") as file:
        if suffix == ".npy":
            np.save(file, images)
        elif suffix == ".npz":
            np.savez(file, images=images)
        elif suffix in (".h5", ".hdf5"):
            with h5py.File(file, "w") as container:
                container["images"] = images
        else:
            file.write((gzip.compress if suffix == ".gz" else bytes)(idx_bytes(images)))


NAMES = ["A.NPZ", "A.Npy", "A.H5", "A.HDF5", "A-IMAGES-IDX3-UBYTE", "A-IMAGES-IDX3-UBYTE.GZ"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_capitals(tmp_path, name):
    images = random_bytes(6, 8, 8)
    written(tmp_path / name, images)
    np.testing.assert_array_equal(load(tmp_path / name).images(range(6))[..., 0], images)


def test_labels_beside_a_name_in_capitals(tmp_path):
    (tmp_path / "T10K-IMAGES-IDX3-UBYTE").write_bytes(idx_bytes(random_bytes(3, 8, 8)))
    (tmp_path / "T10K-LABELS-IDX1-UBYTE").write_bytes(idx_bytes(np.arange(3)))
    assert load(tmp_path / "T10K-IMAGES-IDX3-UBYTE").factor_sizes == (3,)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.h5", "a-images-idx3-ubyte", "pictures"])
def test_a_path_from_the_home_folder(tmp_path, name, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    images = random_bytes(6, 8, 8)
    if name == "pictures":
        (tmp_path / name).mkdir()
        for number, picture in enumerate(images):
            Image.fromarray(picture).save(tmp_path / name / f"{number}.png")
    else:
        written(tmp_path / name, images)
    for text in (f"~/{name}", Path(f"~/{name}"), f"read('~/{name}')", f"split('~/{name}', 1.0)[0]"):
        np.testing.assert_array_equal(load(text).images(range(6))[..., 0], images)


@pytest.mark.parametrize("content", ["npz", "npy", "h5"])
@pytest.mark.parametrize("name", ["npz", "npy", "h5"])
def test_the_content_says_what_a_file_is(tmp_path, content, name):
    images = random_bytes(6, 8, 8)
    written(tmp_path / f"a.{content}", images)
    (tmp_path / f"a.{content}").rename(tmp_path / f"b.{name}")
    np.testing.assert_array_equal(load(tmp_path / f"b.{name}").images(range(6))[..., 0], images)


@pytest.mark.parametrize(
    "name", ["a.npy", "a.npz", "A.H5", "a-images-idx3-ubyte", "a-images-idx3-ubyte.gz", "b/a.png"]
)
@pytest.mark.parametrize("keeper", ["lfs", "annex"])
def test_a_pointer_in_the_place_of_a_file(tmp_path, name, keeper):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    text, command = (
        (text, "git lfs pull") if keeper == "lfs" else ("/annex/objects/MD5", "annex get")
    )
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = message(load, path.parent if path.suffix == ".png" else path)
    assert str(path) in found
    assert command in found


# Faults in files of arrays.


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5", "latest.h5", "a-images-idx3-ubyte.gz"])
def test_bytes_that_fell_over(tmp_path, name):
    """Each of 60 files with a changed byte is read, or refused in one line."""
    images, factors = random_bytes(24, 4, 4), grid(3, 2, 2, 2)
    path = tmp_path / name
    if name.startswith("a-") or name.endswith("npy"):
        written(path, images)
    elif name.endswith("npz"):
        np.savez_compressed(path, images=images, factors=factors, factor_values=factors / 2)
    else:
        with h5py.File(path, "w", libver="latest" if "latest" in name else None) as file:
            file["images"], file["factor_names"] = images, list("abcd")
            file.create_dataset("factors", data=factors, chunks=(5, 4), compression="gzip")
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(min(len(whole), 100 if path.suffix == ".npy" else 4000), size=60):
        changed = bytearray(whole)
        changed[place] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        with contextlib.suppress(ValueError):
            load(path).images([0])


def test_an_npz_that_a_packer_locked_or_packed_otherwise(tmp_path):
    np.savez(tmp_path / "a.npz", images=random_bytes(6, 8, 8))
    whole = (tmp_path / "a.npz").read_bytes()
    central = whole.index(b"PK\1\2")
    for name, places, expected in (
        ("encrypted", {6: 1, central + 8: 1}, "encrypted"),
        ("jpeg", {8: 96, central + 10: 96}, "compression method is not supported"),
        ("ppmd", {8: 98, central + 10: 98}, "compression method is not supported"),
    ):
        changed = bytearray(whole)
        for place, value in places.items():
            changed[place] = value
        (tmp_path / f"{name}.npz").write_bytes(changed)
        text = message(load, tmp_path / f"{name}.npz")
        assert expected in text
        assert f"Cannot read {tmp_path / name}.npz" in text


def test_an_npz_with_other_things_in_it(tmp_path):
    images = random_bytes(6, 8, 8)
    np.savez(tmp_path / "a.npz", images=images)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("README.txt", "images of mine")
        archive.writestr("__MACOSX/._images.npy", b"\0\5\x16\7")
    np.testing.assert_array_equal(load(tmp_path / "a.npz").images(range(6))[..., 0], images)


@pytest.mark.parametrize("kind", ["external", "virtual", "external link", "soft link"])
@pytest.mark.parametrize("name", ["images", "factors"])
def test_h5_that_points_to_another_file_is_refused(tmp_path, kind, name):
    (tmp_path / "secret").write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = random_bytes(1, 8, 8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if name == "factors":
            file["images"] = random_bytes(1, 8, 8)
        if kind == "external":
            external = [(str(tmp_path / "secret"), 0, 64)]
            file.create_dataset(name, (1, 8, 8), "uint8", external=external)
        elif kind == "virtual":
            layout = h5py.VirtualLayout((1, 8, 8), "uint8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "images", (1, 8, 8))
            file.create_virtual_dataset(name, layout)
        elif kind == "external link":
            file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "images")
        else:
            file["elsewhere"] = random_bytes(1, 8, 8)
            file[name] = h5py.SoftLink("/elsewhere")
    text = message(load, tmp_path / "a.h5")
    assert f'"{name}" of {tmp_path / "a.h5"} lies in another place' in text


def test_h5_says_the_names_of_the_factors(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["factors"] = random_bytes(4, 8, 8), grid(2, 2)
        file["factor_names"] = ["hue", "größe"]
    assert load(tmp_path / "a.h5").factor_names == ("hue", "größe")


@pytest.mark.parametrize("columns", [5, 7, None])
def test_values_of_other_columns_than_the_classes(tmp_path, columns):
    classes = np.zeros((4, 6), int)
    values = np.zeros(4) if columns is None else np.zeros((4, columns))
    np.savez(
        tmp_path / "a.npz",
        imgs=random_bytes(4, 8, 8),
        latents_classes=classes,
        latents_values=values,
    )
    text = message(load, tmp_path / "a.npz")
    assert '"latents_values" must have the shape of "latents_classes", (4, 6)' in text
    assert f"Received: shape {values.shape}" in text


@pytest.mark.parametrize(
    "names", [3, [1, 2], 0.5, [None, "b"], [["a", "b"], ["c"]], {"a": 1, "b": 2}, ["a"], ["a", "a"]]
)
def test_names_of_the_wrong_kind(names):
    text = message(load, (random_bytes(4, 8, 8), grid(2, 2)), factor_names=names)
    assert "`factor_names` must be" in text
    assert "Received: (" in text


@pytest.mark.parametrize("names", [[b"a", b"b"], np.array(["a", "b"]), np.array([b"a", b"b"])])
def test_names_as_files_hold_them(names):
    data = load((random_bytes(4, 8, 8), grid(2, 2)), factor_names=names)
    assert data.factor_names == ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"factors": [0, 1, 2, 10**12]}, "up to 9999999. Received: a value of 1000000000000"),
        ({"factors": [0, 1, 2, 3], "factor_sizes": ["4"]}, "`factor_sizes` must be integers"),
        ({"factors": [0, 1, 2, 3], "factor_sizes": [10**12]}, "at most 10000000. Received"),
        ({"factors": [0, 1, 2, 3], "factor_values": list("abcd")}, "must be numbers. Received"),
        ({"factors": [0, 1, 2, 3], "factor_values": [1j, 2, 3, 4]}, "must be numbers. Received"),
    ],
)
def test_factors_that_no_table_holds(arguments, expected):
    assert expected in message(zoo.datasets.Arrays, random_bytes(4, 8, 8), **arguments)


def test_a_gzipped_idx_that_unpacks_to_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_idx, "LARGEST", 2**20)
    monkeypatch.setattr(_idx, "CHUNK", 2**16)
    path = tmp_path / "a-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(2**24)))
    assert "holds more than 0 GiB, which are not read" in message(load, path)


@pytest.mark.parametrize("name", ["x" * 300 + ".npy", "a\0b.npz", "x" * 300 + "-idx3-ubyte"])
def test_a_name_that_no_file_has(name):
    assert "No file" in message(load, name)


# Tables of factors.


def test_first_rows_of_a_large_table():
    """By brute force; 70 binary columns are more than 64 bits can count."""
    random = np.random.default_rng(0)
    for sizes in ([3, 4], [2] * 70):
        table = np.stack([random.integers(size, size=60) for size in sizes], axis=1)
        wanted = np.concatenate([table[::7], 1 - table[:9].clip(0, 1)])
        expected = [
            next((row for row, known in enumerate(table) if (known == one).all()), -1)
            for one in wanted
        ]
        np.testing.assert_array_equal(first_rows(table, wanted, sizes), expected)
        same = (table[:, None] == table).all(axis=2)
        codes = row_codes(table, sizes)
        np.testing.assert_array_equal(codes[:, None] == codes, same)


# IDX.

IDX_TYPES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(array, dtype="u1"):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, IDX_TYPES[dtype], array.ndim, *array.shape)
    return header + array.astype(dtype).tobytes()


@pytest.mark.parametrize("dtype", IDX_TYPES)
def test_idx_of_every_dtype(tmp_path, dtype):
    array = np.arange(-6, 6).reshape(3, 1, 4) % 100
    (tmp_path / "array").write_bytes(idx_bytes(array, dtype))
    read = read_idx(tmp_path / "array")
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
def test_idx_pair(tmp_path, pack, name):
    images, labels = random_bytes(30, 5, 4), np.arange(30) % 10
    suffix = "" if pack is bytes else ".gz"
    path = tmp_path / f"{name}{suffix}"
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    path.write_bytes(pack(idx_bytes(images)))
    assert load(path).factor_names == ()
    beside.write_bytes(pack(idx_bytes(labels)))
    data = load(path)
    assert (data.name, data.factor_names, data.factor_sizes) == ("train-images", ("label",), (10,))
    np.testing.assert_array_equal(data.images(range(30))[..., 0], images)
    np.testing.assert_array_equal(data.factors(range(30))[:, 0], labels)
    meets_the_contract(data)
    beside.rename(tmp_path / "elsewhere")
    assert load(f"read('{path}', labels='{tmp_path}/elsewhere')").factor_names == ("label",)


@pytest.mark.skipif(not MNIST.exists(), reason=f"needs {MNIST}")
def test_mnist():
    data = load(MNIST / "t10k-images-idx3-ubyte.gz")
    assert (len(data), data.image_shape, data.factor_sizes) == (10_000, (28, 28, 1), (10,))
    images = data.images(range(10_000))
    assert images.mean() / 255 == pytest.approx(0.1325, abs=5e-5)
    count = np.bincount(data.factors(range(10_000))[:, 0])
    np.testing.assert_array_equal(count, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])


def test_wrong_idx_files(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    labels = tmp_path / "a-labels-idx1-ubyte"
    whole = idx_bytes(random_bytes(10, 4, 4))
    wrong = {
        whole[:-1]: "must be 176 bytes long, for the shape (10, 4, 4). Received: 175 bytes",
        whole + b"x": "Received: 177 bytes",
        whole[:9]: "Received: 9 bytes",
        b"\0\0": "is no IDX file: it must begin with 0, 0, a dtype's code and the number of axes",
        b"\0\0\x07\x03" + whole[4:]: "Received: [0, 0, 7, 3]",
        b"\x89PNG" + whole[4:]: "Received: [137, 80, 78, 71]",
        idx_bytes(np.arange(4)): "must hold images: bytes with 3 or 4 axes. Received: shape (4,)",
        gzip.compress(whole)[:-9]: "Cannot unpack",
        gzip.compress(whole)[:50] + b"x" * 50: "Cannot unpack",
    }
    assert f"No file {path}" in message(load, path)
    for content, expected in wrong.items():
        path.write_bytes(content)
        text = message(load, path)
        assert expected in text
        assert str(path) in text
    path.write_bytes(whole)
    labels.write_bytes(idx_bytes(np.arange(9)))
    assert "one per image" in message(load, path)
    labels.write_bytes(b"")
    assert f"{labels} is no IDX file" in message(load, path)
    assert "No file" in message(load, path, labels=tmp_path / "absent")


# Folders of pictures.


@pytest.fixture
def faces(tmp_path):
    """12 coloured pictures of 20×10 in two folders, PNG; returns their folder and pixels in the order of paths."""
    pixels = random_bytes(12, 20, 10, 3)
    for number, picture in enumerate(pixels):
        folder = tmp_path / "faces" / "ab"[number // 8]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    (tmp_path / "faces" / "notes.txt").write_text("not a picture")
    (tmp_path / "faces" / "._00.png").write_text("what a Mac leaves behind")
    return tmp_path / "faces", pixels


def test_folder(faces):
    folder, pixels = faces
    data = load(folder)
    assert (data.name, data.factor_names, data.image_dtype) == ("faces", (), "uint8")
    np.testing.assert_array_equal(data.images(range(12)), pixels)
    meets_the_contract(data)
    assert len(load(f"{folder}/")) == 12


def test_folders_are_labels(faces):
    folder, _ = faces
    data = load(f"read('{folder}', labels=True)")
    assert (data.factor_names, data.factor_sizes) == (("label",), (2,))
    assert data.factor_values[0].tolist() == ["a", "b"]
    np.testing.assert_array_equal(data.factors(range(12))[:, 0], [0] * 8 + [1] * 4)
    meets_the_contract(data)
    Image.new("RGB", (10, 20)).save(folder / "outside.png")
    assert f"must be in a folder of {folder}. Received: {folder / 'outside.png'}" in message(
        load, folder, labels=True
    )


def test_folder_crops_the_centre(faces):
    folder, pixels = faces
    data = load(folder, crop=(8, 4))
    np.testing.assert_array_equal(data.images(range(12)), pixels[:, 6:14, 3:7])


def test_folder_resizes_as_pillow_does(tmp_path):
    """The centre of the same proportions, by the antialiased triangle filter that Pillow calls bilinear."""
    y, x = np.mgrid[0:60, 0:40]
    smooth = np.uint8(np.stack([4 * y, 6 * x, 2 * x + 2 * y], axis=-1))
    Image.fromarray(smooth).save(tmp_path / "smooth.png")
    for size, box in ((16, (0, 10, 40, 50)), ((15, 10), (0, 0, 40, 60)), (80, (0, 10, 40, 50))):
        height, width = (size, size) if isinstance(size, int) else size
        with Image.open(tmp_path / "smooth.png") as picture:
            expected = picture.crop(box).resize((width, height), Image.Resampling.BILINEAR)
        found = load(tmp_path, size=size).images([0])[0]
        assert found.shape == (height, width, 3)
        assert abs(found.astype(int) - np.asarray(expected)).max() <= 1


def test_folder_in_grey(faces, tmp_path):
    folder, pixels = faces
    luma = pixels @ [0.299, 0.587, 0.114]
    grey = load(folder, grey=True)
    assert grey.image_shape == (20, 10, 1)
    assert abs(grey.images(range(12))[..., 0] - luma).max() < 2
    Image.fromarray(pixels[0, ..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "faces").rename(tmp_path / ".hidden")
    assert load(tmp_path).image_shape == (20, 10, 1)
    assert load(tmp_path, grey=False).image_shape == (20, 10, 3)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [("png", "RGBA"), ("png", "P"), ("png", "LA"), ("bmp", "RGB"), ("gif", "P"), ("JPG", "RGB")],
)
def test_folder_of_every_format(tmp_path, suffix, mode):
    picture = Image.new("RGB", (6, 6), (40, 80, 120)).convert(mode)
    picture.save(tmp_path / f"one.{suffix}")
    pixels = load(tmp_path, grey=False).images([0])[0].astype(int)
    with Image.open(tmp_path / f"one.{suffix}") as picture:
        expected = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (6, 6, 3)
    assert abs(pixels - expected).max() <= 3


@pytest.mark.parametrize("damage", ["empty", "text", "head", "torn"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_broken_picture_is_named(faces, damage, suffix, capfd):
    folder, _ = faces
    broken = folder / "b" / f"broken.{suffix}"
    Image.fromarray(random_bytes(20, 10, 3)).save(broken)
    content = broken.read_bytes()
    broken.write_bytes(
        {"empty": b"", "text": b"no picture", "head": content[:60], "torn": content[:-150]}[damage]
    )
    text = message(load, folder)
    assert f"Cannot decode {broken}: " in text
    assert "Remove or replace it." in text
    assert "{{" not in text


def test_wrong_folders(faces, tmp_path, monkeypatch):
    folder, _ = faces
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"No pictures in {empty}" in message(load, empty)
    for absent in (f"{tmp_path}/absent/", f"{tmp_path}/absent"):
        assert "No folder" in message(load, absent)
    assert "`size` must be an integer >= 1" in message(load, folder, size=0)
    assert "`size` must be one number, or height and width" in message(load, folder, size=(1, 2, 3))
    text = message(load, folder, crop=12)
    assert "`crop` must fit into the picture of 20×10 pixels. Received: 12×12" in text
    other = folder / "b" / "other.png"
    Image.new("RGB", (10, 21)).save(other)
    text = message(load, folder)
    assert f"20×10×3 in {folder / 'a' / '00.png'}, 21×10×3 in {other}" in text
    assert len(load(folder, size=8)) == 13
    monkeypatch.setattr(_folder, "LARGEST", 1000)
    assert "Pass a smaller `size`" in message(load, folder, size=8)


# One way in.


def test_text_with_arguments(faces, tmp_path):
    folder, _ = faces
    data = load(f"read({str(folder)!r}, size=8, grey=True)")
    assert data.image_shape == (8, 8, 1)
    assert load(f"read({str(folder)!r}, size=8)", grey=True).image_shape == (8, 8, 1)
    assert "read: missing a required argument: 'spec'" in message(load, "read()")
    assert "Its arguments: path, size, crop, grey, labels" in message(
        load, f"read({str(folder)!r}, s=8)"
    )


def test_a_folder_with_the_name_of_a_dataset_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load("digits")) == 1797
    assert "No pictures in digits" in message(load, "digits/")
