"""Which layers are pruned, on which schedule, and what the report says of it."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import tb_sparsity
from tb_sparsity import (
    ConstantSparsity,
    OneShot,
    PolynomialDecay,
    PruningSchedule,
    UpdatePruningStep,
    prune_low_magnitude,
    pruning_report,
    strip_pruning,
)
from tb_sparsity.pruning.wrapper import collect_wrappers
from tb_sparsity.schedules import MappedSchedule

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)


@pytest.fixture
def model():
    backbone = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.Conv2D(8, 1, name="point")], name="backbone"
    )
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten()(backbone(inputs))
    return keras.Model(inputs, layers.Dense(5, name="head")(layers.Dense(16, name="dense")(x)))


def wrapped(model):
    return [w.layer.name for w in collect_wrappers(model)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"include": "backbone/*"}, ["conv", "point"]),
        ({"include": "conv"}, ["conv"]),
        ({"exclude": "head"}, ["conv", "point", "dense"]),
        ({"include": layers.Conv2D, "exclude": "*point"}, ["conv"]),
        ({"include": re.compile("^(d|h)ea?")}, ["dense", "head"]),
        ({"exclude": ["head", lambda layer: getattr(layer, "kernel_size", None) == (3, 3)]}, ["point", "dense"]),
        ({"include": ["dense", "head"], "exclude": layers.Conv2D}, ["dense", "head"]),
    ],
)
def test_layers_are_chosen_by_name_class_or_function(model, choice, expected):
    assert wrapped(prune_low_magnitude(model, HALF, **choice)) == expected


def test_only_layers_with_something_to_prune_are_wrapped(small_model):
    pruned = prune_low_magnitude(small_model, HALF)
    wrapper, left = "PruneLowMagnitude", ["Dropout", "BatchNormalization"]
    assert [type(layer).__name__ for layer in pruned.layers] == [wrapper, *left, wrapper]
    dropout = layers.Dropout(0.5)
    assert prune_low_magnitude(dropout, HALF) is dropout


def test_a_layer_that_has_weights_is_copied(small_model, fit):
    before = small_model.get_layer("hidden").kernel.numpy()
    wrapper = prune_low_magnitude(small_model.get_layer("hidden"), HALF)
    assert np.array_equal(wrapper.layer.kernel.numpy(), before)
    model = keras.Sequential([keras.Input((8,)), wrapper, layers.Dense(3)])
    fit(model, [UpdatePruningStep()])
    assert (wrapper.layer.kernel.numpy() == 0).sum() == 64
    assert np.array_equal(small_model.get_layer("hidden").kernel.numpy(), before)


def test_each_its_own_schedule(model):
    late = PolynomialDecay(0.0, 0.8, 10, 20)
    pruned = prune_low_magnitude(model, {"backbone/*": late, "head": OneShot(0.25, 3), layers.Dense: HALF})
    found = {w.layer.name: w.pruning_schedule for w in collect_wrappers(pruned)}
    assert found == {"conv": late, "point": late, "dense": HALF, "head": found["head"]}
    assert repr(found["head"]) == "OneShot(target_sparsity=0.25, step=3)"
    assert wrapped(prune_low_magnitude(model, {"head": HALF})) == ["head"]


def test_a_plain_function_is_a_schedule(small_model, fit):
    pruned = prune_low_magnitude(small_model, lambda step: 0.04 * step, frequency=5)
    fit(pruned, [UpdatePruningStep()])
    assert [float((w.layer.kernel.numpy() == 0).mean()) for w in collect_wrappers(pruned)] == [
        pytest.approx(0.8, abs=0.01),
        pytest.approx(0.8, abs=0.01),
    ]
    updates = [collect_wrappers(pruned)[0].pruning_schedule.last_update(step) == step for step in range(1, 21)]
    assert np.flatnonzero(updates).tolist() == [4, 9, 14, 19]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"include": "haed"}, "'haed' matches no layer.*backbone/conv, backbone/point, dense, head"),
        ({"exclude": re.compile("x9")}, "'x9' matches no layer"),
        ({"include": 3}, "`include` takes name patterns.*Received: 3"),
        ({"distribution": "er"}, "'uniform' or 'erk'.*'er'"),
        ({"on_unsupported": "ignore"}, "'error' or 'skip'.*'ignore'"),
        ({"frequency": 5}, "a schedule has its own.*frequency=5"),
        ({"pruning_schedule": 0.5}, "`pruning_schedule` must be.*pruning_schedule=0.5"),
        ({"pruning_schedule": {}}, "must not be empty"),
        ({"pruning_schedule": {"head": 0.5}}, "`pruning_schedule` must be.*0.5"),
        ({"pruning_schedule": {"haed": HALF}}, "'haed' matches no layer"),
        ({"pruning_schedule": ConstantSparsity}, "`pruning_schedule` must be"),
    ],
)
def test_what_chooses_nothing_is_an_error(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        prune_low_magnitude(model, **{"pruning_schedule": HALF, **arguments})


def test_what_cannot_be_pruned_is_named():
    with pytest.raises(ValueError, match="Received: 3 of type int"):
        prune_low_magnitude(3, HALF)
    with pytest.raises(ValueError, match=r"Received: 'model.keras' of type str"):
        prune_low_magnitude([layers.Dense(3), "model.keras"], HALF)
    with pytest.raises(ValueError, match="strip_pruning"):
        strip_pruning("model.keras")
    with pytest.raises(TypeError, match="`layer_class` must be"):
        tb_sparsity.register_prunable("Dense")


def test_erk_gives_each_layer_its_own_share_and_the_model_the_schedules(model):
    rise = PolynomialDecay(0.0, 0.9, 0, 10, frequency=1, power=1)
    pruned = prune_low_magnitude(model, rise, distribution="erk")
    pruned.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(40, 8, 8, 3)), np.ones((40, 5))
    totals = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept = [w.masks[0].numpy() for w in collect_wrappers(self.model)]
            totals.append(1 - sum(mask.sum() for mask in kept) / sum(mask.size for mask in kept))
            self.kept = {w.layer.name: w.masks[0].numpy().mean() for w in collect_wrappers(self.model)}

    look = Look()
    pruned.fit(x, y, batch_size=4, verbose=0, callbacks=[UpdatePruningStep(), look])
    assert totals == pytest.approx([rise(step)[1] for step in range(1, 11)], abs=2 / 5000)
    shapes = {"conv": (3, 3, 3, 4), "point": (1, 1, 4, 8), "dense": (288, 16), "head": (16, 5)}
    kept = 0.1 * sum(map(np.prod, shapes.values()))
    for name, shape in shapes.items():  # density is proportional to sum(shape) / prod(shape): nodes to edges
        density = kept * sum(shape) / np.prod(shape) / sum(map(sum, shapes.values()))
        assert look.kept[name] == pytest.approx(density, abs=0.5 / np.prod(shape) + 1e-6)
    assert all(isinstance(w.pruning_schedule, MappedSchedule) for w in collect_wrappers(pruned))


def test_erk_needs_shapes_and_says_how_to_get_them():
    with pytest.raises(ValueError, match=r"layer 'dense.*' isn't built.*keras.Input\(shape\)"):
        prune_low_magnitude(keras.Sequential([layers.Dense(3)]), HALF, distribution="erk")


def test_the_report_says_what_is_pruned_what_is_not_and_why(model):
    pruned = prune_low_magnitude(model, PolynomialDecay(0.0, 0.75, 20, 100, frequency=20), exclude="head")
    report = pruning_report(pruned, steps=70)
    assert [(w.name, w.layer_class, w.shape, w.size) for w in report.weights] == [
        ("backbone/conv/kernel", "Conv2D", (3, 3, 3, 4), 108),
        ("backbone/point/kernel", "Conv2D", (1, 1, 4, 8), 32),
        ("dense/kernel", "Dense", (288, 16), 4608),
    ]
    assert [w.target for w in report.weights] == [0.75, 0.75, 0.75]
    assert report.skipped == {"head": "excluded"}
    assert list(report.updates.values()) == [3]  # 20, 40, 60
    lines = str(report).splitlines()
    assert lines[0].split() == ["weight", "layer", "shape", "size", "pattern", "target", "now", "complying"]
    assert lines[3].split() == ["dense/kernel", "Dense", "288×16", "4,608", "element", "75.00%", "0.00%"]
    assert "Not pruned: head (excluded)" in lines
    assert lines[-1].startswith("Masks are updated 3 times in steps 1 to 70 by PolynomialDecay(")
    with pytest.raises(ValueError, match="steps=0"):
        pruning_report(pruned, steps=0)


def test_the_report_of_a_loaded_model_and_of_one_not_built_yet(model, tmp_path):
    prune_low_magnitude(model, HALF, include="dense").save(tmp_path / "model.keras")
    report = pruning_report(keras.models.load_model(tmp_path / "model.keras"))
    assert [w.name for w in report.weights] == ["dense/kernel"]
    assert report.skipped == dict.fromkeys(["backbone/conv", "backbone/point", "head"], "not wrapped")
    unbuilt = prune_low_magnitude(keras.Sequential([layers.Dense(3, name="only")]), HALF)
    assert pruning_report(unbuilt).unbuilt == ("only",)
    assert "not built yet: only" in str(pruning_report(unbuilt))


def test_the_report_counts_the_updates_of_joined_schedules(small_model):
    joined = PruningSchedule.join(PolynomialDecay(0.0, 0.5, 0, 30, frequency=10), ConstantSparsity(0.8, 50))
    report = pruning_report(prune_low_magnitude(small_model, joined), steps=200)
    assert list(report.updates.values()) == [5]  # 10, 20, 30; 50, 150
    assert {w.target for w in report.weights} == {1 - 26 / 128, 1 - 10 / 48}
