"""CPU time of every model's update against the same update written out by hand in plain TensorFlow.

    python tests/benchmarks/steps.py    # all models
    python tests/benchmarks/steps.py --models vae,iwae --batch-size 32 --image 64x64x3 --blocks 20

A bare step is what somebody would write who wants this one update and nothing else: copies of the model's Keras
networks, the paper's loss in `tf` operations, a `tf.GradientTape`, the same optimizer, one `tf.function`. No
distributions, no metrics, no checks. Whatever the zoo's step takes beyond that is what its comfort costs.

The zoo's step is timed inside `model.fit` itself, so that Keras' loop, the pipeline's checks and the running means all
count. A callback of this `fit` runs a block of bare steps after each block of the zoo's, in the same process and on
the same images: a machine that is busy is so for both. The ratio is the median over neighbouring blocks. CPU time,
that of all threads of the process, is what is judged; wall time is shown beside it.

Both draw the same noise from the same random state. Before the clock starts, both make the same first updates, and
every loss and all the weights have to agree, or the comparison is refused: a bare step that computes something else
is no yardstick. Exits with 1 if a ratio is above 1.3 or a comparison was refused.
"""

import argparse
import dataclasses
import itertools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import zoo

GOAL = 1.3
# Updates made by both before the clock starts. The second loss tells whether the first update was the same; later ones
# tell rounding: the third of info_wgan_gp, after ten updates of its critic, moves by 2e-3 of itself when the initial
# weights change in their last bit. Losses must agree to `LOSS_TOLERANCE` of themselves, and the weights to
# `WEIGHT_TOLERANCE` of the way they went: Adam's first updates make a full one of any gradient, even of rounding.
CHECKED, LOSS_TOLERANCE, WEIGHT_TOLERANCE = 2, 1e-4, 1e-2
# What the models need beside their defaults: the number of images of shapes2d.
SETTINGS = {"beta_tc_vae": {"dataset_size": 737_280}}
fold_in = tf.random.fold_in


# What all steps share.


@dataclasses.dataclass
class Parts:
    """What a step is made of: copies of a model's networks, optimizers and random state."""

    encoder: keras.Model
    decoder: keras.Model
    discriminator: keras.Model | None
    optimizer: keras.Optimizer
    discriminator_optimizer: keras.Optimizer | None
    codebook: keras.Variable | None
    codebook_optimizer: keras.Optimizer | None
    seeds: keras.random.SeedGenerator

    @classmethod
    def of(cls, model: keras.Model) -> "Parts":
        """Copies those of a compiled model."""
        networks = [model.encoder, model.decoder, getattr(model, "discriminator", None)]
        optimizers = [model.optimizer, getattr(model, "discriminator_optimizer", None)]
        seeds = keras.random.SeedGenerator(0)
        seeds.state.assign(model.seed_generator.state)
        codebook = copied_codebook(model)
        optimizers.append(getattr(model, "codebook_optimizer", None))
        *optimizers, of_codebook = map(copied_optimizer, optimizers)
        parts = cls(*map(copied_network, networks), *optimizers, codebook, of_codebook, seeds)
        if parts.optimizer.weight_decay:
            vectors = [variable for variable in parts.variables if len(variable.shape) < 2]
            parts.optimizer.exclude_from_weight_decay(vectors)
        parts.optimizer.build(parts.variables)
        if codebook is not None:
            of_codebook.build([codebook])
        if parts.discriminator is not None:
            parts.discriminator_optimizer.build(parts.discriminator.trainable_variables)
        return parts

    @property
    def variables(self) -> list[keras.Variable]:
        """What `optimizer` trains."""
        return self.encoder.trainable_variables + self.decoder.trainable_variables

    @property
    def updates(self) -> tf.Tensor:
        """Updates made so far."""
        return tf.cast(self.optimizer.iterations, tf.float32)

    def seed(self) -> tf.Tensor:
        """A new seed for stateless random operations."""
        return tf.cast(self.seeds.next(), tf.int32)

    def train(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        """Updates encoder and decoder."""
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)

    def train_discriminator(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        """Updates the discriminator."""
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(loss, variables), variables)


