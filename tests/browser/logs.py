"""Logs to look at, and what is in them: read here with TensorBoard's own reader, not with ours."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tb_sparsity
from tb_sparsity.events.manifest import FORMAT_MAJOR, describe_schedule
from tb_sparsity.events.manifest_pb2 import Element, Manifest, Weight
from tb_sparsity.events.writer import SparsityWriter

TOTAL = "sparsity_total/pruned"

# What was configured, for the assertions: 80 steps, four epochs of 20.
POLYNOMIAL = {"initial_sparsity": 0.1, "final_sparsity": 0.8, "begin_step": 13, "end_step": 61, "frequency": 7}
CONSTANT = {"target_sparsity": 0.5, "begin_step": 10, "frequency": 10}
SIZES = {"hidden/kernel": 8 * 16, "head/kernel": 16 * 3}
STEPS = 80


def train(log_dir, schedule):
    """Trains a tiny Keras model for 80 steps and logs each of them; without a schedule it stays dense."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 8)).astype("float32"), rng.integers(0, 3, size=100)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dense(3, name="head"),
        ]
    )
    callbacks = [tb_sparsity.PruningSummaries(log_dir, update_freq="batch")]
    if schedule:
        model = tb_sparsity.prune_low_magnitude(model, schedule)
        callbacks.insert(0, tb_sparsity.UpdatePruningStep())
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, batch_size=4, epochs=4, validation_split=0.2, verbose=0, callbacks=callbacks)


def write(log_dir, weights, points, schedule=None, total_steps=None, change=lambda manifest: None):
    """Writes a log without training: `weights` are sizes by name, `points` are `(step, values by tag)`.

    `schedule` is one for all weights, or a dictionary with one for each. Where steps go back a new session begins.
    `change` is given the manifest before it is written.
    """
    schedules = schedule if isinstance(schedule, dict) else dict.fromkeys(weights, schedule)
    different = [one for one in dict.fromkeys(schedules.values()) if one]
    writer = SparsityWriter(log_dir)
    manifest = Manifest(format_major=FORMAT_MAJOR, first_step=1, total_steps=total_steps)
    manifest.schedules.extend(describe_schedule(one) for one in different)
    for name, size in weights.items():
        weight = Weight(name=name, layer=name.rpartition("/")[0], shape=[size], size=size, element=Element())
        if schedules[name]:
            weight.schedule = different.index(schedules[name])
        manifest.weights.append(weight)
    change(manifest)
    writer.begin_session(manifest)
    for step, values in points:
        writer.log_row(step, tuple(values), np.array(list(values.values()), "float32"))
    writer.close()


def write_tfmot(log_dir, sparsity_at, threshold=0.01):
    """What tfmot's own PruningSummaries writes: no manifest, tags named after its wrappers' variables."""
    import tensorflow as tf

    with tf.summary.create_file_writer(str(log_dir / "metrics")).as_default():
        for step, sparsity in sparsity_at.items():
            for layer in ("conv2d", "dense"):
                tf.summary.scalar(f"prune_low_magnitude_{layer}/mask:0/sparsity", sparsity, step=step)
                tf.summary.scalar(f"prune_low_magnitude_{layer}/threshold:0/threshold", threshold, step=step)


def write_bare(log_dir, points):
    """The same tags, written by another program: no manifest, and no session."""
    import tensorflow as tf

    with tf.summary.create_file_writer(str(log_dir / "sparsity")).as_default():
        for step, values in points:
            for tag, value in values.items():
                tf.summary.scalar(tag, value, step=step)


def kept(points):
    """What must be left of points as they were written: tag -> (steps, values). A step back replaces what follows."""
    series = {}
    for step, values in points:
        for steps in series.values():
            for later in [one for one in steps if one >= step]:
                del steps[later]
        for tag, value in values.items():
            series.setdefault(tag, {})[step] = value
    return {tag: (np.array(list(steps)), np.array(list(steps.values()), "float32")) for tag, steps in series.items()}


def read(run_dir):
    """All points in a run's event files: tag -> (steps, values)."""
    accumulator = EventAccumulator(str(run_dir), size_guidance={"scalars": 0}).Reload()
    series = {}
    for tag in accumulator.Tags()["scalars"]:
        events = accumulator.Scalars(tag)
        series[tag] = np.array([e.step for e in events]), np.array([e.value for e in events])
    return series


def at(points, step):
    """The value at a step, or at the last one before it."""
    steps, values = points
    return float(values[np.searchsorted(steps, step, side="right") - 1])


def due(schedule, step):
    """`(step, sparsity)` of the last mask update that was due by `step`; None before the first."""
    update = schedule.last_update(step)
    return update and (update, float(schedule(update)[1]))


def percent(share):
    """As the page writes it: 0.3125 -> "31.3 %", halves up."""
    digits = Decimal(share * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{digits}\u2009%"


def number(text):
    """The number that a readout shows: "−0.1" -> -0.1, "74.1 %" -> 74.1, "1,200" -> 1200."""
    return float(text.replace("\u2212", "-").replace("\u2009%", "").replace(",", ""))
