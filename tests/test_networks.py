"""Shapes of the networks, and those of the papers layer by layer."""

import math
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo import networks


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_encoder_is_the_papers():
    encoder = networks.convolutional_encoder((64, 64, 1), outputs=20)
    convolutions = layers_of(encoder, keras.layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64]
    assert all(layer.kernel_size == (4, 4) and layer.strides == (2, 2) for layer in convolutions)
    assert [layer.units for layer in layers_of(encoder, keras.layers.Dense)] == [128, 20]
    sizes = [(16 + 0) * 32, 16 * 32 * 32, 16 * 32 * 64, 16 * 64 * 64]
    weights = sum(sizes) + 32 + 32 + 64 + 64 + 1024 * 128 + 128 + 128 * 20 + 20
    assert encoder.count_params() == weights


def test_decoder_is_the_papers():
    decoder = networks.convolutional_decoder(10, (64, 64, 3))
    deconvolutions = layers_of(decoder, keras.layers.Conv2DTranspose)
    assert [layer.filters for layer in deconvolutions] == [64, 32, 32, 3]
    assert all(layer.kernel_size == (4, 4) and layer.strides == (2, 2) for layer in deconvolutions)
    assert [layer.units for layer in layers_of(decoder, keras.layers.Dense)] == [256, 1024]


def test_discriminator_is_the_papers():
    model = networks.discriminator(10)
    dense = layers_of(model, keras.layers.Dense)
    assert [layer.units for layer in dense] == [1000] * 6 + [2]
    leaky = layers_of(model, keras.layers.LeakyReLU)
    assert len(leaky) == 6
    assert all(layer.negative_slope == pytest.approx(0.2) for layer in leaky)
    assert len(layers_of(networks.discriminator(10, hidden_layers=5), keras.layers.Dense)) == 6


SHAPES = [
    (64, 64, 1),
    (64, 64, 3),
    (28, 28, 1),
    (8, 8, 1),
    (65, 47, 3),
    (33, 128, 1),
    (1, 1, 1),
    (3, 5, 2),
    (7, 7, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", ["convolutional", "dense"])
def test_every_size_comes_back(shape, family):
    encoder = getattr(networks, f"{family}_encoder")(shape, outputs=6)
    decoder = getattr(networks, f"{family}_decoder")(3, shape, outputs_per_value=2)
    assert encoder(np.zeros((2, *shape), "float32")).shape == (2, 6)
    assert decoder(np.zeros((2, 3), "float32")).shape == (2, *shape[:2], 2 * shape[2])


def test_maps_stay_at_least_four_wide():
    for size in range(4, 140):
        strides = len(networks._parts.filters_of((size, size, 1)))
        assert size / 2**strides >= 4
        assert size / 2 ** (strides + 1) < 4


def test_every_output_pixel_is_reached_by_the_latents():
    for shape in [(9, 13, 1), (30, 17, 1)]:
        decoder = networks.convolutional_decoder(4, shape, seed=0)
        images = decoder(np.random.default_rng(0).normal(size=(50, 4))).numpy()
        assert (images.std(axis=0) > 0).all()


def test_seed_decides_the_weights():
    def weights(seed):
        return networks.convolutional_encoder((8, 8, 1), 4, seed=seed).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not np.array_equal(weights(1)[0], weights(2)[0])
    # Layers of the same shape differ among themselves.
    hidden = networks.discriminator(3, hidden_layers=3, units=8, seed=0).get_weights()
    assert not np.array_equal(hidden[2], hidden[4])


def test_mixed_precision_ends_in_float32():
    decoder = networks.convolutional_decoder(3, (9, 9, 1), dtype="mixed_bfloat16")
    assert decoder(np.zeros((1, 3), "float32")).dtype == "float32"
    encoder = networks.convolutional_encoder((9, 9, 1), 6, dtype="mixed_bfloat16")
    assert encoder(np.zeros((1, 9, 9, 1), "float32")).dtype == "float32"
    assert encoder.get_layer("dense").compute_dtype == "bfloat16"
    assert math.prod(encoder.output_shape[1:]) == 6


@pytest.mark.parametrize(
    ("before", "named"),
    [
        ("import os; os.environ['KERAS_BACKEND'] = 'jax'", 'Received: KERAS_BACKEND="jax"'),
        (
            "import keras; keras.config.set_image_data_format('channels_first')",
            "Received: tensorflow, channels_first",
        ),
    ],
)
def test_another_backend_or_layout_is_named_at_import(before, named):
    script = [sys.executable, "-c", f"{before}\nimport zoo; zoo.models"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert named in done.stderr.splitlines()[-1]
