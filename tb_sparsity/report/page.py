"""Runs as a page: their numbers, their curves, what pruning bought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tb_sparsity.charts import Bar, Chart, Curve, hue, hues, svg_bars
from tb_sparsity.events.logs import LoggedRun, Points
from tb_sparsity.events.names import TOTAL_PRUNED, tag
from tb_sparsity.report.html import figure, name_of, page, scrolled
from tb_sparsity.report.summary import (
    Summary,
    format_metric,
    is_share,
    metric_rows,
    reports_of,
    summarise,
    total_target,
    weight_rows,
)
from tb_sparsity.tables import html_table

if TYPE_CHECKING:
    from tb_sparsity.report.compression import CompressionReport
    from tb_sparsity.report.sensitivity import SensitivityReport

_MOST_METRICS = 8  # that have a chart
_MOST_CURVES = 8  # of a chart of weights
_MODEL_HUES = (2, 5)
_HALF = 500  # width of a chart that has another beside it


def report_page(runs: Iterable[LoggedRun], title: str = "Sparsity report") -> str:
    """Runs, compared and each by itself."""
    shown = [(run, summarise(run)) for run in runs]
    colours = hues(run.name for run, _ in shown)
    chart = _sparsity_chart(shown, colours)
    key = "dashed: the schedule" if any(curve.dashed for curve in chart.curves) else ""
    parts = [_legend(shown, colours), figure(chart, 1032, 260, key), _metrics(shown, colours)]
    for run, summary in shown:
        parts += _run(run, summary)
    return page(title, "".join(parts))


def _legend(shown: Sequence[tuple[LoggedRun, Summary]], colours: Mapping[str, int]) -> str:
    lines = "".join(
        f'<li><span class="key" style="background:{hue(colours[s.run])}"></span>'
        f'<span><span class="quiet">{name_of(s.run)}:</span> {escape(s.sentence())}</span></li>'
        for _, s in shown
    )
    return f"<ul>{lines}</ul>"


def _sparsity_chart(shown: Sequence[tuple[LoggedRun, Summary]], colours: Mapping[str, int]) -> Chart:
    curves = []
    for run, s in shown:
        points = run.series.get(tag("sparsity_total", TOTAL_PRUNED))
        begins = [one["begin_step"] for one in run.schedules]
        steps = np.union1d(np.linspace(0, s.steps, 400).round(), [b for b in begins if b <= s.steps]).astype(int)
        target = total_target(run, steps)
        if np.isfinite(target).any():
            curves.append(Curve(steps, target, colours[s.run], dashed=True))
        if points is not None:
            curves.append(Curve(points.step, points.value, colours[s.run]))
    return Chart(
        title="Model sparsity",
        description="Share of zeros among the prunable weights at each step; the schedule is dashed.",
        curves=curves,
        percent_y=True,
        x_range=(0, max((s.steps for _, s in shown), default=1) or 1),
        y_range=(0, 1),
        band=_common_band([run for run, _ in shown]),
    )


def _common_band(runs: Sequence[LoggedRun]) -> tuple[float, float] | None:
    """From the first update to the last, where all schedules have the same."""
    bands = {(one["begin_step"], one["end_step"]) for run in runs for one in run.schedules}
    begin, end = bands.pop() if len(bands) == 1 else (0, None)
    return None if end is None else (begin, end)


def _metrics(shown: Sequence[tuple[LoggedRun, Summary]], colours: Mapping[str, int]) -> str:
    names = list(dict.fromkeys(m.name for _, s in shown for m in s.metrics if m.best is not None))
    if not names:
        return ""
    names.sort(key=lambda name: (not name.startswith("val_"), not is_share(name)))
    last = max(s.steps for _, s in shown) or 1
    charts = []
    for name in names[:_MOST_METRICS]:
        curves = []
        for run, s in shown:
            points = run.series.get(tag("metrics", name))
            if points is not None:
                curves.append(Curve(points.step, points.value, colours[s.run], dots=len(points.step) <= 60))
        said = f"{name} at each step."
        charts.append(Chart(name, said, curves, percent_y=is_share(name), x_range=(0, last)))
    charts.append(_against_sparsity(names[0], shown, colours))
    figures = "".join(figure(chart, _HALF, 200) for chart in charts if chart.curves)
    left = len(names) - _MOST_METRICS
    more = f'<p class="quiet">{left} more metrics are in the tables below.</p>' if left > 0 else ""
    return f'<div class="pair">{figures}</div>{more}'


def _against_sparsity(name: str, shown: Sequence[tuple[LoggedRun, Summary]], colours: Mapping[str, int]) -> Chart:
    curves = []
    for run, s in shown:
        metric, total = run.series.get(tag("metrics", name)), run.series.get(tag("sparsity_total", TOTAL_PRUNED))
        if metric is not None and (total is not None or s.is_scheduled is False):
            sparsity = np.zeros(len(metric.step)) if total is None else _sparsity_at(total, metric.step)
            curves.append(Curve(sparsity, metric.value, colours[s.run], dots=True))
    said = f"{name} over the sparsity that the model had at the same step."
    return Chart(f"{name} over sparsity", said, curves, percent_x=True, percent_y=is_share(name))


def _sparsity_at(total: Points, steps: np.ndarray) -> np.ndarray:
    at = np.searchsorted(total.step, steps, side="right") - 1
    return np.where(at >= 0, total.value[np.maximum(at, 0)] if len(total.value) else np.nan, np.nan)


def _run(run: LoggedRun, summary: Summary) -> Iterable[str]:
    planned = f" of {summary.planned_steps:,}" if summary.planned_steps else ""
    yield f'<section><h2>{name_of(run.name)}</h2><p class="quiet">{summary.steps:,}{planned} steps</p>'
    tables = {"Weights": weight_rows(summary.weights), "Metrics": metric_rows(summary.metrics)}
    shown = (f"<div><h3>{title}</h3>{scrolled(html_table(rows))}</div>" for title, rows in tables.items() if rows[1:])
    yield f'<div class="side">{"".join(shown)}</div>'
    compression, sensitivity = reports_of(run) if run.compression or run.sensitivity else (None, None)
    if compression:
        yield _compression(compression)
    if sensitivity:
        yield _sensitivity(sensitivity)
    yield "</section>"


def _compression(report: CompressionReport) -> str:
    models = list(dict.fromkeys(v.model for v in report.variants))
    bars = []
    for v in report.variants:
        if v.gzip_bytes is None:
            continue
        said = [f"{v.gzip_bytes:,} bytes", *([f"{v.ratio:.2f}×"] if v.ratio else [])]
        said += [f"{name} {format_metric(name, value)}" for name, value in list((v.metrics or {}).items())[:1]]
        bars.append(Bar(f"{v.model}, {v.file}", v.gzip_bytes, " · ".join(said), _MODEL_HUES[models.index(v.model) % 2]))
    picture = svg_bars("Bytes after gzip", "Size of each file after gzip -9.", bars, 1032) if bars else ""
    problems = [f"{v.model}, {v.file}: {v.problem}" for v in report.variants if v.problem]
    notes = "".join(f'<p class="quiet">{name_of(problem)}</p>' for problem in problems)
    return f"<h3>Size, bytes after gzip</h3><figure>{picture}</figure>{scrolled(report._repr_html_())}{notes}"


def _sensitivity(report: SensitivityReport) -> str:
    metric = next(iter(report.baseline))
    curves = [Curve(c.sparsity, c.metrics[metric], i, dots=True) for i, c in enumerate(report.curves[:_MOST_CURVES])]
    keys = "".join(
        f'<li><span class="key" style="background:{hue(i)}"></span>{name_of(c.weight)}, {escape(c.pattern)}</li>'
        for i, c in enumerate(report.curves[:_MOST_CURVES])
    )
    said = f"{metric} with each weight pruned alone, the most fragile first."
    chart = Chart(f"{metric}, each weight pruned alone", said, curves, percent_x=True, percent_y=is_share(metric))
    picture = f'<div class="pair">{figure(chart, _HALF, 220)}<ul>{keys}</ul></div>' if curves else ""
    return f"<h3>Sensitivity</h3>{picture}{scrolled(report._repr_html_())}"
