"""Schedules made of other schedules, or of a function."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from tb_sparsity.schedules.base import (
    PruningSchedule,
    as_float,
    checked_sparsity,
    checked_steps,
    clip,
    is_number,
    like_step,
    value_and_ops,
)


class JoinedSchedule(PruningSchedule):
    """Schedules one after another: each rules from its own `begin_step` until the next one's.

    All count the training's own steps. Masks are updated where the ruling schedule says so, and no longer once
    the next one rules. `begin_step` and `frequency` are those of the first schedule, `end_step` is the last one's.

    `PruningSchedule.join` makes it.

    Args:
        schedules: Schedules with strictly increasing `begin_step`.

    Raises:
        ValueError: If there are none, one isn't a schedule, or their `begin_step` doesn't increase.

    Example:

    >>> from tb_sparsity.schedules import OneShot
    >>> schedule = JoinedSchedule([OneShot(0.5, step=100), OneShot(0.8, step=200)])
    >>> schedule(199), schedule(200)
    ((False, 0.5), (True, 0.8))
    """

    def __init__(self, schedules: Iterable[PruningSchedule]):
        self.schedules = list(schedules)
        if not self.schedules:
            raise ValueError("There must be at least one schedule to join. Received: none")
        for schedule in self.schedules:
            _check_schedule("schedules", schedule)
        for one, following in pairwise(self.schedules):
            if following.begin_step <= one.begin_step:
                raise ValueError(
                    "`begin_step` must increase from each joined schedule to the next, since each rules until the "
                    f"next one begins. Received: begin_step={one.begin_step!r} of {one!r}, "
                    f"then begin_step={following.begin_step!r} of {following!r}"
                )
        first, last = self.schedules[0], self.schedules[-1]
        self.begin_step, self.end_step, self.frequency = first.begin_step, last.end_step, first.frequency

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = value_and_ops(step)
        first, *following = self.schedules
        if ops is math:
            ruling = [first, *(s for s in following if s.begin_step <= step)][-1]
            return ruling(step)
        due, sparsity = first(step)
        for schedule in following:
            rules = step >= schedule.begin_step
            due_then, sparsity_then = schedule(step)
            due = ops.where(rules, due_then, due)
            sparsity = ops.where(rules, sparsity_then, sparsity)
        return due, sparsity

    def update_phases(self) -> list[tuple[int, int, int]]:
        phases = []
        nexts = [*(schedule.begin_step for schedule in self.schedules[1:]), math.inf]
        for schedule, until in zip(self.schedules, nexts, strict=True):
            phases += [_cut(phase, until) for phase in schedule.update_phases() if phase[0] < until]
        return phases

    def follows_its_phases(self) -> bool:
        return all(schedule.follows_its_phases() for schedule in self.schedules)

    def get_config(self) -> dict[str, Any]:
        saving = _keras_saving()
        return {"schedules": [saving.serialize_keras_object(schedule) for schedule in self.schedules]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> JoinedSchedule:
        saving = _keras_saving()
        return cls([saving.deserialize_keras_object(schedule) for schedule in config["schedules"]])

    def __repr__(self) -> str:
        return f"PruningSchedule.join({', '.join(map(repr, self.schedules))})"


class FunctionSchedule(PruningSchedule):
    """The sparsity that a function of the step gives.

    Inside a compiled training step the function is given a tensor, so write it with arithmetic and `keras.ops`.
    (One of floats: TensorFlow refuses to multiply an int tensor by 0.5.) A function with `if` is one for Python
    ints, and for training with `run_eagerly=True`.

    A model pruned with it can be saved if the function has a name; to load it, register the function with
    `keras.saving.register_keras_serializable` or name it in `custom_objects`.

    Args:
        function: Callable `step -> sparsity`, in [0, 1). Checked where the step is an int; a tensor can't be.
        begin_step: First step at which masks are updated. Fractions are cut. Defaults to `0`.
        end_step: Last step at which masks are updated; -1 for no end. Fractions are cut. Defaults to `-1`.
        frequency: Steps between two mask updates. Defaults to `100`.

    Raises:
        ValueError: If `function` can't be called, a value is out of its range, or the configuration of a lambda
            is asked for.

    Example:

    >>> FunctionSchedule(lambda step: 0.9 * step / (step + 1000))(1000)
    (True, 0.45)
    """

    def __init__(
        self, function: Callable[[Any], Any], begin_step: float = 0, end_step: float = -1, frequency: int = 100
    ):
        if not callable(function):
            raise ValueError(f"`function` must be callable, as `step -> sparsity`. Received: function={function!r}")
        self.function = function
        self.begin_step, self.end_step, self.frequency = checked_steps(begin_step, end_step, frequency)

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = value_and_ops(step)
        sparsity = self.function(step if ops in (math, np) else as_float(step, ops))
        sparsity = like_step(sparsity, step, ops)
        if ops is math:
            checked_sparsity(f"function({step})", sparsity)
        return self._should_prune_in_step(step), sparsity

    def get_config(self) -> dict[str, Any]:
        named = isinstance(self.function, types.FunctionType) and self.function.__name__ != "<lambda>"
        if not named and not hasattr(self.function, "get_config"):
            raise ValueError(
                "A FunctionSchedule can be saved only if its function has a name that Keras can find it by. Define it "
                "with `def` and decorate it with `@keras.saving.register_keras_serializable()`. "
                f"Received: function={self.function!r}"
            )
        function = _keras_saving().serialize_keras_object(self.function)
        return {"function": function, **self._steps()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionSchedule:
        return cls(**{**config, "function": _keras_saving().deserialize_keras_object(config["function"])})

    def __repr__(self) -> str:
        steps = ", ".join(f"{name}={value!r}" for name, value in self._steps().items())
        return f"FunctionSchedule({self.function!r}, {steps})"

    def _steps(self) -> dict[str, int]:
        return {"begin_step": self.begin_step, "end_step": self.end_step, "frequency": self.frequency}


class MappedSchedule(PruningSchedule):
    """Another schedule's sparsity, taken through straight lines between points.

    For one weight's share of an overall sparsity, as a distribution over layers (such as the Erdős–Rényi kernel of
    Evci et al. 2020, "Rigging the Lottery", arXiv:1911.11134) sets it. Masks are updated when the other schedule
    says so. With the points `(x_0, y_0), …, (x_n, y_n)` and the other schedule's sparsity `x`:

    `sparsity = y_0 + sum_i (y_i+1 - y_i) * clip((x - x_i) / (x_i+1 - x_i), 0, 1)`

    Args:
        schedule: The schedule of the overall sparsity.
        points: Pairs `(overall, own)`: overall sparsities in [0, 1], strictly increasing, and the own sparsity in
            [0, 1) at each (or 1, where the overall one is). Below the first and above the last it stays as it is there.

    Raises:
        ValueError: If `schedule` isn't a schedule, or `points` aren't such pairs.

    Example:

    >>> from tb_sparsity.schedules import ConstantSparsity
    >>> MappedSchedule(ConstantSparsity(0.75, begin_step=0), [(0.0, 0.0), (0.5, 0.25), (1.0, 0.75)])(100)
    (True, 0.5)
    """

    def __init__(self, schedule: PruningSchedule, points: Iterable[tuple[float, float]]):
        _check_schedule("schedule", schedule)
        self.schedule = schedule
        self.points = _checked_points(points)
        self.begin_step, self.end_step, self.frequency = schedule.begin_step, schedule.end_step, schedule.frequency

    def __call__(self, step: Any) -> tuple[Any, Any]:
        due, overall = self.schedule(step)
        overall, ops = value_and_ops(overall)
        overall = as_float(overall, ops)
        own: Any = self.points[0][1]
        # Each piece as a share of its own width: however narrow, its whole rise counts above it, also in float32.
        for (x, y), (next_x, next_y) in pairwise(self.points):
            own = own + (next_y - y) * clip((overall - x) / (next_x - x), 0.0, 1.0, ops)
        return due, own if len(self.points) > 1 else like_step(own, overall, ops)

    def update_phases(self) -> list[tuple[int, int, int]]:
        return self.schedule.update_phases()

    def follows_its_phases(self) -> bool:
        return self.schedule.follows_its_phases()

    def get_config(self) -> dict[str, Any]:
        schedule = _keras_saving().serialize_keras_object(self.schedule)
        return {"schedule": schedule, "points": [list(point) for point in self.points]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MappedSchedule:
        return cls(_keras_saving().deserialize_keras_object(config["schedule"]), config["points"])

    def __repr__(self) -> str:
        return f"MappedSchedule({self.schedule!r}, points={self.points!r})"


def _cut(phase: tuple[int, int, int], until: float) -> tuple[int, int, int]:
    """The part of a phase before the step `until`: it ends with the last update that is due by then."""
    begin, end, frequency = phase
    if until == math.inf or 0 <= end < until:
        return phase
    return begin, begin + (int(until) - 1 - begin) // frequency * frequency, frequency


def _check_schedule(name: str, schedule: Any) -> None:
    if not isinstance(schedule, PruningSchedule):
        raise ValueError(
            f"`{name}` must be made of `PruningSchedule`s, such as `ConstantSparsity(0.5, begin_step=0)`. "
            f"Received: {schedule!r} of type {type(schedule).__name__}"
        )


def _checked_points(points: Any) -> list[tuple[float, float]]:
    try:
        pairs = [(overall, own) for overall, own in points]
    except (TypeError, ValueError):
        raise ValueError(f"`points` must be a list of pairs (overall, own). Received: points={points!r}") from None
    overalls = [overall for overall, _ in pairs]
    in_range = bool(pairs) and all(is_number(x) and 0 <= x <= 1 for x in overalls)
    if not in_range or any(x >= next_x for x, next_x in pairwise(overalls)):
        raise ValueError(
            "The overall sparsities of `points` must be in [0, 1] and strictly increase, and there must be at least "
            f"one. Received: points={pairs!r}"
        )
    # All of all is all: an end that no schedule reaches.
    return [(float(x), 1.0 if x == y == 1 else checked_sparsity("own", y)) for x, y in pairs]


def _keras_saving() -> Any:
    """`keras.saving`, made to know the schedules of this package: they must be found inside of others too."""
    from keras import saving

    from tb_sparsity.schedules import SCHEDULES

    for schedule in SCHEDULES:
        saving.register_keras_serializable("tb_sparsity")(schedule)
    return saving
