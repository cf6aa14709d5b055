import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.networks.layers import FEW_FILTERS, Conv2DTranspose, never_empty

CASES = [
    {"filters": 1, "activation": "softplus"},  # smooth: at a kink rounding decides the gradient
    {"filters": 3, "use_bias": False},
    {"filters": FEW_FILTERS},
    {"filters": FEW_FILTERS + 1},
    {"filters": 2, "kernel_size": 3},
    {"filters": 2, "strides": 1},
    {"filters": 2, "padding": "valid"},
    {"filters": 2, "output_padding": 1},
]
TOLERANCE = {"float32": 2e-6, "mixed_bfloat16": 1e-2}


def pair(dtype="float32", **settings):
    """The layer and the stock one, with the same weights."""
    settings = {"kernel_size": 4, "strides": 2, "padding": "same", **settings, "dtype": dtype}
    layers = Conv2DTranspose(**settings), keras.layers.Conv2DTranspose(**settings)
    random = np.random.default_rng(0)
    for layer in layers:
        layer.build((None, None, None, 6))
    weights = [random.normal(size=w.shape) for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def images(shape=(3, 5, 7, 6)):
    return tf.constant(np.random.default_rng(1).normal(size=shape), tf.float32)


def value_and_gradients(layer, inputs):
    """Output, and gradients of a fixed weighting of it for the input and each weight."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.cast(layer(inputs), tf.float32)
        weighting = np.cos(np.arange(np.prod(outputs.shape))).reshape(outputs.shape)
        loss = tf.reduce_sum(outputs * tf.constant(weighting, tf.float32))
    return [outputs, *tape.gradient(loss, [inputs, *[w.value for w in layer.weights]])]


def assert_near(values, expected, tolerance):
    for value, right in zip(values, expected, strict=True):
        assert value.dtype == right.dtype
        scale = np.abs(right).max()
        np.testing.assert_allclose(value, right, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("settings", CASES, ids=str)
def test_equals_the_stock_layer(settings, dtype):
    layer, stock = pair(dtype, **settings)
    found, expected = (value_and_gradients(each, images()) for each in (layer, stock))
    assert_near(found, expected, TOLERANCE[dtype])


def test_one_pixel():
    layer, stock = pair(filters=1)
    inputs = images((1, 1, 1, 6))
    assert_near(value_and_gradients(layer, inputs), value_and_gradients(stock, inputs), 2e-6)


def test_second_derivative():
    def hessian_product(layer, inputs):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                loss = tf.reduce_sum(tf.square(layer(inputs)))
            slope = inner.gradient(loss, inputs)
        return outer.gradient(slope, [inputs, layer.kernel.value], tf.cos(inputs))

    layer, stock = pair(filters=2)
    assert_near(hessian_product(layer, images()), hessian_product(stock, images()), 1e-5)


def model(filters=2):
    inputs = keras.Input((None, None, 6))
    return keras.Model(inputs, Conv2DTranspose(filters, 4, 2, padding="same")(inputs))


def test_shapes_may_be_unknown():
    assert model().output_shape == (None, None, None, 2)
    assert model().predict(images().numpy(), verbose=0).shape == (3, 10, 14, 2)


@pytest.mark.parametrize("how", ["eager", "graph", "open sizes", "predict"])
@pytest.mark.parametrize("filters", [1, 3, FEW_FILTERS, FEW_FILTERS + 1])
def test_an_empty_batch_gives_what_the_stock_layer_gives(filters, how):
    layer, stock = pair(filters=filters)
    sizes = (None, None) if how == "open sizes" else (3, 5)
    found = []
    for each in (layer, stock):
        if how == "predict":
            inputs = keras.Input((3, 5, 6))
            call = keras.Model(inputs, each(inputs)).predict_on_batch
        elif how == "eager":
            call = each
        else:
            call = tf.function(each, input_signature=[tf.TensorSpec((None, *sizes, 6))])
        found.append(tuple(call(np.zeros((0, 3, 5, 6), "f")).shape))
    assert found == [(0, 6, 10, filters)] * 2


def test_training_on_an_empty_batch_moves_nothing():
    layer, _ = pair(filters=2)
    _, _, *gradients = value_and_gradients(layer, images((0, 3, 5, 6)))
    assert [gradient.shape for gradient in gradients] == [w.shape for w in layer.weights]
    assert not any(np.any(gradient) for gradient in gradients)


def test_a_batch_that_is_never_empty_needs_no_reshape():
    layer, _ = pair(filters=1)

    def operations():
        traced = tf.function(lambda x: layer(x)).get_concrete_function(
            tf.TensorSpec((None, 5, 7, 6))
        )
        return {operation.type for operation in traced.graph.get_operations()}

    assert "Shape" in operations()
    with never_empty():
        assert "Shape" not in operations()


def test_a_known_size_stays_known():
    layer, _ = pair(filters=1)
    traced = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 5, 7, 6)))
    assert traced.output_shapes == (None, 10, 14, 1)


def test_keras_file(tmp_path):
    saved = model()
    saved.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is Conv2DTranspose
    np.testing.assert_array_equal(loaded(images()), saved(images()))


def test_saved_model(tmp_path):
    saved = model()
    module = tf.Module()
    module.weights = [w.value for w in saved.weights]
    spec = tf.TensorSpec((None, None, None, 6), tf.float32)
    module.decode = tf.function(saved, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded.decode(images()), saved(images()))


def test_trains_under_a_strategy():
    losses = []
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0"])):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            trained = model()
            trained.compile("sgd", "mse")
        inputs = images().numpy()
        history = trained.fit(inputs, np.zeros((3, 10, 14, 2)), epochs=2, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
