"""Models of every structure: what pruning makes of them, and that stripping gives them back."""

import operator
from collections import namedtuple

import keras
import numpy as np
import pytest
from keras import layers, ops

from tb_sparsity import ConstantSparsity, PruneLowMagnitude, UpdatePruningStep, prune_low_magnitude, strip_pruning
from tb_sparsity.pruning.wrapper import collect_wrappers
from tests.pruning.test_masks import float32_count

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)
X = np.random.default_rng(0).normal(size=(8, 8)).astype("float32")


def zeros(variable):
    return int((ops.convert_to_numpy(variable) == 0).sum())


def same(a, b):
    a, b = ([ops.convert_to_numpy(y) for y in keras.tree.flatten(outputs)] for outputs in (a, b))
    return all(np.allclose(one, other, rtol=1e-4, atol=1e-5) for one, other in zip(a, b, strict=True))


def train(model, x=X):
    """4 steps, to outputs of all ones."""
    y = keras.tree.map_structure(lambda y: np.ones(y.shape, "float32"), model(x))
    model.compile("adam", "mse")
    callbacks = [UpdatePruningStep()] if collect_wrappers(model) else []
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)


def assert_pruned(model, names, steps=4, sparsity=0.5):
    """Exactly the layers with these names are, each to the exact count, once a step."""
    wrappers = collect_wrappers(model)
    assert sorted(w.layer.name for w in wrappers) == sorted(names)
    for wrapper in wrappers:
        assert int(wrapper.pruning_step.numpy()) == steps
        for weight, mask, *_ in wrapper.pruned_weights:
            size = mask.numpy().size
            assert zeros(weight) == zeros(mask) == size - float32_count(size, sparsity)


def structure(model):
    """Classes and names, down through nested models."""
    if not isinstance(model, keras.Model):
        return type(model), model.name
    return type(model), model.name, [structure(layer) for layer in model.layers]


def dicts_and_operations():
    inputs = {"left": keras.Input((8,), name="left"), "right": keras.Input((8,), name="right")}
    merged = layers.Concatenate()([layers.Dense(4, name="one")(inputs["left"][:, ::2] * 2), ops.relu(inputs["right"])])
    return keras.Model(inputs, {"a": layers.Dense(1, name="a")(merged), "b": layers.Dense(2, name="b")(merged) + 1})


def three_levels_with_skips():
    innermost_input, inputs = keras.Input((8,)), keras.Input((8,))
    hidden = layers.Dense(8, activation="relu", name="inner")(innermost_input)
    innermost = keras.Model(innermost_input, layers.Add()([innermost_input, hidden]), name="innermost")
    middle = keras.Sequential([keras.Input((8,)), innermost, layers.Dense(8, name="between")], name="middle")
    return keras.Model(inputs, layers.Dense(1, name="head")(layers.Add()([middle(inputs), inputs])))


def shared_and_branching():
    backbone = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="inner")], name="backbone")
    inputs, shared = keras.Input((8,)), layers.Dense(8, name="shared")
    merged = layers.Add()([backbone(shared(inputs)), shared(backbone(inputs))])
    return keras.Model(inputs, [layers.Dense(1, name="a")(merged), merged])


def a_lambda_and_a_layer_shared_with_a_nested_model():
    inner_input, inputs, shared = keras.Input((8,)), keras.Input((8,)), layers.Dense(8, name="shared")
    inner = keras.Model(inner_input, shared(inner_input), name="inner")
    return keras.Model(inputs, layers.Lambda(lambda x: ops.tanh(x[0]) + x[1])([inner(inputs), shared(inputs)]))


def sequential_without_an_input_shape():
    model = keras.Sequential([layers.Dense(4, name="first"), keras.Sequential([layers.Dense(2, name="second")])])
    model(X)
    return model


