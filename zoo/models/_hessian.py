"""How much the latents of a decoder interact: the normalized Hessian penalty, by differences of its hidden layers."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.utils import replicas

STEP = 0.1  # in standard deviations of the latents
# Four points for each image and kind of direction: to and fro along the first, to and fro along the second.
SIDES = np.array([1, -1, 1, -1], np.float32)
HALVED = ("float16", "bfloat16")
LEAST = 1e-10  # of what is divided by


def layer_names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of layers as they were given, one or several, or None.

    Raises:
        ValueError: they are no texts.

    Example:
        >>> layer_names("dense_0"), layer_names(["dense_0", "dense_1"])
        (('dense_0',), ('dense_0', 'dense_1'))
    """
    if names is None:
        return None
    given = [names] if isinstance(names, str) else names
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ValueError(
            "`penalized_layers` must be names of the decoder's layers, such as ['dense_0'], or None. "
            f"Received: penalized_layers={names!r}"
        )
    return tuple(given)


def hidden_layers(decoder: keras.Model, names: Sequence[str] | None = None) -> keras.Model:
    """A network from latents to the outputs of a decoder's layers.

    Args:
        decoder: a functional `keras.Model`.
        names: of layers; default: all that have weights, but the last, which makes the outputs; that one alone where
            there is no other.

    Raises:
        ValueError: the decoder is no functional model, has no such layers, or computes in 16 bits.
    """
    expected = "Expected a functional `decoder`, made of layers whose outputs can be told apart."
    if not hasattr(decoder, "inputs") or not decoder.inputs:
        raise ValueError(f"{expected} Received: {type(decoder).__name__}.")
    layers = {layer.name: layer for layer in decoder.layers}
    if names is None:
        weighted = [layer for layer in decoder.layers if layer.weights]
        chosen = weighted[:-1] or weighted
    else:
        unknown = [name for name in names if name not in layers]
        if unknown or not names:
            raise ValueError(
                f"`penalized_layers` must name layers of the decoder: {', '.join(layers)}. "
                f"Received: {list(names)!r}"
            )
        chosen = [layers[name] for name in names]
    try:
        outputs = [layer.output for layer in chosen]
    except AttributeError as error:
        raise ValueError(f"{expected} {error}") from None
    if not outputs:
        raise ValueError(f"{expected} Received one without weights.")
    halved = [layer.name for layer in decoder.layers if layer.compute_dtype in HALVED]
    if halved:
        raise ValueError(
            "Expected a `decoder` that computes in float32, since second differences in 16 bits are rounding: make it "
            f"with dtype='float32', and the model with any. Received: {halved[0]!r} computes in "
            f"{decoder.get_layer(halved[0]).compute_dtype}."
        )
    return keras.Model(decoder.inputs, outputs)


def normalized_penalty(
    layers: keras.Model, latents: tf.Tensor, deviations: tf.Tensor, seed
) -> tf.Tensor:
    """The normalized Hessian penalty of each image, summed over layers, `(batch,)`.

        d(v)  = (f(z + e v s) + f(z - e v s) - 2 f(z)) / e^2,    e = 0.1, s: deviations
        NHP   = sum over layers of mean Var[d(v), v Rademacher] / mean Var[d(v), v Gaussian]

    with variances over two directions v and means over the outputs of a layer. A direction of signs sees the Hessian's
    off-diagonal alone, a Gaussian one all of it: the ratio is 0 for a sum of functions of single latents, and no scale
    of layers changes it.

    Args:
        layers: from latents to the outputs of several layers; see `hidden_layers`.
        latents: z, `(batch, latent_dim)`.
        deviations: `(latent_dim,)`.
        seed: two integers.

    Reference: Peebles et al., The Hessian Penalty, 2020; Hsu et al., Tripod, 2024, and the authors' code.
    """
    steps = deviations * tf.stack(
        [_signs(tf.shape(latents), seed), _gaussian(tf.shape(latents), seed)]
    )
    steps *= STEP * SIDES[:, None]  # (kinds, batch, points, latent_dim)
    outputs = layers(tf.reshape(latents[:, None] + steps, (-1, latents.shape[1])), training=False)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    return tf.add_n([_ratio(layer, tf.shape(latents)[0]) for layer in outputs])


def _signs(shape, seed) -> tf.Tensor:
    """Two Rademacher directions for each image, each twice, `(batch, points, latent_dim)`."""
    key = tf.random.fold_in(seed, 0)
    signs = replicas.drawn_rows(
        lambda n, seed: tf.random.stateless_uniform(_two(n, shape), seed, 0, 2, tf.int32),
        shape[0],
        key,
    )
    return tf.repeat(2.0 * tf.cast(signs, tf.float32) - 1.0, 2, axis=1)


def _gaussian(shape, seed) -> tf.Tensor:
    """Two Gaussian directions for each image, each twice, `(batch, points, latent_dim)`."""
    normal = replicas.drawn_rows(
        lambda n, seed: tf.random.stateless_normal(_two(n, shape), seed),
        shape[0],
        tf.random.fold_in(seed, 1),
    )
    return tf.repeat(normal, 2, axis=1)


def _two(n, shape) -> tf.Tensor:
    return tf.stack([n, 2, shape[1]])


def _ratio(outputs, batch) -> tf.Tensor:
    """That of one layer, `(batch,)`."""
    points = tf.reshape(tf.cast(outputs, tf.float32), (2 * batch, len(SIDES), -1))
    # Of two numbers the variance is the square of half their difference, in which f(z) cancels. No matrix product: on
    # a GPU its factors are rounded to the 11 bits of TF32 before they are added up, and nearly all cancels here.
    to, fro, second_to, second_fro = tf.unstack(points, axis=1)
    halves = ((to - second_to) + (fro - second_fro)) * (0.5 / STEP**2)
    of_signs, of_gaussians = tf.split(tf.reduce_mean(tf.square(halves), axis=-1), 2)
    return of_signs / (of_gaussians + LEAST)
