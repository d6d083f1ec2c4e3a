"""When to log, for callbacks of any Keras: what `PruningSummaries` of Keras 3 and of legacy Keras share."""

from __future__ import annotations

import atexit
import contextlib
import os
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tb_sparsity.events.event_log import say
from tb_sparsity.events.manifest_pb2 import Manifest
from tb_sparsity.events.names import tag
from tb_sparsity.events.writer import SparsityWriter

# Arguments of keras.callbacks.TensorBoard that tfmot's callback passes on to its base class.
_TENSORBOARD_ARGUMENTS = frozenset(
    {
        "embeddings_freq",
        "embeddings_metadata",
        "profile_batch",
        "write_graph",
        "write_images",
        "write_steps_per_second",
    }
)


class Summaries:
    """The times at which a training is logged, and the ways in which it may end.

    A callback of a Keras derives from this and from that Keras's `Callback`, and implements `_training_step`,
    `_make_meter` and `_describe`; a meter has `measure(fresh)`, `histograms()`, `fits(model)` and `restart()`.
    """

    model: Any
    params: Any

    _first_step: int  # of the session
    _step: int  # training steps taken
    _epoch_start: int  # those taken when the epoch began
    _measured_step: int | None
    _batch_metrics: set[str]  # names of the metrics that each batch brings
    _steps_per_epoch: int | None
    _total_steps: int | None

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        update_freq: str | int = "epoch",
        histogram_freq: int = 0,
        flush_secs: float | None = None,
        **kwargs: Any,
    ):
        super().__init__()
        unknown = sorted(set(kwargs) - _TENSORBOARD_ARGUMENTS)
        if unknown:
            raise TypeError(
                f"PruningSummaries has no argument {unknown[0]!r}. It takes `log_dir`, `update_freq`, "
                "`histogram_freq` and `flush_secs`."
            )
        if not isinstance(log_dir, (str, os.PathLike)) or not os.fspath(log_dir):
            raise ValueError(f"`log_dir` must be a non-empty path. Received: log_dir={log_dir!r}")
        if update_freq not in ("epoch", "batch") and not _is_count(update_freq, at_least=1):
            raise ValueError(
                "`update_freq` must be 'epoch', 'batch' or a positive number of steps. "
                f"Received: update_freq={update_freq!r}"
            )
        if not _is_count(histogram_freq, at_least=0):
            raise ValueError(
                "`histogram_freq` must be a number of epochs, or 0 for none. "
                f"Received: histogram_freq={histogram_freq!r}"
            )
        if flush_secs is not None and (isinstance(flush_secs, bool) or not flush_secs > 0):
            raise ValueError(f"`flush_secs` must be a positive number of seconds. Received: flush_secs={flush_secs!r}")
        self.log_dir = log_dir
        self.update_freq = update_freq
        self.histogram_freq = histogram_freq
        self.flush_secs = flush_secs
        self._every = None if update_freq == "epoch" else 1 if update_freq == "batch" else int(update_freq)
        # Keras may run callbacks beside the training if none needs the model after each batch.
        self.async_safe = self._every is None
        self._writer: SparsityWriter | None = None
        self._meter: Any = None  # kept from fit to fit: making one takes compiling
        self._reset()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy begins with: no file, no compiled functions."""
        state = self.__dict__.copy()
        for name in ("_writer", "_meter", "_watched", "_model", "model"):
            if name in state:
                state[name] = None
        return state

    def _reset(self) -> None:
        self._in_session = self._described = self._failed = False
        self._step = self._epoch_start = 0
        self._measured_step = None
        self._batch_metrics = set()
        self._steps_per_epoch = self._total_steps = None
        self._steps_at_once = 1
        self._seen_step = 0
        self._watched: _Watched | None = None

    # What a Keras fills in.

    def _training_step(self) -> int:
        """Steps that the model has taken."""
        raise NotImplementedError

    def _make_meter(self) -> Any:
        """What measures the model; None as long as it has no weights."""
        raise NotImplementedError

    def _describe(self, meter: Any, **fields: Any) -> Manifest:
        """The manifest of the model; `fields` is what the training says."""
        raise NotImplementedError

    def _is_chief(self) -> bool:
        """Whether this process writes, of several that train one model."""
        return True

    # What Keras calls.

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the event file.

        Raises:
            OSError: If nothing can be written to `log_dir`: now, before training has cost anything.
        """
        self._interrupted(late=True)  # a fit that ended with an exception
        self._open()
        self._watched = _watch_steps(self.model, self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the session, before the first step."""
        self._step = self._epoch_start = self._seen_step = max(self._step, self._count())
        self._steps_at_once = getattr(self.model, "steps_per_execution", None) or 1
        if not self._in_session:
            params = self.params or {}
            self._steps_per_epoch = params.get("steps")
            if self._steps_per_epoch is not None and "epochs" in params:
                self._total_steps = self._step + (params["epochs"] - epoch) * self._steps_per_epoch
            self._begin_session(self._step + 1)
        self._describe_model()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs, if this step is one to log."""
        last_step, taken = self._seen_step, batch + 1
        if self._steps_per_epoch is not None:  # what is executed at once may go beyond the epoch's last
            taken = min(taken, self._steps_per_epoch)
        elif self._steps_at_once > 1:
            taken = self._count() - self._epoch_start
        # Keras may call this from several threads, if it is to log nothing.
        self._step = self._seen_step = max(self._epoch_start + taken, last_step)
        if self._every is not None and self._step // self._every > last_step // self._every:
            self._batch_metrics.update(logs or {})
            self._log(logs, fresh=taken == self._steps_per_epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the epoch, or the metrics that only its end brings."""
        # Where the data's length is unknown, Keras's own count moves on once more as it finds the end.
        self._step = max(self._step, self._count())
        if self._every is None:
            self._log(logs, fresh=True)
        else:
            late = {name: value for name, value in (logs or {}).items() if name not in self._batch_metrics}
            self._log(late, measured=False)
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            self._log_histograms()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the state after the last step and closes the file."""
        if self._step not in (0, self._measured_step):
            self._log(logs, fresh=True)
        restored = self._count()
        if self._measured_step and 0 < restored < self._measured_step:
            say(
                f"The model now has the weights of step {restored:,}, which a callback restored as training ended. "
                f"The last point of its sparsity in the log is the state after step {self._measured_step:,}, before."
            )
        self._end_session()

    # For training loops of one's own.

    def log(self, step: int | None = None, metrics: Mapping[str, Any] | None = None) -> None:
        """Logs the model's state now, in a training loop of one's own; call `set_model` first and `close` at the end.

        Args:
            step: Training steps taken. Defaults to the model's own count.
            metrics: Name -> number: loss, accuracy.

        Raises:
            RuntimeError: If no model was set.
            OSError: At the first call, if nothing can be written to `log_dir`.

        Example:

        ```python
        summaries = tb_sparsity.PruningSummaries("logs/own_loop")
        summaries.set_model(model)
        for step, (x, y) in enumerate(batches, 1):
            loss = train_step(x, y)
            summaries.log(step, {"loss": loss})
        summaries.close()
        ```
        """
        if self.model is None:
            raise RuntimeError("PruningSummaries has no model to measure: call `set_model(model)` before `log`.")
        self._step = self._count() if step is None else int(step)
        if self._measured_step is not None and self._step < self._measured_step:  # from an earlier checkpoint
            self._measured_step, self._in_session, self._described = None, False, False
        self._log(metrics, fresh=True)  # nobody knows what the loop does with the weights

    def close(self) -> None:
        """Writes what is left and closes the file. `fit` does it by itself."""
        self._end_session()

    # How it is done.

    def _count(self) -> int:
        """The model's count of its steps; where it can't be read, what was seen."""
        try:
            return self._training_step()
        except Exception:  # an optimizer that isn't Keras's
            return self._seen_step

    def _open(self) -> None:
        if self._is_chief():
            self._writer = SparsityWriter(self.log_dir, self.flush_secs)
        _unfinished.add(self)
        atexit.unregister(_finish)
        atexit.register(_finish)  # what is registered last comes first: before the writers close

    def _begin_session(self, first_step: int) -> None:
        if self._writer is None:
            self._open()
        self._in_session = True
        self._first_step = first_step
        if self._meter is not None:
            self._meter.restart()

    def _describe_model(self) -> None:
        """Makes the meter and writes the manifest, once the model has weights."""
        if self._described or self._failed:
            return
        with self._giving_up():
            if self._meter is None or not self._meter.fits(self.model):
                self._meter = self._make_meter()
            if self._meter is None:
                return
            if self._writer is not None:
                self._writer.begin_session(
                    self._describe(
                        self._meter,
                        update_freq=str(self.update_freq),
                        first_step=self._first_step,
                        steps_per_epoch=self._steps_per_epoch,
                        total_steps=self._total_steps,
                    )
                )
            self._described = True

    def _log(self, metrics: Mapping[str, Any] | None, measured: bool = True, fresh: bool = False) -> None:
        if not self._in_session:  # a loop of one's own that begins no epochs
            self._begin_session(self._step)
        self._describe_model()  # built by its first step only, if not before
        if self._failed or not self._described:
            return
        with self._giving_up():
            tags: tuple[str, ...] = ()
            values = np.empty(0, np.float32)
            if measured and self._step != self._measured_step:
                measurement = self._meter.measure(fresh)
                tags, values = measurement.tags, measurement.values
                self._measured_step = self._step
            if self._writer is None:
                return
            scalars = {t: v for t, v in _scalars(metrics or {}).items() if t not in tags}
            with np.errstate(over="ignore"):  # what float32 can't hold is infinite
                numbers = np.concatenate([values, np.array(list(scalars.values()), np.float32)])
            self._writer.log_row(self._step, tags + tuple(scalars), numbers)

    def _log_histograms(self) -> None:
        if self._failed or not self._described:
            return
        with self._giving_up():
            for name, edges, counts in self._meter.histograms():
                if self._writer is not None:
                    self._writer.log_histogram(self._step, name, edges, counts)

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Training must not fail because of its log."""
        try:
            yield
        except Exception as error:
            self._failed = True
            say(f"Sparsity is no longer logged: measuring failed ({type(error).__name__}: {error}). Training goes on.")

    def _interrupted(self, late: bool = False) -> None:
        """Training ends with an exception: the last state is still written and the file closed.

        Late, when something else may have changed the model since, only if it has taken no other step.
        """
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on JAX the weights of a failed step are lost
            if self._described and not self._failed and self._meter.fits(self.model):
                step = max(self._count(), self._seen_step)
                if step > (self._measured_step or 0) and (not late or step == self._seen_step):
                    self._step = step
                    self._log(None, fresh=True)
        self._end_session()

    def _end_session(self) -> None:
        if self._watched is not None:
            self._watched.leave(self)
        _unfinished.discard(self)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._reset()


class _Watched:
    """A training function whose exceptions are seen by those who watch it: `fit` tells its callbacks of none."""

    def __init__(self, model: Any, function: Callable[..., Any]):
        self._model = model
        self._function = function
        self._watchers: list[Summaries] = []
        self._has_run = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._has_run = True
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            # The end of data whose length wasn't known is no failure.
            if not isinstance(error, StopIteration) and type(error).__name__ != "OutOfRangeError":
                for summaries in list(self._watchers):
                    summaries._interrupted()
            raise

    def join(self, summaries: Summaries) -> None:
        """Watches from now on. Who watches since before a step belongs to a fit that has ended otherwise."""
        if self._has_run:
            for left_over in list(self._watchers):
                left_over._interrupted(late=True)
        self._has_run = False
        self._watchers.append(summaries)
        self._model.train_function = self

    def leave(self, summaries: Summaries) -> None:
        """Watches no longer; the model gets its own function back with the last one."""
        if summaries in self._watchers:
            self._watchers.remove(summaries)
        if not self._watchers and self._model.train_function is self:
            self._model.train_function = self._function


def _watch_steps(model: Any, summaries: Summaries) -> _Watched | None:
    """Tells `summaries` if a training step of this fit raises."""
    function = getattr(model, "train_function", None)
    if function is None:
        return None
    watched = function if isinstance(function, _Watched) else _Watched(model, function)
    watched.join(summaries)
    return watched


_unfinished: weakref.WeakSet[Summaries] = weakref.WeakSet()


def _finish() -> None:
    """The program ends in the middle of a training: what other callbacks or the data raised was not seen before."""
    for summaries in list(_unfinished):
        summaries._interrupted(late=True)


def _is_count(value: Any, at_least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    scalars = {}
    for name, value in metrics.items():
        try:
            scalars[tag("metrics", name)] = float(value)
        except Exception:
            continue  # a metric that isn't one number
    return scalars
