"""What the comparisons share: tfmot in a process of its own, and ratios within rounds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any


class Peer:
    """tfmot, in its virtual environment; None of its answers without PARITY_PYTHON."""

    def __init__(self) -> None:
        python = os.environ.get("PARITY_PYTHON")
        self._process = None
        if not python:
            print("Without tfmot: set PARITY_PYTHON to the Python of its virtual environment, or run `make bench`.")
            return
        environment = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "PYTHONPATH")}
        command = [python, str(Path(__file__).with_name("peer.py"))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, what: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer to one question, None if there is no tfmot here."""
        if not self._process:
            return None
        print(json.dumps([what, arguments]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit("tfmot's process ended: run benchmarks/peer.py by hand to see why.")
        return json.loads(answer)


def table(rounds: dict[str, list[float]], baseline: str) -> None:
    """Prints each variant's median, and the median and range of its ratio to the baseline's in the same round."""
    print(f"{'':<44}{'ms':>9}  ratio to {baseline}: median (range)")
    for name, times in rounds.items():
        ratios = [a / b for a, b in zip(times, rounds[baseline], strict=True)]
        spread = f"{min(ratios):.3f}–{max(ratios):.3f}"
        print(f"{name:<44}{statistics.median(times):>9.2f}{statistics.median(ratios):>10.3f} ({spread})")
