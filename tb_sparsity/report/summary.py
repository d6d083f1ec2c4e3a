"""A run in numbers: what it was to do, and what came out. Table, JSON, CSV and page all tell these."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tb_sparsity.charts import number, percent
from tb_sparsity.events.logs import LoggedRun, Points
from tb_sparsity.events.names import TAG_PREFIXES, TOTAL_MODEL, TOTAL_PRUNED, tag
from tb_sparsity.report.evaluation import is_lower_better
from tb_sparsity.tables import printable, text_table

if TYPE_CHECKING:
    from tb_sparsity.report.compression import CompressionReport
    from tb_sparsity.report.sensitivity import SensitivityReport

NONE = "–"
_SHARE = re.compile(r"(^|_)acc(uracy)?($|_)")  # as `isShareMetric` in `frontend/src/data/format.ts`
_FORMULA = re.compile(r"[=+\-@\t\r]")  # spreadsheets run a text that begins like this


@dataclass(frozen=True)
class Total:
    """All pruned weights together, at the last step that was measured.

    Attributes:
        step: This step; the run's last where nothing was measured.
        measured: Share of zeros; None where it isn't logged.
        target: What the schedules asked for, each at its last update that was due; None without a schedule.
        update: The step of the latest of these updates.
        model: Share of zeros among all weights of the model.
    """

    step: int
    measured: float | None
    target: float | None
    update: int | None
    model: float | None


@dataclass(frozen=True)
class Weight:
    """A weight at the last step that was measured.

    Attributes:
        name: As in the log.
        size: Number of its entries; None where the log doesn't tell.
        target: What its schedule asked for at the last update that was due.
        update: The step of this update.
        measured: Share of zeros.
        threshold: Magnitude below which weights were cut.
        changed: The last step at which the share of zeros was another than before.
    """

    name: str
    size: int | None
    target: float | None
    update: int | None
    measured: float | None
    threshold: float | None
    changed: int | None


@dataclass(frozen=True)
class Metric:
    """A metric of the training: its last value that is a number, and its best; a learning rate has none."""

    name: str
    lower_is_better: bool | None
    last: float
    last_step: int
    best: float | None
    best_step: int | None


@dataclass(frozen=True)
class Summary:
    """A run in numbers.

    Attributes:
        run: Its name.
        steps: The last step that was logged.
        planned_steps: The training's last step, where the log tells it.
        is_scheduled: Whether anything is to be pruned by the log's manifest; None where that tells of no weights.
        total: All pruned weights together.
        weights: Each.
        metrics: Each.
    """

    run: str
    steps: int
    planned_steps: int | None
    is_scheduled: bool | None
    total: Total
    weights: tuple[Weight, ...]
    metrics: tuple[Metric, ...]

    def sentence(self) -> str:
        """The total in words."""
        total = self.total
        if total.measured is None:
            unknown = self.is_scheduled is not False
            return "Its total sparsity isn't in the log." if unknown else "Not scheduled for pruning."
        said = f"{percent(total.measured)} of the prunable weights are zero at step {total.step:,}"
        if total.target is not None:
            said += f"; the schedule asked for {percent(total.target)} at its update of step {total.update:,}"
        return said + "."


def summarise(run: LoggedRun) -> Summary:
    """The numbers of a run."""
    last = max((int(one.step[-1]) for one in run.series.values() if len(one.step)), default=0)
    known = run.weights
    prefix = TAG_PREFIXES["sparsity"]
    names = [*known, *sorted({t.removeprefix(prefix) for t in run.series if t.startswith(prefix)} - known.keys())]
    return Summary(
        run=run.name,
        steps=last,
        planned_steps=run.manifest["total_steps"] if run.manifest else None,
        is_scheduled=bool(run.schedules) if known else None,
        total=_total(run, last),
        weights=tuple(_weight(run, name, last) for name in names),
        metrics=tuple(filter(None, (_metric(t, one) for t, one in run.series.items()))),
    )


def due_target(run: LoggedRun, weight: str, step: int) -> tuple[int, float] | None:
    """The last update that was due by a step, and its target; None without a schedule, and before its first."""
    if weight not in run.weights:
        return None
    update = run.last_update(weight, step)
    target = math.nan if update is None else float(run.target(weight, update))
    return (update, target) if update is not None and math.isfinite(target) else None


def total_target(run: LoggedRun, steps: Sequence[int] | np.ndarray) -> np.ndarray:
    """The schedules' size-weighted mean at each step; NaN where no schedule has begun, or one isn't told."""
    scheduled = {name: w["size"] for name, w in run.weights.items() if w["schedule"]}
    if not scheduled:
        return np.full(len(steps), np.nan)
    targets = np.array([run.target(name, np.asarray(steps)) for name in scheduled])
    sizes = np.array(list(scheduled.values()), np.float64)[:, None]
    if any(not w["schedule"]["target"]["step"] for w in run.weights.values() if w["schedule"]):
        return np.full(len(steps), np.nan)
    begun = ~np.isnan(targets)
    mean = np.where(begun, targets * sizes, 0).sum(axis=0) / sizes.sum()
    return np.where(begun.any(axis=0), mean, np.nan)


def reports_of(run: LoggedRun) -> tuple[CompressionReport | None, SensitivityReport | None]:
    """The reports that the run has; of one that can't be read it warns."""
    from tb_sparsity.report.compression import CompressionReport
    from tb_sparsity.report.sensitivity import SensitivityReport

    return _read(run, CompressionReport, run.compression), _read(run, SensitivityReport, run.sensitivity)