def copied_network(network: keras.Model | None) -> keras.Model | None:
    if network is None:
        return None
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def copied_codebook(model: keras.Model) -> keras.Variable | None:
    codebook = getattr(model, "codebook", None)
    return codebook and keras.Variable(codebook.values.numpy())


def copied_optimizer(optimizer: keras.Optimizer | None) -> keras.Optimizer | None:
    return optimizer and type(optimizer).from_config(optimizer.get_config())


def by_gradient_of(objective: Callable) -> Callable:
    """The step of a model with a single loss."""

    def step(parts: Parts, *images) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = objective(parts, *images)
        parts.train(tape, loss)
        return {"loss": loss}

    return step


def normal(shape, seed) -> tf.Tensor:
    return tf.random.stateless_normal(shape, seed)


def encoded(parts: Parts, images) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and log variance of q(z|x), both `(batch, latents)`."""
    mean, log_variance = tf.split(parts.encoder(images, training=True), 2, axis=1)
    return mean, log_variance


def sampled(mean, log_variance, noise) -> tf.Tensor:
    return mean + tf.exp(0.5 * log_variance) * noise


def latents_of(mean, log_variance, seed) -> tf.Tensor:
    """One sample of q(z|x) for each image, with its gradient."""
    return sampled(mean, log_variance, normal(tf.shape(mean), seed))


def cross_entropy(logits, images) -> tf.Tensor:
    """-log p(x|z) of Bernoulli pixels, summed over each image."""
    return tf.reduce_sum(tf.nn.softplus(logits) - images * logits, axis=(-3, -2, -1))


def reconstruction(parts: Parts, latents, images) -> tf.Tensor:
    return cross_entropy(parts.decoder(latents, training=True), images)


def gaussian_kl(mean, log_variance) -> tf.Tensor:
    """KL(q(z|x) || N(0, I)), summed over latents."""
    each = tf.exp(log_variance) + tf.square(mean) - 1 - log_variance
    return 0.5 * tf.reduce_sum(each, axis=1)


def log_normal(values, mean, log_variance) -> tf.Tensor:
    """Log density of N(mean, variance), elementwise."""
    squared = tf.square(values - mean) * tf.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi))


def vae_terms(parts: Parts, images) -> tuple[tf.Tensor, ...]:
    """Reconstruction and KL, `(batch,)`, and mean, log variance and sample of q(z|x)."""
    mean, log_variance = encoded(parts, images)
    latents = latents_of(mean, log_variance, parts.seed())
    kl = gaussian_kl(mean, log_variance)
    return reconstruction(parts, latents, images), kl, mean, log_variance, latents


def linear(end: float, steps: int, updates) -> tf.Tensor:
    """A capacity that rises from 0 to its end."""
    return end * tf.minimum(1.0, updates / steps)


# Models with one loss.


def vae(parts: Parts, images) -> tf.Tensor:
    """Kingma & Welling 2014, equation 3."""
    rec, kl, *_ = vae_terms(parts, images)
    return tf.reduce_mean(rec + kl)


def autoencoder(parts: Parts, images) -> tf.Tensor:
    """Hinton & Salakhutdinov 2006."""
    return tf.reduce_mean(reconstruction(parts, parts.encoder(images, training=True), images))


def beta_vae(parts: Parts, images, beta=4.0) -> tf.Tensor:
    """Higgins et al. 2017, equation 4."""
    rec, kl, *_ = vae_terms(parts, images)
    return tf.reduce_mean(rec + beta * kl)


def annealed_vae(parts: Parts, images, gamma=1000.0) -> tf.Tensor:
    """Burgess et al. 2018, equation 8."""
    rec, kl, *_ = vae_terms(parts, images)
    capacity = linear(25.0, 100_000, parts.updates)
    return tf.reduce_mean(rec) + gamma * tf.abs(tf.reduce_mean(kl) - capacity)


def beta_tc_vae(parts: Parts, images, beta=6.0, dataset_size=737_280) -> tf.Tensor:
    """Chen et al. 2018, equations 4 and S5 (weighted), with MI + TC + DW as the KL in closed form."""
    rec, kl, mean, log_variance, latents = vae_terms(parts, images)
    pairs = log_normal(latents[:, None], mean, log_variance)  # Latents i under the image j.
    log_count = math.log(dataset_size * images.shape[0])
    log_joint = tf.reduce_logsumexp(tf.reduce_sum(pairs, axis=2), axis=1) - log_count
    log_marginals = tf.reduce_logsumexp(pairs, axis=1) - log_count
    total_correlation = log_joint - tf.reduce_sum(log_marginals, axis=1)
    return tf.reduce_mean(rec + kl + (beta - 1) * total_correlation)


def dip_vae(parts: Parts, images, lambda_od=10.0, lambda_d=10.0) -> tf.Tensor:
    """Kumar et al. 2018, equation 7: DIP-VAE-II."""
    rec, kl, mean, log_variance, _ = vae_terms(parts, images)
    centred = mean - tf.reduce_mean(mean, axis=0)
    covariance = tf.matmul(centred, centred, transpose_a=True) / float(mean.shape[0])
    covariance += tf.linalg.diag(tf.reduce_mean(tf.exp(log_variance), axis=0))
    diagonal = tf.linalg.diag_part(covariance)
    off_diagonal = tf.reduce_sum(tf.square(covariance)) - tf.reduce_sum(tf.square(diagonal))
    penalty = lambda_od * off_diagonal + lambda_d * tf.reduce_sum(tf.square(diagonal - 1))
    return tf.reduce_mean(rec + kl) + penalty


def info_vae(parts: Parts, images, weight=1000.0 - 1) -> tf.Tensor:
    """Zhao et al. 2017, equation 6 with alpha = 0 and lambda = 1000; Gretton et al. 2012, equation 3."""
    rec, kl, *_, latents = vae_terms(parts, images)
    others = normal(tf.shape(latents), parts.seed())
    count = float(latents.shape[0])

    def kernels(these, those):
        distances = tf.reduce_sum(tf.square(these[:, None] - those), axis=2)
        return tf.reduce_sum(tf.exp(-distances / (2 * these.shape[1])))

    # A latent beside itself has the kernel 1 and is no pair.
    within = kernels(latents, latents) + kernels(others, others) - 2 * count
    mmd = within / (count * (count - 1)) - 2 * kernels(latents, others) / count**2
    return tf.reduce_mean(rec + kl) + weight * mmd


def iwae(parts: Parts, images, samples=5) -> tf.Tensor:
    """Burda et al. 2016, equation 8; the constants of p(z) and q(z|x) cancel."""
    mean, log_variance = encoded(parts, images)
    noise = normal((samples, *mean.shape), parts.seed())
    latents = sampled(mean, log_variance, noise)
    logits = parts.decoder(tf.reshape(latents, (-1, mean.shape[1])), training=True)
    rec = cross_entropy(tf.reshape(logits, (samples, *images.shape)), images)
    log_ratio = 0.5 * tf.reduce_sum(tf.square(noise) + log_variance - tf.square(latents), axis=2)
    bound = tf.reduce_logsumexp(log_ratio - rec, axis=0) - math.log(samples)
    return -tf.reduce_mean(bound)


def joint_vae(parts: Parts, images, categories=3, gamma=150.0, temperature=0.67) -> tf.Tensor:
    """Dupont 2018, equation 7, with the Gumbel-softmax of Jang et al. 2017."""
    outputs = parts.encoder(images, training=True)
    continuous = (outputs.shape[1] - categories) // 2
    mean, log_variance, logits = tf.split(outputs, [continuous, continuous, categories], axis=1)
    seed, gumbel_seed = joint_seeds(parts.seed())
    uniform = tf.random.stateless_uniform(tf.shape(logits), gumbel_seed, minval=1.2e-38)
    gumbel = -tf.math.log(-tf.math.log(uniform))
    relaxed = tf.nn.softmax((logits + gumbel) / temperature)
    latents = tf.concat([latents_of(mean, log_variance, seed), relaxed], axis=1)
    rec = tf.reduce_mean(reconstruction(parts, latents, images))
    kl = tf.reduce_mean(gaussian_kl(mean, log_variance))
    plogp = tf.nn.softmax(logits) * tf.nn.log_softmax(logits)
    discrete_kl = math.log(categories) + tf.reduce_mean(tf.reduce_sum(plogp, axis=1))
    capacity = linear(40.0, 300_000, parts.updates)
    discrete_capacity = tf.minimum(linear(1.1, 300_000, parts.updates), math.log(categories))
    return rec + gamma * (tf.abs(kl - capacity) + tf.abs(discrete_kl - discrete_capacity))


def hfs_vae(parts: Parts, images, gamma=100.0, count=25, combinations=100) -> tf.Tensor:
    """Roth et al. 2023, the pairwise Hausdorff distance, on a VAE."""
    rec, kl, mean, *_ = vae_terms(parts, images)
    seed = parts.seed()
    pairs = np.array(list(itertools.combinations(range(mean.shape[1]), 2)), np.int32)
    order = tf.argsort(tf.random.stateless_uniform((len(pairs),), fold_in(seed, 0)))[:count]
    pairs = tf.gather(pairs, order)
    shape = (combinations, count, 2)
    rows = tf.random.stateless_uniform(shape, fold_in(seed, 1), 0, images.shape[0], tf.int32)
    columns = tf.gather(mean, pairs, axis=1)
    combined = tf.einsum("mpkb,bpk->mpk", tf.one_hot(rows, images.shape[0]), columns)
    distances = tf.reduce_sum(tf.square(combined[:, None] - columns), axis=3)
    farthest = tf.reduce_max(tf.reduce_min(distances, axis=1), axis=0)
    return tf.reduce_mean(rec + kl) + gamma * tf.reduce_sum(farthest)


def rounded(codes, levels=12) -> tf.Tensor:
    """Mentzer et al. 2023, with the gradient of the code before rounding."""
    steps = (codes + 1) / 2 * (levels - 1)
    return codes + tf.stop_gradient(2 * tf.round(steps) / (levels - 1) - 1 - codes)


def fsq_ae(parts: Parts, images) -> tf.Tensor:
    """Mentzer et al. 2023, number by number."""
    latents = rounded(tf.tanh(parts.encoder(images, training=True)))
    return tf.reduce_mean(reconstruction(parts, latents, images))


def tripod(parts: Parts, images, information_weight=1e-4, hessian_weight=1e-2) -> tf.Tensor:
    """Hsu et al. 2024."""
    parts.seed()  # which a VAE would draw its latents by
    codes = tf.tanh(parts.encoder(images, training=True))
    latents = rounded(codes)
    spread = tf.math.reduce_std(codes, axis=0)
    batch, dims = latents.shape
    rec = reconstruction(parts, latents, images)
    factor = (4 / (dims + 2) / batch) ** (1 / (dims + 4))
    joint = log_normal(latents[:, None], latents, 2 * tf.math.log(spread * factor))
    alone = log_normal(latents[:, None], latents, 2 * tf.math.log(spread))
    log_joint = tf.reduce_logsumexp(tf.reduce_sum(joint, axis=2), axis=1) - math.log(batch)
    log_alone = tf.reduce_logsumexp(alone, axis=1) - math.log(batch)
    information = tf.reduce_mean(log_joint - tf.reduce_sum(log_alone, axis=1))
    hessian = hessian_penalty(parts, latents, spread, parts.seed())
    penalty = information_weight * information + hessian_weight * hessian
    return tf.reduce_mean(rec) + math.prod(images.shape[1:]) * penalty


def hessian_penalty(parts: Parts, latents, spread, seed) -> tf.Tensor:
    """Hsu et al. 2024: the normalized Hessian penalty of the decoder's hidden layers."""
    hidden = [layer.output for layer in parts.decoder.layers if layer.weights][:-1]
    network = keras.Model(parts.decoder.inputs, hidden)
    shape = (latents.shape[0], 2, latents.shape[1])
    bits = tf.random.stateless_uniform(shape, fold_in(seed, 0), 0, 2, tf.int32)
    signs = 2 * tf.cast(bits, tf.float32) - 1
    steps = 0.1 * spread * tf.stack([signs, normal(shape, fold_in(seed, 1))])
    points = latents[:, None, None] + tf.stack([steps, -steps], axis=3)
    penalty = 0.0
    for outputs in network(tf.reshape(points, (-1, shape[2]))):
        sides = tf.reshape(outputs, (2, shape[0], 4, -1))
        half = tf.einsum("kbsn,s->kbn", sides, tf.constant([50.0, 50.0, -50.0, -50.0]))
        variances = tf.reduce_mean(tf.square(half), axis=2)
        penalty += tf.reduce_mean(variances[0] / (variances[1] + 1e-10))
    return penalty


