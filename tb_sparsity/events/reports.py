"""Reports of a run, as JSON beside its event files: written once a training is over, and read back by the tab.

They are in a directory of their own: a training may still be writing to the other one.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.data.provider import DataProvider

from tb_sparsity.events.directory import inside, make_directory, next_file, open_file
from tb_sparsity.events.names import MANIFEST_PLUGIN, REPORT_PREFIX, REPORT_SUBDIRECTORY, REPORTS, SUBDIRECTORY
from tb_sparsity.events.provider import ask
from tb_sparsity.events.records import file_head, frame


def write_report(log_dir: str | os.PathLike[str], kind: str, report: str) -> None:
    """Puts a report beside a run's logs. Of several of a kind, the last counts.

    Args:
        log_dir: Directory of the run, as given to `PruningSummaries`.
        kind: One of `REPORTS`.
        report: JSON.

    Raises:
        OSError: If it can't be written there.
    """
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=[report.encode()]
    )
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=MANIFEST_PLUGIN),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    )
    value = summary_pb2.Summary.Value(tag=REPORT_PREFIX + kind, tensor=tensor, metadata=metadata)
    directory = inside(os.fspath(log_dir), REPORT_SUBDIRECTORY)
    make_directory(directory)
    path, file_time = next_file(directory)
    event = event_pb2.Event(wall_time=max(time.time(), file_time), step=0, summary=summary_pb2.Summary(value=[value]))
    file = open_file(path)
    try:
        file.append(memoryview(file_head() + frame(event.SerializeToString())))
        file.close()
    except Exception:  # a half-written file would be read for ever
        with suppress(Exception):
            file.remove()
        raise


def list_reports(provider: DataProvider, ctx: Any, experiment_id: str) -> dict[str, dict[str, float]]:
    """Run -> kind -> when it was written, in seconds since 1970. A run may have no more than its reports."""
    found = ask(provider, "list_tensors", ctx, experiment_id, None, None, plugin_name=MANIFEST_PLUGIN)
    reports: dict[str, dict[str, float]] = {}
    for run, tags in found.items():
        if run.rpartition("/")[2] != REPORT_SUBDIRECTORY:
            continue
        for kind in REPORTS:
            written = tags[REPORT_PREFIX + kind].max_wall_time if REPORT_PREFIX + kind in tags else None
            if written is not None and math.isfinite(written):
                reports.setdefault(_sibling(run, SUBDIRECTORY), {})[kind] = written
    return reports


def read_report(provider: DataProvider, ctx: Any, experiment_id: str, run: str, kind: str) -> dict[str, Any] | None:
    """The last readable report of a kind that a run has.

    Args:
        provider: TensorBoard's data provider.
        ctx: The request's context.
        experiment_id: The request's experiment.
        run: The run of which it is, `run1/sparsity`.
        kind: One of `REPORTS`.
    """
    name, of_reports = REPORT_PREFIX + kind, _sibling(run, REPORT_SUBDIRECTORY)
    more = {"plugin_name": MANIFEST_PLUGIN, "downsample": 1000}
    found = ask(provider, "read_tensors", ctx, experiment_id, [of_reports], [name], **more)
    data = found.get(of_reports, {}).get(name, ())
    for datum in sorted(data, key=lambda d: d.wall_time, reverse=True):
        with suppress(RecursionError, TypeError, ValueError):  # damaged
            content = json.loads(datum.numpy.item(), parse_float=_finite, parse_constant=_finite)
            if isinstance(content, dict):
                return content
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _sibling(run: str, directory: str) -> str:
    """The run beside this one: `run1/sparsity_report` for `run1/sparsity`, and back."""
    parent = run.rpartition("/")[0]
    return f"{parent}/{directory}" if parent else directory