def _read(run: LoggedRun, kind: Any, content: Mapping[str, Any] | None) -> Any:
    try:
        report = kind.from_json(json.dumps(content)) if content else None
        str(report)  # shows whether its parts are what they should be
        return report
    except Exception as error:
        warnings.warn(f"The {kind.__name__} of run {run.name!r} is left out: {error}", stacklevel=3)
        return None


def _total(run: LoggedRun, last: int) -> Total:
    scheduled = {name: w["size"] for name, w in run.weights.items() if w["schedule"]}
    step = _last_step(run, tag("sparsity_total", TOTAL_PRUNED), last)
    dues = {name: due_target(run, name, step) for name in scheduled}
    begun = {name: due for name, due in dues.items() if due}
    told = all(run.weights[name]["schedule"]["target"]["step"] for name in scheduled)
    return Total(
        step=step,
        measured=_last(run, tag("sparsity_total", TOTAL_PRUNED)),
        target=sum(scheduled[name] * target for name, (_, target) in begun.items()) / sum(scheduled.values())
        if begun and told
        else None,
        update=max(update for update, _ in begun.values()) if begun and told else None,
        model=_last(run, tag("sparsity_total", TOTAL_MODEL)),
    )


def _weight(run: LoggedRun, name: str, last: int) -> Weight:
    due = due_target(run, name, _last_step(run, tag("sparsity", name), last))
    measured = run.series.get(tag("sparsity", name))
    return Weight(
        name=name,
        size=run.weights[name]["size"] if name in run.weights else None,
        target=_short(due[1]) if due else None,
        update=due[0] if due else None,
        measured=_last(run, tag("sparsity", name)),
        threshold=_last(run, tag("threshold", name)),
        changed=_last_change(measured),
    )


def _last_change(points: Points | None) -> int | None:
    if points is None:
        return None
    changes = np.flatnonzero(np.diff(points.value)) + 1
    return int(points.step[changes[-1]]) if changes.size else None


def _last_step(run: LoggedRun, full_tag: str, otherwise: int) -> int:
    points = run.series.get(full_tag)
    return int(points.step[-1]) if points is not None and len(points.step) else otherwise


def _last(run: LoggedRun, full_tag: str) -> float | None:
    """The last value, if it is a number."""
    points = run.series.get(full_tag)
    value = points.value[-1] if points is not None and len(points.value) else math.nan
    return _short(value) if math.isfinite(value) else None


