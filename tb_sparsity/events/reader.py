"""Event files -> runs, tags and series, through TensorBoard's data provider.

Both of TensorBoard's data servers keep other things than each other of what was written; what is given here is
the same for both, as long as no tag has more points than they keep (1,000 unless told otherwise).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from tensorboard.data.provider import DataProvider

from tb_sparsity.events.manifest import to_json
from tb_sparsity.events.names import (
    MANIFEST_PLUGIN,
    MANIFEST_TAG,
    SCALARS_PLUGIN,
    SUBDIRECTORY,
    TAG_PREFIXES,
    split_tag,
    tag,
)
from tb_sparsity.events.points import Points, from_data, holding, read_columns, shortest, thinned
from tb_sparsity.events.provider import ask
from tb_sparsity.events.reports import list_reports

# What is asked of the provider: more than any server keeps unless told to, so that points are never thinned at
# random by the one server and otherwise by the other.
_ALL = 2**31 - 1

_NONE_LEFT = (0, 0.0)  # last step and wall time of a tag without points

_TFMOT_TAG = re.compile(r"(?:(.+)/)?(?:mask(_\d+)?:0/(sparsity)|threshold(_\d+)?:0/(threshold))")
_TFMOT_WRAPPER = "prune_low_magnitude_"
_TFMOT_SUBDIRECTORY = "metrics"

_UNKNOWN_RUN = "There is no such run."
_UNKNOWN_TAG = "This run has no such tag."
_UNREADABLE = "The points of this tag can't be read: the file is damaged."


@dataclass
class Run:
    """A run of the log directory that has sparsity in it.

    Attributes:
        run: TensorBoard's name of the run.
        name: The name to show: the run without the subdirectory that the writer adds.
        source: "tb_sparsity", or "tfmot" for logs of tfmot's own callback.
        manifest: The latest manifest, as JSON, or None.
        tags: Kind -> names of the series there are.
        last_step: The last step that has a point.
        last_wall_time: When the last point was written, in seconds since 1970.
        reports: Kind of report -> when it was written.
    """

    run: str
    name: str
    source: str
    manifest: dict[str, Any] | None
    tags: dict[str, list[str]]
    last_step: int
    last_wall_time: float
    reports: dict[str, float]


@dataclass(eq=False)
class Series:
    """The points of a tag in a run, or why there are none."""

    run: str
    tag: str
    points: Points | None = None
    error: str | None = None


def list_runs(provider: DataProvider, ctx: Any, experiment_id: str) -> list[Run]:
    """All runs with sparsity in them, by name."""
    listing = _list_scalars(provider, ctx, experiment_id)
    manifests = _manifests(provider, ctx, experiment_id, None)
    reports = list_reports(provider, ctx, experiment_id)
    found = []
    for run in sorted(listing.keys() | manifests.keys() | reports.keys()):
        known = _known_tags(listing.get(run, {}))
        if run not in manifests and run not in reports and not any(kind == "sparsity" for kind, _, _ in known):
            continue
        source = "tfmot" if known and all(_TFMOT_TAG.fullmatch(t) for _, _, t in known) else "tb_sparsity"
        sessions = _sessions(manifests.get(run, ()))
        ends = [_end(listing[run][t], sessions) for _, _, t in known] or [_NONE_LEFT]
        found.append(
            Run(
                run=run,
                name=_shown_name(run, source),
                source=source,
                manifest=_latest_manifest(manifests.get(run, ())),
                tags={kind: sorted(name for k, name, _ in known if k == kind) for kind in TAG_PREFIXES},
                last_step=max(step for step, _ in ends),
                last_wall_time=max([wall for _, wall in ends] + [wall for _, wall in sessions]),
                reports=reports.get(run, {}),
            )
        )
    while len(shown := Counter(one.name for one in found)) < len(found):  # a full name may be another's short one
        for one in found:
            if shown[one.name] > 1:
                one.name = one.run
    return found


def read_series(
    provider: DataProvider, ctx: Any, experiment_id: str, wanted: Sequence[tuple[str, str]], points: int
) -> list[Series]:
    """Reads many series in one request to the data provider.

    Args:
        provider: TensorBoard's data provider.
        ctx: The request's context.
        experiment_id: The request's experiment.
        wanted: `(run, tag)` pairs, tags as in `names.py` also for tfmot's logs.
        points: The most points a series may have. A longer one is thinned evenly; both its ends stay.

    Returns:
        One `Series` for each pair, in order.
    """
    askable = [(run, t) for run, t in wanted if _is_text(run) and _is_text(t)]
    if not askable:
        return [Series(run, t, error=_UNKNOWN_RUN) for run, t in wanted]
    runs = sorted({run for run, _ in askable})
    data: dict[str, dict[str, Points]] = {}
    if points == 1:
        data = _read_last(provider, ctx, experiment_id, runs, {t for _, t in askable})
    rest = [(run, t) for run, t in askable if t not in data.get(run, {})]
    for run, found in _read(provider, ctx, experiment_id, {run for run, _ in rest}, {t for _, t in rest}).items():
        data[run] = {**found, **data.get(run, {})}
    known: dict[str, set[str]] = {}
    if any(t not in data.get(run, {}) for run, t in askable):  # missing, or under tfmot's name
        listing = _list_scalars(provider, ctx, experiment_id)
        file_tags = {run: _foreign_tags(listing.get(run, {})) for run in runs}
        known = {run: {*listing[run], *file_tags[run]} for run in runs if run in listing}
        foreign = {file_tags[run][t] for run, t in askable if t in file_tags[run]}
        for run, found in _read(provider, ctx, experiment_id, runs, foreign).items():
            renamed = {t: found[file_tag] for t, file_tag in file_tags[run].items() if file_tag in found}
            data[run] = {**renamed, **data.get(run, {})}
    return [
        Series(run, t, thinned(data[run][t], points))
        if t in data.get(run, {})
        else Series(run, t, error=_why_missing(known.get(run), t))
        for run, t in wanted
    ]


def _why_missing(tags: set[str] | None, name: str) -> str:
    if tags is None:
        return _UNKNOWN_RUN
    return _UNREADABLE if name in tags else _UNKNOWN_TAG


def _list_scalars(provider: DataProvider, ctx: Any, experiment_id: str) -> dict[str, dict[str, Any]]:
    return ask(provider, "list_scalars", ctx, experiment_id, None, None, plugin_name=SCALARS_PLUGIN)


def _read(
    provider: DataProvider, ctx: Any, experiment_id: str, runs: Iterable[str], tags: Iterable[str]
) -> dict[str, dict[str, Points]]:
    runs, tags = sorted(runs), sorted(tags)
    if not tags:
        return {}
    columns = read_columns(provider, experiment_id, SCALARS_PLUGIN, runs, tags, _ALL)
    if columns is None:
        more = {"plugin_name": SCALARS_PLUGIN, "downsample": _ALL}
        found = ask(provider, "read_scalars", ctx, experiment_id, runs, tags, **more)
        columns = {run: {t: from_data(data) for t, data in by_tag.items()} for run, by_tag in found.items()}
    sessions = _sessions_of(provider, ctx, experiment_id, columns)
    return {run: {t: holding(one, sessions[run]) for t, one in by_tag.items()} for run, by_tag in columns.items()}


def _read_last(
    provider: DataProvider,
    ctx: Any,
    experiment_id: str,
    runs: list[str],
    tags: Iterable[str],
) -> dict[str, dict[str, Points]]:
    """The last points of tags, which cost little to read; without those that are damaged or superseded.

    And without those of runs that have no sessions: in logs of others, of two trainings in one directory, nothing
    else would tell which is the last.
    """
    found = ask(provider, "read_last_scalars", ctx, experiment_id, runs, sorted(tags), plugin_name=SCALARS_PLUGIN)
    last = {run: {t: from_data([datum]) for t, datum in by_tag.items()} for run, by_tag in found.items()}
    sessions = _sessions_of(provider, ctx, experiment_id, last)
    return {
        run: {t: one for t, points in by_tag.items() if len((one := holding(points, sessions[run])).step)}
        for run, by_tag in last.items()
        if sessions[run]
    }


def _sessions_of(
    provider: DataProvider, ctx: Any, experiment_id: str, runs: Iterable[str]
) -> dict[str, list[tuple[int, float]]]:
    """Asked for after the points: then the session of each point is among them."""
    runs = sorted(runs)
    manifests = _manifests(provider, ctx, experiment_id, runs) if runs else {}
    return {run: _sessions(manifests.get(run, ())) for run in runs}


def _end(metadata: Any, sessions: list[tuple[int, float]]) -> tuple[int, float]:
    """Last step and wall time of a tag; sessions that started after its last point have cut its end off."""
    wall_time = metadata.max_wall_time
    if metadata.max_step is None:  # TensorBoard's Python server has dropped them all
        return _NONE_LEFT
    if not math.isfinite(wall_time):  # damaged
        return max(metadata.max_step, 0), 0.0
    cuts = [first - 1 for first, started in sessions if started > wall_time]
    return max(min([metadata.max_step, *cuts]), 0), wall_time


def _manifests(
    provider: DataProvider, ctx: Any, experiment_id: str, runs: list[str] | None
) -> dict[str, Sequence[Any]]:
    """The manifests of runs (None: of all), each with step and wall time, as they were written."""
    more = {"plugin_name": MANIFEST_PLUGIN, "downsample": _ALL}
    found = ask(provider, "read_tensors", ctx, experiment_id, runs, [MANIFEST_TAG], **more)
    return {
        run: [datum for datum in by_tag[MANIFEST_TAG] if math.isfinite(datum.wall_time)]
        for run, by_tag in found.items()
        if MANIFEST_TAG in by_tag
    }


def _sessions(manifests: Iterable[Any]) -> list[tuple[int, float]]:
    """`(first step, when it started)` of each session: manifests are written at the next step to come."""
    return [(m.step, m.wall_time) for m in manifests]


def _latest_manifest(manifests: Sequence[Any]) -> dict[str, Any] | None:
    for datum in sorted(manifests, key=lambda m: m.wall_time, reverse=True):
        content = datum.numpy.item() if datum.numpy.size == 1 else None
        with suppress(DecodeError, ValueError):  # damaged: an older one tells more than none
            if isinstance(content, bytes):
                return to_json(content)
    return None


def _known_tags(tags: Iterable[str]) -> list[tuple[str, str, str]]:
    """`(kind, name, tag in the file)` of all tags that are ours or tfmot's."""
    known = []
    names: dict[str, set[str]] = defaultdict(set)
    for t in sorted(tags):
        kind_and_name = split_tag(t) or _split_tfmot_tag(t)
        if kind_and_name and kind_and_name[1] not in names[kind_and_name[0]]:
            names[kind_and_name[0]].add(kind_and_name[1])
            known.append((*kind_and_name, t))
    return known


