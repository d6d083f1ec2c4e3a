"""A thread of its own between training and disk: a bounded queue, retries, and an account of what was lost."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import warnings
import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from multiprocessing import util
from queue import Empty, SimpleQueue

from tb_sparsity.events import directory as place
from tb_sparsity.events.records import CHUNK_POINTS, Encoded, Encoder, Scalars, file_head, frame

# How far training may be ahead of the disk: in events, and in values, which take 4 bytes each.
QUEUE = 8192
QUEUE_POINTS = 4_000_000
_RETRY_SECS = (1.0, 60.0)  # at least and at most


class EventLog:
    """Writes events to files in a directory, in the background.

    Nothing but the constructor raises because of the disk. Where writing fails, a new file is tried at once and then
    every `flush_secs` (within `_RETRY_SECS`). Events wait in the queue meanwhile; what doesn't fit is counted as lost.

    Args:
        directory: Where to write; `directory` then tells where that really is (see `Claim`).
        flush_secs: Seconds until an event can be read by others.

    Attributes:
        order: Held by who adds. Who adds several events that belong together holds it meanwhile.
        file_time: A time later than that of all other events in the directory.

    Raises:
        OSError: If nothing can be written there.
    """

    def __init__(self, directory: str, flush_secs: float):
        self._wanted = directory
        self._flush_secs = flush_secs
        self._retry_secs = min(max(flush_secs, _RETRY_SECS[0]), _RETRY_SECS[1])
        self._lasting = b""
        self._head = 0  # bytes of the file that any file of this writer begins with
        self._encoder = Encoder()
        self._claim: place.Claim | None = None
        self._file: place.LocalFile | place.RemoteFile | None = None
        self._moved_out = False
        self._closing = False
        self._begin()
        try:
            with self._disk:
                self._open(displace=True)
        except BaseException as error:  # nobody will close it: the next writer must not find the directory taken
            self._leave()
            if isinstance(error, Exception) and not isinstance(error, OSError):  # of TensorFlow's file systems
                raise OSError(f"Nothing can be written to {directory}: {_reason(error)}") from error
            raise
        _logs.add(self)

    def _begin(self) -> None:
        """What a forked child needs anew."""
        # Held by who adds, and by who writes; the second may be taken within the first. The two never wait for each
        # other's lock, and all of it is made in C: neither Ctrl-C nor a signal's handler can bring it to a stop.
        self.order, self._disk = threading.RLock(), threading.RLock()
        self._wake: SimpleQueue[bool] = SimpleQueue()  # true for: write now
        self._waiting: set[SimpleQueue[None]] = set()  # those who wait until something is written
        self._thread: threading.Thread | None = None
        self._idle = self._ended = False
        self._queue: deque[Scalars | Encoded] = deque()
        self._added = self._added_points = self._refused = self._refused_points = 0  # counted by who adds
        self._done = self._done_points = self._lost = self._lost_points = 0  # counted by who writes
        self._rounds = self._flush_to = 0
        self._error: Exception | None = None  # of the last attempt
        self._retry_at = 0.0
        self._lost_reason = ""
        self._said: set[str] = set()

    @property
    def directory(self) -> str:
        """The directory that is written to."""
        return self._claim.directory if self._claim else self._wanted

    def add(self, event: Scalars | Encoded) -> None:
        """Hands an event over. Waits for the disk only if it is a whole queue behind.

        Raises:
            ValueError: If the log is closed.
        """
        with self.order:
            if self._fullness() >= 1 and self._error is None:
                self._wait_for_room()
            if self._closing:
                raise self._closed()
            if self._fullness() >= 1 and not event.lasting:
                self._refused += 1
                self._refused_points += event.points
                return
            self._queue.append(event)
            self._added += 1
            self._added_points += event.points
            if self._closing:  # since it was looked at: it may not have been written
                raise self._closed()
            if self._thread is None:
                self._start_thread()
            elif self._idle and (len(self._queue) == 1 or (self._fullness() >= 0.25 and self._error is None)):
                self._idle = False
                self._wake.put(False)

    def flush(self) -> None:
        """Waits until everything handed over is in the file, or an attempt to write it failed."""
        if self._thread is None:
            while self._queue and not (self._advance() or self._error):
                pass
            return
        added, rounds = self._added, self._rounds
        self._wake.put(True)
        self._wait_until(
            lambda: self._done >= added or self._ended or (self._error is not None and self._rounds > rounds)
        )

    def close(self) -> None:
        """Writes what is left, closes the file and tells what was lost."""
        self._closing = True
        self._wake.put(True)
        if self._thread is None:
            self._run()
        elif self._thread is not threading.current_thread():  # which may collect its writer as garbage, and then ends
            self._wait_until(lambda: self._ended)

    def move_out(self) -> None:
        """Leaves the directory to another writer of this process; what is still to come goes to one beside it."""
        self._moved_out = True
        self.flush()
        self._leave()

    def _closed(self) -> ValueError:
        return ValueError(f"The log in {self.directory} is closed.")

    def _wait_for_room(self) -> None:
        self._say_once(
            "slow", f"Training waits for {self.directory}: it is {len(self._queue):,} events ahead of the disk."
        )
        self._wait_until(lambda: self._fullness() < 1 or self._error is not None or self._closing)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        turn: SimpleQueue[None] = SimpleQueue()
        try:
            self._waiting.add(turn)
            while not condition():
                turn.get()
        finally:
            self._waiting.discard(turn)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="tb_sparsity", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # there are too many, or the interpreter is ending: then who adds writes
            self._advance()
        else:
            self._thread = thread

    def _run(self) -> None:
        try:
            self._wait_for_work()
            while not self._advance():
                self._wait_for_work()
        finally:
            self._end()

    def _wait_for_work(self) -> None:
        self._idle = True
        while (pause := self._pause()) > 0:
            with contextlib.suppress(Empty):
                if self._wake.get(timeout=min(pause, threading.TIMEOUT_MAX)):
                    self._flush_to = self._added
            self._idle = True
        self._idle = False

    def _end(self) -> None:
        self._leave()
        with self._disk:
            lost, points = self._lost + self._refused, self._lost_points + self._refused_points
            while self._queue:
                lost, points = lost + 1, points + self._queue.popleft().points
            if lost and not self._ended:
                say(
                    f"{points:,} points of {lost:,} logged events are lost: they could not be written to "
                    f"{self.directory}{self._lost_reason}."
                )
            self._closing = self._ended = True
        self._tell_who_waits()

    def _tell_who_waits(self) -> None:
        for turn in list(self._waiting):
            turn.put(None)

    def _leave(self) -> None:
        with self._disk:
            self._close_file()
            if self._claim is not None:
                self._claim.release()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(Exception):
                file.close()
            if file.size <= self._head:
                with contextlib.suppress(Exception):  # it does no harm
                    file.remove()

    def _fullness(self) -> float:
        return max(len(self._queue) / QUEUE, (self._added_points - self._done_points) / QUEUE_POINTS)

    def _pause(self) -> float:
        """Seconds until there is something to do."""
        if self._closing or self._flush_to > self._done:
            return 0
        if not self._queue:
            return float("inf")
        if self._error is not None:
            return self._retry_at - time.monotonic()
        if self._fullness() >= 0.25:
            return 0
        # Writing takes its time too: where training is busy in Python, the thread gets a turn every 5 ms only.
        return self._queue[0].queued + self._flush_secs / 3 - time.monotonic()

    def _advance(self) -> bool:
        """Writes the oldest events of the queue, and tells whether that was all there will be."""
        with self._disk:
            closing, batch = self._closing, self._batch()
            records = self._encode(batch)
            written = self._write(batch, records)
            for event, record in zip(batch[:written], records, strict=False):
                self._queue.popleft()
                self._done_points += event.points
                if not record:
                    self._lost += 1
                    self._lost_points += event.points
            self._done += written
            self._rounds += 1
            if self._error is not None:
                self._flush_to = 0
            ended = closing and (self._error is not None or not self._queue)
        self._tell_who_waits()
        return ended

    def _batch(self) -> list[Scalars | Encoded]:
        most = QUEUE_POINTS if place.is_remote(self._wanted) else CHUNK_POINTS  # remote files are written whole
        batch: list[Scalars | Encoded] = []
        while most > 0 and len(batch) < len(self._queue):
            batch.append(self._queue[len(batch)])
            most -= batch[-1].points + 1
        return batch

    def _write(self, batch: list[Scalars | Encoded], records: list[bytes]) -> int:
        """Writes records, and tells how many need no other attempt. A file that fails is followed by a new one."""
        written, error = 0, None
        while written < len(records):
            file = self._file
            start, ends = file.size if file else 0, list(accumulate(map(len, records[written:])))
            try:
                if self._file is None:
                    self._open()
                assert self._file is not None
                start = self._file.size
                self._file.append(memoryview(b"".join(records[written:])))
                whole = len(ends)
            except Exception as e:  # file systems raise errors of their own, beside OSError
                error = e
                whole = self._abandon_file(start, ends)
            for event in batch[written : written + whole]:
                self._note_lasting(event)
            written += whole
            if file is None and not whole:
                break
        if error is not None:
            self._lost_reason = f" ({_reason(error)})"
            self._say_once(
                "failed",
                f"Sparsity can't be written to {self.directory} now: {_reason(error)}. Training goes on. A new file is "
                f"tried at once, then every {self._retry_secs:g} s; up to {QUEUE:,} events are kept meanwhile.",
            )
        self._error = error if written < len(records) else None
        self._retry_at = time.monotonic() + self._retry_secs
        return written

    def _note_lasting(self, event: Scalars | Encoded) -> None:
        if isinstance(event, Encoded) and event.lasting:
            self._lasting = event.data

    def _abandon_file(self, start: int, ends: list[int]) -> int:
        """Ends the file behind its last whole record; how many of those that end at `start` plus `ends` are in it."""
        if self._file is None:
            return 0
        whole = bisect_right(ends, self._file.size - start)
        with contextlib.suppress(Exception):
            self._file.cut(start + (ends[whole - 1] if whole else 0))
        self._close_file()
        return whole

    def _encode(self, batch: list[Scalars | Encoded]) -> list[bytes]:
        """A record for each event; an empty one where that fails, which must not hold up the others."""
        try:
            return self._encoder.encode(batch)
        except Exception as error:
            if len(batch) > 1:
                return [self._encode([event])[0] for event in batch]
            self._lost_reason = f" ({_reason(error)})"
            self._say_once("odd", f"An event can't be encoded for {self.directory} and is left out: {_reason(error)}.")
            return [b""]

    def _open(self, displace: bool = False) -> None:
        if self._claim is not None:
            self._claim.release()
        self._claim = place.Claim(self._wanted, self, displace, first=2 if self._moved_out else 1)
        if self.directory != self._wanted:
            self._say_once(
                self.directory,
                f"Another writer is at work in {self._wanted}; two in one directory lose data. This one writes "
                f"to {self.directory}. Give each training a log directory of its own.",
            )
        path, self.file_time = place.next_file(self.directory)
        self._file = place.open_file(path)
        head = file_head() + (frame(self._lasting) if self._lasting else b"")
        self._head = len(head)
        try:
            self._file.append(memoryview(head))
        except BaseException:
            self._close_file()
            raise

    def _say_once(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            say(message)

    def after_fork_in_child(self) -> None:
        """The parent's thread isn't here, and its file, lock and queue aren't ours."""
        file, self._file = self._file, None
        if file is not None:
            file.forget()
        if self._claim is not None:
            self._claim.forget()
        self._claim = None
        for event in self._queue:
            self._note_lasting(event)
        self._begin()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def say(message: str) -> None:
    """Warns: each time, also of what was said before; and where warnings are made errors, without ending a training."""
    try:
        warnings.warn_explicit(message, UserWarning, "tb_sparsity", 1, registry={})
    except Exception:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"{message}\n")


_logs: weakref.WeakSet[EventLog] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """The program ends, perhaps by an exception: what is queued must not be lost."""
    for log in list(_logs):
        log.close()


def _after_fork_in_child() -> None:
    place.forget_all()
    for log in list(_logs):
        log.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
# Children that multiprocessing forks end without `atexit`.
util.register_after_fork(_close_all, lambda _: util.Finalize(None, _close_all, exitpriority=0))