def _metric(full_tag: str, points: Points) -> Metric | None:
    prefix = TAG_PREFIXES["metrics"]
    finite = np.flatnonzero(np.isfinite(points.value))
    if not full_tag.startswith(prefix) or not finite.size:
        return None
    name = full_tag.removeprefix(prefix)
    lower = None if name == "learning_rate" else is_lower_better(name)
    best = None if lower is None else finite[(np.argmin if lower else np.argmax)(points.value[finite])]
    return Metric(
        name=name,
        lower_is_better=lower,
        last=_short(points.value[finite[-1]]),
        last_step=int(points.step[finite[-1]]),
        best=None if best is None else _short(points.value[best]),
        best_step=None if best is None else int(points.step[best]),
    )


def _short(value: Any) -> float:
    """A float32 with its own digits, not those of the double nearest to it."""
    return float(str(np.float32(value)))


def format_metric(name: str, value: float) -> str:
    """An accuracy in percent, anything else with four significant digits."""
    if is_share(name):
        return percent(value, 2)
    return number(value, 4) if 1e-2 <= abs(value) < 1e7 or value == 0 else f"{value:.3e}"


def is_share(metric: str) -> bool:
    """Whether a metric of this name is a share."""
    return bool(_SHARE.search(metric))


def weight_rows(weights: Iterable[Weight]) -> list[tuple[str, ...]]:
    """The table of weights."""
    rows: list[tuple[str, ...]] = [("weight", "size", "target", "measured", "threshold", "last change")]
    for w in weights:
        rows.append(
            (
                printable(w.name),
                _or_none(w.size, "{:,}"),
                NONE if w.target is None else percent(w.target),
                NONE if w.measured is None else percent(w.measured),
                _or_none(w.threshold, "{:.5f}"),
                _or_none(w.changed, "step {:,}"),
            )
        )
    return rows


def metric_rows(metrics: Iterable[Metric]) -> list[tuple[str, ...]]:
    """The table of metrics."""
    rows: list[tuple[str, ...]] = [("metric", "last", "best", "at")]
    for m in metrics:
        rows.append(
            (
                printable(m.name),
                format_metric(m.name, m.last),
                NONE if m.best is None else format_metric(m.name, m.best),
                _or_none(m.best_step, "step {:,}"),
            )
        )
    return rows


def as_text(summary: Summary, run: LoggedRun) -> str:
    """The run as tables for a terminal."""
    planned = f" of {summary.planned_steps:,}" if summary.planned_steps else ""
    lines = [f"{printable(summary.run)}: {summary.steps:,}{planned} steps", summary.sentence()]
    if summary.weights:
        lines += ["", *text_table(weight_rows(summary.weights))]
    if summary.metrics:
        lines += ["", *text_table(metric_rows(summary.metrics))]
    for report in filter(None, reports_of(run)) if run.compression or run.sensitivity else ():
        lines += ["", *map(printable, str(report).splitlines())]
    return "\n".join(lines)


def as_json(summaries: Iterable[Summary], runs: Mapping[str, LoggedRun]) -> str:
    """The runs as JSON, with their reports."""
    content = [
        {**asdict(s), "compression": runs[s.run].compression, "sensitivity": runs[s.run].sensitivity} for s in summaries
    ]
    return json.dumps({"format": 1, "runs": content}, indent=2)


def as_csv(summaries: Iterable[Summary]) -> str:
    """One row a run and weight; empty where there is no number."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = list(Weight.__dataclass_fields__)
    writer.writerow(["run", "steps", *columns])
    for s in summaries:
        for w in s.weights:
            cells = [s.run, s.steps, *asdict(w).values()]
            writer.writerow(_safe(c) if isinstance(c, str) else "" if c is None else c for c in cells)
    return text.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _or_none(value: float | None, form: str) -> str:
    return NONE if value is None else form.format(value)
