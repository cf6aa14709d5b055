"""Trains models on one device and on two, and prints by how much they differ: `test_strategy.py` runs it by itself."""

import contextlib
import inspect
import json
import sys

import keras
import numpy as np
import tensorflow as tf

PROCESSOR = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(PROCESSOR, [tf.config.LogicalDeviceConfiguration()] * 2)

from zoo.utils import registry  # noqa: E402

SHAPE, LATENTS, BATCH = (8, 8, 1), 3, 16
SGD = keras.optimizers.SGD
IMAGES = (np.random.default_rng(0).random((80, *SHAPE)) > 0.5).astype("float32")
SMALL = {
    "factor_vae": {"discriminator_layers": 1},
    "adversarial_autoencoder": {"discriminator_layers": 1},
    "joint_vae": {"categories": (2,), "gamma": 3.0, "capacity": 2.0, "discrete_capacity": 0.5},
    "annealed_vae": {"gamma": 3.0, "capacity": 2.0},
    "info_vae": {"lambda_mmd": 10.0},
    "dip_vae": {"lambda_od": 2.0},
    "tripod": {"hessian_weight": 0.0},
    "info_gan": {"noise_dim": 4, "categories": (2,)},
    "info_wgan_gp": {"noise_dim": 4, "discriminator_steps": 2},
}
OPTIMAL = "gaussian(scale='optimal')"
# Each model, and what of a model looks at a whole batch: name, arguments, arguments of its optimizers.
CASES = {
    **{name: (name, {}, {}) for name in registry.names("models")},
    "stratified": ("beta_tc_vae", {"estimator": "mss"}, {}),
    "free bits": ("beta_vae", {"free_bits": 0.01}, {}),
    "optimal scale": ("vae", {"likelihood": OPTIMAL}, {}),
    "clipped by norm": ("vae", {}, {"clipnorm": 1e-3}),
    "clipped by global norm": ("factor_vae", {}, {"global_clipnorm": 1e-3}),
    "clipped by value": ("vae", {}, {"clipvalue": 1e-4}),
}
OWN_NETWORKS = {
    "info_gan",
    "info_wgan_gp",
    "tripod",
}  # which normalise batches, or have hidden layers
UNEVEN = ("autoencoder", "dip_vae", "info_wgan_gp")


def networks(cls, arguments) -> dict:
    """Networks that are compiled in no time, where a model does not look into its own."""
    plain = cls(SHAPE, LATENTS, **arguments)
    sizes = {"encoder": (SHAPE, plain.encoder_outputs), "decoder": ((plain.decoder_inputs,), 64)}
    made = {}
    for number, (name, (shape, outputs)) in enumerate(sizes.items()):
        layers = [keras.Input(shape), keras.layers.Flatten()]
        glorot = keras.initializers.GlorotUniform(seed=number)
        layers.append(keras.layers.Dense(outputs, kernel_initializer=glorot))
        if name == "decoder":
            layers.append(keras.layers.Reshape(SHAPE))
        made[name] = keras.Sequential(layers)
    return made


def trained(name, arguments, optimizer, scope, images=IMAGES, epochs=4):
    """History and weights of a model after some updates."""
    cls = registry.get("models", name)
    arguments = {**SMALL.get(name, {}), **arguments}
    with scope:
        model = cls(
            SHAPE,
            LATENTS,
            seed=0,
            **({} if name in OWN_NETWORKS else networks(cls, arguments)),
            **arguments,
        )
        model.compile(*(SGD(2e-4, **optimizer) for _ in optimizers_of(cls)))
    if cls.trains_on == "pairs":
        pairs = (images, np.roll(images, 1, axis=0))
        images = tf.data.Dataset.from_tensor_slices(pairs).batch(BATCH)
        history = model.fit(images, epochs=epochs, verbose=0).history
    else:
        history = model.fit(
            images, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0
        ).history
    return history, model.get_weights()


def optimizers_of(cls):
    """The optimizers that `compile` takes, by name."""
    return [name for name in inspect.signature(cls.compile).parameters if "optimizer" in name]


def difference(one, two) -> dict:
    """The largest difference of the losses, relative, and of the weights."""
    (history, weights), (history_2, weights_2) = one, two
    # Second differences of float32 make much of rounding: a penalty made of them agrees to a hundredth.
    loose = {"hessian_penalty": 1e-3}
    of_losses = [
        loose.get(key, 1.0)
        * np.max(np.abs(np.subtract(values, history_2[key])) / (np.abs(values) + 1e-3))
        for key, values in history.items()
    ]
    of_weights = [np.max(np.abs(a - b)) for a, b in zip(weights, weights_2, strict=True) if a.size]
    return {"losses": float(max(of_losses)), "weights": float(max(of_weights))}


def main() -> None:
    """Prints the differences of all cases as JSON, by name."""
    # One strategy for all: TensorFlow's collectives of a second one clash with those of the first.
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {}
    for case, (name, arguments, optimizer) in CASES.items():
        if sys.argv[1:] and case not in sys.argv[1:]:
            continue
        one = trained(name, arguments, optimizer, contextlib.nullcontext())
        two = trained(name, arguments, optimizer, strategy.scope())
        found[case] = difference(one, two)
        print(case, found[case], flush=True)
    try:
        trained("vae", {}, {}, strategy.scope(), IMAGES[: BATCH + 1], epochs=1)
    except ValueError as error:
        found["too few"] = str(error)
    for name in UNEVEN:  # a last batch of three images for two devices
        history, weights = trained(name, {}, {}, strategy.scope(), IMAGES[: BATCH + 3], epochs=1)
        values = [*history.values(), *weights]
        found[f"uneven {name}"] = all(np.isfinite(value).all() for value in values)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
