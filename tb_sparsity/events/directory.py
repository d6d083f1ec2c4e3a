"""Where a writer's files go: a directory of its own, and names that sort in the order of writing.

Two live writers in one directory lose data: TensorBoard's Python server reads one file after the other and doesn't
look at an earlier one again. So a directory belongs to one writer at a time, across processes by a lock on the
directory itself, which its process's end releases.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from tensorboard.compat import tf

try:
    import fcntl
except ImportError:  # Windows has no such locks: there a directory is guarded within the process only
    fcntl = None  # type: ignore[assignment]

_FILE_SECOND = re.compile(r"\.tfevents\.(\d{10,})\.")
_numbers = count()


class Tenant(Protocol):
    """What may own a directory: it can be asked to leave it."""

    def move_out(self) -> None: ...


_tenants: dict[str, weakref.ref[Any]] = {}
_guard = threading.Lock()


def is_remote(path: str) -> bool:
    """Whether the path is an URL of a file system such as `gs://`."""
    return "://" in path


class Claim:
    """A directory that no other writer writes to until `release`.

    Where the wanted one is another process's, or this process's tenant that must not be disturbed, it is the next
    free of `<wanted>_2`, `<wanted>_3`, …

    Args:
        wanted: The directory. Made if missing.
        tenant: Who wants it.
        displace: Whether a tenant of this process moves out for it: in a notebook a fit that was interrupted may
            still hold the directory that the next one is to write to.

    Raises:
        OSError: If the directory can't be made; on remote file systems TensorFlow's own errors.
    """

    def __init__(self, wanted: str, tenant: Tenant, displace: bool):
        self._lock: int | None = None
        self._key: str | None = None
        for n in count(1):
            self.directory = wanted if n == 1 else f"{wanted}_{n}"
            if self._take(tenant, displace and n == 1):
                return

    def _take(self, tenant: Tenant, displace: bool) -> bool:
        remote = is_remote(self.directory)
        if remote:
            tf.io.gfile.makedirs(self.directory)
        else:
            os.makedirs(self.directory, exist_ok=True)
        key = self.directory if remote else os.path.realpath(self.directory)
        with _guard:
            holder = _tenants[key]() if key in _tenants else None
        if holder is not None and holder is not tenant:
            if not displace:
                return False
            holder.move_out()
        if not remote and fcntl is not None:
            lock = os.open(self.directory, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            except OSError:  # a file system without locks
                os.close(lock)
            else:
                self._lock = lock
        with _guard:
            _tenants[key] = weakref.ref(tenant)
        self._key = key
        return True

    def release(self) -> None:
        """Lets the next writer have the directory."""
        with _guard:
            if self._key is not None:
                _tenants.pop(self._key, None)
        self._key = None
        self.forget()

    def forget(self) -> None:
        """Closes this process's end of the lock: in a forked child, which the claim isn't for."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.close(self._lock)
        self._lock = None


def forget_all() -> None:
    """In a forked child: all tenants are the parent's."""
    global _guard  # noqa: PLW0603 - another thread may have held it as the process forked
    _guard = threading.Lock()
    _tenants.clear()


def next_file(directory: str) -> str:
    """A path for a new event file, whose name sorts behind those there are: TensorBoard reads them in that order."""
    names = tf.io.gfile.listdir(directory) if is_remote(directory) else os.listdir(directory)
    seconds = [int(match[1]) for name in names if (match := _FILE_SECOND.search(name))]
    second = max(int(time.time()), max(seconds, default=0) + 1)
    name = f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
    return f"{directory.rstrip('/')}/{name}" if is_remote(directory) else os.path.join(directory, name)


class LocalFile:
    """A file whose bytes are with the operating system as soon as they are written, and which can be cut."""

    def __init__(self, path: str):
        self.path = path
        self.size = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)

    def append(self, data: memoryview) -> None:
        """Writes all of it.

        Raises:
            OSError: If not all could be written; `size` then tells how much is in the file.
        """
        os.stat(self.path)  # a deleted file takes data as before, and nobody sees it
        while len(data):
            n = os.write(self._file, data)
            self.size += n
            data = data[n:]

    def cut(self, size: int) -> None:
        """Takes off what is behind `size` bytes."""
        os.ftruncate(self._file, size)
        self.size = size

    def close(self) -> None:
        """Closes it."""
        os.close(self._file)

    def remove(self) -> None:
        """Deletes it."""
        os.unlink(self.path)


class RemoteFile:
    """The same for TensorFlow's file systems: what a flush didn't bring over counts as not written."""

    def __init__(self, path: str):
        self.path = path
        self.size = 0
        self._file = tf.io.gfile.GFile(path, "wb")

    def append(self, data: memoryview) -> None:
        self._file.write(bytes(data))
        self._file.flush()
        self.size += len(data)

    def cut(self, size: int) -> None:
        self.size = size

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """Not every file system can; an event file without events does no harm."""


def open_file(path: str) -> LocalFile | RemoteFile:
    """A new file to append to."""
    opener: Callable[[str], LocalFile | RemoteFile] = RemoteFile if is_remote(path) else LocalFile
    return opener(path)