MODELS = {
    dicts_and_operations: ["a", "b", "one"],
    three_levels_with_skips: ["between", "head", "inner"],
    shared_and_branching: ["a", "inner", "shared"],
    a_lambda_and_a_layer_shared_with_a_nested_model: ["shared"],
    sequential_without_an_input_shape: ["first", "second"],
}


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_models_that_keras_can_copy_come_back_as_they_were(make, tmp_path):
    model = make()
    x = {"left": X, "right": X[::-1]} if make is dicts_and_operations else X
    weights, before = model.get_weights(), model(x)
    pruned = prune_low_magnitude(model, HALF)
    assert same(pruned(x), before)
    train(pruned, x)
    assert_pruned(pruned, MODELS[make])
    stripped = strip_pruning(pruned)
    assert structure(stripped) == structure(model)
    assert same(stripped(x), pruned(x))
    assert not same(stripped(x), before)
    assert same(model(x), before)  # the one given was left alone
    assert same(model.get_weights(), weights)
    if make is a_lambda_and_a_layer_shared_with_a_nested_model:
        return  # Keras can load neither
    for saved in (pruned, stripped):
        saved.save(tmp_path / "model.keras")
        assert same(keras.models.load_model(tmp_path / "model.keras")(x), stripped(x))


def test_a_compiled_and_trained_model_stays_so_and_trains_on(small_model, fit):
    fit(small_model, [])
    weights, optimizer = small_model.get_weights(), small_model.optimizer
    pruned = prune_low_magnitude(small_model, HALF)
    assert same(pruned(X), small_model(X))
    assert not pruned.compiled
    fit(pruned, [UpdatePruningStep()])
    assert same(small_model.get_weights(), weights)
    assert small_model.optimizer is optimizer
    assert small_model.compiled
    fit(small_model, [], compiled=True)


def test_layers_and_models_wrapped_before_they_are_built():
    model = keras.Sequential(prune_low_magnitude([layers.Dense(4, input_shape=(8,)), layers.Dense(3)], HALF))
    assert model.built
    train(model)
    assert_pruned(model, [wrapper.layer.name for wrapper in model.layers])
    unbuilt = prune_low_magnitude(keras.Sequential([layers.Dense(4, name="one"), layers.Dense(3, name="two")]), HALF)
    train(unbuilt)
    assert_pruned(unbuilt, ["one", "two"])


def test_tfmots_way_to_prune_some_layers(small_model):
    def choose(layer):
        return prune_low_magnitude(layer, HALF) if layer.name == "hidden" else layer

    model = keras.models.clone_model(small_model, clone_function=choose)
    train(model)
    assert_pruned(model, ["hidden"])
    assert structure(strip_pruning(model)) == structure(small_model)


def test_a_layer_pinned_to_training_mode():
    inputs = keras.Input((4, 2))
    outputs = layers.Dense(1, name="head")(layers.LSTM(3, dropout=0.2, name="lstm")(inputs, training=True))
    pruned = prune_low_magnitude(keras.Model(inputs, outputs), HALF)
    pruned.compile("sgd", "mse")
    x = X.reshape(8, 4, 2)
    pruned.fit(x, x[:, 0, :1], batch_size=4, verbose=0, callbacks=[UpdatePruningStep()])
    pruned.predict(x, verbose=0)
    assert_pruned(pruned, ["head", "lstm"], steps=2)


def test_lists_of_models_and_layers():
    given = [shared_and_branching(), layers.Dense(2), three_levels_with_skips()]
    first, layer, second = prune_low_magnitude(given, HALF)
    assert [len(collect_wrappers(item)) for item in (first, layer, second)] == [3, 1, 3]


def test_frozen_layers_are_pruned_and_stay_frozen():
    backbone = keras.Sequential([layers.Dense(8, name="frozen"), layers.BatchNormalization()], name="backbone")
    backbone.trainable = False
    also = layers.Dense(4, trainable=False, name="also")
    model = keras.Sequential([keras.Input((8,)), backbone, also, layers.Dense(1, name="head")])
    pruned = prune_low_magnitude(model, HALF)
    assert len(pruned.trainable_weights) == len(model.trainable_weights) == 2
    train(pruned)
    assert_pruned(pruned, ["also", "frozen", "head"])
    stripped = strip_pruning(pruned)
    for before, after in zip(model.non_trainable_weights, stripped.non_trainable_weights, strict=True):
        assert np.all((after.numpy() == 0) | (after.numpy() == before.numpy()))
    assert [layer.trainable for layer in stripped.layers] == [False, False, True]
    assert not stripped.get_layer("backbone").trainable_weights
    assert same(stripped(X), pruned(X))


