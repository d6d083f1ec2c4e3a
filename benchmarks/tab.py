"""The tab's data against TensorBoard's own: the same curves over HTTP, in one run with both, taking turns.

    python benchmarks/tab.py [ROUNDS]

TensorBoard's front-end asks for one tag of all runs a request, six at a time, as a browser does; the tab for 400 series
a request. Bytes are those on the wire, gzipped as browsers ask for it; nothing is decoded while the clock runs.
"""

from __future__ import annotations

import gzip
import http.client
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
from tab_logs import EVERY, RUNS, serve, weights, write_logs

WEIGHTS = 60
KINDS = ("sparsity", "threshold", "mask_churn")
CONNECTIONS = 6
BATCH = 400  # frontend/src/data/series.ts
THEIRS = "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"
OURS = "/data/plugin/sparsity/series"
BUNDLE = Path(__file__).parents[1] / "tb_sparsity" / "plugin" / "static" / "index.js"

Request = tuple[str, str, bytes]


def form(tags: list[str]) -> Request:
    """What TensorBoard's Time Series tab posts for some tags of all runs."""
    asked = json.dumps([{"plugin": "scalars", "tag": tag} for tag in tags])
    field = f'--b\r\nContent-Disposition: form-data; name="requests"\r\n\r\n{asked}\r\n--b--\r\n'
    return THEIRS, "multipart/form-data; boundary=b", field.encode()


def batch(series: list[tuple[str, str]]) -> Request:
    """What the tab posts for some series."""
    asked = {"series": [{"run": run, "tag": tag} for run, tag in series], "points": 1000}
    return OURS, "application/json", json.dumps(asked).encode()


class Client:
    """Sends requests as a browser does, over six connections at once."""

    def __init__(self, url: str):
        self._host = urlparse(url).netloc

    def ask(self, requests: list[Request]) -> tuple[float, int, list[bytes]]:
        """Seconds until the last answer is here, bytes on the wire, and the answers as they came."""
        start = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            answers = list(pool.map(self._post, requests))
        return time.perf_counter() - start, sum(size for size, _ in answers), [body for _, body in answers]

    def _post(self, request: Request) -> tuple[int, bytes]:
        path, kind, body = request
        connection = http.client.HTTPConnection(self._host)
        connection.request("POST", path, body, {"Content-Type": kind, "Accept-Encoding": "gzip, deflate, br"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200 or answer.headers["Content-Encoding"] != "gzip":
            sys.exit(f"{path}: {answer.status} {answer.headers}")
        return len(content) + len(str(answer.headers)), content


def theirs_by_series(answers: list[bytes]) -> dict[tuple[str, str], Any]:
    """Steps and values, as TensorBoard gave them."""
    found = {}
    for one in (one for answer in answers for one in json.loads(gzip.decompress(answer))):
        for run, points in one["runToSeries"].items():
            found[run, one["tag"]] = [[p["step"] for p in points], [p["value"] for p in points]]
    return found


def ours_by_series(answers: list[bytes]) -> dict[tuple[str, str], Any]:
    """Steps and values, as the tab's route gave them."""
    found = {}
    for answer in map(json.loads, map(gzip.decompress, answers)):
        for one in answer["series"]:
            found[one["run"], one["tag"]] = [answer["axes"][one["axis"]]["step"], one["value"]]
    return found


def check(theirs: list[bytes], ours: list[bytes]) -> int:
    """How many points there are, once they are the same in both, as float32."""
    a, b = theirs_by_series(theirs), ours_by_series(ours)
    points = 0
    for key in a.keys() | b.keys():
        (steps, values), (own_steps, own_values) = a[key], b[key]
        if steps != own_steps or not np.array_equal(np.float32(values), np.float32(own_values)):
            sys.exit(f"Not the same: {key}")
        points += len(steps)
    return points


def compare(url: str, rounds: int) -> None:
    """Prints what the same curves take in each way."""
    tags = [f"{kind}/{weight}" for kind in KINDS for weight in weights(WEIGHTS)]
    series = [(f"run_{i}/sparsity", tag) for tag in tags for i in range(RUNS)]
    variants: dict[str, list[Request]] = {
        "TensorBoard, a request a tag, as it asks": [form([tag]) for tag in tags],
        "TensorBoard, all tags in one request": [form(tags)],
        "the tab, 400 series a request, as it asks": [
            batch(series[i : i + BATCH]) for i in range(0, len(series), BATCH)
        ],
        "the tab, all series in one request": [batch(series)],
    }
    client = Client(url)
    took: dict[str, list[float]] = {name: [] for name in variants}
    size, answers = {}, {}
    for _ in range(rounds):
        for name, requests in variants.items():
            seconds, size[name], answers[name] = client.ask(requests)
            took[name].append(seconds)
    first, _, ours, _ = variants
    print(f"  {check(answers[first], answers[ours]):,} points, the same in both")
    for name, requests in variants.items():
        ratios = [a / b for a, b in zip(took[name], took[ours], strict=True)]
        print(
            f"  {name:<44}{len(requests):>4} requests{statistics.median(took[name]):>8.2f} s"
            f"{size[name] / 1e6:>8.2f} MB   to the tab's: time {statistics.median(ratios):.1f}"
            f" ({min(ratios):.1f}–{max(ratios):.1f}), bytes {size[name] / size[ours]:.1f}"
        )


def bundle() -> None:
    """Prints how large the page is."""
    content = BUNDLE.read_bytes()
    print(f"The page's script: {len(content) / 1e3:.1f} kB, gzipped {len(gzip.compress(content, 9)) / 1e3:.1f} kB")


def main(rounds: int = 5) -> None:
    """Prints the tables."""
    bundle()
    for what, frequency in (("each tenth point", 10 * EVERY), ("every point", EVERY)):
        with tempfile.TemporaryDirectory() as folder:
            write_logs(Path(folder), WEIGHTS, frequency)
            for name, fast in (("Rust", True), ("Python", False)):
                print(
                    f"{RUNS} runs, {WEIGHTS} weights, {len(KINDS)} tags; masks updated at {what}; {name} data server:"
                )
                with serve(Path(folder), fast) as server:
                    compare(server.url, rounds if fast else 1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