def _foreign_tags(tags: Iterable[str]) -> dict[str, str]:
    """Our tag -> tag in the file, where they differ."""
    ours = {tag(kind, name): t for kind, name, t in _known_tags(tags)}
    return {t: file_tag for t, file_tag in ours.items() if t != file_tag}


def _split_tfmot_tag(full_tag: str) -> tuple[str, str] | None:
    """tfmot names the mask, not the weight: `…conv2d/mask:0/sparsity` is taken for `conv2d/kernel`."""
    match = _TFMOT_TAG.fullmatch(full_tag)
    if not match:
        return None
    path, mask_number, is_sparsity, threshold_number, is_threshold = match.groups()
    layers = [part.removeprefix(_TFMOT_WRAPPER) for part in (path or "").split("/") if part]
    name = "/".join([*layers, "kernel" + (mask_number or threshold_number or "")])
    return is_sparsity or is_threshold, name


def _shown_name(run: str, source: str) -> str:
    parent, _, last = run.rpartition("/")
    if last == (_TFMOT_SUBDIRECTORY if source == "tfmot" else SUBDIRECTORY):
        return parent or "."
    return run


def _is_text(name: str) -> bool:
    """Whether the name can be in a file at all: JSON may hold lone surrogates, UTF-8 can't."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def share_axes(series: Iterable[Series]) -> dict[str, Any]:
    """Series in columns for the wire: those of the same events share an axis; NaN and infinities become None.

    Returns:
        `{"axes": [{"step", "wall_time"}], "series": [{"run", "tag", "axis", "value"} or {"run", "tag", "error"}]}`
    """
    axes: list[dict[str, Any]] = []
    index_of: dict[tuple[bytes, bytes], int] = {}
    columns: list[dict[str, Any]] = []
    for s in series:
        if s.points is None:
            columns.append({"run": s.run, "tag": s.tag, "error": s.error})
            continue
        step, wall_time, value = s.points
        key = step.tobytes(), wall_time.tobytes()
        if key not in index_of:
            index_of[key] = len(axes)
            axes.append({"step": step.tolist(), "wall_time": wall_time.tolist()})
        columns.append({"run": s.run, "tag": s.tag, "axis": index_of[key], "value": shortest(value)})
    return {"axes": axes, "series": columns}