def test_zeros_of_a_sparse_model_stay_until_the_first_update_but_an_empty_kernel_may_grow():
    sparse, empty = layers.Dense(8, name="sparse"), layers.Dense(1, name="empty")
    model = keras.Sequential([keras.Input((8,)), sparse, layers.Dense(8, name="dense"), empty])
    cut = np.random.default_rng(1).random((8, 8)) < 0.75
    sparse.kernel.assign(np.where(cut, 0, sparse.kernel.numpy()))
    empty.kernel.assign(np.zeros((8, 1)))
    pruned = prune_low_magnitude(model, ConstantSparsity(0.25, begin_step=6, frequency=1))
    train(pruned)
    first, second, last = (wrapper.layer.kernel for wrapper in collect_wrappers(pruned))
    assert np.array_equal(first.numpy() == 0, cut)
    assert not np.array_equal(first.numpy(), sparse.kernel.numpy())
    assert zeros(second) == zeros(last) == 0
    train(pruned)
    assert_pruned(pruned, ["dense", "empty", "sparse"], steps=8, sparsity=0.25)


def test_wrapping_twice_changes_nothing(tmp_path):
    pruned = prune_low_magnitude(three_levels_with_skips(), HALF)
    train(pruned)
    pruned.save(tmp_path / "pruned.keras")
    for model in (pruned, keras.models.load_model(tmp_path / "pruned.keras")):
        again = prune_low_magnitude(model, ConstantSparsity(0.9, 0))
        assert structure(again) == structure(pruned)
        assert same(again.get_weights(), pruned.get_weights())
        train(again)
        assert_pruned(again, ["between", "head", "inner"], steps=8)
    wrapper = PruneLowMagnitude(layers.Dense(3), HALF)
    assert prune_low_magnitude(wrapper, HALF) is wrapper


def functional():
    inputs = keras.Input((8,))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(4)(inputs)))


@pytest.mark.parametrize(
    ("make", "built"),
    [
        (lambda: keras.Sequential([layers.Dense(4), layers.Dense(3)]), False),
        (lambda: keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(3)]), True),
        (functional, True),
    ],
)
def test_what_is_built_stays_built_and_what_is_not_stays_so(make, built):
    model = make()
    pruned = prune_low_magnitude(model, HALF)
    again = keras.models.model_from_json(pruned.to_json())
    assert [m.built for m in (model, pruned, again, strip_pruning(pruned))] == [built] * 4


def test_stripping_what_is_not_pruned_gives_the_same():
    for model in (three_levels_with_skips(), Everything()):
        before = model(X)
        stripped = strip_pruning(model)
        assert structure(stripped) == structure(model)
        assert same(stripped(X), before)


class Inner(keras.Model):
    def __init__(self, units=8, name="inner_model"):
        super().__init__(name=name)
        self.units = units
        self.dense = layers.Dense(units, name="inner")

    def call(self, inputs, training=None):
        return self.dense(inputs, training=training)

    def get_config(self):
        return {"units": self.units, "name": self.name}


Pair = namedtuple("Pair", ["left", "right"])


class Everything(keras.Model):
    """Keeps its layers in every way that Keras finds them."""

    def __init__(self):
        super().__init__()
        self.first = self.first_again = layers.Dense(8, activation="relu", name="first")
        self.blocks = [layers.Dense(8, name="of_list"), [layers.BatchNormalization()]]
        self.by_name = {"key": layers.Dense(8, name="of_dict")}
        self.pair = (layers.Dense(8, name="of_tuple"), layers.Dropout(0.1))
        self.named = Pair(layers.Dense(8, name="of_pair"), layers.ReLU())
        self.inner = Inner()
        self.sequential = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="only")])
        self.functional = three_levels_with_skips()
        self.head = layers.Dense(1, name="last")

    def call(self, inputs, training=None):
        x = inputs
        for layer in self.all_layers():
            x = layer(x, training=training)
        return self.head(x, training=training) + self.functional(inputs, training=training)

    def all_layers(self):
        in_lists, in_dict = [self.blocks[0], self.blocks[1][0]], list(self.by_name.values())
        return [self.first, self.first_again, *in_lists, *in_dict, *self.pair, *self.named, self.inner, self.sequential]