def qlae(parts: Parts, images, weight=0.01) -> dict[str, tf.Tensor]:
    """Hsu et al. 2023."""
    with tf.GradientTape() as tape:
        codes, values = parts.encoder(images, training=True), tf.convert_to_tensor(parts.codebook)
        number = tf.argmin(tf.abs(codes[:, :, None] - values), axis=2)
        chosen = tf.reduce_sum(tf.one_hot(number, values.shape[1]) * values, axis=2)
        rec = reconstruction(parts, codes + tf.stop_gradient(chosen - codes), images)
        errors = tf.square(tf.stop_gradient(codes) - chosen)
        errors += tf.square(codes - tf.stop_gradient(chosen))
        loss = tf.reduce_mean(rec) + math.prod(images.shape[1:]) * weight * tf.reduce_mean(errors)
    *gradients, of_values = tape.gradient(loss, [*parts.variables, parts.codebook])
    parts.optimizer.apply(gradients, parts.variables)
    parts.codebook_optimizer.apply([of_values], [parts.codebook])
    return {"loss": loss}


def joint_seeds(seed) -> tuple[tf.Tensor, tf.Tensor]:
    """The two seeds that TensorFlow Probability derives for the parts of one vector."""
    seed = tfp.random.sanitize_seed(seed, salt="JointDistribution")
    first, seed = tfp.random.split_seed(seed)
    second, _ = tfp.random.split_seed(seed)
    return first, second


