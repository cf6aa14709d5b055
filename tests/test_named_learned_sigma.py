"""The named study of the learned σ: its numbers on a model, and its rule on made-up results."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.studies import named
from zoo.studies.named import learned_sigma
from zoo.studies.named._numbers import columns_of

PART = "split(digits, 0.9, 0.1, seed=0)"
STUDY = named.get("learned_sigma")


def made(learned=(0.1, 0.1, 0.1), rmse=0.1, trained=40.0, held_out=30.0, by_hand=None):
    """Rows of three learned runs, and of three runs for each β with its two mean ELBOs."""
    by_hand = by_hand or {0.01: (39.0, 29.0), 0.04: (35.0, 28.0)}
    settings = [("vae", None, sigma, trained, held_out) for sigma in learned]
    settings += [
        ("beta_vae", beta, math.sqrt(beta), *elbos)
        for beta, elbos in by_hand.items()
        for _ in range(3)
    ]
    names = ("model", "beta", "sigma", *learned_sigma.PLACES.values())
    rows = [dict(zip(names, setting, strict=True), rmse=rmse) for setting in settings]
    for number, row in enumerate(rows):
        for score in learned_sigma.PLACES.values():
            row[score] += (-0.1, 0.0, 0.1)[number % 3]
    return columns_of(
        {"cell": str(number), "setting": "", **row} for number, row in enumerate(rows)
    )


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (made(), "shown"),
        (made(by_hand={0.01: (40.5, 30.5)}), "shown"),  # a lead within the margin
        (made(learned=(0.1, 0.1, 0.107)), "not shown"),
        (made(by_hand={0.01: (41.0, 29.0)}), "not shown"),
        (made(learned=(0.112, 0.112, 0.112)), "refuted"),
        (made(by_hand={0.01: (43.0, 29.0)}), "refuted"),
        (made(by_hand={0.01: (39.0, 29.0), 0.04: (35.0, 33.0)}), "refuted"),  # on held-out images
    ],
)
def test_the_rule_looks_at_sigma_and_at_the_best_beta_on_both_parts(columns, word):
    assert STUDY.judge(columns).word == word


def test_the_verdict_says_which_beta_leads_and_by_how_much():
    text = STUDY.judge(made(by_hand={0.01: (39.0, 29.0), 0.04: (35.0, 33.0)})).because
    assert "on training images, β = 0.01, -1.00 ± 0.08 nats" in text
    assert "on held-out images, β = 0.04, +3.00 ± 0.08 nats" in text


def test_runs_of_one_kind_alone_are_no_answer():
    with pytest.raises(ValueError, match="Expected runs of beta_vae"):
        STUDY.judge({name: values[:3] for name, values in made().items()})


def test_the_figure_names_its_axes_with_units():
    (figure,) = STUDY.figures(made()).values()
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "ELBO at the best σ (nats per image)",
        "RMSE on training images",
    ]


@pytest.fixture
def run(monkeypatch):
    """Makes a model the run of any folder, with a text for its data."""

    def pretend(model, data=f"{PART}[0]"):
        monkeypatch.setattr(learned_sigma.runs, "load", lambda folder: model)
        config = SimpleNamespace(data=data)
        monkeypatch.setattr(learned_sigma.runs, "load_config", lambda folder: config)

    return pretend


def tiny(cls=zoo.models.VAE, **arguments):
    encoder = zoo.networks.dense_encoder((8, 8, 1), 4, units=(4,), seed=0)
    decoder = zoo.networks.dense_decoder(2, (8, 8, 1), units=(4,), seed=1)
    return cls((8, 8, 1), 2, encoder=encoder, decoder=decoder, seed=0, **arguments)


def test_a_learned_sigma_keeps_its_own_bound(run):
    model = tiny(likelihood="gaussian(scale='learned')")
    run(model)
    found = learned_sigma.bounds_of("")
    assert found["sigma"] == pytest.approx(0.1, rel=1e-5)
    for place, part in (("trained", 0), ("held_out", 1)):
        bound = zoo.evaluate(model, zoo.datasets.load(f"{PART}[{part}]"), metrics=[], seed=0)
        assert found[f"elbo_{place}"] == pytest.approx(bound["elbo"], rel=1e-5)


def test_a_weight_set_by_hand_gets_the_sigma_that_suits_it_best(run):
    """By sampled reconstructions, the bound over all σ is highest at the σ that is taken."""
    model = tiny(zoo.models.BetaVAE, beta=0.04, likelihood="gaussian(scale=1)")
    run(model)
    found = learned_sigma.bounds_of("")
    assert found["sigma"] == pytest.approx(0.2)
    data = zoo.datasets.load(f"{PART}[0]")
    images = data.images(np.arange(len(data)))
    q = model.encode(images)
    again = model.decode(q.sample(seed=tf.constant([2, 0]))).mean()  # the same whatever ran before
    rmse = float(np.sqrt(np.mean((images - again) ** 2)))
    assert found["rmse"] == pytest.approx(rmse, rel=1e-2)
    kl = float(tf.reduce_mean(q.kl_divergence(model.prior)))

    def bound(sigma):
        likelihood = zoo.likelihoods.Gaussian(scale=sigma, activation="linear")
        return float(tf.reduce_mean(likelihood(again).log_prob(images))) - kl

    assert found["elbo_trained"] == pytest.approx(bound(rmse), abs=0.1)
    assert bound(rmse) > max(bound(0.95 * rmse), bound(1.05 * rmse))


def test_runs_without_held_out_images_are_refused(run):
    run(tiny(likelihood="gaussian"), data="digits")
    with pytest.raises(ValueError, match="Expected a run on the first part of a split"):
        learned_sigma.bounds_of("")


def test_the_small_budget_is_small():
    cells = named.study_of("learned_sigma").cells()
    assert {cell.config.model for cell in cells} == {"vae", "beta_vae"}
    assert len(cells) * cells[0].config.steps <= 120_000
