"""`read_logs`: what was written comes back whole, equal to what TensorBoard's own readers find in the files."""

import sys

import numpy as np
import pytest
from tbparse import SummaryReader
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2

from tb_sparsity import ConstantSparsity, OneShot, PolynomialDecay, PruningSchedule, SparsityWriter, read_logs
from tb_sparsity.events.names import MANIFEST_TAG
from tb_sparsity.events.records import frame
from tb_sparsity.events.reports import write_report
from tests.browser.logs import write_tfmot
from tests.event_files import read

SCHEDULE = PolynomialDecay(0.1, 0.8, begin_step=13, end_step=61, frequency=7)


def write(log_dir, steps, value, tags=("a/kernel",), schedule=SCHEDULE):
    """One session with a value at each of the steps, under each tag."""
    with SparsityWriter(log_dir) as writer:
        writer.describe(dict.fromkeys(tags, (4, 4)), schedule, first_step=steps[0], total_steps=steps[-1])
        for step in steps:
            writer.log(step, dict.fromkeys(tags, value))


def written_float32(n):
    """Values of every kind that float32 has: all magnitudes, subnormal ones, zeros of both signs, NaN, infinities."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    values[:6] = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45]
    return values


def same(found, expected):
    """Equal bit for bit, but for which NaN it is."""
    found, expected = np.asarray(found, np.float32), np.asarray(expected, np.float32)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.isnan(found), ~numbers)
    assert np.array_equal(found[numbers].view(np.uint32), expected[numbers].view(np.uint32))


def test_what_is_written_is_read_by_all_of_tensorboards_readers_by_tbparse_and_here_with_equal_values(
    tmp_path, serve_both
):
    values = written_float32(900)
    with SparsityWriter(tmp_path / "run") as writer:
        for step, value in enumerate(values, 1):
            writer.log(step, {"a/kernel": step / 900}, metrics={"loss": value})
    steps = np.arange(1, 901)
    shares = (steps / 900).astype(np.float32)

    run = read_logs(tmp_path)["run"]
    assert {tag: one.step.tolist() for tag, one in run.series.items()} == dict.fromkeys(
        ["sparsity/a/kernel", "metrics/loss"], steps.tolist()
    )
    same(run.series["metrics/loss"].value, values)
    same(run.series["sparsity/a/kernel"].value, shares)

    found, _ = read(tmp_path / "run")
    assert list(found["metrics/loss"]) == steps.tolist()
    same(list(found["metrics/loss"].values()), values)
    same(list(found["sparsity/a/kernel"].values()), shares)

    table = SummaryReader(str(tmp_path), pivot=False, extra_columns={"dir_name", "wall_time"}).scalars
    assert set(table.dir_name) == {"run/sparsity"}
    for tag, expected in (("metrics/loss", values), ("sparsity/a/kernel", shares)):
        rows = table[table.tag == tag]
        assert rows.step.tolist() == steps.tolist()
        same(rows.value, expected)
        assert rows.wall_time.tolist() == run.series[tag].wall_time.tolist()

    finite = np.where(np.isfinite(values), values, np.nan)
    for server in serve_both(tmp_path):
        server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 900)
        answer = server.series(("run/sparsity", "metrics/loss"), ("run/sparsity", "sparsity/a/kernel"))
        for one, expected in zip(answer["series"], (finite, shares), strict=True):
            same(np.array(one["value"], np.float64), expected)  # of None: NaN
            assert all(float(f"{v:.9g}") == v for v in one["value"] if v and 1e-9 < abs(v) < 1e9)  # no digit too many
        assert [axis["step"] for axis in answer["axes"]] == [steps.tolist()]
        assert answer["axes"][0]["wall_time"] == run.series["metrics/loss"].wall_time.tolist()


def test_all_of_five_thousand_points_and_of_many_sessions_come_back(tmp_path):
    write(tmp_path / "long", range(1, 5001), 0.5, ("a/kernel", "b/kernel"))
    for first in range(1, 31):
        write(tmp_path / "sessions", range(first, first + 2), first / 32)
    runs = read_logs(tmp_path)
    assert list(runs) == ["long", "sessions"]
    for one in runs["long"].series.values():
        assert np.array_equal(one.step, np.arange(1, 5001))
        assert np.array_equal(one.value, np.full(5000, 0.5))
        assert (one.step.dtype, one.wall_time.dtype, one.value.dtype) == (np.int64, np.float64, np.float32)
        assert (np.diff(one.wall_time) >= 0).all()
    of_sessions = runs["sessions"].series["sparsity/a/kernel"]
    assert of_sessions.step.tolist() == list(range(1, 32))
    assert of_sessions.value.tolist() == [step / 32 for step in range(1, 31)] + [30 / 32]
    assert runs["sessions"].manifest["first_step"] == 30


def test_a_session_that_began_lower_replaces_what_it_trained_anew(tmp_path):
    write(tmp_path / "run", range(1, 101), 0.25, ("a/kernel", "b/kernel"))
    write(tmp_path / "run", range(51, 71), 0.5)  # resumed from step 50, stopped early, one weight less
    write(tmp_path / "again", range(1, 11), 0.25, ("a/kernel", "b/kernel"))
    write(tmp_path / "again", range(1, 3), 0.5)
    runs = read_logs(tmp_path)
    a, b = (runs["run"].series[f"sparsity/{name}/kernel"] for name in "ab")
    assert dict(zip(a.step, a.value, strict=True)) == {s: 0.25 if s <= 50 else 0.5 for s in range(1, 71)}
    assert dict(zip(b.step, b.value, strict=True)) == dict.fromkeys(range(1, 51), 0.25)
    assert list(runs["run"].weights) == ["a/kernel"]
    assert [one.step.tolist() for one in runs["again"].series.values()] == [[1, 2], [], [1, 2]]


def test_of_a_tag_whose_points_were_all_replaced_both_servers_say_that_it_has_none(tmp_path, serve_both):
    write(tmp_path / "run", range(1, 11), 0.25, ("a/kernel", "b/kernel"))
    write(tmp_path / "run", range(1, 4), 0.5)
    wanted = [("run/sparsity", f"sparsity/{name}/kernel") for name in "ab"]
    answers = []
    for server in serve_both(tmp_path):
        index = server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 3)
        answers.append((index, server.series(*wanted)))
    assert answers[0] == answers[1]
    assert [axis["step"] for axis in answers[0][1]["axes"]] == [[1, 2, 3], []]


def test_the_manifest_tells_weights_and_their_targets(tmp_path):
    with SparsityWriter(tmp_path / "run") as writer:
        shapes = {"a/kernel": (4, 4), "b/kernel": (2, 4), "head/kernel": (4, 1)}
        schedules = {"a/kernel": SCHEDULE, "b/kernel": lambda step: 0.5}
        writer.describe(shapes, schedules, patterns={"b/kernel": "2:4"}, total_steps=80)
    run = read_logs(tmp_path)["run"]
    assert (run.name, run.run, run.source, run.series) == ("run", "run/sparsity", "tb_sparsity", {})
    assert run.manifest["total_steps"] == 80
    assert [one["class_name"] for one in run.schedules] == ["PolynomialDecay", "<lambda>"]
    weights = run.weights
    assert {name: weight["shape"] for name, weight in weights.items()} == {n: list(s) for n, s in shapes.items()}
    assert weights["b/kernel"]["pattern"] == {"type": "n_m", "n": 2, "m": 4}
    assert [weights[name]["schedule"] for name in weights] == [*run.schedules, None]

    steps = np.arange(200)
    target = run.target("a/kernel", steps)
    assert np.isnan(target[:13]).all()
    assert target[13:] == pytest.approx(SCHEDULE(steps)[1][13:], abs=0.001)
    assert target.dtype == np.float64
    assert (target[13], target[199]) == (0.1, 0.8)
    assert run.target("b/kernel", [[0, 1000]]).tolist() == [[0.5, 0.5]]
    assert run.target("a/kernel", 61).shape == ()
    assert np.isnan(run.target("head/kernel", steps)).all()
    with pytest.raises(KeyError, match="has no weight 'c/kernel'"):
        run.target("c/kernel", steps)


def test_the_last_update_that_was_due_is_told_as_the_schedule_itself_tells_it(tmp_path):
    schedules = [
        SCHEDULE,
        ConstantSparsity(0.5, 0, frequency=7),
        OneShot(0.5, 9),
        PruningSchedule.join(
            OneShot(0.5, 10), PolynomialDecay(0.5, 0.8, 20, 50, frequency=4), ConstantSparsity(0.9, 70)
        ),
    ]
    names = [f"w{i}/kernel" for i in range(len(schedules))]
    with SparsityWriter(tmp_path / "run") as writer:
        writer.describe(dict.fromkeys([*names, "free/kernel"], (4, 4)), dict(zip(names, schedules, strict=True)))
    run = read_logs(tmp_path)["run"]
    for name, schedule in zip(names, schedules, strict=True):
        assert [run.last_update(name, s) for s in range(200)] == [schedule.last_update(s) for s in range(200)]
    assert run.last_update("free/kernel", 100) is None


@pytest.mark.parametrize("log_dir", ["run", "."])
def test_reports_beside_a_log_come_with_it(tmp_path, log_dir):
    write(tmp_path / log_dir, [1], 0.5)
    for share in (1, 2):
        write_report(tmp_path / log_dir, "compression", f'{{"format":{share}}}')
    run = read_logs(tmp_path)[log_dir]
    assert (run.compression, run.sensitivity) == ({"format": 2}, None)


def test_logs_of_tfmots_callback_are_read_too(tmp_path):
    write_tfmot(tmp_path / "old", {0: 0.0, 192: 0.5})
    run = read_logs(tmp_path)["old"]
    assert (run.run, run.source, run.manifest, run.weights, run.schedules) == ("old/metrics", "tfmot", None, {}, [])
    assert sorted(run.series) == [
        f"{kind}/{layer}/kernel" for kind in ("sparsity", "threshold") for layer in ("conv2d", "dense")
    ]
    one = run.series["sparsity/dense/kernel"]
    assert (one.step.tolist(), one.value.tolist()) == ([0, 192], [0.0, 0.5])
    with pytest.raises(KeyError, match="has no weight"):
        run.target("dense/kernel", 1)


def test_as_a_table(tmp_path):
    with SparsityWriter(tmp_path / "run") as writer:
        writer.log(5, {"a/kernel": 0.25})
        writer.log(10, {"a/kernel": 0.5}, metrics={"loss": float("nan")})
        writer.log(15, metrics={"loss": 2.0})
    table = read_logs(tmp_path)["run"].to_pandas()
    assert table.index.name == "step"
    assert table.index.dtype == np.int64
    assert table.index.tolist() == [5, 10, 15]
    assert sorted(table) == ["metrics/loss", "sparsity/a/kernel"]
    assert np.array_equal(table["sparsity/a/kernel"], [0.25, 0.5, np.nan], equal_nan=True)
    assert np.array_equal(table["metrics/loss"], [np.nan, np.nan, 2.0], equal_nan=True)


def test_a_run_without_points_is_an_empty_table(tmp_path):
    with SparsityWriter(tmp_path / "run") as writer:
        writer.describe({"a/kernel": (4, 4)})
    table = read_logs(tmp_path)["run"].to_pandas()
    assert (table.shape, table.index.name, table.index.dtype) == ((0, 0), "step", np.int64)


def test_without_pandas_everything_but_the_table_works(tmp_path, monkeypatch):
    write(tmp_path / "run", [1], 0.5)
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = read_logs(tmp_path)["run"]
    with pytest.raises(ImportError, match="pip install pandas"):
        run.to_pandas()


def test_a_second_writer_in_a_directory_is_a_run_of_its_own(tmp_path, serve_both):
    first = SparsityWriter(tmp_path / "x", flush_secs=1000)
    first.log(1, {"a/kernel": 0.25})
    second = SparsityWriter(tmp_path / "x")
    second.log(2, {"a/kernel": 0.5})
    first.log(3, {"a/kernel": 0.75})
    with pytest.warns(UserWarning, match="sparsity_2"):
        first.close()
    second.close()
    runs = read_logs(tmp_path)
    points = {name: run.series["sparsity/a/kernel"] for name, run in runs.items()}
    assert {name: dict(zip(one.step, one.value, strict=True)) for name, one in points.items()} == {
        "x": {1: 0.25, 2: 0.5},
        "x/sparsity_2": {3: 0.75},
    }
    assert {name: run.run for name, run in runs.items()} == {"x": "x/sparsity", "x/sparsity_2": "x/sparsity_2"}
    for server in serve_both(tmp_path):
        shown = server.index(lambda runs: len(runs) == 2)
        assert {run["name"]: run["run"] for run in shown.values()} == {name: run.run for name, run in runs.items()}


def test_no_run_is_lost_where_short_names_are_the_same(tmp_path):
    for log_dir in ("x", "x/sparsity"):
        write(tmp_path / log_dir, [1], 0.5)
    write_tfmot(tmp_path / "x", {1: 0.5})
    found = {name: run.run for name, run in read_logs(tmp_path).items()}
    assert found == {name: name for name in ("x/metrics", "x/sparsity", "x/sparsity/sparsity")}


def test_the_directory_may_be_the_run_itself(tmp_path):
    write(tmp_path, [1], 0.5)
    assert list(read_logs(str(tmp_path))) == ["."]


def test_where_there_is_no_directory_it_says_so_and_where_no_logs_are_it_gives_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no directory .*nowhere"):
        read_logs(tmp_path / "nowhere")
    (tmp_path / "file").write_text("no log")
    with pytest.raises(FileNotFoundError, match=r"no directory .*file"):
        read_logs(tmp_path / "file")
    assert read_logs(tmp_path) == {}


def test_of_a_damaged_file_what_comes_before_is_read(tmp_path):
    write(tmp_path / "bad", [1, 2, 3], 0.5)
    (file,) = (tmp_path / "bad" / "sparsity").iterdir()
    later = event_pb2.Event(step=4).SerializeToString()
    with file.open("ab") as damaged:
        damaged.write(frame(b"no protobuf") + frame(later))
    write(tmp_path / "cut", [1, 2, 3], 0.5)
    (file,) = (tmp_path / "cut" / "sparsity").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    write(tmp_path / "good", [1, 2, 3], 0.5)
    with pytest.warns(UserWarning, match=r"run 'bad/sparsity' is damaged; what follows is left out"):
        runs = read_logs(tmp_path)
    steps = {name: run.series["sparsity/a/kernel"].step.tolist() for name, run in runs.items()}
    assert steps == {"bad": [1, 2, 3], "cut": [1, 2], "good": [1, 2, 3]}


def test_damaged_events_cost_their_own_run_alone(tmp_path):
    write(tmp_path / "good", [1, 2, 3], 0.5)
    write(tmp_path / "odd", [1, 2, 3], 0.5)
    manifest = summary_pb2.Summary.Value(tag=MANIFEST_TAG, tensor=tensor_pb2.TensorProto(dtype=99))
    event = event_pb2.Event(wall_time=1.0, summary=summary_pb2.Summary(value=[manifest]))
    (file,) = (tmp_path / "odd" / "sparsity").iterdir()
    with file.open("ab") as damaged:
        damaged.write(frame(event.SerializeToString()))
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / file.name).write_bytes(frame(b"no protobuf") * 9)
    with pytest.warns(UserWarning, match="run 'worst' is damaged"):
        runs = read_logs(tmp_path)
    assert list(runs) == ["good", "odd"]
    assert list(runs["good"].weights) == ["a/kernel"]
    assert runs["odd"].manifest is None
    for run in runs.values():
        assert run.series["sparsity/a/kernel"].step.tolist() == [1, 2, 3]