def ada_gvae(parts: Parts, first, second, beta=1.0) -> tf.Tensor:
    """Locatello et al. 2020, section 4, with the average of Ada-GVAE."""
    images = tf.concat([first, second], axis=0)
    mean, log_variance = encoded(parts, images)
    (mean_1, mean_2), (log_1, log_2) = tf.split(mean, 2), tf.split(log_variance, 2)
    variance_1, variance_2 = tf.exp(log_1), tf.exp(log_2)
    divergence = 0.5 * ((variance_1 + tf.square(mean_1 - mean_2)) / variance_2 - 1 + log_2 - log_1)
    least, most = (reduce(divergence, 1, True) for reduce in (tf.reduce_min, tf.reduce_max))
    is_shared = tf.tile(divergence < 0.5 * (least + most), (2, 1))
    shared_mean = tf.tile(0.5 * (mean_1 + mean_2), (2, 1))
    shared_log = tf.tile(tf.math.log(0.5 * (variance_1 + variance_2)), (2, 1))
    mean = tf.where(is_shared, shared_mean, mean)
    log_variance = tf.where(is_shared, shared_log, log_variance)
    latents = latents_of(mean, log_variance, parts.seed())
    kl = gaussian_kl(mean, log_variance)
    return tf.reduce_mean(reconstruction(parts, latents, images) + beta * kl)


