"""Logs read back in Python: the runs and curves that the tab shows, all their points, as NumPy arrays."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tensorboard import context as tb_context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_accumulator import TENSORS
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat import tf

from tb_sparsity.events.names import MANIFEST_PLUGIN, REPORTS, SCALARS_PLUGIN, tag
from tb_sparsity.events.reader import list_runs, read_series
from tb_sparsity.events.reports import read_report

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

# Every point of what is read here; of all else, such as histograms, the least that TensorBoard can keep.
_KEPT = {SCALARS_PLUGIN: 0, MANIFEST_PLUGIN: 0}
_KEPT_OF_OTHERS = {TENSORS: 1}


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a tag, by ascending step.

    Attributes:
        step: Training steps taken, int64.
        wall_time: When each was written, in seconds since 1970, float64.
        value: float32, as in the files.
    """

    step: np.ndarray
    wall_time: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class LoggedRun:
    """A run that was logged: what it was to do, and what was measured.

    Attributes:
        name: The name that the tab shows.
        run: TensorBoard's name of it: its directory, relative to that of the logs.
        source: "tb_sparsity", or "tfmot" for logs of tfmot's own callback.
        manifest: The latest manifest, with the fields of the tab's `index` route; None where there is none.
        series: Tag -> its points. What a later session trained anew is left out.
        compression: What `compression_report(…, log_dir=…)` left here, as `CompressionReport.from_json` reads it; None
            without one.
        sensitivity: What `sensitivity(…, log_dir=…)` left here, as `SensitivityReport.from_json` reads it.
    """

    name: str
    run: str
    source: str
    manifest: Mapping[str, Any] | None = field(repr=False)
    series: Mapping[str, Points] = field(repr=False)
    compression: Mapping[str, Any] | None = field(default=None, repr=False)
    sensitivity: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def schedules(self) -> list[dict[str, Any]]:
        """The manifest's schedules; empty without a manifest."""
        return list(self.manifest["schedules"]) if self.manifest else []

    @property
    def weights(self) -> dict[str, dict[str, Any]]:
        """Name -> the manifest's entry for this weight, in which `schedule` is the schedule itself, or None."""
        schedules = dict(enumerate(self.schedules))
        entries = self.manifest["weights"] if self.manifest else []
        return {entry["name"]: {**entry, "schedule": schedules.get(entry["schedule"])} for entry in entries}

    def target(self, weight: str, steps: Any) -> np.ndarray:
        """The sparsity that the schedule asks of a weight, as the tab draws it.

        The masks follow it at their updates only, every `frequency` steps.

        Args:
            weight: Name of the weight, without the tag's prefix.
            steps: One step or an array of them.

        Returns:
            float64, of the shape of `steps`: straight lines between the manifest's samples, constant after the last
            one. NaN before the schedule begins, and everywhere if the weight has no schedule.

        Raises:
            KeyError: If the manifest has no such weight.
        """
        weights = self.weights
        if weight not in weights:
            raise KeyError(f"The manifest of {self.name!r} has no weight {weight!r}. It has: {sorted(weights)}")
        at = np.asarray(steps)
        schedule = weights[weight]["schedule"]
        if schedule is None or not schedule["target"]["step"]:
            return np.full(at.shape, np.nan)
        values = np.array(schedule["target"]["value"], np.float64)
        target = np.interp(at, schedule["target"]["step"], values)
        return np.where(at < schedule["begin_step"], np.nan, target)

    def last_update(self, weight: str, step: int) -> int | None:
        """The last step up to `step` at which the schedule updates the weight's mask; None if there was none yet.

        Raises:
            KeyError: If the manifest has no such weight.
        """
        schedule = self.weights[weight]["schedule"]
        for phase in reversed((schedule["phases"] or [schedule]) if schedule else []):
            begin, end, frequency = phase["begin_step"], phase["end_step"], max(phase["frequency"], 1)
            last = end if end is not None and end <= step else begin + (step - begin) // frequency * frequency
            if last >= max(begin, 1):
                return int(last)
        return None

    def to_pandas(self) -> pd.DataFrame:
        """The series as a table.

        Returns:
            A `pandas.DataFrame` with one row a step, ascending, and one column a tag; NaN where a tag has no point.

        Raises:
            ImportError: If pandas isn't installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("`to_pandas` needs pandas, which isn't installed: pip install pandas") from error
        steps = np.unique(np.concatenate([np.empty(0, np.int64), *(one.step for one in self.series.values())]))
        columns = {name: pd.Series(one.value, one.step) for name, one in self.series.items()}
        return pd.DataFrame(columns, pd.Index(steps, name="step"))


def read_logs(logdir: str | os.PathLike[str]) -> dict[str, LoggedRun]:
    """Reads the sparsity logs in a directory, as the tab would show them, but with all their points.

    Args:
        logdir: What `tensorboard --logdir` is given: a directory that holds runs, or a run itself.

    Returns:
        Name, as the tab shows it -> run; in the order of TensorBoard's names. Empty if nothing logged sparsity there.
        A file that is damaged is read up to there, with a warning.

    Raises:
        FileNotFoundError: If there is no such directory.

    Example:

    >>> import tempfile
    >>> import tb_sparsity
    >>> logs = tempfile.TemporaryDirectory()
    >>> with tb_sparsity.SparsityWriter(f"{logs.name}/run1") as writer:
    ...     writer.describe({"dense/kernel": (784, 10)}, lambda step: step / 100, total_steps=50)
    ...     for step in (10, 20):
    ...         writer.log(step, sparsity={"dense/kernel": step / 128})
    >>> run = tb_sparsity.read_logs(logs.name)["run1"]
    >>> measured = run.series["sparsity/dense/kernel"]
    >>> measured.step, measured.value
    (array([10, 20]), array([0.078125, 0.15625 ], dtype=float32))
    >>> run.target("dense/kernel", measured.step).round(3)
    array([0.1, 0.2])
    >>> logs.cleanup()
    """
    path = os.path.expanduser(os.fspath(logdir))
    if not tf.io.gfile.isdir(path):
        raise FileNotFoundError(f"There is no directory {path!r} to read logs from.")
    provider = _load(path)
    where = tb_context.RequestContext(), ""
    runs = list_runs(provider, *where)
    wanted = [(run.run, tag(kind, name)) for run in runs for kind, names in run.tags.items() for name in names]
    series: dict[str, dict[str, Points]] = {run.run: {} for run in runs}
    for one in read_series(provider, *where, wanted, points=sys.maxsize):
        if one.points is not None:
            series[one.run][one.tag] = Points(*one.points)
    reports = {
        run.run: {kind: read_report(provider, *where, run.run, kind) for kind in REPORTS if kind in run.reports}
        for run in runs
    }
    return {
        run.name: LoggedRun(run.name, run.run, run.source, run.manifest, series[run.run], **reports[run.run])
        for run in runs
    }


def _load(path: str) -> MultiplexerDataProvider:
    multiplexer = EventMultiplexer(size_guidance=_KEPT_OF_OTHERS, tensor_size_guidance=_KEPT)
    multiplexer.AddRunsFromDirectory(path)
    for run in multiplexer.RunPaths():
        try:
            multiplexer.GetAccumulator(run).Reload()
        except Exception as error:  # whatever a damaged event makes TensorBoard raise
            warnings.warn(f"A file of the run {run!r} is damaged; what follows is left out: {error!r}", stacklevel=3)
    return MultiplexerDataProvider(multiplexer, path)