NAMES = ["between", "first", "head", "inner", "inner", "last", "of_dict", "of_list", "of_pair", "of_tuple", "only"]


@pytest.mark.parametrize("state", ["unbuilt", "built", "trained"])
def test_a_subclassed_model_is_pruned_in_place(state):
    model = Everything()
    if state == "trained":
        train(model)
        model.predict(X, verbose=0)
    before = None if state == "unbuilt" else model(X)
    originals, n_weights = model.all_layers(), len(model.weights)
    assert prune_low_magnitude(model, HALF) is model
    assert sorted(w.layer.name for w in collect_wrappers(model)) == NAMES
    assert model.first_again is model.first is model.get_layer("prune_low_magnitude_first")
    assert not model.compiled
    with pytest.raises(ValueError, match="compile"):
        model.fit(X, X[:, :1], verbose=0, callbacks=[UpdatePruningStep()])
    assert before is None or same(model.predict(X, verbose=0), before)
    train(model)
    assert_pruned(model, NAMES)

    predictions = model(X)
    assert strip_pruning(model) is model
    assert not collect_wrappers(model)
    assert all(map(operator.is_, model.all_layers()[:-1], originals))  # the last, a Sequential model, is copied
    assert state == "unbuilt" or len(model.weights) == n_weights
    assert same(model(X), predictions)
    assert same(model.predict(X, verbose=0), predictions)
    assert zeros(model.first.kernel) == 32
    train(model)
    assert zeros(model.first.kernel) == 0  # dense again


def test_weights_of_a_subclassed_model_are_saved_and_loaded(tmp_path):
    first, second = (prune_low_magnitude(Everything(), HALF) for _ in range(2))
    train(first)
    first.save_weights(tmp_path / "pruned.weights.h5")
    second(X)
    second.load_weights(tmp_path / "pruned.weights.h5")
    assert same(second(X), first(X))
    assert_pruned(second, NAMES)
    train(second)
    assert_pruned(second, NAMES, steps=8)
    plain = Everything()
    plain(X)
    strip_pruning(first).save_weights(tmp_path / "stripped.weights.h5")
    plain.load_weights(tmp_path / "stripped.weights.h5")
    assert same(plain(X), first(X))


def test_a_subclassed_model_inside_a_functional_one():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(1, name="head")(Inner(4)(inputs)))
    before = model(X)
    pruned = prune_low_magnitude(model, HALF)
    assert same(pruned(X), before)
    train(pruned)
    assert_pruned(pruned, ["head", "inner"])
    stripped = strip_pruning(pruned)
    assert structure(stripped) == structure(model)
    assert same(stripped(X), pruned(X))
    assert same(model(X), before)
    assert not collect_wrappers(model)

    stripped.get_layer("inner_model").get_config = lambda: {"size": 4}
    with pytest.raises(ValueError, match=r"(?s)'inner_model' of class Inner can't be copied.*get_config"):
        prune_low_magnitude(stripped, HALF)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "ResNet50", "EfficientNetB0"])
def test_networks_of_keras_applications(name):
    kwargs = {"alpha": 0.35} if name == "MobileNetV2" else {}
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10, **kwargs)
    kernels = (layers.Conv2D, layers.Dense, layers.DepthwiseConv2D)
    with_kernels = [layer.name for layer in model.layers if isinstance(layer, kernels)]
    pruned = prune_low_magnitude(model, ConstantSparsity(0.75, begin_step=0, frequency=1))
    x = np.random.default_rng(0).normal(size=(8, 64, 64, 3)).astype("float32")
    pruned.compile(keras.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
    pruned.fit(x, np.arange(8), batch_size=4, verbose=0, callbacks=[UpdatePruningStep()])
    assert_pruned(pruned, with_kernels, steps=2, sparsity=0.75)
    stripped = strip_pruning(pruned)
    assert structure(stripped) == structure(model)
    assert same(stripped.predict(x, verbose=0), pruned.predict(x, verbose=0))