# Models with a discriminator of latents.


def log_ratio(parts: Parts, latents) -> tf.Tensor:
    """The discriminator's log q(z) - log r(z)."""
    logits = parts.discriminator(latents, training=True)
    return logits[:, 0] - logits[:, 1]


def discriminate(parts: Parts, latents, others) -> tf.Tensor:
    """One update of the discriminator on latents of q(z) and of r(z), which get no gradient."""
    both = tf.concat([latents, others], axis=0)
    with tf.GradientTape() as tape:
        real, fake = tf.split(log_ratio(parts, both), 2)
        loss = 0.5 * tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(fake))
    parts.train_discriminator(tape, loss)
    return loss


def factor_vae(parts: Parts, images, more_images, gamma=40.0) -> dict[str, tf.Tensor]:
    """Kim & Mnih 2018, algorithm 2."""
    seed = parts.seed()
    others = latents_of(*encoded(parts, more_images), fold_in(seed, 1))
    columns = tf.transpose(others)
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(columns), fold_in(seed, 2)), axis=1)
    permuted = tf.transpose(tf.gather(columns, order, batch_dims=1))
    with tf.GradientTape() as tape:
        mean, log_variance = encoded(parts, images)
        latents = latents_of(mean, log_variance, seed)
        elbo = reconstruction(parts, latents, images) + gaussian_kl(mean, log_variance)
        loss = tf.reduce_mean(elbo + gamma * log_ratio(parts, latents))
    parts.train(tape, loss)
    return {"loss": loss, "discriminator_loss": discriminate(parts, latents, permuted)}


