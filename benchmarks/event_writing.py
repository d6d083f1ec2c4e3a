"""What logging costs the training thread, against tf.summary and PyTorch's SummaryWriter; bytes on disk; memory.

python benchmarks/event_writing.py [ROUNDS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from side_by_side import table

from tb_sparsity import ConstantSparsity, SparsityWriter, prune_low_magnitude
from tb_sparsity.measure import Meter

WEIGHTS = 100
KINDS = ("sparsity", "threshold", "mask_churn")
STEPS = 50


def tags(weights: int) -> tuple[str, ...]:
    """Three series for each weight."""
    return tuple(f"{kind}/block_{i // 10}/dense_{i}/kernel" for i in range(weights) for kind in KINDS)


def pruned_model() -> keras.Model:
    """A model with that many pruned weights, of 4,096 entries each."""
    layers = [keras.layers.Dense(64, name=f"dense_{i}") for i in range(WEIGHTS)]
    model = prune_low_magnitude(keras.Sequential([keras.Input((64,)), *layers]), ConstantSparsity(0.5, 1))
    model.compile("sgd", "mse")
    return model


def each_step(log: Callable[[int], None]) -> float:
    """Milliseconds of the calling thread for a step."""
    start = time.perf_counter()
    for step in range(1, STEPS + 1):
        log(step)
    return 1e3 * (time.perf_counter() - start) / STEPS


def with_tf_summary() -> float:
    """One call a value."""
    writer = tf.summary.create_file_writer(tempfile.mkdtemp())
    values = np.random.default_rng(0).random(3 * WEIGHTS)

    def log(step: int) -> None:
        with writer.as_default(step):
            for name, value in zip(tags(WEIGHTS), values, strict=True):
                tf.summary.scalar(name, value)

    milliseconds = each_step(log)
    writer.close()
    return milliseconds


def with_pytorch() -> float:
    """The same with PyTorch's writer."""
    from torch.utils.tensorboard import SummaryWriter

    values = np.random.default_rng(0).random(3 * WEIGHTS)
    with SummaryWriter(tempfile.mkdtemp(), max_queue=100_000) as writer:

        def log(step: int) -> None:
            for name, value in zip(tags(WEIGHTS), values, strict=True):
                writer.add_scalar(name, value, step)

        return each_step(log)


def ours(meter: Meter | None = None, fresh: bool = False) -> float:
    """A row a step; with a meter, its measurement too."""
    row, names = np.random.default_rng(0).random(3 * WEIGHTS, np.float32), tags(WEIGHTS)
    with SparsityWriter(tempfile.mkdtemp()) as writer:

        def log(step: int) -> None:
            if meter is None:
                writer.log_row(step, names, row)
            else:
                measured = meter.measure(fresh)
                writer.log_row(step, measured.tags, measured.values)

        return each_step(log)


def bytes_for_each_value() -> float:
    """Bytes on disk of a value, its tag's name not counted."""
    directory = tempfile.mkdtemp()
    names = tags(WEIGHTS)
    with SparsityWriter(directory) as writer:
        for step in range(1, 1001):
            writer.log_row(step, names, np.full(len(names), 0.5, np.float32))
    size = sum(file.stat().st_size for file in Path(directory, "sparsity").iterdir())
    return (size / 1000 - sum(map(len, names))) / len(names)


def resident() -> float:
    """MB that the process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory() -> None:
    """1,000 weights, 3 values each, 10,000 steps of 2 ms."""
    names = tags(1000)
    with SparsityWriter(tempfile.mkdtemp()) as writer:
        for step in range(1, 10_001):
            writer.log_row(step, names, np.random.default_rng(step).random(len(names), np.float32))
            time.sleep(0.002)  # in place of a training step
            if step in (100, 1000, 2000, 5000, 10_000):
                print(f"  after {step:>6,} steps: {resident():,.0f} MB")


def main(rounds: int = 7) -> None:
    """Prints the tables."""
    meter = Meter(pruned_model())
    meter.measure()
    variants = {
        "tf.summary.scalar": with_tf_summary,
        "PyTorch's SummaryWriter.add_scalar": with_pytorch,
        "SparsityWriter": ours,
        "SparsityWriter, with measuring": lambda: ours(meter),
        "SparsityWriter, all masks read anew": lambda: ours(meter, fresh=True),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for i in range(rounds + 1):
        for name, run in variants.items():
            milliseconds = run()
            if i:
                times[name].append(milliseconds)
    print(f"{WEIGHTS} weights, 3 values each: the training thread's time for a step")
    table(times, "SparsityWriter")
    table(times, "SparsityWriter, with measuring")
    print(f"Bytes on disk for each value, beyond its tag: {bytes_for_each_value():.1f}")
    print("Memory of the process, 1,000 weights:")
    memory()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
