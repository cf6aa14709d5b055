"""Scores during training: when, of what, without a trace in the training, and across resumptions; other callbacks."""

import json

import keras
import numpy as np
import pytest

import zoo
from zoo.measure import plots
from zoo.runs.callbacks import ScoreDuringTraining, Watch

SHAPE = (8, 8, 1)


def made():
    model = zoo.models.FactorVAE(
        SHAPE, 3, likelihood="continuous_bernoulli", seed=0, discriminator_layers=1
    )
    model.compile()
    return model


def trained(callbacks, model=None, start=0, stop=7):
    model = model or made()
    stream = zoo.datasets.load("digits").batches(16, seed=1, start_step=start)
    model.fit(stream, steps_per_epoch=stop - start, verbose=0, callbacks=callbacks)
    return model


def scores(**more):
    return ScoreDuringTraining("digits", every=3, metrics=["mig"], samples=300, seed=2, **more)


def test_scores_are_those_of_the_model_at_that_step():
    callback = scores()
    trained([callback])
    assert callback.history["step"] == [3, 6]
    for row, step in enumerate([3, 6]):
        model = trained([], stop=step)
        expected = zoo.evaluate(model, "digits", ["mig"], samples=300, seed=2)
        found = {name: column[row] for name, column in callback.history.items() if name != "step"}
        assert found == pytest.approx(expected, rel=1e-5)
    assert list(callback.history)[:2] == ["step", "reconstruction"]


def test_training_is_not_touched():
    with_scores, without = trained([scores()]), trained([])
    for a, b in zip(with_scores.variables, without.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_steps_go_on_over_epochs_and_fits():
    callback = scores()
    model = made()
    images = zoo.datasets.load("digits").images(np.arange(32))
    model.fit(images, batch_size=16, epochs=2, verbose=0, callbacks=[callback])
    model.fit(images, batch_size=16, epochs=1, verbose=0, callbacks=[callback])
    assert callback.history["step"] == [3, 6]


def test_a_resumed_run_has_the_history_of_a_straight_one(tmp_path):
    """Killed after step 8, it goes on from the checkpoint of step 4: what was scored after it is dropped."""
    straight = scores()
    trained([straight], stop=10)
    file = tmp_path / "scores.json"
    model = trained([scores(file=file)], stop=4)
    model.save(tmp_path / "model.keras")
    trained([scores(file=file)], model, start=4, stop=8)
    assert json.loads(file.read_text())["step"] == [3, 6]
    resumed = scores(file=file)
    trained([resumed], zoo.load(tmp_path / "model.keras"), start=4, stop=10)
    assert resumed.history == straight.history
    assert json.loads(file.read_text()) == resumed.history
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_metrics_may_change_between_resumptions(tmp_path):
    file = tmp_path / "scores.json"
    model = trained([scores(file=file)], stop=4)
    other = ScoreDuringTraining("digits", every=3, metrics=["sap"], samples=300, file=file)
    trained([other], model, start=4, stop=7)
    assert other.history["mig"][1] is None
    assert other.history["sap"][0] is None
    assert len({len(column) for column in other.history.values()}) == 1
    assert plots.curves(other.history)


def test_without_factors_there_is_the_bound():
    callback = ScoreDuringTraining(
        zoo.datasets.load("digits").images(np.arange(20)), every=1, samples=None
    )
    trained([callback], stop=2)
    assert callback.history["step"] == [1, 2]
    assert "elbo" in callback.history
    assert "mig" not in callback.history


@pytest.mark.filterwarnings("default")
def test_a_failing_metric_does_not_end_the_training():
    images = zoo.datasets.load("digits").images(np.arange(20))
    data = images, np.zeros((20, 1), int)
    callback = ScoreDuringTraining(data, every=2, metrics=["mig", "unsupervised"])
    with pytest.warns(UserWarning, match="mig is not scored: Expected a factor"):
        model = trained([callback], stop=4)
    assert int(model.optimizer.iterations) == 4
    assert callback.history["step"] == [2, 4]
    assert len(callback.history["unsupervised"]) == 2
    assert "mig" not in callback.history


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`every` must be an integer >= 1"):
        ScoreDuringTraining("digits", every=0)
    with pytest.raises(ValueError, match="`samples` must be an integer >= 1"):
        ScoreDuringTraining("digits", samples=0)
    with pytest.raises(ValueError, match="`seed` must be an integer >= 0"):
        ScoreDuringTraining("digits", seed=-1)
    with pytest.raises(ValueError, match=r'Unknown metric "migg"'):
        ScoreDuringTraining("digits", metrics=["migg"])
    with pytest.raises(ValueError, match="Expected a dataset with factors"):
        ScoreDuringTraining(np.zeros((4, 8, 8, 1), "float32"), metrics=["mig"])
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\)"):
        trained([ScoreDuringTraining("shapes2d", metrics=["mig"])])
    for content in ("{", "[]", '{"mig": [1]}', '{"step": [1], "mig": []}'):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(ValueError, match="Expected `file` to hold a history of scores"):
            scores(file=tmp_path / "other.json")