def adversarial_autoencoder(parts: Parts, images, gamma=1.0) -> dict[str, tf.Tensor]:
    """Makhzani et al. 2015, section 2, with a Gaussian encoder."""
    seed = parts.seed()
    with tf.GradientTape() as tape:
        latents = latents_of(*encoded(parts, images), seed)
        adversarial = tf.nn.softplus(log_ratio(parts, latents))
        loss = tf.reduce_mean(reconstruction(parts, latents, images) + gamma * adversarial)
    parts.train(tape, loss)
    prior = normal(tf.shape(latents), fold_in(seed, 1))
    return {"loss": loss, "discriminator_loss": discriminate(parts, latents, prior)}


# Models with a discriminator of images.


def generated(parts: Parts, count: int, seed) -> tuple[tf.Tensor, tf.Tensor]:
    """Images of new codes, and the codes."""
    codes = parts.encoder.output_shape[1] // 2
    noise = parts.decoder.input_shape[1] - codes
    latents = tf.random.stateless_uniform((count, codes), fold_in(seed, 0), -1.0, 1.0)
    inputs = tf.concat([latents, normal((count, noise), fold_in(seed, 1))], axis=1)
    return tf.nn.sigmoid(parts.decoder(inputs, training=True)), latents


def scores(parts: Parts, images) -> tf.Tensor:
    return parts.discriminator(images, training=True)[:, 0]


def generate(parts: Parts, count: int, seed, realism: Callable) -> tf.Tensor:
    """One update of generator and encoder: less realism, and less information on the codes."""
    with tf.GradientTape() as tape:
        images, latents = generated(parts, count, seed)
        log_q = tf.reduce_sum(log_normal(latents, *encoded(parts, images)), axis=1)
        information = log_q + latents.shape[1] * math.log(2.0)
        loss = tf.reduce_mean(realism(scores(parts, images)) - information)
    parts.train(tape, loss)
    return loss


def info_gan(parts: Parts, images) -> dict[str, tf.Tensor]:
    """Chen et al. 2016, equation 6, with the non-saturating loss."""
    seed = parts.seed()
    fakes, _ = generated(parts, images.shape[0], fold_in(seed, 1))
    with tf.GradientTape() as tape:
        real, fake = tf.split(scores(parts, tf.concat([images, fakes], axis=0)), 2)
        critic_loss = 0.5 * tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(fake))
    parts.train_discriminator(tape, critic_loss)
    loss = generate(parts, images.shape[0], fold_in(seed, 0), lambda fake: tf.nn.softplus(-fake))
    return {"loss": loss, "discriminator_loss": critic_loss}


def info_wgan_gp(parts: Parts, *batches) -> dict[str, tf.Tensor]:
    """Gulrajani et al. 2017, algorithm 1, with the information of Chen et al. 2016."""
    seed = parts.seed()
    losses = [
        criticise(parts, images, fold_in(seed, 1 + number)) for number, images in enumerate(batches)
    ]
    loss = generate(parts, batches[0].shape[0], fold_in(seed, 0), lambda fake: -fake)
    return {"loss": loss, "discriminator_loss": tf.reduce_mean(losses)}


