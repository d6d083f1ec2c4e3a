"""The callback that writes a training's sparsity into event files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import keras

import tb_sparsity
from tb_sparsity.events.manifest import FORMAT_MAJOR, FORMAT_MINOR, describe_schedule
from tb_sparsity.events.manifest_pb2 import Block, Channel, Element, Manifest, NOfM, Weight
from tb_sparsity.events.names import tag
from tb_sparsity.events.writer import SparsityWriter
from tb_sparsity.measure import Meter, training_step
from tb_sparsity.pruning import patterns
from tb_sparsity.pruning.weights import TrackedWeight

# Arguments of keras.callbacks.TensorBoard that tfmot's callback passes on to its base class.
_TENSORBOARD_ARGUMENTS = frozenset(
    {
        "embeddings_freq",
        "embeddings_metadata",
        "histogram_freq",
        "profile_batch",
        "write_graph",
        "write_images",
        "write_steps_per_second",
    }
)


class PruningSummaries(keras.callbacks.Callback):
    """Logs sparsity, threshold and pruning step of each weight, and the fit's metrics, for TensorBoard.

    All series share one axis: training steps taken. The state after the last step is always logged. In a model
    that isn't pruned, the zeros of its kernels are logged.

    Args:
        log_dir: Directory of this run. Event files go to `<log_dir>/sparsity`.
        update_freq: When to log: `"epoch"`, `"batch"`, or a number N for each step that N divides. Metrics that
            are known only when an epoch ends (`val_…`) are logged then. Defaults to `"epoch"`.
        **kwargs: Arguments of `keras.callbacks.TensorBoard`, so that scripts written for tfmot run; they have no
            effect. Use that callback beside this one.

    Raises:
        ValueError: If `log_dir` is empty or `update_freq` is none of the above.
        TypeError: If an argument is unknown.

    Example:

    ```python
    model.fit(x, y, callbacks=[
        tb_sparsity.UpdatePruningStep(),
        tb_sparsity.PruningSummaries("logs/run1", update_freq=50),
    ])
    ```

    Then `tensorboard --logdir logs`, tab Sparsity.
    """

    _writer: SparsityWriter | None
    _meter: Meter | None
    _failed: bool
    _first_step: int
    _step: int  # training steps taken
    _epoch_start: int  # those taken when the epoch began
    _measured_step: int | None
    _batch_metrics: set[str]  # names of the metrics that each batch brings
    _steps_per_epoch: int | None
    _total_steps: int | None

    def __init__(self, log_dir: str | os.PathLike[str], update_freq: str | int = "epoch", **kwargs: Any):
        super().__init__()
        unknown = sorted(set(kwargs) - _TENSORBOARD_ARGUMENTS)
        if unknown:
            raise TypeError(f"PruningSummaries has no argument {unknown[0]!r}. It takes `log_dir` and `update_freq`.")
        if not isinstance(log_dir, (str, os.PathLike)) or not os.fspath(log_dir):
            raise ValueError(f"`log_dir` must be a non-empty path. Received: log_dir={log_dir!r}")
        whole = isinstance(update_freq, int) and not isinstance(update_freq, bool) and update_freq > 0
        if update_freq not in ("epoch", "batch") and not whole:
            raise ValueError(
                "`update_freq` must be 'epoch', 'batch' or a positive number of steps. "
                f"Received: update_freq={update_freq!r}"
            )
        self.log_dir = log_dir
        self.update_freq = update_freq
        self._every = None if update_freq == "epoch" else 1 if update_freq == "batch" else int(update_freq)
        self._reset()

    def on_train_begin(self, logs: Any = None) -> None:
        """Forgets the last fit, also one that ended with an exception."""
        self._end_session()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the session, before the first step."""
        self._step = self._epoch_start = max(self._step, training_step(self.model))
        if self._writer is None and not self._failed:
            params = self.params or {}
            self._steps_per_epoch = params.get("steps")
            if self._steps_per_epoch is not None and "epochs" in params:
                self._total_steps = self._step + (params["epochs"] - epoch) * self._steps_per_epoch
            self._start_session(self._step + 1)
        if self.model.built:
            self._describe_model()

    def _start_session(self, first_step: int) -> None:
        self._first_step = first_step
        self._writer = SparsityWriter(self.log_dir)
        self._writer.start_session(first_step)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs, if this step is one to log."""
        if self._every is None:
            return
        last_step, self._step = self._step, self._epoch_start + batch + 1
        if getattr(self.model, "steps_per_execution", 1) > 1:  # `batch` may be beyond the epoch's last
            self._step = training_step(self.model)
        if self._step // self._every > last_step // self._every:
            self._batch_metrics.update(logs or {})
            self._log(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the epoch, or the metrics that only its end brings."""
        # Where the data's length is unknown, Keras's own count moves on once more as it finds the end.
        self._step = max(self._step, training_step(self.model))
        if self._every is None:
            self._log(logs)
        else:
            late = {name: value for name, value in (logs or {}).items() if name not in self._batch_metrics}
            self._log(late, measured=False)
        if self._writer:
            self._writer.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the state after the last step and closes the file."""
        if self._step not in (0, self._measured_step):
            self._log(logs)
        restored = training_step(self.model)
        if self._measured_step and restored < self._measured_step:
            warnings.warn(
                f"The model now has the weights of step {restored:,}, which a callback restored as training ended. "
                f"The last point of its sparsity in the log is the state after step {self._measured_step:,}, before.",
                stacklevel=2,
            )
        self._end_session()

    def _log(self, metrics: Mapping[str, Any] | None, measured: bool = True) -> None:
        if self._writer is None and not self._failed:  # a loop of one's own that begins no epochs
            self._start_session(self._step)
        self._describe_model()  # built by its first step only, if not before
        if not self._writer or not self._meter:
            return
        try:
            values = self._meter.measure() if measured and self._step != self._measured_step else {}
            if values:
                self._measured_step = self._step
            values.update(_scalars(metrics or {}))
            self._writer.log(self._step, values)
        except Exception as error:
            self._give_up(error)

    def _describe_model(self) -> None:
        if not self._writer or self._meter:
            return
        try:
            self._meter = Meter(self.model)
            self._writer.write_manifest(self._manifest(self._meter))
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Training must not fail because of its log."""
        warnings.warn(
            f"Sparsity is no longer logged: measuring failed ({type(error).__name__}: {error}). Training goes on.",
            stacklevel=3,
        )
        self._end_session()
        self._failed = True

    def _end_session(self) -> None:
        if self._writer:
            self._writer.close()
        self._reset()

    def _reset(self) -> None:
        self._writer = None
        self._meter = None
        self._failed = False
        self._first_step = 1
        self._step = self._epoch_start = 0
        self._measured_step = None
        self._batch_metrics = set()
        self._steps_per_epoch = None
        self._total_steps = None

    def _manifest(self, meter: Meter) -> Manifest:
        manifest = Manifest(
            format_major=FORMAT_MAJOR,
            format_minor=FORMAT_MINOR,
            writer_version=tb_sparsity.__version__,
            keras_version=keras.__version__,
            keras_backend=keras.backend.backend(),
            update_freq=str(self.update_freq),
            first_step=self._first_step,
            steps_per_epoch=self._steps_per_epoch,
            total_steps=self._total_steps,
        )
        index_of: dict[bytes, int] = {}
        described: dict[tuple[int, float | None], bytes] = {}
        for w in meter.weights:
            weight = Weight(
                name=w.name,
                layer=w.layer_name,
                layer_class=type(w.layer).__name__,
                shape=w.variable.shape,
                size=w.size,
                dtype=str(w.variable.dtype),
                **_pattern(w),
            )
            if w.wrapper:
                schedule, fixed = w.wrapper.pruning_schedule, _fixed_target(w)
                key = id(schedule), fixed
                if key not in described:
                    message = describe_schedule(schedule, self._total_steps)
                    if fixed is not None and message.target_step:
                        del message.target_step[1:], message.target_value[:]
                        message.target_value.append(fixed)
                    described[key] = encoded = message.SerializeToString(deterministic=True)
                    if encoded not in index_of:
                        index_of[encoded] = len(manifest.schedules)
                        manifest.schedules.append(message)
                weight.schedule = index_of[described[key]]
            manifest.weights.append(weight)
        return manifest


def _pattern(w: TrackedWeight) -> dict[str, Any]:
    """The field of the manifest's `Weight` that says what is cut together."""
    pattern = w.wrapper.pattern if w.wrapper else None
    if isinstance(pattern, patterns.Block):
        return {"block": Block(height=pattern.height, width=pattern.width, pooling=pattern.pooling)}
    if isinstance(pattern, patterns.NOfM):
        return {"n_of_m": NOfM(n=pattern.n, m=pattern.m)}
    if isinstance(pattern, patterns.Channel) and w.pruned:
        return {"channel": Channel(count=patterns.matrix_shape(tuple(w.variable.shape), w.pruned.layout)[1])}
    return {"element": Element()}


def _fixed_target(w: TrackedWeight) -> float | None:
    """The sparsity of a pattern that has its own, whatever the schedule's."""
    if w.wrapper and w.pruned and isinstance(w.wrapper.pattern, patterns.NOfM):
        return w.wrapper.pattern.target(tuple(w.variable.shape), 0.0, w.pruned.layout)
    return None


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    scalars = {}
    for name, value in metrics.items():
        try:
            scalars[tag("metrics", name)] = float(value)
        except (TypeError, ValueError):
            continue  # a metric that isn't one number
    return scalars
