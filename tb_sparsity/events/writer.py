"""Numbers -> event files: one Event a step."""

from __future__ import annotations

import os
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from tensorboard.compat import tf
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_sparsity.events.manifest_pb2 import Manifest
from tb_sparsity.events.names import MANIFEST_PLUGIN, MANIFEST_TAG, SUBDIRECTORY

_QUEUE = 1024  # events that training may be ahead of the disk


class SparsityWriter:
    """Writes sessions, manifests and the values of a step into `<log_dir>/sparsity`.

    The values of one `log` go into one Event, as ordinary float32 scalars. A tag is never written twice at one
    step. Nothing here raises because of the disk: the first failure warns, and what follows is not written.

    Args:
        log_dir: Directory of the run. Made if missing.
        flush_secs: Seconds until written values can be read by others. Defaults to `1`.

    Example:

    ```python
    from tb_sparsity.events.writer import SparsityWriter

    writer = SparsityWriter("logs/run1")
    writer.start_session(first_step=1)
    writer.log(1, {"sparsity/dense/kernel": 0.5, "metrics/loss": 0.1})
    writer.close()
    ```
    """

    def __init__(self, log_dir: str | os.PathLike[str], flush_secs: float = 1):
        self.directory = os.path.join(os.fspath(log_dir), SUBDIRECTORY)
        self._writer: EventFileWriter | None = None
        self._failed = False
        self._step: int | None = None
        self._written: set[str] = set()
        self._attempt(lambda: self._open(flush_secs))

    def start_session(self, first_step: int) -> None:
        """Opens a session that may log `first_step` and later ones; readers drop older points from there on.

        Args:
            first_step: Training steps taken so far, plus 1.
        """
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._add(first_step, session_log=start)

    def write_manifest(self, manifest: Manifest) -> None:
        """Writes the manifest, at its session's first step."""
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
        self._add(manifest.first_step, summary=summary_pb2.Summary(value=[value]))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Writes the values of a step, those that this step has already excepted.

        Args:
            step: Training steps taken.
            values: Tag -> number.
        """
        if step != self._step:
            self._step, self._written = step, set()
        new = [tag for tag in values if tag not in self._written]
        if not new:
            return
        self._written.update(new)
        scalars = [summary_pb2.Summary.Value(tag=tag, simple_value=values[tag]) for tag in new]
        self._add(step, summary=summary_pb2.Summary(value=scalars))

    def flush(self) -> None:
        """Waits until everything logged is in the file."""
        self._attempt(lambda: self._writer and self._writer.flush())

    def close(self) -> None:
        """Writes what is left and closes the file."""
        if self._writer is not None:
            self._attempt(self._close_at_exit)
            self._writer = None

    def _open(self, flush_secs: float) -> None:
        self._wait_for_a_name()
        self._writer = EventFileWriter(self.directory, max_queue_size=_QUEUE, flush_secs=flush_secs)
        # An exception that ends the program must not take the queued events with it.
        self._close_at_exit = weakref.finalize(self, self._writer.close)

    def _wait_for_a_name(self) -> None:
        """Sees to it that the new file's name sorts behind those there are: it has the time in whole seconds.

        TensorBoard reads a directory's files in the order of their names; a file out of order is lost to it.
        """
        gfile = tf.io.gfile
        names = gfile.listdir(self.directory) if gfile.isdir(self.directory) else []
        # The name's second is rounded down from a clock read later than this one.
        while any(f".tfevents.{int(time.time()):010d}." in name for name in names):
            time.sleep(0.02)

    def _add(self, step: int, **what: Any) -> None:
        event = event_pb2.Event(wall_time=time.time(), step=step, **what)
        self._attempt(lambda: self._writer and self._writer.add_event(event))

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self._failed:
            return
        try:
            action()
        except Exception as error:  # TensorFlow's file systems raise errors of their own, beside OSError
            self._failed = True
            warnings.warn(
                f"Sparsity is no longer logged: writing to {self.directory} failed ({type(error).__name__}: "
                f"{error}). Training goes on.",
                stacklevel=4,
            )