def info_gan(rate=None):
    model = zoo.models.InfoGAN(SHAPE, 3, noise_dim=4, seed=0)
    model.compile(rate and zoo.optimizers.Adam(rate))
    return model


def watched(model, images, epochs=3):
    watch = Watch()
    model.fit(images, epochs=epochs, verbose=0, callbacks=[watch])
    return watch.found


def test_symptoms_are_told_once_each(binary_digits, monkeypatch):
    ill = ["The discriminator tells all (loss 1)", "No code can be read (0 nats)"]
    changing = ["The discriminator tells all (loss 2)"]
    found = iter([ill, changing, ill])
    model = info_gan()
    monkeypatch.setattr(model, "symptoms", lambda values: next(found))
    with pytest.warns(UserWarning, match="discriminator tells all|No code") as caught:
        assert watched(model, binary_digits) == ill
    # TensorFlow warns of its own under Python 3.13.
    assert [str(each.message) for each in caught if each.category is UserWarning] == ill


def test_symptoms_are_those_of_the_epochs_means(binary_digits, monkeypatch):
    seen = []
    model = info_gan()
    monkeypatch.setattr(model, "symptoms", lambda values: seen.append(values) or [])
    assert watched(model, binary_digits, epochs=1) == []
    assert list(seen[0]) == model.tracked()


def test_a_value_that_is_not_finite_ends_the_training(binary_digits):
    model = info_gan()
    model.decoder.trainable_variables[0].assign(
        np.full(model.decoder.trainable_variables[0].shape, np.nan)
    )
    with pytest.warns(UserWarning, match=r"stopped at step 1: .*is nan\. Lower the learning rate"):
        found = watched(model, binary_digits)
    assert len(found) == 1
    assert int(model.optimizer.iterations) == 1


# Several updates between two calls of a callback.


@pytest.mark.parametrize(
    ("execution", "every", "steps"),
    [
        (1, 3, [3, 6, 9, 12]),
        (4, 5, [8, 12]),  # due at 5 and 10
        (3, 2, [3, 6, 9, 12]),
        (6, 3, [6, 12]),
        (12, 12, [12]),
    ],
)
def test_scores_are_taken_at_the_end_of_an_execution_of_several_steps(execution, every, steps):
    model = zoo.models.VAE(SHAPE, 3, likelihood="continuous_bernoulli", seed=0)
    model.compile(steps_per_execution=execution)
    callback = ScoreDuringTraining("digits", every=every, metrics=["mig"], samples=100)
    model.fit(
        zoo.datasets.load("digits").batches(8), steps_per_epoch=12, verbose=0, callbacks=[callback]
    )
    assert callback.history["step"] == steps


def test_watch_stops_an_execution_of_several_steps(binary_digits):
    model = zoo.models.VAE(SHAPE, 3, seed=0)
    model.compile(zoo.optimizers.Adam(1e30), steps_per_execution=4)
    with pytest.warns(UserWarning, match=r"Training stopped at step 4: "):
        model.fit(binary_digits, batch_size=4, verbose=0, callbacks=[Watch()])
    assert int(model.optimizer.iterations) == 4


# Callbacks that change the learning rate.


