"""Published protocols of one word, each against a re-computation as its paper or its authors' code has it."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from sklearn.metrics import mutual_info_score

from zoo import metrics


def grid(*sizes):
    return np.indices(sizes).reshape(len(sizes), -1).T


FACTORS = np.repeat(grid(3, 4, 5), 15, axis=0)


def mixed(noise=0.5, extra=1, seed=0, factors=FACTORS):
    """A latent a factor, each with some of the next one, noise, and latents of noise alone."""
    generator = np.random.default_rng(seed)
    signal = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    signal = signal + 0.4 * np.roll(signal, 1, axis=1)
    signal = np.concatenate([signal, np.zeros((len(factors), extra))], axis=1)
    return signal + noise * generator.normal(size=signal.shape)


# MIG of samples of q(z|x).


def literal_mig_of_samples(means, log_variances, sizes, generator, samples):
    """As Chen et al.'s code: the rows are a whole grid, each value of a factor is a slice of it."""
    latents = means.shape[-1]
    scale = np.exp(log_variances / 2)
    drawn = generator.normal(means, scale)

    def entropies(drawn, means, scale):
        drawn = drawn[generator.permutation(len(drawn))[:samples]]
        logs = stats.norm.logpdf(drawn[:, None], means, scale)  # (drawn, rows, latents)
        return -(special.logsumexp(logs, axis=1) - np.log(len(means))).mean(axis=0)

    marginal = entropies(drawn, means, scale)
    in_grid = [table.reshape(*sizes, latents) for table in (drawn, means, scale)]
    gaps = []
    for factor, size in enumerate(sizes):
        conditional = np.zeros(latents)
        for value in range(size):
            parts = [np.take(t, value, axis=factor).reshape(-1, latents) for t in in_grid]
            conditional += entropies(*parts) / size
        known = np.sort(np.maximum(marginal - conditional, 0))[::-1] / np.log(size)
        gaps.append(known[0] - known[1])
    return np.mean(gaps)


@pytest.mark.parametrize("samples", [40, 10_000])
def test_mig_of_samples_agrees_with_its_authors_procedure(samples):
    sizes = (4, 5, 6)
    means = mixed(noise=0.2, factors=grid(*sizes))
    log_variances = np.random.default_rng(1).uniform(-4, -1, means.shape)
    generator = np.random.default_rng(2)
    literal = [
        literal_mig_of_samples(means, log_variances, sizes, generator, samples) for _ in range(40)
    ]
    mine = [
        metrics.mig_posterior(
            means, grid(*sizes), seed=seed, samples=samples, log_variances=log_variances
        )["mig_posterior"]
        for seed in range(40)
    ]
    error = np.sqrt((np.var(literal) + np.var(mine)) / 40)
    assert 0.1 < np.mean(literal) < 0.9
    assert np.mean(mine) == pytest.approx(np.mean(literal), abs=4 * error)
    assert error < 0.01
    binned = metrics.mig(means, grid(*sizes))["mig"]
    assert abs(binned - np.mean(literal)) > 0.03  # the same word, another number


def test_entropy_of_a_mixture_agrees_with_quadrature():
    from importlib import import_module

    entropy = import_module("zoo.metrics.mig_posterior")._cross_entropy
    generator = np.random.default_rng(0)
    means, log_variances = generator.normal(0, 2, 7), generator.uniform(-2, 1, 7)

    def density(z):
        return stats.norm.pdf(z, means, np.exp(log_variances / 2)).mean()

    expected = integrate.quad(lambda z: -density(z) * np.log(density(z)), -15, 15, limit=200)[0]
    rows = generator.integers(7, size=100_000)
    drawn = generator.normal(means[rows], np.exp(log_variances / 2)[rows])
    assert entropy(drawn, means, log_variances) == pytest.approx(expected, abs=0.01)


