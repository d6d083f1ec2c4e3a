"""The manifest: what a run is. Schedules are sampled into it here, and it is turned into JSON for the page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tb_sparsity.events.manifest_pb2 import Block, Channel, Element, Manifest, NOfM, Phase, Schedule, Weight

FORMAT_MAJOR = 1
FORMAT_MINOR = 1

# The page's curve lies within SAMPLING_TOLERANCE of the schedule: half of what the format promises, so that
# rounding to float32 and jumps smaller than the search looks at are covered as well.
SAMPLING_TOLERANCE = 5e-4
_GRID = 4096

_DEEPEST = 64  # how far a schedule's config may be nested for the page to get it


@dataclass(frozen=True)
class LoggedWeight:
    """What a manifest says about a weight.

    Attributes:
        name: As in the tags.
        shape: Lengths of its axes.
        layer: Name of its layer.
        layer_class: Class of its layer.
        dtype: Type of its entries.
        pattern: What is cut together.
        schedule: Callable `step -> (should_prune, sparsity)` or `step -> sparsity`; None if it isn't pruned.
        fixed_target: The sparsity of a pattern that has its own, whatever the schedule's.
    """

    name: str
    shape: Sequence[int]
    layer: str = ""
    layer_class: str = ""
    dtype: str = "float32"
    pattern: Element | Block | NOfM | Channel | None = None
    schedule: Any = None
    fixed_target: float | None = None

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


def describe_run(weights: Iterable[LoggedWeight], total_steps: int | None = None, **fields: Any) -> Manifest:
    """The manifest of a run, each of its schedules described once.

    Args:
        weights: What is logged.
        total_steps: The last step of the session, where that is known.
        **fields: Further fields of the `Manifest`.
    """
    manifest = Manifest(format_major=FORMAT_MAJOR, format_minor=FORMAT_MINOR, total_steps=total_steps, **fields)
    described: dict[tuple[int, float | None], bytes] = {}
    index_of: dict[bytes, int] = {}
    for w in weights:
        message = Weight(
            name=w.name, layer=w.layer, layer_class=w.layer_class, shape=w.shape, size=w.size, dtype=w.dtype
        )
        pattern = w.pattern or Element()
        getattr(message, _PATTERN_FIELDS[type(pattern)]).CopyFrom(pattern)
        getattr(message, _PATTERN_FIELDS[type(pattern)]).SetInParent()
        if w.schedule is not None:
            key = id(w.schedule), w.fixed_target
            if key not in described:
                schedule = describe_schedule(w.schedule, total_steps)
                if w.fixed_target is not None and schedule.target_step:
                    del schedule.target_step[1:], schedule.target_value[:]
                    schedule.target_value.append(w.fixed_target)
                described[key] = encoded = schedule.SerializeToString(deterministic=True)
                if encoded not in index_of:
                    index_of[encoded] = len(manifest.schedules)
                    manifest.schedules.append(schedule)
            message.schedule = index_of[described[key]]
        manifest.weights.append(message)
    return manifest


_PATTERN_FIELDS = {Element: "element", Block: "block", NOfM: "n_of_m", Channel: "channel"}


def describe_schedule(schedule: Any, last_step: int | None = None) -> Schedule:
    """Describes a schedule, its target sampled, as a message of the manifest.

    Args:
        schedule: Callable `step -> (should_prune, sparsity)` or `step -> sparsity`; its `begin_step`, `end_step`,
            `frequency`, `update_phases` and `get_config` are used where it has them.
        last_step: Where to stop sampling a schedule without an end.

    Returns:
        The `Schedule` message. Without samples if the schedule can't be evaluated outside of training.
    """
    begin = int(getattr(schedule, "begin_step", 0))
    end = getattr(schedule, "end_step", None)
    end = -1 if end is None else int(end)
    frequency = int(getattr(schedule, "frequency", 1))
    name = getattr(schedule, "__name__", None) or type(schedule).__name__
    message = Schedule(class_name=name, begin_step=begin, end_step=_step_or_none(end), frequency=frequency)
    phases = [tuple(map(int, phase)) for phase in getattr(schedule, "update_phases", list)()]
    if phases != [(begin, end, frequency)]:
        message.phases.extend(Phase(begin_step=b, end_step=_step_or_none(e), frequency=f) for b, e, f in phases)
    try:
        message.config = json.dumps(schedule.get_config(), default=_plain)
    except Exception:  # whatever a user's method raises: the log does without
        message.config = "{}"
    begins = [phase.begin_step for phase in message.phases]
    until = end if end >= 0 else max(begin, last_step or 0, *begins)
    try:
        steps, values = sample_target(lambda step: _sparsity(schedule(step)), begin, until, jumps=begins)
    except Exception:
        return message
    message.target_step.extend(steps)
    message.target_value.extend(values)
    return message


def _plain(value: Any) -> Any:
    """What JSON has no way to say: a step as NumPy computed it is a number, anything else is told in words."""
    return value.item() if isinstance(value, np.generic) else repr(value)


def _sparsity(answer: Any) -> Any:
    return answer[1] if isinstance(answer, tuple) else answer


def sample_target(
    target: Callable[[Any], Any], begin: int, end: int, jumps: Sequence[int] = ()
) -> tuple[list[int], list[float]]:
    """Samples a function of the step so that straight lines between the samples follow it.

    Args:
        target: Sparsity at a step; given an int64 array if it takes one, else ints one by one.
        begin: First step.
        end: Last step.
        jumps: Steps at which it is known that the function may jump.

    Returns:
        `(steps, values)`: both ends included. Every other jump is found that stands out of a grid of 4,096 steps.

    Example:

    >>> sample_target(lambda step: step / 10, 0, 10)
    ([0, 10], [0.0, 1.0])
    """
    grid = np.linspace(begin, end, min(end - begin, _GRID) + 1).round().astype(np.int64)
    known = [s for jump in jumps for s in (jump - 1, jump) if begin <= s <= end]
    steps = np.union1d(grid, np.array(known, np.int64))
    values = _evaluate(target, steps)
    unseen = np.arange(len(steps) - 1)  # stretches between two samples that were not looked into yet
    while unseen.size:
        unseen = unseen[np.diff(steps)[unseen] > 1]
        run, rise = np.diff(steps)[unseen], np.diff(values)[unseen]
        middle = (steps[unseen] + steps[unseen + 1]) // 2
        found = _evaluate(target, middle)
        # A smooth curve may be steep all over: what matters is where a straight line would miss it, or a jump.
        line = values[unseen] + rise * (middle - steps[unseen]) / run
        bent = (np.abs(found - line) > SAMPLING_TOLERANCE / 8) | (np.abs(rise) > 16 * SAMPLING_TOLERANCE)
        at = unseen[bent]
        steps = np.insert(steps, at + 1, middle[bent])
        values = np.insert(values, at + 1, found[bent])
        halves = at + np.arange(at.size)  # each one put in moves those behind it
        unseen = np.union1d(halves, halves + 1)
    keep = _straightened(steps, values)
    return steps[keep].tolist(), values[keep].tolist()


def _evaluate(target: Callable[[Any], Any], steps: np.ndarray) -> np.ndarray:
    if not steps.size:
        return np.empty(0)
    try:
        values = np.asarray(target(steps), dtype=np.float64)
    except Exception:  # written for single steps
        values = np.empty(0)
    if values.shape != steps.shape:
        values = np.array([float(np.asarray(target(int(step)))) for step in steps])
    if not np.isfinite(values).all():
        raise ValueError("the schedule gives a sparsity that isn't finite")
    return values


def _straightened(steps: np.ndarray, values: np.ndarray) -> list[int]:
    """Indices to keep: from each kept point the line goes as far as all points between stay within tolerance."""
    keep = [0]
    low, high, reach = -np.inf, np.inf, 0
    for i in range(1, len(steps)):
        anchor = keep[-1]
        run = float(steps[i] - steps[anchor])
        rise = float(values[i] - values[anchor])
        if not low <= rise / run <= high:
            keep.append(reach)
            run, rise = float(steps[i] - steps[reach]), float(values[i] - values[reach])
            low, high = -np.inf, np.inf
        low = max(low, (rise - SAMPLING_TOLERANCE) / run)
        high = min(high, (rise + SAMPLING_TOLERANCE) / run)
        reach = i
    if reach:
        keep.append(reach)
    return keep


def to_json(serialized: bytes) -> dict[str, Any]:
    """A serialised manifest as the page gets it.

    Raises:
        google.protobuf.message.DecodeError: If the bytes are no manifest.
    """
    manifest = Manifest.FromString(serialized)
    return {
        "format_version": f"{manifest.format_major}.{manifest.format_minor}",
        "newer": manifest.format_major > FORMAT_MAJOR,
        "writer_version": manifest.writer_version,
        "keras_version": manifest.keras_version,
        "keras_backend": manifest.keras_backend,
        "update_freq": manifest.update_freq,
        "first_step": manifest.first_step,
        "steps_per_epoch": _optional(manifest, "steps_per_epoch"),
        "total_steps": _optional(manifest, "total_steps"),
        "weights": [_weight_json(weight) for weight in manifest.weights],
        "schedules": [_schedule_json(schedule) for schedule in manifest.schedules],
    }


def _weight_json(weight: Weight) -> dict[str, Any]:
    kind = weight.WhichOneof("pattern")
    pattern: dict[str, Any] = {"type": "element"}
    if kind == "block":
        block = weight.block
        pattern = {"type": "block", "height": block.height, "width": block.width, "pooling": block.pooling}
    elif kind == "n_of_m":
        pattern = {"type": "n_m", "n": weight.n_of_m.n, "m": weight.n_of_m.m}
    elif kind == "channel":
        pattern = {"type": "channel", "count": weight.channel.count}
    return {
        "name": weight.name,
        "layer": weight.layer,
        "layer_class": weight.layer_class,
        "shape": list(weight.shape),
        "size": weight.size,
        "dtype": weight.dtype,
        "pattern": pattern,
        "schedule": _optional(weight, "schedule"),
    }


def _schedule_json(schedule: Schedule) -> dict[str, Any]:
    try:
        config = _finite(json.loads(schedule.config or "{}"))
    except (ValueError, RecursionError):
        config = {}
    samples = min(len(schedule.target_step), len(schedule.target_value))
    return {
        "class_name": schedule.class_name,
        "config": config,
        "begin_step": schedule.begin_step,
        "end_step": _optional(schedule, "end_step"),
        "frequency": schedule.frequency,
        "phases": [
            {"begin_step": phase.begin_step, "end_step": _optional(phase, "end_step"), "frequency": phase.frequency}
            for phase in schedule.phases
        ],
        # float32 on the wire: its shortest decimals, not the digits of the double nearest to it
        "target": {
            "step": list(schedule.target_step[:samples]),
            "value": [_finite(float(str(np.float32(v)))) for v in schedule.target_value[:samples]],
        },
    }


def _finite(value: Any, depth: int = 0) -> Any:
    """The value with None for every NaN and infinity in it: JSON has neither.

    Raises:
        ValueError: If it is nested so deeply that what is done with it later might fail.
    """
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(v, depth + 1) for v in value]
    if isinstance(value, dict):
        return {k: _finite(v, depth + 1) for k, v in value.items()}
    return value


def _step_or_none(step: int) -> int | None:
    return step if step >= 0 else None


def _optional(message: Any, field: str) -> int | None:
    return getattr(message, field) if message.HasField(field) else None
