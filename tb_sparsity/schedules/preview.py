"""What a schedule will do in a training, before there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tb_sparsity.charts import Chart, Curve, percent, svg

if TYPE_CHECKING:
    from tb_sparsity.schedules.base import PruningSchedule

_SAMPLES = 400
_MOST_TICKS = 120
_UPDATES_SHOWN = 10  # of a schedule without an end


@dataclass(frozen=True)
class Preview:
    """A schedule over the steps of a training.

    Attributes:
        name: The schedule, as it is written in Python.
        steps: The training's last step.
        begin: Where the schedule begins.
        updates: How often masks are updated; None where only the training itself can tell.
        first: The first update, if there is one.
        last: The last one up to `steps`, if there is one.
        reached: The sparsity that masks have after that.
        final: The sparsity at which the schedule is at its own end, or at `steps` if that is later.
        endless: Whether masks are updated for ever.
        step: Steps, ascending.
        target: The schedule's sparsity at each; NaN before it begins.
        masks: The sparsity of masks at each, which moves at updates only.
        ticks: Updates, or a part of them if they are many.
    """

    name: str
    steps: int
    begin: int
    updates: int | None
    first: int | None
    last: int | None
    reached: float
    final: float
    endless: bool
    step: np.ndarray
    target: np.ndarray
    masks: np.ndarray
    ticks: tuple[int, ...]

    def sentence(self) -> str:
        """It in words."""
        if self.updates is None:
            return f"The sparsity ends at {percent(self.final, 2)}."
        if not self.updates:
            return f"Masks are never updated in {self.steps:,} steps: nothing is pruned."
        one = self.updates == 1
        when = f"at step {self.last:,}" if one else f"from step {self.first:,} to step {self.last:,}"
        said = f"{self.updates:,} mask update{'' if one else 's'}, {when}, to a sparsity of {percent(self.reached, 2)}"
        if abs(self.reached - self.final) > 5e-5:
            said += f"; the final {percent(self.final, 2)} isn't reached in {self.steps:,} steps"
        return f"{said}, and so on without an end." if self.endless else f"{said}."

    def chart(self) -> Chart:
        """It as a picture."""
        target = Curve(self.step, self.target, dashed=self.updates is not None)
        return Chart(
            title=f"Sparsity of {self.name}",
            description=self.sentence(),
            curves=[target] if self.updates is None else [target, Curve(self.step, self.masks)],
            percent_y=True,
            x_range=(0, self.steps),
            y_range=(0, 1),
            band=(self.begin, self.last or self.steps),
            ticks=self.ticks,
        )

    def html(self) -> str:
        """The picture and the words, for a notebook."""
        return f"<figure><figcaption>{escape(self.name)}<br>{self.sentence()}</figcaption>{svg(self.chart())}</figure>"


def default_steps(schedule: PruningSchedule) -> int:
    """Steps that show all of a schedule, or its beginning if it has no end."""
    ends = [
        end if end >= 0 else begin + _UPDATES_SHOWN * frequency for begin, end, frequency in schedule.update_phases()
    ]
    end = max(ends)
    return max(end + end // 10 if end == schedule.begin_step else end, 1)  # behind a jump there is something to see


def preview(schedule: PruningSchedule, steps: int | None = None) -> Preview:
    """What a schedule does in so many steps.

    Example:

    >>> from tb_sparsity.schedules import PolynomialDecay
    >>> preview(PolynomialDecay(0.0, 0.8, begin_step=20, end_step=100, frequency=15)).updates  # the last at the end
    7
    """
    steps = default_steps(schedule) if steps is None else steps
    begin, phases = schedule.begin_step, schedule.update_phases()
    edges = [edge for b, e, _ in phases for edge in (b - 1, b, e) if 0 <= edge <= steps]
    ticks = _ticks(phases, steps)
    step = np.union1d(np.linspace(0, steps, min(steps, _SAMPLES) + 1).astype(np.int64), np.array(edges, np.int64))
    if len(ticks) < _MOST_TICKS:  # else the stairs are too small to be seen
        step = np.union1d(step, np.array([s for t in ticks for s in (t - 1, t)], np.int64))
    target = np.array([float(schedule(int(s))[1]) if s >= begin else math.nan for s in step])
    told = schedule.follows_its_phases()
    last = schedule.last_update(steps) if told else None
    first = schedule.first_update() if told else None
    dues = [schedule.last_update(int(s)) if told else None for s in step]
    return Preview(
        name=repr(schedule),
        steps=steps,
        begin=begin,
        updates=_count(phases, steps) if told else None,
        first=first if last is not None else None,
        last=last,
        reached=float(schedule(last)[1]) if last is not None else 0.0,
        final=float(schedule(max(steps, schedule.end_step, begin))[1]),
        endless=any(end < 0 for _, end, _ in phases),
        step=step,
        target=target,
        masks=np.array([0.0 if due is None else float(schedule(due)[1]) for due in dues]),
        ticks=ticks if told else (),
    )


def _count(phases: list[tuple[int, int, int]], steps: int) -> int:
    """Updates up to a step; training counts from 1."""
    count = 0
    for begin, end, frequency in phases:
        last = min(end, steps) if end >= 0 else steps
        first = begin or frequency
        count += max((last - first) // frequency + 1, 0)
        count += 1 <= end <= steps and (end - begin) % frequency != 0
    return count


def _ticks(phases: list[tuple[int, int, int]], steps: int) -> tuple[int, ...]:
    if _count(phases, steps) > 10**5:
        return ()
    found: set[int] = set()
    for begin, end, frequency in phases:
        last = min(end, steps) if end >= 0 else steps
        found |= set(range(begin or frequency, last + 1, frequency)) | ({end} if 1 <= end <= steps else set())
    ordered = sorted(found)
    return tuple(ordered[:: -(-len(ordered) // _MOST_TICKS)]) if ordered else ()
