"""What the scripts here train, and what they write down after every step and epoch, for each device."""

import keras
import numpy as np

import tb_sparsity
from tb_sparsity.pruning.wrapper import collect_wrappers

BATCH, STEPS_PER_EPOCH, EPOCHS = 16, 5, 3
SCHEDULE = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=2, end_step=14, frequency=3)

_rng = np.random.default_rng(0)
X = _rng.normal(size=(BATCH * STEPS_PER_EPOCH, 8)).astype("float32")
Y = _rng.normal(size=(BATCH * STEPS_PER_EPOCH, 4)).astype("float32")


def dense_model():
    layers = [keras.layers.Dense(16, activation="tanh", name="a"), keras.layers.Dense(4, name="b")]
    return keras.Sequential([keras.Input((8,)), *layers])


def pruned_model():
    model = tb_sparsity.prune_low_magnitude(dense_model(), SCHEDULE)
    start_alike(model)
    return model


def start_alike(model):
    """Gives models of the same shapes the same weights, on any backend."""
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) / 2)


def on_each_device(variable):
    """The values that a variable has on the devices of this process; one, if each has a part of it only."""
    value = variable.value
    if keras.backend.backend() == "torch":
        return [keras.ops.convert_to_numpy(value)]
    if keras.backend.backend() == "jax":
        whole = value.is_fully_replicated
        return [np.asarray(shard.data) for shard in value.addressable_shards] if whole else [np.asarray(value)]
    return [copy.numpy() for copy in getattr(value, "values", [value])]


class Diary(keras.callbacks.Callback):
    """Writes down masks, weights and steps after every batch, and after every epoch."""

    def __init__(self):
        super().__init__()
        self.pages = {}

    def on_train_batch_end(self, batch, logs=None):
        self._write("batch")

    def on_epoch_end(self, epoch, logs=None):
        self._write("epoch")

    def _write(self, when):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        for wrapper in collect_wrappers(self.model):
            ((weight, mask, *_),) = wrapper.pruned_weights
            for name, variable in {"mask": mask, "weight": weight, "step": wrapper.pruning_step}.items():
                values = np.stack(on_each_device(variable))
                self.pages.setdefault(f"{when}/{wrapper.layer.name}/{name}", []).append(values)

    def save(self, path):
        np.savez(path, **{key: np.stack(values) for key, values in self.pages.items()})


def fit(model, path):
    """Trains on the same global batches, whatever the devices are, and saves what happened."""
    diary = Diary()
    summaries = tb_sparsity.PruningSummaries(path.with_suffix(""), "batch")
    callbacks = [tb_sparsity.UpdatePruningStep(), summaries, diary]
    model.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
    diary.save(path)
