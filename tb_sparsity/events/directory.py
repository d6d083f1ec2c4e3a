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
import time
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

from tensorboard.compat import tf

try:
    import fcntl
except ImportError:  # Windows has no such locks: there a directory is guarded within the process only
    fcntl = None  # type: ignore[assignment]

_FILE_TIME = re.compile(r"\.tfevents\.(\d{10,})\.(?:(\d{9})\.)?")  # TensorFlow's own have no fraction
_ODD = re.compile(r"[^\w.-]", re.ASCII)  # a host may have any name, a file may not
_numbers = count()


class Tenant(Protocol):
    """What may own a directory: it can be asked to leave it."""

    def move_out(self) -> None: ...


# Without a lock, which a collection of garbage within it would wait for: single operations on a dict are atomic.
_tenants: dict[str, weakref.ref[Any]] = {}


def is_remote(path: str) -> bool:
    """Whether the path is an URL of a file system such as `gs://`."""
    return "://" in path


def inside(directory: str, name: str) -> str:
    """A path in a directory, absolute where that can be: training may change its working directory."""
    return f"{directory.rstrip('/')}/{name}" if is_remote(directory) else os.path.abspath(os.path.join(directory, name))


class Claim:
    """A directory that no other writer writes to until `release`.

    Where the wanted one is another process's, or this process's tenant that must not be disturbed, it is the next
    free of `<wanted>_2`, `<wanted>_3`, …

    Args:
        wanted: The directory. Made if missing.
        tenant: Who wants it.
        displace: Whether a tenant of this process moves out for it: in a notebook a fit that was interrupted may
            still hold the directory that the next one is to write to.
        first: The number to begin with; 2 leaves out the wanted one.

    Raises:
        OSError: If the directory can't be made; on remote file systems TensorFlow's own errors.
    """

    def __init__(self, wanted: str, tenant: Tenant, displace: bool = False, first: int = 1):
        self._tenant = weakref.ref(tenant)
        self._lock: int | None = None
        self._key: str | None = None
        for n in count(first):
            self.directory = wanted if n == 1 else f"{wanted}_{n}"
            try:
                if self._take(displace and n == 1):
                    return
            except BaseException:
                self.release()
                raise
            self.release()

    def _take(self, displace: bool) -> bool:
        remote = is_remote(self.directory)
        make_directory(self.directory)
        key = self.directory if remote else os.path.realpath(self.directory)
        while (owner := _tenants.setdefault(key, self._tenant)) is not self._tenant:
            holder = owner()
            if holder is None:  # gone, and nobody told
                _tenants.pop(key, None)
            elif displace:
                holder.move_out()
            else:
                return False
        self._key = key
        return remote or fcntl is None or self._lock_directory()

    def _lock_directory(self) -> bool:
        # NFS locks no directories, but files that can be written to.
        for path, flags in ((self.directory, os.O_RDONLY), (inside(self.directory, ".lock"), os.O_RDWR | os.O_CREAT)):
            lock = os.open(path, flags, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            except OSError:
                os.close(lock)
            except BaseException:
                os.close(lock)
                raise
            else:
                self._lock = lock
                return True
        return True  # a file system without locks

    def release(self) -> None:
        """Lets the next writer have the directory."""
        self.forget()
        if self._key is not None and _tenants.get(self._key) is self._tenant:
            _tenants.pop(self._key, None)
        self._key = None

    def forget(self) -> None:
        """Closes this process's end of the lock: in a forked child, which the claim isn't for."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                os.close(lock)


def forget_all() -> None:
    """In a forked child: all tenants are the parent's."""
    _tenants.clear()


def make_directory(directory: str) -> None:
    """Makes a directory, and those above it, where they aren't yet."""
    if is_remote(directory):
        tf.io.gfile.makedirs(directory)
    else:
        os.makedirs(directory, exist_ok=True)


def next_file(directory: str) -> tuple[str, float]:
    """A path for a new event file, and the time in its name, in seconds since 1970.

    The time is later than that of anything in the directory, also if a clock was put back since: TensorBoard reads
    files in the order of their names, and what has the later time is taken for the truth.
    """
    latest = max(_times(directory), default=0)
    now = time.time_ns()
    if latest >= now:
        now = latest + 2 * 10**9  # some file systems count in whole seconds
    host = _ODD.sub("_", socket.gethostname())
    name = f"events.out.tfevents.{now // 10**9:010d}.{now % 10**9:09d}.{host}.{os.getpid()}.{next(_numbers)}"
    return inside(directory, name), now / 1e9


def _times(directory: str) -> Iterator[int]:
    """The times in event files' names, and those at which they were changed, in nanoseconds since 1970."""
    remote = is_remote(directory)
    for name in tf.io.gfile.listdir(directory) if remote else os.listdir(directory):
        if match := _FILE_TIME.search(name):
            yield int(match[1] + (match[2] or "9" * 9))
            if not remote:  # each would take a request
                with contextlib.suppress(OSError):
                    yield os.stat(inside(directory, name)).st_mtime_ns


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
        start = self.size
        try:
            while len(data):
                n = os.write(self._file, data)
                self.size += n
                data = data[n:]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from None
        try:
            os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):  # a deleted file takes data as before, and nobody sees it
            self.size = start
            raise
        except OSError:  # whoever may look there: an open file takes what is written
            pass

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

    def forget(self) -> None:
        """In a forked child: the parent writes on."""
        os.close(self._file)


class RemoteFile:
    """The same for TensorFlow's file systems: what a flush didn't bring over counts as not written."""

    _forgotten: list[Any] = []  # noqa: RUF012 - of the class: closing one, or its end, may write

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
        tf.io.gfile.remove(self.path)

    def forget(self) -> None:
        self._forgotten.append(self._file)


def open_file(path: str) -> LocalFile | RemoteFile:
    """A new file to append to."""
    opener: Callable[[str], LocalFile | RemoteFile] = RemoteFile if is_remote(path) else LocalFile
    return opener(path)
