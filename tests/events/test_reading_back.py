"""What is written, as both of TensorBoard's data servers give it back through the tab's routes."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tb_sparsity.events.manifest_pb2 import Manifest
from tb_sparsity.events.writer import SparsityWriter


def session(log_dir, first, last, value, tags=("sparsity/a/kernel",), every=1):
    """One training: its value at each step, under each tag."""
    writer = SparsityWriter(log_dir)
    writer.begin_session(Manifest(format_major=1, first_step=first, writer_version=f"{value}"))
    for step in range(first, last + 1, every):
        writer.log_row(step, tags, np.full(len(tags), value, "float32"))
    writer.close()


def points(answer, i=0):
    series = answer["series"][i]
    return dict(zip(answer["axes"][series["axis"]]["step"], series["value"], strict=True))


def test_both_servers_give_the_same_answer_up_to_a_thousand_points(tmp_path, serve_both):
    rng = np.random.default_rng(0)
    writer = SparsityWriter(tmp_path / "run")
    writer.begin_session(Manifest(format_major=1, first_step=1))
    written = rng.random((1000, 3)).astype("float32")
    for step, values in enumerate(written, 1):
        writer.log_row(step, ("sparsity/a/kernel", "sparsity_total/pruned", "metrics/loss"), values)
    writer.close()
    wanted = [("run/sparsity", t) for t in ("sparsity/a/kernel", "sparsity_total/pruned", "metrics/loss")]
    answers = []
    for server in serve_both(tmp_path):
        index = server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 1000)
        answers.append(
            (index, server.series(*wanted), server.series(*wanted, points=10), server.series(*wanted, points=1))
        )
    assert answers[0] == answers[1]
    index, full, ten, one = answers[0]
    assert index["run/sparsity"]["name"] == "run"
    assert len(full["axes"]) == 1
    for i in range(3):
        assert list(points(full, i)) == list(range(1, 1001))
        assert np.array_equal(np.float32(list(points(full, i).values())), written[:, i])
    assert list(points(ten)) == [1, 112, 223, 334, 445, 556, 667, 778, 889, 1000]
    assert list(points(one)) == [1000]


def test_beyond_a_thousand_points_each_server_keeps_its_own_and_the_last(tmp_path, serve):
    session(tmp_path / "run", 1, 3000, 0.5, ("sparsity/a/kernel", "threshold/a/kernel"))
    server = serve(tmp_path)
    server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 3000)
    answer = server.series(("run/sparsity", "sparsity/a/kernel"), ("run/sparsity", "threshold/a/kernel"), points=10_000)
    assert len(answer["axes"]) == 1  # both tags have kept the same steps
    steps = answer["axes"][0]["step"]
    assert len(steps) == 1000
    assert steps[-1] == 3000


def test_a_resumed_run_replaces_what_it_trains_anew(tmp_path, serve):
    tags = ("sparsity/a/kernel", "threshold/a/kernel")
    session(tmp_path / "run", 1, 100, 0.1, tags)
    session(tmp_path / "run", 51, 70, 0.2, tags[:1])  # resumed from step 50, stopped early, another tag gone
    server = serve(tmp_path)
    index = server.index(
        lambda runs: (runs.get("run/sparsity", {}).get("manifest") or {}).get("writer_version") == "0.2"
    )
    answer = server.series(*(("run/sparsity", t) for t in tags))
    assert points(answer, 0) == {s: pytest.approx(0.1 if s <= 50 else 0.2) for s in range(1, 71)}
    assert points(answer, 1) == {s: pytest.approx(0.1) for s in range(1, 51)}
    assert index["run/sparsity"]["last_step"] == 70
    session(tmp_path / "run", 11, 12, 0.3, tags)
    server.index(
        lambda runs: (
            runs["run/sparsity"]["manifest"]["writer_version"] == "0.3" and runs["run/sparsity"]["last_step"] == 12
        )
    )
    answer = server.series(("run/sparsity", tags[0]))
    assert points(answer) == {s: pytest.approx(0.1 if s <= 10 else 0.3) for s in range(1, 13)}


def test_many_short_sessions_in_one_second_all_show(tmp_path, serve):
    for first in range(1, 13):
        session(tmp_path / "run", first, first, 0.5)
    server = serve(tmp_path)
    server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 12)
    assert list(points(server.series(("run/sparsity", "sparsity/a/kernel")))) == list(range(1, 13))


def test_a_config_that_json_cannot_hold_does_not_hide_the_other_runs(tmp_path, serve):
    session(tmp_path / "good", 1, 3, 0.5)
    writer = SparsityWriter(tmp_path / "odd")
    manifest = Manifest(format_major=1, first_step=1)
    configs = ['{"cap": Infinity, "all": [NaN, 1e999, {"x": -Infinity}], "n": 3}', "[" * 50_000, "no json"]
    for config in configs:
        manifest.schedules.add(config=config, target_step=[0, 1], target_value=[float("nan"), 0.5])
    writer.begin_session(manifest)
    writer.close()
    runs = serve(tmp_path).index(lambda runs: len(runs) == 2)
    schedules = runs["odd/sparsity"]["manifest"]["schedules"]
    assert [s["config"] for s in schedules] == [{"cap": None, "all": [None, None, {"x": None}], "n": 3}, {}, {}]
    assert schedules[0]["target"]["value"] == [None, 0.5]


def test_what_training_has_logged_shows_before_it_ends(tmp_path, serve):
    writer = SparsityWriter(tmp_path / "run")
    writer.log(1, {"a/kernel": 0.25})
    server = serve(tmp_path)
    server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 1)
    writer.log(2, {"a/kernel": 0.5})
    server.index(lambda runs: runs["run/sparsity"]["last_step"] == 2)
    assert points(server.series(("run/sparsity", "sparsity/a/kernel"))) == {1: 0.25, 2: 0.5}
    writer.close()


def test_an_exception_that_ends_the_program_loses_nothing(tmp_path, serve):
    script = textwrap.dedent(
        f"""
        from tb_sparsity.events.writer import SparsityWriter
        writer = SparsityWriter({str(tmp_path / "run")!r}, flush_secs=1000)
        for step in range(1, 201):
            writer.log(step, {{"a/kernel": 0.5}})
        raise SystemExit(3)
        """
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 3
    server = serve(tmp_path)
    assert server.index(lambda runs: runs)["run/sparsity"]["last_step"] == 200


def test_logs_of_tfmots_callback_are_read_too(tmp_path, serve):
    import tensorflow as tf

    with tf.summary.create_file_writer(str(tmp_path / "old" / "metrics")).as_default():
        for step in (0, 192):
            tf.summary.scalar("prune_low_magnitude_conv2d/mask:0/sparsity", step / 400, step)
            tf.summary.scalar("prune_low_magnitude_conv2d/threshold:0/threshold", step / 4, step)
            tf.summary.scalar("prune_low_magnitude_lstm/mask_1:0/sparsity", 0.5, step)
    with tf.summary.create_file_writer(str(tmp_path / "other")).as_default():
        tf.summary.scalar("epoch_loss", 1.0, 0)
    server = serve(tmp_path)
    runs = server.index(lambda runs: len(runs.get("old/metrics", {}).get("tags", {}).get("sparsity", ())) == 2)
    assert list(runs) == ["old/metrics"]
    run = runs["old/metrics"]
    assert (run["name"], run["source"], run["manifest"], run["last_step"]) == ("old", "tfmot", None, 192)
    assert run["tags"]["sparsity"] == ["conv2d/kernel", "lstm/kernel_1"]
    assert run["tags"]["threshold"] == ["conv2d/kernel"]
    answer = server.series(("old/metrics", "sparsity/conv2d/kernel"), ("old/metrics", "threshold/conv2d/kernel"))
    assert points(answer, 0) == {0: 0.0, 192: pytest.approx(0.48)}
    assert points(answer, 1) == {0: 0.0, 192: 48.0}


def test_the_log_directory_may_be_the_run_itself(tmp_path, serve):
    session(tmp_path, 1, 3, 0.5)
    server = serve(tmp_path)
    assert server.index()["sparsity"]["name"] == "."


def test_names_that_would_be_the_same_are_shown_in_full(tmp_path, serve):
    import tensorflow as tf

    session(tmp_path / "x", 1, 3, 0.5)
    with tf.summary.create_file_writer(str(tmp_path / "x" / "metrics")).as_default():
        tf.summary.scalar("prune_low_magnitude_a/mask:0/sparsity", 0.5, 0)
    runs = serve(tmp_path).index(lambda runs: len(runs) == 2)
    assert {run["name"] for run in runs.values()} == {"x/sparsity", "x/metrics"}


def test_a_step_logged_twice_keeps_each_tag_once(tmp_path, serve):
    writer = SparsityWriter(tmp_path / "run")
    writer.log(5, {"a/kernel": 0.25})
    writer.log(5, {"a/kernel": 0.75}, metrics={"val_loss": 2.0})
    writer.close()
    server = serve(tmp_path)
    server.index(lambda runs: "val_loss" in runs.get("run/sparsity", {}).get("tags", {}).get("metrics", ()))
    answer = server.series(("run/sparsity", "sparsity/a/kernel"), ("run/sparsity", "metrics/val_loss"))
    assert [points(answer, i) for i in (0, 1)] == [{5: 0.25}, {5: 2.0}]
