"""A training that is written while many read it, and what each answer about it must be."""

import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tb_sparsity import SparsityWriter
from tests.servers import wait_until

RUNS = ("first/sparsity", "second/sparsity")
SIZES = {"a/kernel": 100, "b/kernel": 300, "c/kernel": 50}
REACHED, RESUMED, LAST = 400, 251, 500  # the first session's last step, the second's first and last
LOGGED = [(1, step) for step in range(1, REACHED + 1)] + [(2, step) for step in range(RESUMED, LAST + 1)]
POINTS = (1000, 50, 1)  # asked for in turn
READERS = 50


def value(run, tag, step, session):
    """What a session logs there: exact in float32, and its own, so that no other point passes for it."""
    if tag == "sparsity_total/pruned":
        zeros = sum(size * value(run, f"sparsity/{name}", step, session) for name, size in SIZES.items())
        return float(np.float32(zeros / sum(SIZES.values())))
    return (zlib.crc32(json.dumps([run, tag, step, session]).encode()) >> 9) / 2**23


# Tag -> how many steps apart it is logged. One that is logged now and then is long about what was replaced.
TAGS = {"metrics/loss": 1, "metrics/val_loss": 10, "sparsity_total/pruned": 1} | {
    f"sparsity/{name}": 1 for name in SIZES
}
SESSION_OF = {
    (run, tag, step, value(run, tag, step, session)): session
    for run in RUNS
    for tag, every in TAGS.items()
    for session, step in LOGGED
    if step % every == 0
}


class Training(threading.Thread):
    """Two runs, resumed once from an earlier step. It goes as far as it is told to, in shares of its length."""

    def __init__(self, log_dir):
        super().__init__(daemon=True)
        self._log_dir, self._share, self._told = log_dir, 0.0, threading.Condition()
        self.error = None

    def reach(self, share):
        with self._told:
            self._share = max(self._share, share)
            self._told.notify()

    def run(self):
        try:
            for session in (1, 2):
                self._write(session)
        except Exception as error:
            self.error = error

    def _write(self, session):
        writers = {run: SparsityWriter(self._log_dir / run.split("/")[0], flush_secs=0.05) for run in RUNS}
        for writer in writers.values():
            shapes = {name: (size,) for name, size in SIZES.items()}
            writer.describe(shapes, first_step=RESUMED if session == 2 else 1, total_steps=LAST)
        for i, (of, step) in enumerate(LOGGED):
            if of != session:
                continue
            with self._told:
                self._told.wait_for(lambda i=i: self._share * len(LOGGED) >= i)
            for run, writer in writers.items():
                sparsity = {name: value(run, f"sparsity/{name}", step, session) for name in SIZES}
                names = ("loss", "val_loss") if step % TAGS["metrics/val_loss"] == 0 else ("loss",)
                metrics = {name: value(run, f"metrics/{name}", step, session) for name in names}
                writer.log(step, sparsity, metrics=metrics)
        for writer in writers.values():
            writer.close()


class Reader:
    """Asks again and again, and holds each answer against the function and against the answers before it."""

    def __init__(self, server):
        self._server = server
        self._resumed = set()  # what was seen of the second session: runs, and what of a run it has cut
        self._last = {}  # the last step that was seen of each tag, and of each run in the index

    def ask(self, points):
        status, index = self._server.request("index")
        assert status == 200, index
        assert [run["run"] for run in index["runs"]] == list(RUNS)
        for run in index["runs"]:
            self._check_run(run)
        wanted = [{"run": run, "tag": tag} for run in RUNS for tag in TAGS]
        status, answer = self._server.request("series", {"series": wanted, "points": points})
        assert status == 200, answer
        assert [{"run": one["run"], "tag": one["tag"]} for one in answer["series"]] == wanted
        for one in answer["series"]:
            self._check_series(one, answer["axes"][one["axis"]], points)
        return answer

    def _check_run(self, run):
        assert {f"{kind}/{tag}" for kind, tags in run["tags"].items() for tag in tags} == set(TAGS)
        first = run["manifest"]["first_step"]
        assert first == RESUMED or (first == 1 and run["run"] not in self._resumed)
        if first == RESUMED:
            self._resumed.add(run["run"])
        self._check_last(run["run"], None, run["last_step"])

    def _check_series(self, one, axis, points):
        run, tag, steps = one["run"], one["tag"], axis["step"]
        assert axis["wall_time"] == sorted(axis["wall_time"])
        logged = range(TAGS[tag], steps[-1] + 1, TAGS[tag])
        if points >= len(logged):
            assert steps == list(logged)
        else:
            assert len(steps) == points
            assert steps == sorted(set(steps))
            assert points == 1 or steps[0] == logged[0]
        values = np.array(one["value"], np.float32).tolist()
        sessions = [SESSION_OF[run, tag, step, v] for step, v in zip(steps, values, strict=True)]
        late = {session for step, session in zip(steps, sessions, strict=True) if step >= RESUMED}
        assert len(late) < 2, f"{run} {tag}: a mixture of sessions"
        assert late != {1} or not self._resumed & {run, (run, tag)}, f"{run} {tag}: what was replaced"
        if late == {2}:
            self._resumed.add(run)
        self._check_last(run, tag, steps[-1])

    def _check_last(self, run, tag, step):
        """Nothing that was seen goes again, but once what the second session replaces."""
        before = self._last.get((run, tag), 0)
        if step < before and (run, tag) not in self._resumed:
            self._resumed.add((run, tag))
            before = min(before, RESUMED - 1)
        assert step >= before, f"{run} {tag}: step {before}, and later {step}"
        self._last[run, tag] = step


def read_while_written(server, log_dir, rounds):
    """Many readers at once, each as often as `rounds()` yields: how much of the training is to be there by then."""
    training = Training(log_dir)
    training.start()

    def is_complete(runs):
        return all(sum(map(len, runs.get(run, {"tags": {}})["tags"].values())) == len(TAGS) for run in RUNS)

    def read():
        reader = Reader(server)
        for i, share in enumerate(rounds()):
            reader.ask(POINTS[i % len(POINTS)])
            training.reach(share)
        return reader

    try:
        training.reach(0.05)
        server.index(is_complete)
        with ThreadPoolExecutor(READERS) as pool:
            readers = [one.result() for one in [pool.submit(read) for _ in range(READERS)]]
    finally:
        training.reach(1)
        training.join()
    assert training.error is None, training.error
    wait_until(lambda: all(run["last_step"] == LAST for run in server.index().values()))
    for reader in readers[:3]:
        assert [len(one["value"]) for one in reader.ask(1000)["series"]] == [LAST // n for n in TAGS.values()] * len(
            RUNS
        )
