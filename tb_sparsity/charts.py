"""Charts as SVG, for pages and notebooks. They need no script, and take their colours from the page around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np

from tb_sparsity.tables import printable

# The hues of the tab: `frontend/src/data/colors.ts`.
PALETTE = {
    "light": ("#003ba7", "#6d3200", "#5c9685", "#a86fef", "#ad8601", "#0d71a0", "#a3155c", "#a74c01"),
    "dark": ("#5890fc", "#fea201", "#62d795", "#fcd2fd", "#ffe671", "#6abee1", "#c5779f", "#f2641d"),
}
HUES = len(PALETTE["light"])
PLAIN_HUE = 5  # of a chart with one subject; its light shade is legible on dark notebooks too

THIN_SPACE = "\u2009"
_MOST_POINTS = 360  # stretches of the x axis that keep their lowest and highest point
_MARGIN = {"left": 56, "right": 20, "top": 10, "bottom": 28}


@dataclass(frozen=True)
class Curve:
    """Points joined by straight lines. NaN is a gap.

    Attributes:
        x: Ascending, except where y is drawn against something that isn't the step.
        y: As many.
        hue: Place in the palette.
        dashed: What is asked for, as against what is measured.
        dots: Marks each point: for few points.
    """

    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    hue: int = PLAIN_HUE
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Attributes:
        title: Its name, for those who can't see it.
        description: What it shows, in a sentence.
        curves: In order; later ones lie on top.
        percent_x: Whether x is a share.
        percent_y: Whether y is a share.
        x_range: Defaults to that of the curves.
        y_range: Defaults to that of the curves, with some room.
        band: A shaded range of x.
        ticks: Short marks on the x axis.
    """

    title: str
    description: str
    curves: Sequence[Curve]
    percent_x: bool = False
    percent_y: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    band: tuple[float, float] | None = None
    ticks: Sequence[float] = ()


class Frame(NamedTuple):
    """Where a chart's values lie in a picture of a given size."""

    left: float
    right: float
    top: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def frame_of(chart: Chart, width: float, height: float, scale: float = 1) -> Frame:
    """The frame of a chart in a picture."""
    x_range = _widened(chart.x_range or _range(c.x for c in chart.curves))
    y_range = chart.y_range
    if y_range is None:
        low, high = _widened(_range(c.y for c in chart.curves))
        room = 0.05 * (high - low)
        y_range = low - room, high + room
    margin = {side: scale * space for side, space in _MARGIN.items()}
    return Frame(margin["left"], width - margin["right"], margin["top"], height - margin["bottom"], x_range, y_range)


def svg(chart: Chart, width: int = 720, height: int = 220) -> str:
    """The chart as an `<svg>` element."""
    frame = frame_of(chart, width, height)
    parts = []
    if chart.band:
        begin, end = (frame.x(min(max(x, frame.x_range[0]), frame.x_range[1])) for x in chart.band)
        parts.append(
            f'<rect x="{begin:.1f}" y="{frame.top}" width="{end - begin:.1f}" height="{frame.bottom - frame.top}" '
            'style="fill:var(--band,#7f9fbf1f)"/>'
        )
    for value, label in labelled(frame.y_range, 5, chart.percent_y):
        y = frame.y(value)
        parts.append(_line(frame.left, y, frame.right, y, "var(--rule,#7f7f7f55)"))
        parts.append(_text(frame.left - 8, y + 4, label, "end"))
    for value, label in labelled(frame.x_range, 8, chart.percent_x):
        parts.append(_text(frame.x(value), frame.bottom + 20, label, "middle"))
    for value in chart.ticks:
        parts.append(_line(frame.x(value), frame.bottom, frame.x(value), frame.bottom + 4, "var(--tick,#8b939e)"))
    for curve in chart.curves:
        parts += _curve(curve, frame)
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto;font:11px system-ui,sans-serif">'
        f"<title>{escape(printable(chart.title))}</title><desc>{escape(printable(chart.description))}</desc>{''.join(parts)}</svg>"
    )


class Bar(NamedTuple):
    """A bar: its label, its length, and what stands behind it."""

    label: str
    value: float
    text: str
    hue: int