def criticise(parts: Parts, images, seed, weight=10.0) -> tf.Tensor:
    """One update of the critic."""
    fakes, _ = generated(parts, images.shape[0], seed)
    places = tf.random.stateless_uniform((images.shape[0], 1, 1, 1), fold_in(seed, 2))
    between = fakes + places * (images - fakes)
    with tf.GradientTape() as tape:
        real, fake = tf.split(scores(parts, tf.concat([images, fakes], axis=0)), 2)
        with tf.GradientTape() as inner:
            inner.watch(between)
            score = scores(parts, between)
        slopes = inner.gradient(score, between)
        norms = tf.sqrt(tf.reduce_sum(tf.square(slopes), axis=(1, 2, 3)) + 1e-12)
        loss = tf.reduce_mean(fake - real + weight * tf.square(norms - 1))
    parts.train_discriminator(tape, loss)
    return loss


SINGLE = (vae, autoencoder, beta_vae, annealed_vae, beta_tc_vae, dip_vae, info_vae)
SINGLE += (iwae, joint_vae, ada_gvae, hfs_vae, fsq_ae, tripod)
SEVERAL = (factor_vae, adversarial_autoencoder, info_gan, info_wgan_gp, qlae)
STEPS = {objective.__name__: by_gradient_of(objective) for objective in SINGLE}
STEPS |= {step.__name__: step for step in SEVERAL}


# The data.


def dataset(name: str, image_shape: tuple[int, ...], batch_size: int) -> tf.data.Dataset:
    """Endless batches of binary images in memory, from black to a quarter white; of pairs for models that want them."""
    random = np.random.default_rng(0)
    white = random.uniform(0, 0.25, (8, batch_size, 1, 1, 1))
    images = (random.random((8, batch_size, *image_shape)) < white).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices(images).repeat()
    if name == "ada_gvae":
        batches = tf.data.Dataset.zip(batches, batches.skip(1))
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def inputs_of(name: str, batches: tf.data.Dataset) -> Iterator[tuple[tf.Tensor, ...]]:
    """What each bare step gets: the images that the zoo's step gets from the same batches."""
    stream = iter(batches)
    if name == "factor_vae":
        return itertools.pairwise(stream)
    if name == "info_wgan_gp":
        return zip(*[stream] * 5, strict=False)
    return stream if name == "ada_gvae" else ((images,) for images in stream)


# The comparison.


class Refused(Exception):
    """The two steps do not compute the same."""


class Turns(keras.callbacks.Callback):
    """In a `fit`: lets the bare step catch up after each block of the zoo's steps.

    Args:
        bare: makes one bare update and returns its losses.
        steps: in a block.

    Attributes:
        zoo: seconds of CPU and of wall time of each block of the zoo.
        bare: the same of the bare steps.
        losses: of the last step of each block, by name: the zoo's, the bare step's.
    """

    def __init__(self, bare: Callable[[], dict[str, tf.Tensor]], steps: int):
        super().__init__()
        self.step, self.steps = bare, steps
        self.zoo, self.bare, self.losses = [], [], []

    def on_train_begin(self, logs=None):
        self.model.reset_metrics()
        self.began = clocks()

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self.steps:
            return
        zoo_losses = {name: float(value) for name, value in logs.items()}  # Waits for the device.
        self.zoo.append(clocks() - self.began)
        began = clocks()
        for _ in range(self.steps):
            losses = self.step()
        losses = {name: float(value) for name, value in losses.items()}
        self.bare.append(clocks() - began)
        self.losses.append({name: (zoo_losses[name], losses[name]) for name in losses})
        self.model.reset_metrics()
        self.began = clocks()


def clocks() -> np.ndarray:
    """Seconds of CPU time, all threads, and of wall time."""
    return np.array([time.process_time(), time.perf_counter()])


