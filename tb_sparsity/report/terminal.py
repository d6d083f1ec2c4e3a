"""Charts in a terminal, and as PNG."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tb_sparsity.charts import HUES, PALETTE, Chart, Frame, frame_of, labelled, thinned

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille sign: rows, columns
_LABEL = 8
_INK, _MUTED, _RULE, _BAND = "#1c2026", "#5d6672", "#e4e7eb", "#f3f6f9"


def draw(chart: Chart, width: int = 80, height: int = 14, ascii_only: bool = False) -> list[str]:
    """The chart's last curve as lines of text, in braille dots or in ASCII."""
    across, down = (1, 1) if ascii_only else (2, 4)
    columns = max(width - _LABEL - 2, 10)
    dots = np.zeros((height * down, columns * across), bool)
    frame = Frame(0, dots.shape[1] - 1, 0, dots.shape[0] - 1, chart.x_range or (0, 1), chart.y_range or (0, 1))
    curve = chart.curves[-1]
    before = None
    for x, y in zip(curve.x, curve.y, strict=True):
        if not math.isfinite(y):
            before = None
            continue
        at = round(frame.x(float(x))), round(frame.y(float(y)))
        for column, row in _between(before or at, at):
            dots[row, column] = True
        before = at
    labels = {round(frame.y(v)) // down: text for v, text in labelled(frame.y_range, 4, chart.percent_y)}
    edge, tick, corner, floor = ("|", "+", "+", "-") if ascii_only else ("│", "┤", "└", "─")
    lines = []
    for i in range(height):
        cells = dots[i * down : (i + 1) * down].reshape(down, columns, across)
        text = "".join(_sign(cells[:, j], ascii_only) for j in range(columns))
        lines.append(f"{labels.get(i, ''):>{_LABEL}} {tick if i in labels else edge}{text}".rstrip())
    lines.append(" " * (_LABEL + 1) + corner + floor * columns)
    below = [" "] * (_LABEL + 2 + columns)
    end = 0
    for value, text in labelled(frame.x_range, max(columns // 12, 1), chart.percent_x):
        start = min(_LABEL + 2 + round(frame.x(value) / across) - len(text) // 2, len(below) - len(text))
        if start > end:
            below[start : start + len(text)] = text
            end = start + len(text)
    return [*lines, "".join(below).rstrip()]


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (round(start[0] + (end[0] - start[0]) * i / count), round(start[1] + (end[1] - start[1]) * i / count))
        for i in range(count + 1)
    ]


def _sign(cell: np.ndarray, ascii_only: bool) -> str:
    if not cell.any():
        return " "
    if ascii_only:
        return "*"
    return chr(0x2800 + sum(_DOTS[r][c] for r, c in zip(*np.nonzero(cell), strict=True)))


def save_png(chart: Chart, path: Path, width: int = 960, height: int = 360) -> None:
    """The chart as a picture, on white.

    Raises:
        ImportError: If Pillow isn't installed.
        OSError: If it can't be written there.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ImportError("a PNG needs Pillow: pip install pillow") from error
    scale = 2  # drawn larger and made small again, so that lines are smooth
    image = Image.new("RGB", (width * scale, height * scale), "white")
    pen = ImageDraw.Draw(image)
    frame = frame_of(chart, width * scale, height * scale, scale)
    try:
        font: Any = ImageFont.load_default(12 * scale)
    except TypeError:  # Pillow before 10.1 has one size
        font = ImageFont.load_default()
    if chart.band:
        begin, end = (frame.x(min(max(x, frame.x_range[0]), frame.x_range[1])) for x in chart.band)
        pen.rectangle((begin, frame.top, end, frame.bottom), fill=_BAND)
    for value, text in labelled(frame.y_range, 5, chart.percent_y):
        y = frame.y(value)
        pen.line((frame.left, y, frame.right, y), fill=_RULE, width=scale)
        pen.text((frame.left - 8 * scale, y), _plain(text), fill=_MUTED, font=font, anchor=_anchor(font, "rm"))
    for value, text in labelled(frame.x_range, 8, chart.percent_x):
        place = frame.x(value), frame.bottom + 8 * scale
        pen.text(place, _plain(text), fill=_MUTED, font=font, anchor=_anchor(font, "mt"))
    for value in chart.ticks:
        pen.line((frame.x(value), frame.bottom, frame.x(value), frame.bottom + 4 * scale), fill=_MUTED)
    for curve in chart.curves:
        colour = PALETTE["light"][curve.hue % HUES]
        points = [(frame.x(x), frame.y(y)) for x, y in zip(*thinned(curve), strict=True) if math.isfinite(y)]
        if curve.dashed:
            _dashed(pen, points, colour, scale)
        else:
            pen.line(points, fill=colour, width=2 * scale, joint="curve")
    image.resize((width, height), Image.Resampling.LANCZOS).save(path, "PNG")


def _dashed(pen: Any, points: list[tuple[float, float]], colour: str, scale: int) -> None:
    way = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        pieces = max(math.ceil(length / scale), 1)
        for i in range(pieces):
            if (way + length * i / pieces) % (9 * scale) < 5 * scale:
                ends = [(x0 + (x1 - x0) * k / pieces, y0 + (y1 - y0) * k / pieces) for k in (i, i + 1)]
                pen.line(ends, fill=colour, width=2 * scale)
        way += length


def _plain(text: str) -> str:
    return text.replace("\u2009", " ").replace("\u2212", "-")  # the built-in font has few signs


def _anchor(font: Any, anchor: str) -> str | None:
    return anchor if hasattr(font, "getbbox") and type(font).__name__ == "FreeTypeFont" else None