def test_shape_can_be_left_out():
    codes = mixed()
    whole = metrics.mig_posterior(codes, FACTORS, log_variances=-3.0)
    rest = metrics.mig_posterior(codes, FACTORS, log_variances=-3.0, without=[0])
    assert rest == metrics.mig_posterior(codes, FACTORS[:, 1:], log_variances=-3.0)
    assert rest != whole


def test_mig_of_samples_needs_variances():
    with pytest.raises(ValueError, match=r"Expected `log_variances` of q\(z\|x\).*Received: none"):
        metrics.mig_posterior(mixed(), FACTORS)
    for bad, message in [
        (np.zeros(3), r"of shape \(900, 4\), or a single number. Received: shape \(3,\)"),
        (np.full((900, 4), np.nan), "from -100 to 100. Received: one of size nan"),
        (-500.0, "Received: one of size 500"),
        ("a", "dtype <U1"),
    ]:
        with pytest.raises(ValueError, match=message):
            metrics.mig_posterior(mixed(), FACTORS, log_variances=bad)
    for bad in ([3], [-1], 0, "0", [0.5]):
        with pytest.raises(ValueError, match="`without` must be"):
            metrics.mig_posterior(mixed(), FACTORS, log_variances=0.0, without=bad)
    with pytest.raises(ValueError, match="a factor that is not left out"):
        metrics.mig_posterior(mixed(), FACTORS, log_variances=0.0, without=(0, 1, 2))


# JEMMIG and DCIMIG, as the review's code has them.


def in_bins(codes, bins):
    scaled = (codes - codes.min(axis=0)) / np.ptp(codes, axis=0)
    return np.minimum((scaled * bins).astype(int), bins - 1)


def entropy(*columns):
    return stats.entropy(np.unique(np.stack(columns), axis=1, return_counts=True)[1])


@pytest.mark.parametrize("bins", [5, 10, 30])
@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_jemmig_agrees_with_its_definition(bins, noise):
    codes = mixed(noise)
    binned, scores, raw = in_bins(codes, bins), [], []
    for factor in FACTORS.T:
        known = [mutual_info_score(factor, latent) for latent in binned.T]
        best = int(np.argmax(known))
        joint = entropy(factor, binned[:, best])
        raw.append(joint - known[best] + sorted(known)[-2])
        scores.append(1 - raw[-1] / (entropy(factor) + np.log(bins)))
    found = metrics.jemmig(codes, FACTORS, bins=bins)
    assert found["jemmig"] == pytest.approx(np.mean(scores), abs=1e-12)
    assert found["jemmig_nats"] == pytest.approx(np.mean(raw), abs=1e-12)


@pytest.mark.parametrize("bins", [5, 10, 30])
@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_dcimig_agrees_with_its_definition(bins, noise):
    codes = mixed(noise, extra=2)
    binned = in_bins(codes, bins)
    known = np.array([[mutual_info_score(f, z) for z in binned.T] for f in FACTORS.T])
    gaps = np.zeros_like(known)
    for latent in range(known.shape[1]):
        second, first = np.sort(known[:, latent])[-2:]
        gaps[known[:, latent].argmax(), latent] = first - second
    expected = gaps.max(axis=1).sum() / sum(entropy(factor) for factor in FACTORS.T)
    found = metrics.dcimig(codes, FACTORS, bins=bins)["dcimig"]
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0 < found < 1


def test_a_latent_of_two_factors_costs_jemmig_what_mig_does_not_see():
    """One latent with both factors, for each of which no other latent is informed."""
    factors = np.repeat(grid(2, 4), 20, axis=0)
    entangled = (4 * factors[:, :1] + factors[:, 1:]).astype(float)
    apart = factors.astype(float)
    assert metrics.mig(entangled, factors, bins=8)["mig"] == pytest.approx(1)
    assert metrics.mig(apart, factors)["mig"] == pytest.approx(1)
    assert metrics.jemmig(apart, factors)["jemmig"] == pytest.approx(1)
    assert metrics.jemmig(entangled, factors)["jemmig"] < 0.8
