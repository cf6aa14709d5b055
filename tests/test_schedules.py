"""Schedules against their formulas."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import schedules

STEPS = np.arange(0, 500, 7)
SCHEDULES = [
    (schedules.Linear(4.0, steps=200, start=1.0), lambda t: 1 + 3 * min(1, t / 200)),
    (
        schedules.Sigmoid(4.0, midpoint=100, rate=0.05),
        lambda t: 4 / (1 + math.exp(-0.05 * (t - 100))),
    ),
    (
        schedules.Cyclical(2.0, steps=400, cycles=4, ratio=0.5),
        lambda t: 2 * min(1, (t % 100) / 100 / 0.5),
    ),
]


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES, ids=lambda case: type(case).__name__)
def test_schedule_follows_its_formula(schedule, formula):
    expected = [formula(t) for t in STEPS]
    np.testing.assert_allclose([float(schedule(int(t))) for t in STEPS], expected, rtol=1e-5)
    traced = tf.function(lambda t: schedule(t))
    np.testing.assert_allclose(
        [float(traced(tf.constant(t, tf.int64))) for t in STEPS], expected, rtol=1e-5
    )


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES, ids=lambda case: type(case).__name__)
def test_schedule_is_serializable(schedule, formula):
    config = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(config)
    assert float(again(150)) == pytest.approx(formula(150))


def test_cycles_of_an_odd_length_follow_the_papers_formula():
    schedule = schedules.Cyclical(1.0, steps=10, cycles=3, ratio=0.5)
    period = 10 / 3
    for step in range(12):
        tau = (step % math.ceil(period)) / period
        assert float(schedule(step)) == pytest.approx(min(1, tau / 0.5))


def test_any_keras_schedule_serves():
    schedule = keras.optimizers.schedules.PolynomialDecay(4.0, 100, 1.0)
    assert schedules.check_weight("beta", schedule) is schedule
    assert float(schedules.value_at(schedule, 50)) == pytest.approx(2.5)
    assert schedules.value_at(3.0, 50) == 3.0


@pytest.mark.parametrize("weight", [-1, math.inf, math.nan, "4", None, [1]])
def test_bad_weights_are_named(weight):
    with pytest.raises(ValueError, match=r"`gamma` must be a number >= 0 or a schedule. Received"):
        schedules.check_weight("gamma", weight)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda inner: schedules.Linear(inner, 10), "end"),
        (lambda inner: schedules.Linear(1.0, 10, start=inner), "start"),
        (lambda inner: schedules.Linear(1.0, inner), "steps"),
        (lambda inner: schedules.Sigmoid(inner, 10, 0.1), "end"),
        (lambda inner: schedules.Sigmoid(1.0, inner, 0.1), "midpoint"),
        (lambda inner: schedules.Cyclical(inner, 10), "end"),
    ],
)
def test_a_schedule_within_a_schedule_is_refused(make, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}=<"):
        make(schedules.Linear(1.0, 5))


def test_a_midpoint_may_lie_before_the_first_step():
    assert float(schedules.Sigmoid(4.0, midpoint=-10, rate=1.0)(0)) == pytest.approx(4, rel=1e-3)
    with pytest.raises(ValueError, match="`midpoint` must be a number"):
        schedules.Sigmoid(4.0, midpoint=math.nan, rate=1.0)


class Pairs(schedules.Schedule):
    """Gives two numbers."""

    def __call__(self, step):
        return tf.constant([1.0, 2.0])


class Broken(schedules.Schedule):
    """Gives nothing."""

    def __call__(self, step):
        raise RuntimeError("no such step")


@pytest.mark.parametrize(
    "schedule",
    [
        keras.optimizers.schedules.PolynomialDecay(schedules.Linear(1.0, 5), 10),
        keras.optimizers.schedules.PiecewiseConstantDecay(
            [5], [schedules.Linear(1.0, 5), schedules.Linear(2.0, 5)]
        ),
        keras.optimizers.schedules.ExponentialDecay("a", 10, 0.5),
        Pairs(),
        Broken(),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_that_gives_no_number_is_refused_before_training(schedule):
    message = r"`beta` must be a number >= 0 or a schedule that gives a number.*at step 0 gives"
    with pytest.raises(ValueError, match=message):
        schedules.check_weight("beta", schedule)
