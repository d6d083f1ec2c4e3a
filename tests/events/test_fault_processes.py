"""Trainings that are killed, forked, interrupted, or not alone, most in processes of their own."""

import errno
import fcntl
import gc
import multiprocessing
import os
import random
import re
import shutil
import stat
import subprocess
import threading

import pytest

from tb_sparsity import SparsityWriter
from tb_sparsity.events.records import Encoder
from tests.event_files import read
from tests.events.trainings import ROOT, begin, command, log, numbers, run, shown, start, train, written


def test_killed_at_any_moment_nothing_older_than_the_flush_interval_is_lost(tmp_path, tensorboard):
    rng = random.Random(0)
    run = tmp_path / "run"
    first, expected = 1, {}

    def trained(last, value):
        before = {step: of for step, of in expected.items() if step < first}
        return before | numbers(range(first, last + 1), value)

    for value in range(20):
        flush_secs = rng.choice([0.5, 0.001])  # between two times that it writes, or while it does
        with start("killed", run, first, value, flush_secs, 0.5) as training:
            said = [training.stdout.readline() for _ in range(rng.randrange(1, 8))]
            training.kill()
            durable = int((said + training.stdout.readlines())[-1])
        found = [step for step, of in written(run / "sparsity") if of == value]
        assert found == list(range(first, len(found) + first))
        assert found[-1] >= durable
        expected = trained(durable, value)
        first = rng.randrange(durable // 2, durable + 1)  # goes on from some checkpoint
    train(run, range(first, first + 10), 20)
    expected = trained(first + 9, 20)
    assert read(run)[0]["metrics/n"] == expected
    assert [path.name for path in run.iterdir()] == ["sparsity"]
    for fast in (True, False):
        server = tensorboard(tmp_path, "--samples_per_plugin=scalars=0", fast=fast)
        found = shown(server, "run", first + 9, points=10_000)
        assert len(found) == min(len(expected), 10_000)
        assert found.items() <= expected.items()


def test_two_processes_in_one_directory_are_separated(logdir, servers):
    with start("killed", logdir / "two", 1, 7, 0.5, 0.5) as other:
        other.stdout.readline()
        with pytest.warns(UserWarning, match="Another writer is at work in .*/two/sparsity; .* to .*/two/sparsity_2"):
            train(logdir / "two", range(1, 11))
        other.kill()
    assert read(logdir / "two", "sparsity_2")[0]["metrics/n"] == numbers(range(1, 11))
    assert set(read(logdir / "two")[0]["metrics/n"].values()) == {7}
    train(logdir / "two", range(1, 21))  # the dead one holds nothing
    for server in servers:
        assert shown(server, "two/sparsity_2", 10) == numbers(range(1, 11))
        assert shown(server, "two", 20) == numbers(range(1, 21))


def test_where_only_files_can_be_locked(tmp_path, monkeypatch):
    flock = fcntl.flock

    def on_nfs(file, operation):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", on_nfs)
    train(tmp_path, range(1, 6))
    with open(tmp_path / "sparsity" / ".lock", "rb+") as other:
        flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more
        with pytest.warns(UserWarning, match="Another writer is at work"):
            train(tmp_path, range(6, 11))
    train(tmp_path, range(11, 16))
    assert list(read(tmp_path)[0]["metrics/n"]) == [*range(1, 6), *range(11, 16)]
    assert read(tmp_path, "sparsity_2")[0]["metrics/n"] == numbers(range(6, 11))


def test_a_newer_writer_of_the_process_takes_the_directory_and_nothing_of_the_older_is_lost(logdir, servers):
    first = begin(logdir / "newer")
    log(first, range(1, 6))
    second = begin(f"{logdir}/newer/", first=3)
    log(second, range(3, 11), -1)
    log(first, range(6, 9))
    with pytest.warns(UserWarning, match="Another writer is at work in .*/newer/sparsity; .* to .*/newer/sparsity_2"):
        first.flush()
    assert read(logdir / "newer", "sparsity_2")[0]["metrics/n"] == numbers(range(6, 9))
    third = begin(logdir / "newer", first=5)
    log(second, [11], -1)
    log(third, range(5, 13), -2)
    with pytest.warns(UserWarning, match="/newer/sparsity_3"):
        second.close()
    third.close()
    shutil.rmtree(logdir / "newer" / "sparsity_2")
    log(first, [9])  # never back to where a newer one has been
    with pytest.warns(UserWarning, match="/newer/sparsity_2 now: FileNotFoundError"):
        first.close()
    assert {path.name for path in (logdir / "newer").iterdir()} == {"sparsity", "sparsity_2", "sparsity_3"}
    for server in servers:
        assert shown(server, "newer", 12) == {1: 1, 2: 2, 3: -1, 4: -1, **numbers(range(5, 13), -2)}
        assert shown(server, "newer/sparsity_2", 9)[9] == 9  # it may have seen what was deleted, too
        assert shown(server, "newer/sparsity_3", 11) == {11: -1}
    assert read(logdir / "newer", "sparsity_2")[0]["metrics/n"] == numbers([9])


def test_a_writer_given_up_by_its_own_thread_leaves_the_directory(tmp_path, monkeypatch):
    writer = begin(tmp_path)
    log(writer, range(1, 11))
    events, encode = writer._log, Encoder.encode
    writer.itself = writer
    del writer
    # a thread that writes may be the one that collects garbage
    monkeypatch.setattr(Encoder, "encode", lambda self, batch: (gc.collect(), encode(self, batch))[1])
    gc.disable()
    try:
        events.flush()
    finally:
        gc.enable()
    events.close()
    with SparsityWriter(tmp_path) as writer:
        assert writer.directory == str(tmp_path / "sparsity")
    assert read(tmp_path)[0]["metrics/n"] == numbers(range(1, 11))


def test_forked_again_and_again_while_a_thread_logs(logdir, servers):
    last, said = run("forking", logdir / "forked", 14)
    assert written(logdir / "forked" / "sparsity") == [(step, step) for step in range(1, last + 1)]
    children = written(logdir / "forked" / "sparsity_2")
    assert children == 7 * [(10**6 + i, -1) for i in range(4)]
    assert len(list((logdir / "forked" / "sparsity_2").iterdir())) == 7
    assert said.count("Another writer") == 7
    for server in servers:
        assert shown(server, "forked", last).items() <= numbers(range(1, last + 1)).items()
        assert shown(server, "forked/sparsity_2", 10**6 + 3) == numbers(range(10**6, 10**6 + 4), -1)


def test_children_of_multiprocessing_go_on_in_directories_of_their_own(tmp_path):
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    writer = begin(tmp_path)
    log(writer, range(1, 4))
    child = fork.Process(target=log, args=(writer, range(4, 7), -1))
    idle = fork.Process(target=there.recv)
    child.start()
    idle.start()
    child.join()
    log(writer, range(4, 11))
    writer.close()
    train(tmp_path, range(11, 21))  # in the same directory: what a child inherited, it doesn't hold
    here.send("end")
    idle.join()
    assert read(tmp_path)[0]["metrics/n"] == numbers(range(1, 21))
    assert read(tmp_path, "sparsity_2")[0]["metrics/n"] == numbers(range(4, 7), -1)


def test_threads_that_log_at_once(tmp_path):
    writer = SparsityWriter(tmp_path, flush_secs=0.001)  # the first to log begins the session
    step = threading.Barrier(4)

    def train_some(name):
        for i in range(1, 301):
            step.wait()
            writer.log(i, metrics={"n": i, name: i})
            if i % 10 == 0:
                writer.flush()

    threads = [threading.Thread(target=train_some, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    closing = [threading.Thread(target=writer.close) for _ in range(3)]
    for thread in closing:
        thread.start()
    writer.close()
    found, manifests = read(tmp_path)  # asserts that no tag comes twice
    assert found == {f"metrics/{name}": numbers(range(1, 301)) for name in "nabcd"}
    assert [m["first_step"] for m in manifests] == [1]


def test_warnings_made_errors_end_neither_training_nor_its_log(logdir, servers):
    _, said = run("warned", logdir / "warned")
    assert re.findall(r"Another writer|can't be written|can't be encoded|[\d,]+ points", said) == [
        "Another writer",
        "can't be written",
        "can't be encoded",
        "151 points",
    ]
    expected = {**numbers(range(51, 151), float("inf")), **numbers(range(302, 311))}
    assert read(logdir / "warned")[0]["metrics/n"] == expected
    for server in servers:
        finite = {step: None if value == float("inf") else value for step, value in expected.items()}
        assert shown(server, "warned", 310) == finite


def test_interrupted_hundreds_of_times(tmp_path):
    steps, _ = run("interrupted", tmp_path, 300)
    found = [step for step, _ in written(tmp_path / "sparsity")]
    assert found == sorted(set(found))
    assert set(found) >= set(steps)
    assert len(found) - len(steps) <= 300 + 5000


def test_closed_by_a_signal_in_the_middle_of_anything(tmp_path):
    last, said = run("closed_by_a_signal", tmp_path, 100)
    assert "Warning" not in said
    for i, step in last.items():
        found = [step for step, _ in written(tmp_path / i / "sparsity")]
        assert found in (list(range(1, step + 1)), list(range(1, step + 2)))


@pytest.mark.parametrize("no_more", ["threads", "interpreter"])
def test_where_no_thread_can_be_started_who_logs_writes(tmp_path, monkeypatch, no_more):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        writer = begin(tmp_path)
        log(writer, range(1, 11))
        assert read(tmp_path)[0]["metrics/n"] == numbers(range(1, 11))
        writer.flush()
        if no_more == "interpreter":
            writer.close()
    if no_more == "threads":
        log(writer, range(11, 21))
        writer.close()
    assert list(read(tmp_path)[0]["metrics/n"]) == list(range(1, 11 if no_more == "interpreter" else 21))


def test_ends_of_a_program_lose_nothing(logdir, servers):
    ends = {"garbage": 0, "cycle": 0, "sys.exit": 3, "exception": 1, "Ctrl-C": -2, "SIGTERM": 15, "thread": 0}
    for how, status in ends.items():
        done = subprocess.run(command("ending", logdir / f"end_{how}", how), cwd=ROOT, capture_output=True, timeout=60)
        assert done.returncode == status
    for server in servers:
        for how in ends:
            assert shown(server, f"end_{how}", 100) == numbers(range(1, 101))
