"""Numbers -> event files: one Event a step."""

from __future__ import annotations

import math
import os
import re
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.histogram import metadata as histograms

import tb_sparsity
from tb_sparsity.events.directory import inside, is_remote
from tb_sparsity.events.event_log import EventLog
from tb_sparsity.events.manifest import LoggedWeight, describe_run
from tb_sparsity.events.manifest_pb2 import Block, Manifest, NOfM
from tb_sparsity.events.names import MAGNITUDE_PREFIX, MANIFEST_PLUGIN, MANIFEST_TAG, SUBDIRECTORY, TOTAL_PRUNED, tag
from tb_sparsity.events.records import Encoded, Scalars

_LOCAL_FLUSH_SECS = 1.0
_REMOTE_FLUSH_SECS = 30.0  # object stores write the whole file anew each time


class SparsityWriter:
    """Logs the sparsity of any framework's model for TensorBoard's Sparsity tab.

    Say what the weights are with `describe`, then `log` a step at a time. A background thread writes; after the
    constructor nothing raises because of the disk: it is tried again, and what is lost is told at `close`.

    Args:
        log_dir: Directory of the run. Event files go to `<log_dir>/sparsity`.
        flush_secs: Seconds until what was logged can be read by others, even after this process was killed.
            Defaults to `1`, on remote file systems `30`.

    Raises:
        OSError: If nothing can be written there.
        ValueError: If `log_dir` is empty or `flush_secs` isn't positive.

    Example:

    ```python
    import numpy as np
    import tb_sparsity

    weight = np.random.default_rng(0).normal(size=(784, 10))
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.9, begin_step=0, end_step=100)
    with tb_sparsity.SparsityWriter("logs/numpy") as writer:
        writer.describe({"dense/kernel": weight}, schedule, total_steps=100)
        for step in range(1, 101):
            _, target = schedule(step)
            weight[np.abs(weight) < np.quantile(np.abs(weight), target)] = 0
            writer.log(step, sparsity={"dense/kernel": weight}, metrics={"loss": 1 / step})
    ```
    """

    def __init__(self, log_dir: str | os.PathLike[str], flush_secs: float | None = None):
        path = os.fspath(log_dir) if isinstance(log_dir, (str, os.PathLike)) else ""
        if not isinstance(path, str) or not path:
            raise ValueError(f"`log_dir` must be a non-empty path. Received: log_dir={log_dir!r}")
        if flush_secs is None:
            flush_secs = _REMOTE_FLUSH_SECS if is_remote(path) else _LOCAL_FLUSH_SECS
        if isinstance(flush_secs, bool) or not isinstance(flush_secs, (int, float)) or not flush_secs > 0:
            raise ValueError(f"`flush_secs` must be a positive number of seconds. Received: flush_secs={flush_secs!r}")
        self._log = EventLog(inside(path, SUBDIRECTORY), flush_secs)
        self._close = weakref.finalize(self, self._log.close)
        self._close.atexit = False  # the log sees to that itself, after all who may still log
        self._wall_time = self._log.file_time  # of the last event
        self._manifest = Manifest()
        self._pruned: dict[str, int] = {}  # weights in the total -> size
        self._in_session = False
        self._step: int | None = None
        self._written: set[str] = set()

    @property
    def directory(self) -> str:
        """Where the event files are: beside `<log_dir>/sparsity` if another writer is at work there."""
        return self._log.directory

    def describe(
        self,
        weights: Mapping[str, Any],
        schedule: Any = None,
        *,
        patterns: Mapping[str, str | tuple[int, int]] | None = None,
        first_step: int = 1,
        steps_per_epoch: int | None = None,
        total_steps: int | None = None,
    ) -> None:
        """Says what is logged from now on, and begins a session: later steps replace those logged before it.

        Args:
            weights: Name -> the weight, an array or tensor, or its shape.
            schedule: What the sparsity is to be: `step -> sparsity`, or a `PruningSchedule`; one for all weights, or
                a mapping of names to schedules. Weights without one count as not pruned.
            patterns: Name -> what is cut together, where that isn't single weights: `"2:4"` for 2 zeros in each 4,
                `(height, width)` for blocks.
            first_step: The first step that may be logged: steps taken so far, plus 1.
            steps_per_epoch: Steps of an epoch, where known.
            total_steps: The last step, where known.

        Raises:
            ValueError: If a schedule or pattern is given for a weight that isn't there, or a pattern can't be read.
        """
        schedules = dict(schedule) if isinstance(schedule, Mapping) else dict.fromkeys(weights, schedule)
        for argument, names in (("schedule", schedules), ("patterns", patterns or {})):
            for name in names:
                if name not in weights:
                    raise ValueError(f"`{argument}` names {name!r}, which isn't one of the weights: {list(weights)}")
        described = []
        for name, weight in weights.items():
            shape = tuple(weight) if isinstance(weight, (tuple, list)) else tuple(weight.shape)
            described.append(
                LoggedWeight(
                    name=name,
                    shape=[int(length) for length in shape],
                    layer=re.sub(r"[/.][^/.]*$", "", name),
                    dtype=str(getattr(weight, "dtype", "float32")).removeprefix("torch."),
                    pattern=_pattern((patterns or {}).get(name)),
                    schedule=schedules.get(name),
                )
            )
        self.begin_session(
            describe_run(
                described,
                total_steps,
                first_step=first_step,
                steps_per_epoch=steps_per_epoch,
                writer_version=tb_sparsity.__version__,
            )
        )

    def log(
        self,
        step: int,
        sparsity: Mapping[str, Any] | None = None,
        threshold: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        *,
        mask_churn: Mapping[str, Any] | None = None,
        pruning_step: Mapping[str, Any] | None = None,
    ) -> None:
        """Logs a step, all its values in one Event.

        What this step was given before stays. A step below the last one begins a new session there, as after a
        checkpoint was loaded. Where the shapes of all pruned weights are described, their total is logged too.

        Args:
            step: Training steps taken.
            sparsity: Name -> share of zeros, in [0, 1], or the weight itself, whose zeros are counted.
            threshold: Name -> magnitude below which weights are cut.
            metrics: Name -> any number: loss, accuracy, learning rate.
            mask_churn: Name -> share of the mask's entries that changed since the last logged step.
            pruning_step: Layer -> steps that it has counted.

        Raises:
            ValueError: If a sparsity isn't a share, `step` is no number of steps, or the writer is closed.
            TypeError: If a value isn't a number.
        """
        values = {name: _share(name, value) for name, value in (sparsity or {}).items()}
        row = {tag("sparsity", name): share for name, share in values.items()}
        if self._pruned and self._pruned.keys() <= values.keys():
            zeros = sum(size * values[name] for name, size in self._pruned.items())
            row[tag("sparsity_total", TOTAL_PRUNED)] = zeros / sum(self._pruned.values())
        others = {"threshold": threshold, "mask_churn": mask_churn, "pruning_step": pruning_step, "metrics": metrics}
        for kind, numbers in others.items():
            row.update((tag(kind, name), _number(name, value)) for name, value in (numbers or {}).items())
        if isinstance(step, bool) or not 0 <= step < 2**63 or int(step) != step:
            raise ValueError(f"`step` must be the number of training steps taken. Received: step={step!r}")
        with np.errstate(over="ignore"):  # what float32 can't hold is infinite
            row_values = np.array(list(row.values()), np.float32)
        self.log_row(int(step), tuple(row), row_values)

    def begin_session(self, manifest: Manifest) -> None:
        """Begins a session with this manifest, at its `first_step`."""
        with self._log.order:
            self._in_session = True
            self._step, self._written = None, set()
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._add(manifest.first_step, session_log=start)
            self.write_manifest(manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Writes the manifest of the session that goes on."""
        sizes = {w.name: w.size for w in manifest.weights if w.HasField("schedule")}
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(),
            string_val=[manifest.SerializeToString()],
        )
        metadata = summary_pb2.SummaryMetadata(
            plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=MANIFEST_PLUGIN),
            data_class=summary_pb2.DATA_CLASS_TENSOR,
        )
        value = summary_pb2.Summary.Value(tag=MANIFEST_TAG, tensor=tensor, metadata=metadata)
        with self._log.order:
            self._manifest = manifest
            self._pruned = sizes or {w.name: w.size for w in manifest.weights}
            self._add(manifest.first_step, lasting=True, summary=summary_pb2.Summary(value=[value]))

    def log_row(self, step: int, tags: tuple[str, ...], values: np.ndarray) -> None:
        """Logs values under full tags, each tag once; those that this step has already are left out.

        Args:
            step: Training steps taken.
            tags: The tags.
            values: float32, one value for each tag. Not to be changed afterwards.
        """
        with self._log.order:
            self._enter(step)
            if self._written:
                new = [i for i, t in enumerate(tags) if t not in self._written]
                if len(new) < len(tags):
                    tags, values = tuple(tags[i] for i in new), values[new]
            if tags:
                self._written.update(tags)
                self._log.add(Scalars(step, tags, values, self._now()))

    def log_histogram(self, step: int, name: str, edges: Sequence[float], counts: Sequence[float]) -> None:
        """Logs the histogram of a weight's magnitudes.

        Args:
            step: Training steps taken.
            name: The weight.
            edges: Where bins begin, and the end of the last.
            counts: How many magnitudes are in each bin.
        """
        bins = np.stack([edges[:-1], edges[1:], counts], axis=1).astype("<f8")
        shape = [tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in bins.shape]
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_DOUBLE,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=shape),
            tensor_content=bins.tobytes(),
        )
        metadata = histograms.create_summary_metadata(display_name=None, description=None)
        metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        value = summary_pb2.Summary.Value(tag=MAGNITUDE_PREFIX + name, tensor=tensor, metadata=metadata)
        with self._log.order:
            self._enter(step)
            if value.tag not in self._written:
                self._written.add(value.tag)
                self._add(step, points=1, summary=summary_pb2.Summary(value=[value]))

    def flush(self) -> None:
        """Waits until everything logged is in the file."""
        self._log.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._close.detach()
        self._log.close()

    def __enter__(self) -> SparsityWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _enter(self, step: int) -> None:
        if self._in_session and (self._step is None or step == self._step):
            self._step = step
            return
        if not self._in_session or (self._step is not None and step < self._step):
            manifest = Manifest()
            manifest.CopyFrom(self._manifest)
            manifest.first_step = step
            self.begin_session(manifest)
        self._step, self._written = step, set()

    def _now(self) -> float:
        """Seconds since 1970, later than any event before: readers tell by that what is newer. Clocks are put back."""
        self._wall_time = max(time.time(), math.nextafter(self._wall_time, math.inf))
        return self._wall_time

    def _add(self, step: int, points: int = 0, lasting: bool = False, **what: Any) -> None:
        event = event_pb2.Event(wall_time=self._now(), step=step, **what)
        self._log.add(Encoded(event.SerializeToString(), points, lasting))


def _pattern(spec: str | tuple[int, int] | None) -> NOfM | Block | None:
    if spec is None:
        return None
    if isinstance(spec, str):
        match = re.fullmatch(r"(\d+):(\d+)", spec)
        if match:
            return NOfM(n=int(match[1]), m=int(match[2]))
    elif len(spec) == 2:
        return Block(height=spec[0], width=spec[1], pooling="AVG")
    raise ValueError(f"A pattern must be 'n:m' or (height, width). Received: {spec!r}")


def _share(name: str, value: Any) -> float:
    shape = getattr(value, "shape", ())
    if len(shape):
        zeros = value == 0
        zeros = zeros.detach().cpu() if hasattr(zeros, "detach") else zeros  # of PyTorch
        return np.count_nonzero(np.asarray(zeros)) / max(math.prod(shape), 1)
    share = _number(name, value)
    if not 0 <= share <= 1:
        raise ValueError(f"The sparsity of {name!r} must be in [0, 1]: a share, not percent. Received: {value!r}")
    return share


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name!r} must be one number. Received: {value!r}") from error
