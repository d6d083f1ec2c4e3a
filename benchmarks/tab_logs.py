"""What the tab's benchmarks look at: logs as a training writes them, and TensorBoards that have read them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tb_sparsity import PolynomialDecay  # noqa: E402
from tests.browser.logs import write  # noqa: E402
from tests.servers import Server  # noqa: E402

RUNS = 10
POINTS = 1000
EVERY = 10  # training steps from one point to the next
METRICS = ("accuracy", "loss", "val_accuracy", "val_loss")


def weights(n: int) -> dict[str, int]:
    """Names and sizes of a deep model's weights."""
    return {f"stage_{i // 20}/block_{i // 4 % 5}/conv_{i % 4}/kernel": 1000 * (1 + i % 37) for i in range(n)}


def points(sizes: dict[str, int], schedule: PolynomialDecay, seed: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Rows as a training logs them: sparsity, threshold and churn of each weight change where the masks are updated."""
    rng = np.random.default_rng(seed)
    names, counts = list(sizes), np.array(list(sizes.values()))
    zeros, threshold, churn = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
    for row in range(1, POINTS + 1):
        step = row * EVERY
        is_due = any(schedule(s)[0] for s in range(step - EVERY + 1, step + 1))
        if is_due:
            share = float(schedule(step)[1])
            zeros = np.rint(counts * share)
            threshold = 0.05 * share * (1 + 0.05 * rng.normal(size=len(names)))
        churn = rng.integers(0, counts // 20) / counts if is_due else np.zeros(len(names))
        values = {f"sparsity/{name}": value for name, value in zip(names, zeros / counts, strict=True)}
        values |= {f"threshold/{name}": value for name, value in zip(names, threshold, strict=True)}
        values |= {f"mask_churn/{name}": value for name, value in zip(names, churn, strict=True)}
        total = zeros.sum() / counts.sum()
        values |= {"sparsity_total/pruned": total, "sparsity_total/model": 0.99 * total}
        better = 1 - np.exp(-row / 200)
        values |= {f"metrics/{name}": abs(name.endswith("loss") - better * rng.normal(0.9, 0.01)) for name in METRICS}
        yield step, values


def write_logs(logdir: Path, weight_count: int, frequency: int) -> None:
    """Ten runs of 1,000 points, their masks updated from a tenth to seven tenths of the training."""
    steps = POINTS * EVERY
    for i in range(RUNS):
        schedule = PolynomialDecay(0.0, 0.5 + 0.04 * i, steps // 10, 7 * steps // 10, frequency=frequency)
        sizes = weights(weight_count)
        write(logdir / f"run_{i}", sizes, points(sizes, schedule, i), schedule, total_steps=steps)


def is_read(run: dict[str, Any]) -> bool:
    """Whether TensorBoard has read the run to its end: the last row has all tags."""
    return run["last_step"] == POINTS * EVERY


@contextmanager
def serve(logdir: Path, fast: bool = True) -> Iterator[Server]:
    """A TensorBoard in a process of its own, once it has read the whole log."""
    command = [sys.executable, "-m", "tests.servers"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        print(json.dumps([str(logdir), fast]), file=process.stdin, flush=True)
        try:
            server = Server(json.loads(process.stdout.readline()))
            server.index(lambda runs: len(runs) == RUNS and all(is_read(run) for run in runs.values()))
            yield server
        finally:
            process.stdin.close()