def svg_bars(title: str, description: str, bars: Sequence[Bar], width: int = 720) -> str:
    """Horizontal bars as an `<svg>` element."""
    label_width, text_width = (
        8 + 7 * max(map(len, texts)) for texts in zip(*((b.label, b.text) for b in bars), strict=True)
    )
    longest = max(*(b.value for b in bars), 1e-12)
    room = max(width - label_width - text_width - 8, 80)
    parts = []
    for i, bar in enumerate(bars):
        y, length = 24 * i, bar.value / longest * room
        parts.append(_text(label_width - 8, y + 16, bar.label, "end"))
        parts.append(
            f'<rect x="{label_width}" y="{y + 4}" width="{length:.1f}" height="16" rx="2" style="fill:{hue(bar.hue)}"/>'
        )
        parts.append(_text(label_width + length + 8, y + 16, bar.text, "start", "var(--ink,currentColor)"))
    height = 24 * len(bars)
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto;font:11px system-ui,sans-serif">'
        f"<title>{escape(printable(title))}</title><desc>{escape(printable(description))}</desc>{''.join(parts)}</svg>"
    )


def hue(index: int) -> str:
    """The palette's colour in CSS: the page's own shade of it, or the light one."""
    return f"var(--hue-{index % HUES},{PALETTE['light'][index % HUES]})"


def hues(names: Iterable[str]) -> dict[str, int]:
    """A hue for each name: the one that the tab gives it at first sight."""
    assigned: dict[str, int] = {}
    uses = [0] * HUES
    for name in sorted(set(names)):
        index = _hash(name)
        while uses[index] > min(uses):
            index = (index + 1) % HUES
        uses[index] += 1
        assigned[name] = index
    return assigned


def _hash(name: str) -> int:
    h = 0x811C9DC5
    units = name.encode("utf-16-le", "surrogatepass")
    for i in range(0, len(units), 2):
        h = ((h ^ int.from_bytes(units[i : i + 2], "little")) * 0x01000193) & 0xFFFFFFFF
    return (h ^ (h >> 15)) % HUES


def percent(share: float, digits: int = 1) -> str:
    """0.875 -> "87.5 %"."""
    return f"{number(100 * share, digits)}{THIN_SPACE}%"


def number(value: float, digits: int) -> str:
    """The value with so many digits, halves up as the page rounds, never "-0.0"."""
    text = f"{value + math.copysign(1e-9, value):,.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text.replace("-", "\u2212")


def labelled(value_range: tuple[float, float], most: int, is_share: bool) -> list[tuple[float, str]]:
    """Round values in a range, at most so many but for one, and what stands beside them."""
    low, high = value_range
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    shown = step * 100 if is_share else step
    digits = max(0, next(d for d in range(13) if abs(round(shown, d) - shown) < 1e-9 * shown or d == 12))
    values = [k * step for k in range(first, last + 1)]
    if not is_share and max(abs(low), abs(high)) >= 1e7:
        return [(v, f"{v:.3g}") for v in values]
    return [(v, percent(v, digits) if is_share else number(v, digits)) for v in values]


def thinned(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The curve's points; of a long one the lowest and highest of each short stretch."""
    x, y = np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)
    if len(x) <= 3 * _MOST_POINTS:
        return x, y
    keep = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), _MOST_POINTS):
        finite = part[np.isfinite(y[part])]
        gap = part[~np.isfinite(y[part])]
        keep |= {int(gap[0])} if gap.size else set()
        keep |= {int(finite[np.argmin(y[finite])]), int(finite[np.argmax(y[finite])])} if finite.size else set()
    at = sorted(keep)
    return x[at], y[at]


def _range(columns: Iterable[Sequence[float] | np.ndarray]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(c, np.float64) for c in columns] or [np.empty(0)])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _widened(value_range: tuple[float, float]) -> tuple[float, float]:
    low, high = value_range
    room = max(abs(low), 1.0) * 1e-3
    return (low, high) if high - low > 1e-9 * max(abs(low), abs(high), 1e-9) else (low - room, high + room)


def _curve(curve: Curve, frame: Frame) -> list[str]:
    x, y = thinned(curve)
    parts, path, fresh = [], [], True
    for px, py in zip(x, y, strict=True):
        if not (math.isfinite(px) and math.isfinite(py)):
            fresh = True
            continue
        path.append(f"{'M' if fresh else 'L'}{frame.x(px):.1f} {frame.y(py):.1f}")
        fresh = False
        if curve.dots:
            parts.append(
                f'<circle cx="{frame.x(px):.1f}" cy="{frame.y(py):.1f}" r="2.5" style="fill:{hue(curve.hue)}"/>'
            )
    dash = ";stroke-dasharray:5 4;opacity:.7" if curve.dashed else ""
    style = f"fill:none;stroke:{hue(curve.hue)};stroke-width:1.75;stroke-linejoin:round{dash}"
    return [f'<path d="{"".join(path)}" style="{style}"/>', *parts] if path else []


def _line(x0: float, y0: float, x1: float, y1: float, colour: str) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" style="stroke:{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "var(--muted,currentColor)") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{colour}">{escape(printable(text))}</text>'
    )
