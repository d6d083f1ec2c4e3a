"""Points as columns: out of TensorBoard's data providers, and on their way to the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from tensorboard.data.provider import DataProvider, RunTagFilter


class Points(NamedTuple):
    """Steps as int64, wall times as float64 and values as float32."""

    step: np.ndarray
    wall_time: np.ndarray
    value: np.ndarray


# A float32 scalar as a `TensorProto`: its type, a shape without dimensions, and the tag of one number of four bytes.
_FLOAT32 = np.frombuffer(b"\x08\x01\x12\x00\x2a\x04", np.uint8)


def read_columns(
    provider: DataProvider, experiment_id: str, plugin_name: str, runs: list[str], tags: list[str], most: int
) -> dict[str, dict[str, Points]] | None:
    """What `read_scalars` gives, out of what the data server itself holds; None where that can't be had.

    TensorBoard makes an object of each point, and in its Python server an array, too, which takes many times as long
    as all that follows.
    """
    for read in (_from_rust, _from_python):
        # Another provider, another TensorBoard, other data: what is wrong, TensorBoard's own way will say.
        with suppress(Exception):
            return read(provider, experiment_id, plugin_name, runs, tags, most)
    return None


def _from_rust(
    provider: Any, experiment_id: str, plugin_name: str, runs: list[str], tags: list[str], most: int
) -> dict[str, dict[str, Points]]:
    from tensorboard.data.proto import data_provider_pb2

    request = data_provider_pb2.ReadScalarsRequest(experiment_id=experiment_id)
    request.plugin_filter.plugin_name = plugin_name
    request.run_tag_filter.runs.names[:] = runs
    request.run_tag_filter.tags.names[:] = tags
    request.downsample.num_points = most
    return {
        run.run_name: {
            one.tag_name: Points(
                np.array(one.data.step, np.int64),
                np.array(one.data.wall_time, np.float64),
                np.array(one.data.value, np.float32),
            )
            for one in run.tags
        }
        for run in provider._stub.ReadScalars(request).runs
    }


def _from_python(
    provider: Any, experiment_id: str, plugin_name: str, runs: list[str], tags: list[str], most: int
) -> dict[str, dict[str, Points]]:
    from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR

    index = provider._index(plugin_name, RunTagFilter(runs=runs, tags=tags), DATA_CLASS_SCALAR)
    return {
        run: {t: _columns(provider._multiplexer.Tensors(run, t), most) for t in by_tag} for run, by_tag in index.items()
    }


def _columns(events: list[Any], most: int) -> Points:
    """Scalars as the Python server keeps them: all float32, or ValueError."""
    if len(events) > most:
        raise ValueError(f"{len(events)} points are to be thinned to {most}")
    written = b"".join([event.tensor_proto.SerializeToString() for event in events])
    size = len(_FLOAT32)
    scalars = np.frombuffer(written, np.uint8).reshape(len(events), size + 4)
    if not (scalars[:, :size] == _FLOAT32).all():
        raise ValueError("not all are float32 scalars")
    return Points(
        np.array([event.step for event in events], np.int64),
        np.array([event.wall_time for event in events], np.float64),
        scalars[:, size:].copy().view("<f4")[:, 0].astype(np.float32),
    )


def from_data(data: Sequence[Any]) -> Points:
    """TensorBoard's points, without damaged ones."""
    values = [point.value for point in data]
    if not set(map(type, values)) <= {float, int, bool}:
        data = [point for point in data if isinstance(point.value, (int, float))]
        values = [point.value for point in data]
    with np.errstate(over="ignore", invalid="ignore"):
        return Points(
            np.array([point.step for point in data], np.int64),
            np.array([point.wall_time for point in data], np.float64),
            np.array(values, np.float64).astype(np.float32),
        )


def holding(points: Points, sessions: Iterable[tuple[int, float]]) -> Points:
    """The points that hold, by step: of two at one step the later, and none that a later session trained anew.

    Args:
        points: In any order.
        sessions: `(first step, when it started)` of each.
    """
    step, wall_time, _ = points
    holds = np.isfinite(wall_time)
    for first, started in sessions:
        holds &= (step < first) | (wall_time >= started)
    if holds.all() and (step[1:] > step[:-1]).all():
        return points
    order = np.lexsort((wall_time, step))
    order = order[holds[order]]
    is_last = np.append(step[order][1:] > step[order][:-1], True)[: len(order)]
    return Points(*(column[order[is_last]] for column in points))


def thinned(points: Points, most: int) -> Points:
    """At most so many of the points, evenly; both ends stay."""
    count = len(points.step)
    if count <= most:
        return points
    # One point alone is the last: where training stands.
    index = np.linspace(0, count - 1, most).round().astype(int) if most > 1 else np.array([-1])
    return Points(*(column[index] for column in points))


def shortest(value: np.ndarray) -> list[float | None]:
    """float32 values with as few digits as tell them apart: 0.1, not 0.10000000149011612; None where not finite."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = value.astype(np.float64)
        short = exact.copy()
        digits = -np.floor(np.log10(np.abs(exact)))  # that one significant digit takes after the point
        is_open = np.isfinite(digits)
        for more in (5, 6, 7, 8):
            # 10 ** 22 is the last power of ten that a float64 holds: up to there the quotient reads as it is rounded.
            scale = 10.0 ** np.clip(digits + more, 0, 22)
            rounded = np.rint(exact * scale) / scale
            fits = is_open & (rounded.astype(np.float32) == value)
            short[fits] = rounded[fits]
            is_open &= ~fits
    numbers: list[float | None] = short.tolist()
    return numbers if np.isfinite(value).all() else [n if math.isfinite(n) else None for n in short.tolist()]
