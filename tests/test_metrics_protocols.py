"""Published protocols of one word, each against a re-computation as its paper or its authors' code has it."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
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


# DCI by forests and by lasso.


def literal_dci(importances):
    """Disentanglement weighted by the latents' importance; completeness by the factors', and their plain mean."""
    latents, factors = importances.shape
    of_latent = [1 - stats.entropy(row, base=factors) if row.any() else 0 for row in importances]
    of_factor = [1 - stats.entropy(row, base=latents) if row.any() else 0 for row in importances.T]
    weights = importances.sum(axis=1) / importances.sum()
    completeness = np.average(of_factor, weights=importances.sum(axis=0))
    return np.sum(weights * of_latent), completeness, np.mean(of_factor)


def tables(codes, seed, train=600):
    order = np.random.default_rng(seed).permutation(len(codes))
    return order[:train], order[train:]


@pytest.mark.parametrize(
    ("forest", "settings"),
    [("shallow", {"criterion": "entropy", "max_depth": 10}), ("plain", {})],
)
def test_dci_by_forests_agrees_with_scikit_learn(forest, settings):
    codes, literal, mine = mixed(0.3), [], []
    how = {"train_samples": 600, "test_samples": 300, "forest": forest}
    for seed in range(6):
        train, test = tables(codes, seed)
        models = [
            RandomForestClassifier(100, random_state=seed, **settings).fit(codes[train], f[train])
            for f in FACTORS.T
        ]
        importances = np.stack([model.feature_importances_ for model in models], axis=1)
        right = [m.score(codes[test], f[test]) for m, f in zip(models, FACTORS.T, strict=True)]
        literal.append([*literal_dci(importances)[:2], np.mean(right)])
        found = metrics.dci_forest(codes, FACTORS, seed=seed, **how)
        mine.append(list(found.values())[:3])
    error = np.sqrt((np.var(literal, axis=0) + np.var(mine, axis=0)) / 6)
    assert (np.abs(np.mean(literal, axis=0) - np.mean(mine, axis=0)) < 4 * error + 1e-3).all()
    assert (error < 0.02).all()
    assert np.mean(mine, axis=0)[0] < 0.99


def test_the_two_forests_are_different_numbers():
    found = [metrics.dci_forest(mixed(1.0), FACTORS, forest=f) for f in ("shallow", "plain")]
    assert found[0]["dci_forest_informativeness_train"] < 1
    assert found[1]["dci_forest_informativeness_train"] == 1
    with pytest.raises(ValueError, match='Unknown forest "deep"'):
        metrics.dci_forest(mixed(), FACTORS, forest="deep")


def test_dci_by_lasso_agrees_with_its_authors_code():
    codes, literal, mine = mixed(0.6, extra=2), [], []
    for seed in range(8):
        train, test = tables(codes, seed)
        mean, deviation = codes[train].mean(axis=0), codes[train].std(axis=0)
        z = [(codes[rows] - mean) / deviation for rows in (train, test)]
        weights, errors = [], []
        for factor in FACTORS.T.astype(float):
            y = [
                (factor[rows] - factor[train].mean()) / factor[train].std()
                for rows in (train, test)
            ]
            model = Lasso(alpha=0.02).fit(z[0], y[0])
            weights.append(np.abs(model.coef_))
            errors.append(np.sqrt(np.mean((model.predict(z[1]) - y[1]) ** 2)) / y[1].std())
        d, _, c = literal_dci(np.stack(weights, axis=1))
        literal.append([d, c, np.mean(errors)])
        how = {"train_samples": 600, "test_samples": 300}
        mine.append(list(metrics.dci_lasso(codes, FACTORS, seed=seed, **how).values())[:3])
    error = np.sqrt((np.var(literal, axis=0) + np.var(mine, axis=0)) / 8)
    assert (np.abs(np.mean(literal, axis=0) - np.mean(mine, axis=0)) < 4 * error).all()
    assert (error < 0.01).all()
    assert (np.mean(literal, axis=0) < 0.95).all()


# SAP by R².


def test_sap_by_r2_agrees_with_regressions():
    codes = mixed(0.7)
    gaps = []
    for factor in FACTORS.T:
        told = [
            LinearRegression().fit(codes[:, [j]], factor).score(codes[:, [j]], factor)
            for j in range(codes.shape[1])
        ]
        gaps.append(sorted(told)[-1] - sorted(told)[-2])
    found = metrics.sap_r2(codes, FACTORS)["sap_r2"]
    assert found == pytest.approx(np.mean(gaps), abs=1e-12)
    assert found == pytest.approx(metrics.sap_r2(1e-4 * codes, FACTORS)["sap_r2"], abs=1e-12)
    assert abs(found - metrics.sap(codes, FACTORS)["sap"]) > 0.05


# InfoMEC: three rules of active latents.


@pytest.mark.parametrize(
    ("arguments", "neighbours", "rule"),
    [
        ({}, 10, lambda z: np.ptp(z, axis=0) > np.ptp(z, axis=0).max() / 20),
        (
            {"active_range": 1 / 8, "neighbours": 3},
            3,
            lambda z: np.ptp(z, axis=0) > np.ptp(z, axis=0).max() / 8,
        ),
        (
            {"spread": "interquartile", "active_range": 0.1},
            10,
            lambda z: stats.iqr(z, axis=0) > stats.iqr(z, axis=0).max() / 10,
        ),
    ],
    ids=["a twentieth", "an eighth", "interquartile"],
)
def test_infomec_by_each_published_rule(arguments, neighbours, rule):
    """Latents of noise that each rule takes for active or not, by their range or their outliers."""
    generator = np.random.default_rng(0)
    codes = np.concatenate([mixed(0.4, extra=0), generator.normal(size=(900, 3))], axis=1)
    codes[:, 3] *= 0.1  # a tenth of the largest range
    codes[:, 4] *= 0.02
    codes[:, 5] = np.where(generator.random(900) < 0.02, 5 * codes[:, 5], 0.01 * codes[:, 5])
    active = rule(codes)
    scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    known = np.stack(
        [
            mutual_info_classif(
                scaled[:, active],
                f,
                discrete_features=False,
                n_neighbors=neighbours,
                random_state=0,
            )
            / entropy(f)
            for f in FACTORS.T
        ]
    )
    factors, latents = known.shape
    modularity = ((known.max(axis=0) / known.sum(axis=0)).mean() - 1 / factors) / (1 - 1 / factors)
    compactness = ((known.max(axis=1) / known.sum(axis=1)).mean() - 1 / latents) / (1 - 1 / latents)
    found = metrics.infomec(codes, FACTORS, iterations=5, **arguments)
    assert found["infomec_active_latents"] == latents
    assert found["infomec_compactness"] == pytest.approx(compactness, abs=0.01)
    assert found["infomec_modularity"] == pytest.approx(modularity, abs=0.05)


def test_rules_of_active_latents_differ():
    generator = np.random.default_rng(0)
    codes = np.concatenate([mixed(0.4, extra=0), 0.1 * generator.normal(size=(900, 1))], axis=1)
    codes[0, 2] = 1000  # an outlier makes every other range small
    rules = [{}, {"spread": "interquartile", "active_range": 0.1}]
    found = [metrics.infomec(codes, FACTORS, iterations=5, **rule) for rule in rules]
    assert [scores["infomec_active_latents"] for scores in found] == [1, 3]
    with pytest.raises(ValueError, match='Unknown spread "iqr"'):
        metrics.infomec(codes, FACTORS, spread="iqr")


# ModelCentrality.


def literal_centrality(made, fixed):
    """As the authors' code: FactorVAE's votes with the latents of model i for factors; then means over models."""
    models = len(made)
    similar = np.zeros((models, models))
    for i, j in np.ndindex(models, models):
        groups, anything = made[i][j]
        deviation = np.std(anything, axis=0, keepdims=True)
        counts = np.zeros((deviation.shape[1], fixed.max() + 1))
        for group, label in zip(groups, fixed, strict=True):
            counts[np.argmin(np.std(group / deviation, axis=0)), label] += 1
        similar[i, j] = counts.max(axis=1).sum() / counts.sum()
    symmetric = (similar + similar.T) / 2
    return [np.mean(np.delete(symmetric[i], i)) for i in range(models)]


def images_and_codes(turns, seed=0, groups=120):
    """Models whose codes are their latents turned: the images of model i are points, which model j reads."""
    generator = np.random.default_rng(seed)
    fixed = np.arange(groups) % 3
    made = []
    for turn in turns:
        latents = generator.normal(size=(groups, 50, 3))
        latents[np.arange(groups), :, fixed] = latents[np.arange(groups), :1, fixed]
        anything = generator.normal(size=(500, 3))
        made.append([(latents @ turn @ other.T, anything @ turn @ other.T) for other in turns])
    return made, fixed


def test_model_centrality_agrees_with_its_definition():
    turns = [np.eye(3), np.eye(3)[[2, 0, 1]], stats.special_ortho_group.rvs(3, random_state=1)]
    made, fixed = images_and_codes(turns)
    expected = literal_centrality(made, fixed)
    codes, anything = ([[pair[k] for pair in row] for row in made] for k in (0, 1))
    found = metrics.model_centrality(codes, anything, [fixed] * 3)
    assert [found[f"model_centrality_{model}"] for model in range(3)] == pytest.approx(expected)
    assert found["model_centrality"] == pytest.approx(np.mean(expected))
    # Permuted latents agree; the turned model is not in the middle.
    assert found["model_centrality_2"] < found["model_centrality_0"] < 1


def test_dead_latents_name_nothing():
    made, fixed = images_and_codes([np.eye(3)] * 2)
    dead = [[np.concatenate([t, np.full_like(t[..., :1], 0.1)], -1) for t in p] for p in made[0]]
    rows = [[dead[0][k], dead[1][k]] for k in (0, 1)]
    found = metrics.model_centrality([rows[0]] * 2, [rows[1]] * 2, [fixed] * 2)
    assert found["model_centrality"] == 1
    with pytest.raises(ValueError, match=r"at least 2 models\. Received: 1"):
        metrics.model_centrality(rows[:1], rows[1:], [fixed])
    with pytest.raises(ValueError, match="tables of all pairs of 2 models"):
        metrics.model_centrality([rows[0]] * 2, [rows[1][:1]] * 2, [fixed] * 2)
    with pytest.raises(ValueError, match=r"Received: shapes \(120, 50, 4\), \(120, 50, 4\)"):
        metrics.model_centrality([rows[0]] * 2, [rows[0]] * 2, [fixed] * 2)


# β-VAE score.


def test_beta_vae_score_takes_the_published_ten_thousand_points():
    """Higgins et al.'s vote, drawn one after the other, with Locatello et al.'s numbers and classifier."""
    generator, codes = np.random.default_rng(3), mixed(1.5)
    rows = [[np.flatnonzero(f == value) for value in np.unique(f)] for f in FACTORS.T]

    def point(factor):
        chosen = [rows[factor][generator.integers(len(rows[factor]))] for _ in range(64)]
        pairs = np.array([generator.choice(which, 2, replace=False) for which in chosen])
        return np.abs(codes[pairs[:, 0]] - codes[pairs[:, 1]]).mean(axis=0)

    shared = generator.integers(3, size=1500)
    points = np.array([point(factor) for factor in shared])
    model = LogisticRegression(random_state=0).fit(points[:1000], shared[:1000])
    literal = model.score(points[1000:], shared[1000:])
    defaults = metrics.beta_vae_score.__kwdefaults__
    assert (defaults["train_points"], defaults["test_points"]) == (10_000, 5_000)
    found = metrics.beta_vae_score(codes, FACTORS)["beta_vae_score"]
    assert 0.5 < literal < 0.99
    assert found == pytest.approx(literal, abs=4 * np.sqrt(0.25 / 500))