class Sets(keras.callbacks.Callback):
    """Sets rates at the start of each epoch: that of `optimizer`, and perhaps the discriminator's."""

    def __init__(self, first, second=None):
        super().__init__()
        self.first, self.second = first, second

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.first
        if self.second is not None:
            self.model.discriminator_optimizer.learning_rate = self.second


class Decays(keras.callbacks.Callback):
    """Lowers the rate after each update."""

    def on_train_batch_end(self, batch, logs=None):
        rate = self.model.optimizer.learning_rate
        rate.assign(rate * 0.9)


def rates(model):
    return [float(optimizer.learning_rate) for optimizer in model.optimizers]


def with_rates(*both):
    model = zoo.models.FactorVAE(SHAPE, 3, seed=0, discriminator_layers=1)
    model.compile(*map(zoo.optimizers.Adam, both or (1e-3, 1e-4)))
    return model


PLATEAU = {"monitor": "loss", "factor": 0.1, "patience": 0, "mode": "max", "min_delta": 1e9}


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 10), 1e-5),
        (lambda: keras.callbacks.ReduceLROnPlateau(**PLATEAU), 1e-4),
        (lambda: Sets(0.02), 0.02),
        (Decays, 1e-3 * 0.9**4),
    ],
)
def test_what_changes_the_models_rate_changes_all_rates_in_proportion(make, first, binary_digits):
    model = with_rates()
    model.fit(binary_digits, batch_size=32, epochs=2, verbose=0, callbacks=[make()])
    assert rates(model) == pytest.approx([first, first / 10], rel=1e-5)


def test_rates_are_in_proportion_in_every_checkpoint(binary_digits, tmp_path):
    lower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    with_rates().fit(binary_digits, epochs=2, verbose=0, callbacks=[[lower], keep])
    for epoch in (1, 2):
        kept = zoo.load(tmp_path / f"{epoch}.keras")
        assert rates(kept) == pytest.approx([1e-3 / 2**epoch, 1e-4 / 2**epoch])


def test_rates_follow_a_warm_up_from_0(binary_digits):
    class WarmUp(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 1e-3 * batch

    model = with_rates()
    model.fit(binary_digits, batch_size=16, verbose=0, callbacks=[WarmUp()])
    assert rates(model) == pytest.approx([3e-3, 3e-4])


def test_a_rate_that_a_callback_sets_itself_stays(binary_digits):
    model = with_rates()
    model.fit(binary_digits, epochs=2, verbose=0, callbacks=[Sets(0.01, 0.5)])
    assert rates(model) == pytest.approx([0.01, 0.5])
    model.fit(binary_digits, verbose=0, callbacks=Sets(0.02))  # and is the new proportion
    assert rates(model) == pytest.approx([0.02, 1.0])


def test_rates_that_nobody_changes_stay_to_the_bit(binary_digits):
    model = with_rates(3e-4, 7e-5)
    before = rates(model)
    model.fit(binary_digits, verbose=0, callbacks=[Watch()])
    assert rates(model) == before
    model.optimizer.learning_rate = 1e-2  # by hand, between two trainings
    model.fit(binary_digits, verbose=0, callbacks=[Watch()])
    assert rates(model) == pytest.approx([1e-2, before[1]])


def test_a_schedule_cannot_follow_and_says_so_once(binary_digits):
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 1, 0.5)
    model = with_rates(1e-3, schedule)
    with pytest.warns(UserWarning, match="is a schedule and does not follow") as caught:
        model.fit(
            binary_digits, batch_size=32, epochs=2, verbose=0, callbacks=[Sets(0.01), Sets(0.02)]
        )
    assert len([warning for warning in caught if warning.category is UserWarning]) == 1
    assert rates(model) == pytest.approx([0.02, 1e-3 / 2**4])


def test_a_list_of_callbacks_made_by_the_user_is_followed_in_each_fit(binary_digits):
    model = with_rates()
    callbacks = keras.callbacks.CallbackList([Sets(0.01)], add_history=True, model=model)
    for _ in range(2):
        model.fit(binary_digits, verbose=0, callbacks=callbacks)
        assert rates(model) == pytest.approx([0.01, 0.001])
        assert len(callbacks.callbacks) == 4  # two, and what follows each
