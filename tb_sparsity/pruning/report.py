"""What `prune_low_magnitude` made of a model: what is pruned, how, what isn't and why."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import keras
import numpy as np

from tb_sparsity.pruning.models import walk
from tb_sparsity.pruning.plan import NOTHING_TO_PRUNE, Decision
from tb_sparsity.pruning.registry import is_prunable
from tb_sparsity.pruning.weights import tracked_weights
from tb_sparsity.pruning.wrapper import PruneLowMagnitude, masked
from tb_sparsity.schedules import PruningSchedule
from tb_sparsity.tables import html_table, text_table

_LEFT = (0, 1, 2, 4)  # columns of words

_REASONS: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class WeightReport:
    """One pruned weight: how it is to be pruned, and how far it is."""

    name: str
    layer_class: str
    shape: tuple[int, ...]
    size: int
    pattern: str
    schedule: PruningSchedule
    target: float  # share of zeros once the schedule has done all it does
    sparsity: float  # share of zeros now
    complying: int  # blocks, groups or channels that follow the pattern; for single weights, all of them
    units: int  # of how many


@dataclass(frozen=True)
class PruningReport:
    """What is pruned, what isn't and why. Print it for a table.

    `updates` are the expected mask updates of each schedule within `steps` training steps, by its `repr`; empty if
    `steps` wasn't given.
    """

    weights: tuple[WeightReport, ...]
    skipped: dict[str, str]  # path of the layer -> why it isn't pruned
    unbuilt: tuple[str, ...]  # paths of wrapped layers that have no weights yet
    steps: int | None
    updates: dict[str, int]

    def __str__(self) -> str:
        return "\n".join([*text_table(self._rows(), _LEFT), *self._sentences()])

    def _repr_html_(self) -> str:
        return html_table(self._rows(), _LEFT) + "".join(f"<p>{escape(line)}</p>" for line in self._sentences())

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("weight", "layer", "shape", "size", "pattern", "target", "now", "complying")]
        rows += [
            (
                w.name,
                w.layer_class,
                "×".join(map(str, w.shape)),
                f"{w.size:,}",
                w.pattern,
                f"{100 * w.target:.2f}%",
                f"{100 * w.sparsity:.2f}%",
                "" if w.pattern == "element" else f"{w.complying:,} of {w.units:,}",
            )
            for w in self.weights
        ]
        return rows

    def _sentences(self) -> list[str]:
        lines = []
        size = sum(w.size for w in self.weights)
        if size:
            target = sum(w.target * w.size for w in self.weights) / size
            now = sum(w.sparsity * w.size for w in self.weights) / size
            lines.append(f"{size:,} weights in all: target {100 * target:.2f}%, now {100 * now:.2f}%")
        if self.unbuilt:
            lines.append(f"Wrapped, not built yet: {', '.join(self.unbuilt)}")
        lines += [f"Not pruned: {path} ({reason})" for path, reason in self.skipped.items()]
        for schedule, updates in self.updates.items():
            times = "1 time" if updates == 1 else f"{updates:,} times"
            lines.append(f"Masks are updated {times} in steps 1 to {self.steps:,} by {schedule}")
        return lines


def pruning_report(model: keras.layers.Layer, steps: int | None = None) -> PruningReport:
    """Tells what is pruned in a model, how, what isn't and why. `print` it.

    Args:
        model: What `prune_low_magnitude` returned; at any time, also after training or `load_model`.
        steps: Training steps planned, to be told how often masks will be updated. Defaults to `None`.

    Returns:
        A `PruningReport`. Layers that have nothing to prune are left out of it.

    Raises:
        ValueError: If `steps` isn't a number of steps.

    Example:

    ```python
    print(tb_sparsity.pruning_report(pruned, steps=5000))
    ```
    """
    if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 1):
        raise ValueError(f"`steps` must be a number of training steps. Received: steps={steps!r}")
    reasons = _REASONS.get(model, {})
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    wrapped: dict[int, PruneLowMagnitude] = {}
    skipped, unbuilt = {}, []
    for path, layer in walk(model):
        if isinstance(layer, PruneLowMagnitude):
            wrapped[id(layer)] = layer
            if not layer.built:
                unbuilt.append(path)
        elif reasons.get(path, NOTHING_TO_PRUNE) != NOTHING_TO_PRUNE:
            skipped[path] = reasons[path]
        elif is_prunable(layer):
            skipped[path] = "not wrapped"
    schedules = {repr(w.pruning_schedule): w.pruning_schedule for w in wrapped.values()}
    return PruningReport(
        weights=tuple(_weight_report(w) for w in tracked_weights(model) if w.pruned),
        skipped=skipped,
        unbuilt=tuple(unbuilt),
        steps=steps,
        updates={name: _count_updates(schedule, int(steps)) for name, schedule in schedules.items()} if steps else {},
    )


def remember(model: Any, decisions: Sequence[Decision]) -> None:
    """Keeps, for the report, why layers of `model` aren't pruned."""
    _REASONS[model] = {decision.path: decision.reason for decision in decisions if decision.schedule is None}


def final_sparsity(schedule: PruningSchedule) -> float:
    """What a schedule comes to: its sparsity at `end_step`; without an end, long after `begin_step`."""
    step = schedule.end_step if schedule.end_step >= 0 else schedule.begin_step + 10**6
    sparsity = schedule(keras.ops.convert_to_tensor(step, "int32"))[1]
    return float(keras.ops.convert_to_numpy(sparsity))


def _weight_report(w: Any) -> WeightReport:
    values = keras.ops.convert_to_numpy(keras.ops.cast(masked(w.variable, w.pruned.mask), "float32"))
    pattern, layout = w.wrapper.pattern, w.pruned.layout
    complying, units = pattern.complying(values, layout)
    return WeightReport(
        name=w.name,
        layer_class=type(w.layer).__name__,
        shape=tuple(w.variable.shape),
        size=w.size,
        pattern=str(pattern),
        schedule=w.wrapper.pruning_schedule,
        target=pattern.target(tuple(w.variable.shape), final_sparsity(w.wrapper.pruning_schedule), layout),
        sparsity=float((values == 0).mean()),
        complying=complying,
        units=units,
    )


def _count_updates(schedule: PruningSchedule, steps: int) -> int:
    return sum(schedule.last_update(step) == step for step in range(1, steps + 1))
