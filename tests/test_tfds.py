"""TensorFlow Datasets, both ways and without a network: its sets read here, the zoo's sets read there.

Remote sets are replaced by tiny ones that the library's own builders describe and write: features, files and the
reading of them are real, the content alone is made up.
"""

import contextlib
import copy
import io
import pickle
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import zoo
from zoo.datasets import _network, _tfds
from zoo.datasets._pictures import Fit
from zoo.tfds import NAMES
from zoo.utils import registry

load = zoo.datasets.load

COUNT = {"train": 40, "test": 12}


def made_up(feature, random):
    """A value of a feature."""
    if isinstance(feature, tfds.features.FeaturesDict):
        return {name: made_up(inner, random) for name, inner in feature.items()}
    if isinstance(feature, tfds.features.Image):
        height, width, channels = (size or random.integers(20, 40) for size in feature.shape)
        coarse = random.integers(256, size=(height // 4 + 1, width // 4 + 1, channels))
        return coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width].astype("uint8")
    if isinstance(feature, tfds.features.ClassLabel):
        return int(random.integers(feature.num_classes))
    if isinstance(feature, tfds.features.Text):
        return "text"
    return feature.np_dtype(random.integers(2))


def write_tiny(name, folder, *, splits=("train", "test"), white=255):
    """Prepares a set of random content in the name of a builder of TensorFlow Datasets."""
    config = name.partition("/")[2] or None

    class Tiny(tfds.builder_cls(name.partition("/")[0]), skip_registration=True):
        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            random = np.random.default_rng(len(split))
            for key in range(COUNT[split]):
                example = made_up(self.info.features, random)
                example["image"] = (
                    np.uint8(example["image"] > 127) if white == 1 else example["image"]
                )
                yield key, example

    Tiny.name = name.partition("/")[0]
    Tiny(data_dir=folder, config=config).download_and_prepare()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    write_tiny("dsprites", folder, splits=["train"], white=1)
    write_tiny("shapes3d", folder, splits=["train"])
    for name in ("smallnorb", "celeb_a", "mnist", "fashion_mnist", "emnist/letters"):
        write_tiny(name, folder)
    write_tiny("binarized_mnist", folder, white=1)
    write_tiny("tf_flowers", folder, splits=["train"])
    return folder


def as_tfds_reads(name, split, folder):
    return list(tfds.as_numpy(tfds.load(name, split=split, data_dir=folder)))


# Sets of TensorFlow Datasets.

FACTORS = {
    "dsprites": {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32},
    "shapes3d": {
        "floor_hue": 10, "wall_hue": 10, "object_hue": 10, "scale": 8, "shape": 4, "orientation": 15,
    },
    "smallnorb": {"category": 5, "instance": 10, "elevation": 9, "azimuth": 18, "lighting": 6},
    "mnist": {"label": 10},
    "fashion_mnist": {"label": 10},
    "emnist/letters": {"label": 37},
    "binarized_mnist": {},
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORS)
def test_set_is_what_tfds_reads(name, prepared):
    data = load(f"tfds:{name}", data_dir=prepared)
    examples = as_tfds_reads(name, "train", prepared)
    assert len(data) == len(examples) == COUNT["train"]
    white = 255 if name in ("dsprites", "binarized_mnist") else 1
    expected = np.stack([example["image"] for example in examples])
    everything = np.arange(len(data))
    np.testing.assert_array_equal(data.images(everything), white * expected)
    assert data.image_dtype == "uint8"
    assert dict(zip(data.factor_names, data.factor_sizes, strict=True)) == FACTORS[name]
    for column, factor in enumerate(data.factor_names):
        keys = (f"label_{factor}", f"label_{factor}_position", factor)
        [key] = [key for key in keys if key in examples[0]]
        levels = [example[key] for example in examples]
        np.testing.assert_array_equal(data.factors(everything)[:, column], levels)


def test_names_of_factors_are_those_of_the_rendered_sets():
    rendered = load("shapes2d")
    assert tuple(FACTORS["dsprites"]) == rendered.factor_names
    assert tuple(FACTORS["dsprites"].values()) == rendered.factor_sizes


def test_values_of_factors(prepared):
    data = load("tfds:dsprites", data_dir=prepared)
    examples = as_tfds_reads("dsprites", "train", prepared)
    for name in ("orientation", "x"):
        column = data.factor_names.index(name)
        key = {"orientation": "orientation", "x": "x_position"}[name]
        seen = {example[f"label_{key}"]: example[f"value_{key}"] for example in examples}
        values = data.factor_values[column]
        assert len(values) == data.factor_sizes[column]
        for level, value in enumerate(values):
            np.testing.assert_equal(value, np.float64(seen.get(level, np.nan)))
    norb = load("tfds:smallnorb", data_dir=prepared)
    words = ["four-legged animals", "human figures", "airplanes", "trucks", "cars"]
    assert norb.factor_values[0].tolist() == words
    assert norb.factor_values[1].tolist() == list(range(10))


def test_celeb_a_is_cropped_and_resized_to_64(prepared):
    data = load("tfds:celeb_a", data_dir=prepared)
    assert data.image_shape == (64, 64, 3)
    assert len(data.factor_names) == 40
    assert set(data.factor_sizes) == {2}
    examples = as_tfds_reads("celeb_a", "train", prepared)
    smiling = [example["attributes"]["Smiling"] for example in examples]
    column = data.factor_names.index("Smiling")
    np.testing.assert_array_equal(data.factors(range(40))[:, column], smiling)
    for found, example in zip(data.images(range(40)), examples, strict=True):
        centre = Image.fromarray(example["image"][20:198])  # 178×178 of 218×178
        expected = np.asarray(centre.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
        assert abs(found - expected).max() <= 2
    faces = load("tfds:celeb_a", data_dir=prepared, crop=148, size=32, grey=True)
    assert faces.image_shape == (32, 32, 1)


def test_batches_resume_and_accesses_are_random(prepared):
    data = load("tfds:celeb_a", data_dir=prepared, size=8)
    everything = data.images(range(40))
    order = np.random.default_rng(0).integers(40, size=500)
    np.testing.assert_array_equal(data.images(order), everything[order])
    straight = [batch.numpy() for batch in data.batches(16, seed=4).take(6)]
    resumed = [batch.numpy() for batch in data.batches(16, seed=4, start_step=3).take(3)]
    np.testing.assert_array_equal(straight[3:], resumed)
    assert data.batches(16).element_spec == tf.TensorSpec((16, 8, 8, 3), tf.uint8)
    factors = data.factors(order)
    np.testing.assert_array_equal(data.factors(data.index(factors)), factors)


def test_splits_of_a_set(prepared):
    named = load("tfds:mnist[test]", data_dir=prepared)
    given = load("tfds:mnist", split="test", data_dir=prepared)
    assert len(named) == len(given) == COUNT["test"]
    np.testing.assert_array_equal(named.images(range(12)), given.images(range(12)))
    assert named.name == "tfds:mnist[test]"
    whole = load("tfds:mnist", data_dir=prepared).images(range(40))
    part = load("tfds:mnist[train[25%:75%]]", data_dir=prepared)
    np.testing.assert_array_equal(part.images(range(20)), whole[10:30])
    both = load("tfds:mnist[train+test]", data_dir=prepared)
    assert len(both) == 52
    text = f"read('tfds:mnist[test]', data_dir={str(prepared)!r}, size=14)"
    assert load(text).image_shape == (14, 14, 1)


def test_pictures_of_many_sizes_need_one(prepared):
    with pytest.raises(ValueError, match='"tfds:tf_flowers" differ in size: pass `size`'):
        load("tfds:tf_flowers", data_dir=prepared)
    data = load("tfds:tf_flowers", data_dir=prepared, size=16)
    assert data.images(range(40)).shape == (40, 16, 16, 3)
    assert data.factor_values[0].tolist()[0] == "dandelion"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("tfds:dsprite", {}, 'TensorFlow Datasets has no "dsprite". Did you mean "dsprites"?'),
        ("tfds:emnist/latin", {}, "BuilderConfig latin not found"),
        ("tfds:mnist[valid]", {}, "has no split 'valid'"),
        ("tfds:mnist[train[:0]]", {}, "The split 'train[:0]' of \"tfds:mnist[train[:0]]\" is empty."),
        ("tfds:mnist[train", {}, "Expected \"NAME\", \"NAME/CONFIG\" or \"NAME[SPLIT]\""),
        ("tfds:mnist[train]", {"split": "test"}, "and the split once"),
        ("tfds:mnist", {"size": 0}, "`size` must be an integer >= 1"),
        ("tfds:mnist", {"crop": 29}, "`crop` must fit into the picture of 28×28 pixels"),
        ("tfds:mnist", {"colour": 1}, "Its arguments: name, split, size, crop, grey, data_dir"),
    ],
)  # fmt: skip
def test_wrong_sets(name, arguments, message, prepared):
    with pytest.raises(ValueError, match=r"\S") as error:
        load(name, data_dir=prepared, **arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_set_without_images(tmp_path):
    class Words(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        name = "words"

        def _info(self):
            features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": iter([(0, {"text": "word"})])}

        def _generate_examples(self):
            raise NotImplementedError

    Words(data_dir=tmp_path).download_and_prepare()
    with pytest.raises(ValueError, match=r'"tfds:words" must have a feature "image" .* text'):
        load("tfds:words", data_dir=tmp_path)


def test_set_too_large_for_the_memory(prepared, monkeypatch):
    monkeypatch.setattr(_tfds, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r'at most 0 GiB are held. .* split="train\[:10%\]"'):
        load("tfds:mnist", data_dir=prepared)


class Stored(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pictures as their files are, of a shape that the test sets."""

    VERSION = tfds.core.Version("1.0.0")
    name = "stored"
    shape, encoding, pictures = (None, None, 3), "png", ()

    def _info(self):
        image = tfds.features.Image(shape=self.shape, encoding_format=self.encoding)
        features = tfds.features.FeaturesDict({"image": image})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {"train": enumerate({"image": picture} for picture in self.pictures)}

    def _generate_examples(self):
        raise NotImplementedError


@pytest.mark.parametrize("grey", [False, True])
def test_transparent_pictures_of_a_set_lie_on_black_and_that_is_said(grey, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(256, size=(3, 6, 5, 4), dtype="uint8")
    monkeypatch.setattr(Stored, "shape", (6, 5, 4))
    monkeypatch.setattr(Stored, "pictures", pixels)
    Stored(data_dir=tmp_path).download_and_prepare()
    with pytest.warns(UserWarning, match=r"what is transparent in its pictures is black") as said:
        data = load("tfds:stored", data_dir=tmp_path, grey=grey)
    assert sum(each.category is UserWarning for each in said) == 1
    expected = np.round(pixels[..., :3] * (pixels[..., 3:] / 255))
    if grey:
        expected = np.stack(
            [np.asarray(Image.fromarray(image.astype("uint8")).convert("L")) for image in expected]
        )[..., None]
    assert data.image_shape == expected.shape[1:]
    np.testing.assert_array_equal(data.images(range(3)), expected)


@pytest.mark.parametrize("mode", ["CMYK", "RGB", "L"])
def test_jpegs_of_all_colours_become_grey(mode, tmp_path, monkeypatch):
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), (40, 90, 200)).convert(mode).save(picture, "JPEG", quality=100)
    monkeypatch.setattr(Stored, "encoding", "jpeg")
    picture.seek(0)
    monkeypatch.setattr(Stored, "pictures", [picture])
    Stored(data_dir=tmp_path).download_and_prepare()
    data = load("tfds:stored", data_dir=tmp_path, grey=True, size=16)
    assert data.image_shape == (16, 16, 1)
    luma = np.dot((40, 90, 200), (0.299, 0.587, 0.114))
    assert abs(data.images([0]).astype(int) - luma).max() <= 2


def test_a_set_whose_picture_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Stored, "pictures", [io.BytesIO(b"no picture")])
    Stored(data_dir=tmp_path).download_and_prepare()
    with pytest.raises(
        ValueError, match=r'Cannot decode a picture of "tfds:stored": .* Prepare it'
    ):
        load("tfds:stored", data_dir=tmp_path, size=16)


def test_torn_records(tmp_path):
    write_tiny("mnist", tmp_path)
    [file] = tmp_path.rglob("*train.tfrecord*")
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ValueError, match=f"Cannot read {file} of .* Prepare it again"):
        load("tfds:mnist", data_dir=tmp_path)


# Without a network.


@contextlib.contextmanager
def server(code):
    """The URL of a server that answers each request with a code."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/file"
        running.shutdown()
        thread.join()


def seconds(call, *arguments):
    began = time.monotonic()
    value = call(*arguments)
    return value, time.monotonic() - began


@pytest.mark.parametrize(
    ("code", "answered"), [(200, True), (404, True), (503, True), (407, False)]
)
def test_a_server_that_answers(code, answered):
    with server(code) as url:
        assert _network.some_server_answers([url]) is answered
        closed = "http://127.0.0.1:9/"
        assert _network.some_server_answers([closed, url]) is answered


def test_servers_that_do_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answered, took = seconds(_network.some_server_answers, [url], 0.5)
    assert not answered
    assert took < 3
    assert not _network.some_server_answers(["http://127.0.0.1:9/", "no url"])
    assert not _network.some_server_answers([])


def test_no_network_is_told_in_ten_seconds(tmp_path, monkeypatch):
    """Even where the name server does not answer either."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) and [])

    def attempt():
        with pytest.raises(ValueError, match="no network") as error:
            load("tfds:mnist", data_dir=tmp_path)
        return str(error.value)

    message, took = seconds(attempt)
    over.set()
    assert took < 10
    assert f'"tfds:mnist" is not in {tmp_path}' in message
    assert "tfds.load('mnist')" in message
    assert "pass it as data_dir or TFDS_DATA_DIR" in message
    assert not list(tmp_path.iterdir())


def test_a_failing_download_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(_tfds, "some_server_answers", lambda urls: True)
    builder = tfds.builder_cls("mnist")

    def fail(self, **_):
        raise ConnectionError("the server\nwent away")

    monkeypatch.setattr(builder, "download_and_prepare", fail)
    with pytest.raises(ValueError, match='cannot prepare "mnist": the server went away'):
        load("tfds:mnist", data_dir=tmp_path)


# The zoo's sets as builders.

BUILDERS = {NAMES.get(name, name): name for name in registry.names("datasets")}


def prepare(name, folder, count):
    settings = {"download_config": tfds.download.DownloadConfig(max_examples_per_split=count)}
    return tfds.load(name, split="train", data_dir=folder, download_and_prepare_kwargs=settings)


def test_every_dataset_is_a_builder():
    listed = tfds.list_builders(with_community_datasets=False)
    # Twice where TensorFlow Datasets has that name: then give it another one in `zoo.tfds.NAMES`.
    assert {name: listed.count(name) for name in BUILDERS} == dict.fromkeys(BUILDERS, 1)
    assert "shapes3d_raycast" in listed
    assert tfds.builder_cls("shapes3d").__module__.startswith("tensorflow_datasets")


@pytest.mark.parametrize("name", BUILDERS)
def test_builder_writes_the_images(name, tmp_path):
    data = load(BUILDERS[name])
    examples = list(tfds.as_numpy(prepare(name, tmp_path, 9)))
    assert len(examples) == 9
    images, factors = data.images(range(9)), data.factors(range(9))
    white = 1 if images.dtype == np.uint8 else 255
    for index, example in enumerate(examples):
        assert example["image"].dtype == np.uint8
        np.testing.assert_array_equal(example["image"], np.round(white * images[index]))
        for factor, level, values in zip(
            data.factor_names, factors[index], data.factor_values, strict=True
        ):
            assert example[f"label_{factor}"] == level
            if values.dtype.kind != "U":
                assert example[f"value_{factor}"] == np.float32(values[level])
    again = load(f"tfds:{name}", data_dir=tmp_path)
    assert (again.factor_names, again.factor_sizes) == (data.factor_names, data.factor_sizes)
    np.testing.assert_array_equal(again.images(range(9)), np.round(white * images))
    np.testing.assert_array_equal(again.factors(range(9)), factors)


def test_builder_of_a_dataset_with_arguments(tmp_path):
    examples = tfds.as_numpy(prepare("xysquares/spacing=1", tmp_path, 70))
    images = np.stack([example["image"] for example in examples])
    np.testing.assert_array_equal(images, 255 * load("xysquares(spacing=1)").images(range(70)))
    assert (tmp_path / "xysquares" / "spacing-1" / "1.0.0").is_dir()
    assert len(tfds.load("xysquares/spacing-1", data_dir=tmp_path, split="train")) == 70
    with pytest.raises(ValueError, match="`spacing` must be an integer from 1 to 8"):
        tfds.load("xysquares/spacing=9", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("xycolumns", {}), ("xysquares/spacing=1", {}), ("shapes3d_raycast", {}), ("digits", {"version": "1.0.0"})],
)  # fmt: skip
def test_builders_are_pickled(name, arguments, tmp_path):
    builder = tfds.builder(name, data_dir=tmp_path, **arguments)
    for again in (pickle.loads(pickle.dumps(builder)), copy.deepcopy(builder)):
        assert type(again) is type(builder)
        assert again.data_dir == builder.data_dir
        assert again.info.full_name == builder.info.full_name
        assert again.data.facts == builder.data.facts


def test_a_pickled_builder_is_read_by_a_new_process(tmp_path):
    (tmp_path / "builder").write_bytes(
        pickle.dumps(tfds.builder("xysquares/spacing=1", data_dir=tmp_path))
    )
    code = (
        "import pickle, sys; "
        f"builder = pickle.load(open({str(tmp_path / 'builder')!r}, 'rb')); "
        "print(builder.info.full_name, builder.data.spacing)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "xysquares/spacing-1/1.0.0 1\n", done.stderr


@pytest.mark.parametrize("name", ["digits", "xycolumns", "xysquares/spacing=1"])
def test_builders_shuffle_their_files_if_they_are_asked_to(name, tmp_path):
    ordered = list(tfds.as_numpy(prepare(name, tmp_path, 9)))
    shuffled = tfds.load(name, split="train", data_dir=tmp_path, shuffle_files=True)
    parts = tfds.builder(name, data_dir=tmp_path).as_dataset(
        split=["train[:4]", "train[4:]"],
        shuffle_files=True,
        read_config=tfds.ReadConfig(shuffle_seed=1),
    )
    for found in (shuffled, parts[0].concatenate(parts[1])):
        images = {example["image"].tobytes() for example in tfds.as_numpy(found)}
        assert images == {example["image"].tobytes() for example in ordered}
    again = tfds.load(name, split="train", data_dir=tmp_path)
    for example, other in zip(tfds.as_numpy(again), ordered, strict=True):
        np.testing.assert_array_equal(example["image"], other["image"])


def test_the_room_has_no_other_attributes():
    assert zoo.tfds.xycolumns is tfds.builder_cls("xycolumns")
    for name in ("shapes3d", "absent", "base"):
        with pytest.raises(AttributeError, match=name):
            getattr(zoo.tfds, name)


def test_whole_builder(tmp_path):
    ours, theirs = load("digits"), load("tfds:digits", data_dir=tmp_path)
    everything = np.arange(len(ours))
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(theirs.factors(everything), ours.factors(everything))
    np.testing.assert_allclose(
        theirs.images(everything) / 255, ours.images(everything), atol=0.5 / 255 + 1e-6
    )


@pytest.mark.parametrize(
    "order", ["zoo.tfds, tensorflow_datasets as tfds", "tensorflow_datasets as tfds, zoo.tfds"]
)
def test_importing_the_builders_is_enough(order):
    code = f"import {order}; print(tfds.builder_cls('xysquares').dataset)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "xysquares\n", done.stderr


def test_importing_the_zoo_does_not_import_tfds():
    code = "import sys, zoo; print(sorted({'tensorflow', 'tensorflow_datasets', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(("late", "white"), [(1, 255), (2, 1), (200, 1)])
def test_all_pictures_decide_whether_bytes_are_binary(late, white):
    """Not the first thousand, which are black."""
    images = np.zeros((1100, 2, 2, 1), "uint8")
    images[-1] = late
    pictures = tf.stack([tf.io.encode_png(image) for image in images])
    data = _tfds.Records("late", pictures, (2, 2, 1), Fit(channels=1))
    np.testing.assert_array_equal(data.images([0, 1099]), images[[0, 1099]] * white)
