"""Trainings without a model that something happens to, and what is left of them.

Those that need a process of their own are run by `python -m tests.events.trainings <function> <arguments in JSON>`.
"""

import contextlib
import gc
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import deque
from itertools import count
from pathlib import Path

from tb_sparsity import SparsityWriter
from tb_sparsity.events import event_log

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def begin(log_dir, flush_secs=1000.0, first=1):
    """A writer in a session."""
    writer = SparsityWriter(log_dir, flush_secs)
    writer.describe({"a/kernel": (4, 4)}, first_step=first)
    return writer


def log(writer, steps, value=None):
    """Logs the steps, each with its number or the value."""
    for step in steps:
        writer.log(step, metrics={"n": step if value is None else value})


def train(log_dir, steps, value=None):
    """A whole training."""
    with begin(log_dir, first=steps[0]) as writer:
        log(writer, steps, value)


def shown(server, run, last_step, points=1000):
    """What the tab shows of the run, once it has this last step: `{step: value}`."""
    name = run if "sparsity" in run else f"{run}/sparsity"
    server.index(lambda runs: runs.get(name, {}).get("last_step") == last_step)
    answer = server.series((name, "metrics/n"), points=points)
    (series,) = answer["series"]
    return dict(zip(answer["axes"][series["axis"]]["step"], series["value"], strict=True))


def numbers(steps, value=None):
    """What `log` logged."""
    return {step: step if value is None else value for step in steps}


def written(directory):
    """`(step, value)` of every point in the directory's files, in the order in which they are there."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    return [
        (event.step, event.summary.value[0].simple_value)
        for file in sorted(Path(directory).iterdir())
        for event in LegacyEventFileLoader(str(file)).Load()
        if event.HasField("summary") and event.summary.value[0].tag == "metrics/n"
    ]


def command(function, *arguments):
    return [sys.executable, "-m", "tests.events.trainings", function, json.dumps(arguments, default=str)]


def run(function, *arguments):
    """`(what it printed, as JSON, what it warned of)`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(function, *arguments), cwd=ROOT, text=True, start_new_session=True, **pipes) as child:
        try:
            printed, said = child.communicate(timeout=100)
        finally:  # children of its own too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 0, said
    return json.loads(printed or "null"), said


def start(function, *arguments):
    return subprocess.Popen(command(function, *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def as_nobody():
    """Without root's permission to do anything, where that is who tests."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


# Each in a process of its own:


def killed(log_dir, first, value, flush_secs, promised_secs):
    """Trains until it is killed; says which step is to be readable from then on."""
    writer = begin(log_dir, flush_secs, first)
    logged = deque()
    said, durable = 0.0, 0
    for step in count(first):
        hashlib.sha256(bytes(200_000))  # a training step
        log(writer, [step], value)
        now = time.monotonic()
        logged.append((now, step))
        while now > logged[0][0] + promised_secs:
            durable = logged.popleft()[1]
        if durable and now > said + 0.02:
            said = now
            sys.stdout.write(f"{durable}\n")
            sys.stdout.flush()


def small_files(log_dir):
    """No file may have more than 4 kB; then, for a while, nothing may be written at all."""
    writer = begin(log_dir)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    log(writer, range(1, 501))
    writer.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    log(writer, range(501, 601))
    writer.flush()
    files = os.listdir(writer.directory)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log(writer, range(601, 611))
    writer.close()
    print(json.dumps(files))  # noqa: T201


def too_much(log_dir, kept):
    """As much as may be kept, and more, while nothing may be written; then it is all right again."""
    event_log.QUEUE = kept
    writer = begin(log_dir)
    log(writer, range(1, 11))
    writer.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    log(writer, [11])
    writer.flush()
    log(writer, range(12, 501))
    writer.describe({"b/kernel": (4, 4)}, first_step=501)  # is kept: what comes later needs it
    writer.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.flush()
    log(writer, [501])
    writer.close()


def warned(log_dir):
    """Every warning is an error, and there is much to warn of."""
    warnings.simplefilter("error")
    event_log.QUEUE = 100
    other = begin(log_dir)
    writer = begin(log_dir)
    log(other, [1])
    other.close()  # went to sparsity_2
    log(writer, range(1, 51))
    writer.flush()
    shutil.rmtree(log_dir)
    Path(log_dir).write_text("in the way")
    log(writer, range(51, 301), 1e300)
    writer.flush()
    os.unlink(log_dir)
    writer.flush()
    writer.log(301, metrics={"\ud800": 1})
    log(writer, range(302, 311))
    writer.close()


def forking(log_dir, children):
    """A thread trains, and this process is forked again and again; some children log with what they inherit."""
    writer = begin(log_dir, flush_secs=0.01)
    stop = threading.Event()
    logged = []

    def go_on():
        for step in count(1):
            hashlib.sha256(bytes(20_000))  # at times Python's lock is free
            log(writer, [step])
            logged.append(step)
            if stop.is_set():
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    for child in range(children):
        pid = os.fork()
        if pid == 0:
            if child % 2:
                log(writer, range(10**6, 10**6 + 3), -1)
                writer.flush()
                log(writer, [10**6 + 3], -1)
            sys.exit()  # closes what it opened
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    thread.join()
    writer.close()
    print(logged[-1])  # noqa: T201


def interrupted(log_dir, times):
    """Ctrl-C at any moment, many times, also while it closes."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    rng = random.Random(0)
    writer = begin(log_dir, flush_secs=0.001)
    steps, logged = count(1), []
    for _ in range(times):
        with contextlib.suppress(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 2e-3))
            while True:
                step = next(steps)
                log(writer, [step])
                logged.append(step)
                if step % 8 == 0:
                    writer.flush()
    log(writer, range(next(steps), next(steps) + 5000))
    for _ in range(5):
        with contextlib.suppress(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 1e-5)
            writer.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    writer.close()
    print(json.dumps([*logged, next(steps) - 2]))  # noqa: T201


def closed_by_a_signal(log_dir, times):
    """A signal's handler closes the writer in the middle of whatever it does."""
    rng = random.Random(0)
    found = {}
    for i in range(times):
        writer = begin(f"{log_dir}/{i}", flush_secs=0.001 if i % 2 else 1000)
        signal.signal(signal.SIGALRM, lambda *_, writer=writer: writer.close())
        last = 0
        with contextlib.suppress(ValueError):
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 5e-3))
            for step in count(1):
                log(writer, [step])
                last = step
        found[i] = last
    print(json.dumps(found))  # noqa: T201


def ending(log_dir, how):
    """Logs and ends without closing."""
    writer = begin(log_dir)
    if how == "thread":
        thread = threading.Thread(target=lambda: (log(writer, range(1, 101)), 1 / 0))
        thread.start()
        thread.join()
        return
    log(writer, range(1, 101))
    if how == "garbage":
        del writer
        os._exit(0)
    elif how == "cycle":
        writer.itself = writer
        del writer
        gc.collect()
        os._exit(0)
    elif how == "sys.exit":
        sys.exit(3)
    elif how == "exception":
        raise RuntimeError("out of luck")
    elif how == "Ctrl-C":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
        signal.raise_signal(signal.SIGINT)
    elif how == "SIGTERM":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
        signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    globals()[sys.argv[1]](*json.loads(sys.argv[2]))