def bare_step(name: str, parts: Parts, batches: tf.data.Dataset, jit_compile: bool) -> Callable:
    """A function that makes the next bare update."""
    inputs = inputs_of(name, batches)
    step = tf.function(
        lambda *images: STEPS[name](parts, *images), autograph=False, jit_compile=jit_compile
    )
    return lambda: step(*next(inputs))


def check(name: str, model, parts: Parts, batches: tf.data.Dataset, bare: Callable) -> None:
    """Makes the same first updates by both steps, and prints their losses.

    Raises:
        Refused: losses or weights differ.
    """
    start = weights(model)
    turns = Turns(bare, steps=1)
    model.fit(batches, steps_per_epoch=CHECKED, verbose=0, callbacks=[turns])
    apart = np.linalg.norm(weights(parts) - weights(model))
    moved = np.linalg.norm(weights(model) - start)
    print(f"{name}: weights differ by {apart / moved:.1e} of the way they went", file=sys.stderr)
    pairs = [(loss, *pair) for losses in turns.losses for loss, pair in losses.items()]
    for loss, ours, theirs in pairs:
        print(f"    {loss}: zoo {ours:.6g}, bare {theirs:.6g}", file=sys.stderr)
    same = all(math.isclose(a, b, rel_tol=LOSS_TOLERANCE, abs_tol=1e-5) for _, a, b in pairs)
    if not same or not apart < WEIGHT_TOLERANCE * moved:
        raise Refused(f"The bare step of {name} computes something else: see its losses above.")


def weights(owner) -> np.ndarray:
    """All trained weights of a model, or of its copied parts, as one vector."""
    names = ("encoder", "decoder", "discriminator")
    networks = [network for name in names if (network := getattr(owner, name, None)) is not None]
    variables = [variable for network in networks for variable in network.trainable_variables]
    codebook = getattr(owner, "codebook", None)
    if codebook is not None:
        variables.append(getattr(codebook, "values", codebook))
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def compare(name: str, options: argparse.Namespace) -> float:
    """Prints one row of the table and returns the ratio of CPU times."""
    made = zoo.registry.get("models", name)
    model = made(options.image, seed=0, **SETTINGS.get(name, {}))
    model.compile()
    parts = Parts.of(model)
    batches = dataset(name, options.image, options.batch_size)
    bare = bare_step(name, parts, batches, model.jit_compile)
    check(name, model, parts, batches, bare)
    turns = Turns(bare, options.steps)
    steps = options.steps * (options.blocks + 1)  # The first block is to warm up.
    model.fit(batches, steps_per_epoch=steps, verbose=0, callbacks=[turns])
    ours, theirs = np.array(turns.zoo[1:]), np.array(turns.bare[1:])
    cpu, wall = np.median(ours / theirs, axis=0)
    bare_ms, zoo_ms = (
        1000 * statistics.median(times[:, 0]) / options.steps for times in (theirs, ours)
    )
    print(f"| {name} | {bare_ms:.1f} | {zoo_ms:.1f} | {cpu:.2f} | {wall:.2f} |", flush=True)
    return cpu


def main() -> int:
    """Parses the command line, prints the table, and returns the exit status."""
    options = parsed()
    print("| model | bare, CPU ms | zoo, CPU ms | ratio (CPU) | ratio (wall) |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    failures = []
    for name in options.models:
        keras.backend.clear_session()
        try:
            ratio = compare(name, options)
        except Refused as refusal:
            failures.append(str(refusal))
        else:
            failures += [f"{name}: {ratio:.2f} is above {GOAL}."] if ratio > GOAL else []
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=names, default=",".join(zoo.registry.names("models")))
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--image", type=shape, default=(64, 64, 1), help="such as 64x64x1")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10, help="in each block")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Names of models; every one needs a bare step."""
    chosen = text.split(",")
    missing = [name for name in chosen if name not in STEPS]
    if missing:
        raise argparse.ArgumentTypeError(f"no bare step of {', '.join(missing)} here")
    return chosen


def shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split("x"))


if __name__ == "__main__":
    sys.exit(main())
