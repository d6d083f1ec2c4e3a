"""Which weights could take more, against a loop over each weight and sparsity written out here."""

import json

import keras
import numpy as np
import pytest

import tb_sparsity
from tb_sparsity.events.logs import read_logs
from tb_sparsity.report.sensitivity import Curve, SensitivityReport

SHARES = (0.25, 0.5, 0.9)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 12)).astype("float32")
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int64")


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(2, activation="softmax", name="head"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*data, epochs=10, verbose=0)
    return model


def weights_of(model):
    return [np.array(w).tobytes() for w in model.get_weights()]


def accuracy(weights, x, y):
    hidden_kernel, hidden_bias, head_kernel, head_bias = weights
    logits = np.maximum(x @ hidden_kernel + hidden_bias, 0) @ head_kernel + head_bias
    return float((logits.argmax(1) == y).mean())


def test_finds_what_a_loop_by_hand_finds(model, data, tmp_path):
    before = weights_of(model)
    report = tb_sparsity.sensitivity(model, data, SHARES, log_dir=tmp_path / "run", verbose=0)
    assert weights_of(model) == before
    weights = [np.array(w) for w in model.get_weights()]
    assert report.baseline == {"accuracy": pytest.approx(accuracy(weights, *data), abs=1e-6)}
    curves = {curve.weight: curve for curve in report.curves}
    costs = {}
    for place, name in ((0, "hidden/kernel"), (2, "head/kernel")):
        expected = []
        for share in SHARES:
            pruned = [w.copy() for w in weights]
            flat = pruned[place].reshape(-1)
            flat[np.argsort(np.abs(flat), kind="stable")[: flat.size - round(flat.size * (1 - share))]] = 0
            assert curves[name].sparsity[len(expected)] == pytest.approx((flat == 0).mean())
            expected.append(accuracy(pruned, *data))
        assert curves[name].metrics["accuracy"] == pytest.approx(expected, abs=1 / 400 + 1e-6)
        costs[name] = report.baseline["accuracy"] - np.mean(expected)
    assert [curve.weight for curve in report.curves] == sorted(costs, key=costs.get, reverse=True)
    (run,) = read_logs(tmp_path).values()
    assert run.sensitivity == json.loads(report.to_json())
    assert SensitivityReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_model_is_the_same_after_an_interruption(data, error):
    class Own(keras.Model):
        """Subclassed: it can't be copied, so that its own weights are changed meanwhile."""

        def __init__(self):
            super().__init__()
            self.one, self.two = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)

        def call(self, x):
            return self.two(self.one(x))

    keras.utils.set_random_seed(0)
    model = Own()
    model(data[0][:1])
    before, asked = weights_of(model), []

    def metric(y_true, y_pred):
        asked.append(weights_of(model) == before)
        if len(asked) == 3:
            raise error
        return 1.0

    with pytest.raises(error):
        tb_sparsity.sensitivity(model, data, metrics={"m": metric}, verbose=0)
    assert asked == [True, False, False]
    assert weights_of(model) == before


def test_the_model_is_the_same_where_its_prediction_fails(model):
    before = weights_of(model)
    with pytest.raises(Exception, match=r"."):
        tb_sparsity.sensitivity(model, (np.zeros((4, 7), "float32"), np.zeros(4, int)), verbose=0)
    assert weights_of(model) == before


class Failing(keras.Model):
    """Can't be copied, and fails once it is told to."""

    fails = False

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        if self.fails:
            raise RuntimeError("as told")
        return self.dense(x)


def test_so_is_a_subclassed_model(data):
    model = Failing()
    model(data[0][:1])
    before = weights_of(model)
    model.fails = True
    with pytest.raises(RuntimeError):
        tb_sparsity.sensitivity(model, data, verbose=0)
    assert weights_of(model) == before


def test_patterns_of_every_kind_and_of_pruned_models(model, data):
    pruned = tb_sparsity.prune_low_magnitude(model, tb_sparsity.ConstantSparsity(0.5, 0))
    before = weights_of(pruned)
    report = tb_sparsity.sensitivity(pruned, data, [0.5], patterns=("2:4", (4, 1), "channel"), verbose=0)
    assert weights_of(pruned) == before
    by_pattern = {}
    for curve in report.curves:
        by_pattern.setdefault(curve.pattern, {})[curve.weight] = curve.sparsity
    assert len(by_pattern) == 3
    for sparsities in by_pattern.values():
        assert sparsities == {"hidden/kernel": (0.5,), "head/kernel": (0.5,)}


def curve(weight, values, layer=None, pattern="element"):
    targets = (0.5, 0.7, 0.9)
    return Curve(weight, layer or weight.partition("/")[0], 10, pattern, targets, targets, values)


def test_suggestions_stop_where_the_metric_first_leaves_the_tolerance():
    report = SensitivityReport(
        (
            curve("a/kernel", {"accuracy": (0.89, 0.80, 0.90), "loss": (0.3, 0.3, 0.3)}),
            curve("a/recurrent", {"accuracy": (0.9, 0.9, 0.9), "loss": (0.2, 0.4, float("nan"))}, layer="a"),
            curve("b/kernel", {"accuracy": (0.5, 0.9, 0.9), "loss": (0.3, 0.35, 0.9)}),
        ),
        {"accuracy": 0.9, "loss": 0.3},
        100,
    )
    assert report.suggest(0.02) == {"a/kernel": 0.5, "a/recurrent": 0.9, "b/kernel": 0.0}
    assert report.suggest(0.1, "loss") == {"a/kernel": 0.9, "a/recurrent": 0.7, "b/kernel": 0.7}
    schedules = report.schedules(10, 100, tolerance=0.02)
    assert list(schedules) == ["a"]
    assert schedules["a"](100)[1] == 0.5
    with pytest.raises(ValueError, match="no metric 'auc'"):
        report.suggest(metric="auc")
    with pytest.raises(ValueError, match="must not be negative"):
        report.suggest(-1)
    two = SensitivityReport(
        (*report.curves, curve("a/kernel", {"accuracy": (0.9,) * 3}, pattern="2 of 4")), {"accuracy": 0.9}, 1
    )
    with pytest.raises(ValueError, match="'2 of 4', 'element'"):
        two.suggest()
    assert two.suggest(pattern="2 of 4") == {"a/kernel": 0.9}


def test_suggestions_are_schedules_for_pruning(model, data):
    report = tb_sparsity.sensitivity(model, data, SHARES, verbose=0)
    suggested = report.suggest(tolerance=1.0)
    pruned = tb_sparsity.prune_low_magnitude(model, report.schedules(0, 100, tolerance=1.0))
    assert {w.name: w.target for w in tb_sparsity.pruning_report(pruned).weights} == {
        name: pytest.approx(share, abs=0.02) for name, share in suggested.items()
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sparsities": (0.5, 1.0)}, "shares in \\(0, 1\\)"),
        ({"sparsities": ()}, "at least one"),
        ({"patterns": ("diagonal",)}, "A pattern must be"),
        ({"data": (np.zeros((2, 12)), None)}, "must have labels"),
    ],
)
def test_wrong_arguments_are_told(model, data, change, message):
    with pytest.raises(ValueError, match=message):
        tb_sparsity.sensitivity(**{"model": model, "data": data, "verbose": 0} | change)
