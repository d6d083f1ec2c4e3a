"""Fifty readers at once of a training that is being written: requests a second, and how long an answer takes.

    python -m benchmarks.readers [SECONDS]

With each of TensorBoard's data servers. Every answer is checked; a wrong one ends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.plugin.load import READERS, read_while_written
from tests.servers import Server


class TimedServer(Server):
    """Notes how long each request takes."""

    def __init__(self, url: str):
        super().__init__(url)
        self.seconds: dict[str, list[float]] = {"index": [], "series": []}

    def request(self, path: str, *args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        answer = super().request(path, *args, **kwargs)
        self.seconds[path].append(time.perf_counter() - start)
        return answer


def main(seconds: float = 60) -> None:
    """Prints the figures of both data servers."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "tests.servers"]
    for fast in (True, False):
        with (
            tempfile.TemporaryDirectory() as log_dir,
            subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        ):
            print(json.dumps([log_dir, fast]), file=process.stdin, flush=True)
            server = TimedServer(json.loads(process.stdout.readline()))
            begin = time.perf_counter()

            def shares(begin: float = begin) -> Iterator[float]:
                while (share := (time.perf_counter() - begin) / seconds) < 1:
                    yield 4 / 3 * share

            read_while_written(server, Path(log_dir), shares)
            took = time.perf_counter() - begin
            process.stdin.close()
        count = sum(map(len, server.seconds.values()))
        print(f"{'Rust' if fast else 'Python'} data server, {READERS} readers, {took:.0f} s: no wrong answer")
        print(f"  {count:,} requests, {count / took:.0f} a second")
        for path, times in server.seconds.items():
            median, p95, most = 1e3 * np.percentile(times, [50, 95, 100])
            print(f"  {path:<7} median {median:,.0f} ms, p95 {p95:,.0f} ms, longest {most:,.0f} ms")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
