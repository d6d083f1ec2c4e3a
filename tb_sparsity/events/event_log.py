"""A thread of its own between training and disk: a bounded queue, retries, and an account of what was lost."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import warnings
import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2

from tb_sparsity.events import directory as place
from tb_sparsity.events.records import ScalarsTemplate, frame, step_width

# How far training may be ahead of the disk: in events, and in values, which take 4 bytes each.
QUEUE = 8192
QUEUE_POINTS = 4_000_000
_CHUNK = 64  # events that are encoded at once
_TEMPLATES = 16  # kept: one for each set of tags that comes again
_WRITER = event_pb2.SourceMetadata(writer="tb_sparsity")


@dataclass(frozen=True)
class Scalars:
    """The scalars of a step."""

    step: int
    tags: tuple[str, ...]
    values: np.ndarray
    wall_time: float
    queued: float = field(default_factory=time.monotonic)

    @property
    def points(self) -> int:
        """Values of series in it."""
        return len(self.tags)


@dataclass(frozen=True)
class Encoded:
    """Any other event; `lasting` if a further file of this writer must have it too."""

    data: bytes
    points: int = 0
    lasting: bool = False
    queued: float = field(default_factory=time.monotonic)


class EventLog:
    """Writes events to files in a directory, in the background.

    Nothing but the constructor raises because of the disk. Where writing fails, events wait in the queue and a new
    file is tried every `flush_secs`; what doesn't fit into the queue meanwhile is counted as lost.

    Args:
        directory: Where to write; `directory` then tells where that really is (see `Claim`).
        flush_secs: Seconds until an event can be read by others.

    Raises:
        OSError: If nothing can be written there.
    """

    def __init__(self, directory: str, flush_secs: float):
        self._wanted = directory
        self._flush_secs = flush_secs
        self._pause_after_error = max(flush_secs, 1.0)
        self._queue: deque[Scalars | Encoded] = deque()
        self._lasting = b""
        self._head = 0  # bytes of the file that any file of this writer begins with
        self._templates: dict[tuple[tuple[str, ...], int], ScalarsTemplate] = {}
        self._claim: place.Claim | None = None
        self._file: place.LocalFile | place.RemoteFile | None = None
        self._closing = False
        self._said_slow = self._said_failed = False
        self._begin()
        self._open(displace=True)
        _logs.add(self)

    def _begin(self) -> None:
        """What a forked child needs anew."""
        self._changed = threading.Condition()
        self._disk = threading.RLock()  # held by who opens, writes or closes the file
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None  # of the last attempt
        self._attempts = 0
        self._next_attempt = 0.0
        self._added = self._written = 0
        self._flush_now = False
        self._queued_points = 0
        self._lost_points = self._lost_events = 0

    @property
    def directory(self) -> str:
        """The directory that is written to."""
        return self._claim.directory if self._claim else self._wanted

    def add(self, event: Scalars | Encoded) -> None:
        """Hands an event over. Waits for the disk only if it is a whole queue behind.

        Raises:
            ValueError: If the log is closed.
        """
        with self._changed:
            if self._closing:
                raise ValueError(f"The log in {self.directory} is closed.")
            if self._fullness() >= 1 and self._error is None:
                if not self._said_slow:
                    self._said_slow = True
                    _say(f"Training waits for {self.directory}: it is {len(self._queue):,} events ahead of the disk.")
                self._changed.wait_for(lambda: self._fullness() < 1 or self._error is not None)
            if self._fullness() >= 1:
                self._lost_points += event.points
                self._lost_events += 1
                return
            self._queue.append(event)
            self._queued_points += event.points
            self._added += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tb_sparsity", daemon=True)
                self._thread.start()
            elif len(self._queue) == 1 or self._fullness() >= 0.25:
                self._changed.notify_all()

    def flush(self) -> None:
        """Waits until everything handed over is in the file, or an attempt to write it failed."""
        with self._changed:
            if self._thread is None:
                return
            added, attempts = self._added, self._attempts
            self._flush_now = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._written >= added or (self._error and self._attempts > attempts))
            self._flush_now = False

    def close(self) -> None:
        """Writes what is left, closes the file and tells what was lost."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._leave()
        with self._changed:
            lost_points = self._lost_points + sum(event.points for event in self._queue)
            lost_events = self._lost_events + len(self._queue)
            self._queue.clear()
        if lost_events:
            reason = f" ({_reason(self._error)})" if self._error else ""
            _say(
                f"{lost_points:,} points of {lost_events:,} logged events are lost: they could not be written to "
                f"{self.directory}{reason}."
            )

    def move_out(self) -> None:
        """Leaves the directory to another writer of this process; what is still to come goes to one beside it."""
        self.flush()
        self._leave()

    def _leave(self) -> None:
        with self._disk:
            if self._file is not None:
                with contextlib.suppress(Exception):  # all was flushed
                    self._file.close()
            self._file = None
            if self._claim is not None:
                self._claim.release()

    def _run(self) -> None:
        while True:
            with self._changed:
                while (pause := self._pause()) != 0:
                    self._changed.wait(pause)
                batch = [self._queue[i] for i in range(min(len(self._queue), _CHUNK))]
                last_chance = self._closing
            written = self._write(batch) if batch else 0
            with self._changed:
                for _ in range(written):
                    self._queued_points -= self._queue.popleft().points
                self._written += written
                self._attempts += 1
                if self._error is not None:
                    self._flush_now = False
                self._changed.notify_all()
                if last_chance and (self._error is not None or not self._queue):
                    return

    def _fullness(self) -> float:
        return max(len(self._queue) / QUEUE, self._queued_points / QUEUE_POINTS)

    def _pause(self) -> float | None:
        """Seconds until there is something to do; None if that isn't known."""
        if self._closing:
            return 0
        if not self._queue:
            return None
        now = time.monotonic()
        if self._flush_now:
            return 0
        if self._error is not None:
            return max(self._next_attempt - now, 0)
        if self._fullness() >= 0.25:
            return 0
        return max(self._queue[0].queued + self._flush_secs / 2 - now, 0)

    def _write(self, batch: list[Scalars | Encoded]) -> int:
        """How many events of the batch are now in the file."""
        with self._disk:
            start, ends = 0, []
            try:
                if self._file is None:
                    self._open()
                assert self._file is not None
                start = self._file.size
                records = self._encode(batch)
                ends = list(accumulate(len(record) for record in records))
                self._file.append(memoryview(b"".join(records)))
            except Exception as error:  # file systems raise errors of their own, beside OSError
                self._fail(error)
                return self._abandon_file(start, ends)
            self._error = None
            for event in batch:
                self._note_lasting(event)
            return len(batch)

    def _note_lasting(self, event: Scalars | Encoded) -> None:
        if isinstance(event, Encoded) and event.lasting:
            self._lasting = event.data

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._next_attempt = time.monotonic() + self._pause_after_error
        if not self._said_failed:
            self._said_failed = True
            _say(
                f"Sparsity can't be written to {self.directory} now: {_reason(error)}. Training goes on. Up to "
                f"{QUEUE:,} events are kept meanwhile, and a new file is tried every {self._pause_after_error:g} s."
            )

    def _abandon_file(self, start: int, ends: list[int]) -> int:
        """Ends the file behind its last whole record; how many of the batch's are in it."""
        file, self._file = self._file, None
        if file is None:
            return 0
        whole = bisect_right(ends, file.size - start)
        with contextlib.suppress(Exception):
            file.cut(start + (ends[whole - 1] if whole else 0))
        with contextlib.suppress(Exception):
            file.close()
            if file.size <= self._head:
                file.remove()
        if whole:  # what is left may fit into another file
            self._next_attempt = 0.0
        return whole

    def _encode(self, batch: list[Scalars | Encoded]) -> list[bytes]:
        records: list[bytes] = []
        for key, events in groupby(batch, _template_key):
            group: list[Any] = list(events)
            if key is None:
                records.extend(frame(event.data) for event in group)
                continue
            if key not in self._templates:
                while len(self._templates) >= _TEMPLATES:
                    del self._templates[next(iter(self._templates))]
                self._templates[key] = ScalarsTemplate(*key)
            encoded = self._templates[key].encode(
                [event.wall_time for event in group], [event.step for event in group], [e.values for e in group]
            )
            records.extend(row.tobytes() for row in encoded)
        return records

    def _open(self, displace: bool = False) -> None:
        with self._disk:
            if self._claim is not None:
                self._claim.release()
            self._claim = place.Claim(self._wanted, self, displace)
            if self.directory != self._wanted:
                _say(
                    f"Another writer is at work in {self._wanted}; two in one directory lose data. This one writes "
                    f"to {self.directory}. Give each training a log directory of its own."
                )
            file = place.open_file(place.next_file(self.directory))
            version = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=_WRITER)
            head = frame(version.SerializeToString()) + (frame(self._lasting) if self._lasting else b"")
            try:
                file.append(memoryview(head))
            except Exception:
                with contextlib.suppress(Exception):
                    file.close()
                    file.remove()
                raise
            self._file, self._head = file, file.size

    def after_fork_in_child(self) -> None:
        """The parent's thread isn't here, and its file, lock and queue aren't ours."""
        _abandoned.append(self._file)  # unclosed: closing may write
        self._file = None
        if self._claim is not None:
            self._claim.forget()
        self._claim = None
        for event in self._queue:
            self._note_lasting(event)
        self._queue.clear()
        self._begin()


def _template_key(event: Scalars | Encoded) -> tuple[tuple[str, ...], int] | None:
    return (event.tags, step_width(event.step)) if isinstance(event, Scalars) else None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _say(message: str) -> None:
    """Warns; also where warnings are made errors, which must not end a training."""
    try:
        warnings.warn(message, stacklevel=3)
    except Warning:
        sys.stderr.write(f"{message}\n")


_logs: weakref.WeakSet[EventLog] = weakref.WeakSet()
_abandoned: list[Sequence[Any] | Any] = []


def _after_fork_in_child() -> None:
    place.forget_all()
    for log in _logs:
        log.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
