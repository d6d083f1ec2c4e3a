"""What the installed package adds to TensorBoard's start: `tensorboard --version`, with and without it, in turn.

    python benchmarks/startup.py [PAIRS]

Without: the same command in a process that doesn't see the package's entry point.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUN = "import sys; from tensorboard.main import run_main; sys.argv = ['tensorboard', '--version']; run_main()"
WITHOUT = (
    "from tensorboard import default; seen = default._iter_entry_points;"
    "default._iter_entry_points = lambda group: [e for e in seen(group) if 'tb_sparsity' not in e.value];"
)


def seconds(script: str) -> float:
    """How long a fresh Python takes for the script."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    return time.perf_counter() - start


def main(pairs: int = 15) -> None:
    """Prints medians of both, and of the differences within pairs."""
    seconds(RUN), seconds(WITHOUT + RUN)  # fill the disk's cache
    timed = [(seconds(RUN), seconds(WITHOUT + RUN)) for _ in range(pairs)]
    with_it, without = (statistics.median(column) for column in zip(*timed, strict=True))
    difference = statistics.median(a - b for a, b in timed)
    print(f"tensorboard --version, median of {pairs}: {1e3 * with_it:.0f} ms with, {1e3 * without:.0f} ms without")
    print(f"difference within pairs, median: {1e3 * difference:+.0f} ms; ratio {with_it / without:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
