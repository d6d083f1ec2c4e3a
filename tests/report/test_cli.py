"""The command `tb-sparsity` as a user runs it: what it prints, what it writes, its errors and exit codes."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import tb_sparsity
from tb_sparsity import cli
from tb_sparsity.events.reports import write_report
from tb_sparsity.report.compression import CompressionReport, Variant
from tb_sparsity.report.sensitivity import Curve, SensitivityReport
from tests.browser import logs
from tests.conftest import ROOT

SCHEDULE = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=20, end_step=90, frequency=20)
UPDATES = [20, 40, 60, 80, 90]
HOSTILE = '=1+1\x1b[31m"<script>\u202e'


def run(*arguments, cwd=None, **environment):
    command = [sys.executable, "-m", "tb_sparsity", *map(str, arguments)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **environment}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=cwd, env=settings)


@pytest.fixture
def tell(capsys):
    """The same in this process, which has loaded what it needs: `out, err = tell("report", …)`."""

    def told(*arguments, code=0):
        assert cli.main(list(map(str, arguments))) == code
        return capsys.readouterr()

    return told


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """Two runs that follow `SCHEDULE`, one with reports, the other with a name that would do harm."""
    folder = tmp_path_factory.mktemp("logs")
    points = []
    for step in range(5, 81, 5):
        due = max((u for u in UPDATES if u <= step), default=None)
        share = 0.0 if due is None else float(SCHEDULE(due)[1])
        values = {"sparsity/a/kernel": share, "sparsity/b/kernel": share, logs.TOTAL: share}
        values |= {"threshold/a/kernel": step / 1000}
        values |= {"metrics/val_accuracy": 0.9 - abs(step - 40) / 1000, "metrics/loss": 1 / step}
        points.append((step, values))
    logs.write(folder / "good", {"a/kernel": 100, "b/kernel": 300}, points, SCHEDULE, total_steps=100)
    renamed = [(s, {t.replace("a/kernel", HOSTILE): v for t, v in values.items()}) for s, values in points]
    logs.write(folder / "hostile", {HOSTILE: 100, "b/kernel": 300}, renamed, SCHEDULE)
    variants = (
        Variant("dense", "Keras", 5000, 4000, 1.0, {"accuracy": 0.91}),
        Variant("pruned", "Keras", 5000, 1000, 4.0, {"accuracy": 0.905}),
    )
    write_report(folder / "good", "compression", CompressionReport(variants, (), 123).to_json())
    curve = Curve("a/kernel", "a", 100, "element", (0.5, 0.9), (0.5, 0.9), {"accuracy": (0.91, 0.7)})
    write_report(folder / "good", "sensitivity", SensitivityReport((curve,), {"accuracy": 0.91}, 123).to_json())
    return folder


def test_report_as_json_has_the_numbers_that_were_logged(logdir, tell):
    out, err = tell("report", logdir, "--json")
    assert err == ""
    runs = {one["run"]: one for one in json.loads(out)["runs"]}
    assert list(runs) == ["good", "hostile"]
    good = runs["good"]
    due = pytest.approx(float(SCHEDULE(80)[1]), abs=1e-3)
    assert (good["steps"], good["planned_steps"]) == (80, 100)
    assert good["total"] == {"step": 80, "measured": due, "target": due, "update": 80, "model": None}
    a, b = good["weights"]
    assert a == {"name": "a/kernel", "size": 100, "target": due, "update": 80, "measured": due} | {
        "threshold": 0.08,
        "changed": 80,
    }
    assert b["threshold"] is None
    best = {m["name"]: (m["lower_is_better"], m["last"], m["best"], m["best_step"]) for m in good["metrics"]}
    assert best == {"val_accuracy": (False, 0.86, 0.9, 40), "loss": (True, 0.0125, 0.0125, 80)}
    assert [v["gzip_bytes"] for v in good["compression"]["variants"]] == [4000, 1000]
    assert good["sensitivity"]["curves"][0]["metrics"] == {"accuracy": [0.91, 0.7]}
    assert runs["hostile"]["compression"] is None


def test_report_as_a_table_says_the_same(logdir, tell):
    done = run("report", logdir)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.split("\n\n\n")
    good = json.loads(tell("report", logdir, "--json").out)["runs"][0]
    target, due = (f"{100 * good['total'][name]:.1f}\u2009%" for name in ("target", "measured"))
    assert first.startswith(f"good: 80 of 100 steps\n{due} of the prunable weights are zero at step 80; the schedule")
    assert re.search(rf"^a/kernel +100 +{target} +{due} +0\.08000 +step 80$", first, re.MULTILINE)
    assert re.search(r"^val_accuracy +86\.00\u2009% +90\.00\u2009% +step 40$", first, re.MULTILINE)
    assert re.search(r"^pruned +Keras +5,000 +1,000 +4\.00× +0\.9050", first, re.MULTILINE)
    assert re.search(r"^a/kernel +element +100 +0\.9100 +0\.7000$", first, re.MULTILINE)
    assert '=1+1\\x1b[31m"<script>\\u202e' in second
    assert "\x1b" not in done.stdout


def test_report_as_csv_has_a_row_a_weight_and_no_formula(logdir, tell):
    rows = list(csv.DictReader(io.StringIO(tell("report", logdir, "--csv").out, newline="")))
    assert [(r["run"], r["name"]) for r in rows] == [
        ("good", "a/kernel"),
        ("good", "b/kernel"),
        ("hostile", "'" + HOSTILE),
        ("hostile", "b/kernel"),
    ]
    assert float(rows[0]["measured"]) == pytest.approx(float(SCHEDULE(80)[1]), abs=1e-6)
    assert (rows[0]["threshold"], rows[1]["threshold"], rows[0]["changed"]) == ("0.08", "", "80")


def test_runs_are_chosen_by_pattern(logdir, tell):
    chosen = json.loads(tell("report", logdir, "--run", "g*", "--json").out)
    assert [one["run"] for one in chosen["runs"]] == ["good"]
    assert tell("report", logdir, "--run", "x*", code=1) == ("", f"tb-sparsity: no run named 'x*' in {logdir}\n")


def test_a_damaged_report_costs_itself_alone(tmp_path, tell):
    logs.write(tmp_path / "run", {"a/kernel": 100}, [(1, {"sparsity/a/kernel": 0.5})], SCHEDULE)
    write_report(tmp_path / "run", "compression", '{"format":1,"variants":[{"model":1}],"layers":[],"samples":0}')
    out, err = tell("report", tmp_path)
    assert "50.0\u2009%" in out
    assert err.startswith("tb-sparsity: warning: The CompressionReport of run 'run' is left out")
    assert len(err.splitlines()) == 1


def test_a_target_is_that_of_the_step_that_was_measured(tmp_path, tell):
    points = [(30, {"sparsity/a/kernel": 0.2, logs.TOTAL: 0.2, "metrics/learning_rate": 0.25})]
    points.append((90, {"metrics/val_loss": 1.0, "metrics/learning_rate": 0.5}))
    logs.write(tmp_path / "run", {"a/kernel": 100}, points, SCHEDULE)
    (found,) = json.loads(tell("report", tmp_path, "--json").out)["runs"]
    assert (found["total"]["step"], found["total"]["update"], found["weights"][0]["update"]) == (30, 20, 20)
    rate = next(m for m in found["metrics"] if m["name"] == "learning_rate")
    assert (rate["last"], rate["last_step"], rate["best"], rate["best_step"]) == (0.5, 90, None, None)
    out = tell("report", tmp_path).out
    assert "are zero at step 30; the schedule asked for 0.0\u2009% at its update of step 20." in out
    assert re.search(r"^learning_rate +0\.5\S* +– +–$", out, re.MULTILINE)


def test_where_no_weights_are_described_nobody_knows_what_is_scheduled(tmp_path, tell):
    with tb_sparsity.SparsityWriter(tmp_path / "run") as writer:
        writer.log(1, sparsity={"a/kernel": 0.5})
    out = tell("report", tmp_path).out
    assert "Its total sparsity isn't in the log." in out
    assert json.loads(tell("report", tmp_path, "--json").out)["runs"][0]["is_scheduled"] is None


def test_what_steers_a_terminal_is_no_part_of_errors_and_warnings(tmp_path, tell):
    name = "a\x1b[31m"
    assert tell("inspect", tmp_path / name, code=2).err.endswith("a\\x1b[31m doesn't exist\n")
    logs.write(tmp_path / name, {"a": 100}, [(1, {"sparsity/a": 0.5})], SCHEDULE)
    write_report(tmp_path / name, "compression", '{"format":1,"variants":[{"\\u001b":1}],"layers":[],"samples":0}')
    err = tell("report", tmp_path).err
    assert err.startswith("tb-sparsity: warning: ")
    assert "\x1b" not in err


WITHOUT_JAX = """
import runpy, sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in ("jax", "scipy") else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
runpy.run_module("tb_sparsity", run_name="__main__")
"""


def test_a_plain_install_is_enough(logdir):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_JAX, "report", str(logdir), "--csv"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("run,steps,")


SCHEDULES = {
    "constant --final 0.5 --begin 10 --frequency 20": tb_sparsity.ConstantSparsity(0.5, 10, frequency=20),
    "polynomial --final 0.8 --begin 7 --end 60 --frequency 9": tb_sparsity.PolynomialDecay(0, 0.8, 7, 60, frequency=9),
    "cosine --initial 0.1 --final 0.8 --end 90 --frequency 7": tb_sparsity.CosineSparsity(0.1, 0.8, 0, 90, frequency=7),
    "exponential --final 0.9 --end 70": tb_sparsity.ExponentialSparsity(0, 0.9, 0, 70),
    "oneshot --final 0.75 --begin 33": tb_sparsity.OneShot(0.75, 33),
    "polynomial --final 0.8 --begin 200 --end 300": tb_sparsity.PolynomialDecay(0, 0.8, 200, 300),
}


@pytest.mark.parametrize("arguments", SCHEDULES)
def test_preview_counts_the_updates_that_a_training_will_have(arguments, tell):
    schedule = SCHEDULES[arguments]
    said = tell("preview", *arguments.split(), "--steps", 80).out.splitlines()
    assert said[0] == repr(schedule)
    due, sparsity = schedule(np.arange(1, 81))
    if due.any():
        count = int(due.sum())
        assert said[-1].startswith(f"{count} mask update{'s' * (count > 1)}, ")
        assert f"to a sparsity of {100 * sparsity[due][-1]:.2f}\u2009%" in said[-1]
        assert f"step {np.flatnonzero(due)[0] + 1}" in said[-1]
    else:
        assert said[-1] == "Masks are never updated in 80 steps: nothing is pruned."
    assert ("isn't reached" in said[-1]) == (bool(due.any()) and schedule(10**6)[1] - sparsity[due][-1] > 1e-4)


def test_preview_draws_in_the_terminal_with_what_signs_it_has(tmp_path):
    arguments = ["preview", "oneshot", "--final", "0.5", "--begin", "50", "--steps", "100"]
    done = run(*arguments, "--png", tmp_path / "a.png")
    rows = [line for line in done.stdout.splitlines() if "│" in line or "┤" in line]
    assert max(map(len, rows)) <= 80
    half = next(row for row in rows if "50\u2009%" in row).split("┤")[1]
    assert re.fullmatch(r" {33,36}[⠀-⣿]{33,37}", half)
    plain = run(*arguments, PYTHONIOENCODING="ascii")
    assert plain.returncode == 0
    assert plain.stdout.isascii()
    assert "50.00 %" in plain.stdout
    assert re.search(r"50 % \+ +\*{30,}", plain.stdout)
    image = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"), int)
    blue = (image[..., 2] - image[..., 0]) > 80
    across = np.flatnonzero(blue.any(axis=0))
    tops = np.array([np.flatnonzero(blue[:, x])[0] for x in across])
    left, right = np.median(tops[: len(tops) // 3]), np.median(tops[-len(tops) // 3 :])
    assert left - right == pytest.approx(0.5 * (360 - 38), abs=3)  # half of the chart's height


def test_without_pillow_a_png_is_an_error_that_tells_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert cli.main(["preview", "oneshot", "--final", "0.5", "--begin", "5", "--png", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err == "tb-sparsity: error: a PNG needs Pillow: pip install pillow\n"


def test_inspect_prints_the_file(tmp_path, small_model, tell):
    kernel = small_model.layers[0].kernel
    kernel.assign(keras.ops.where(keras.ops.abs(kernel) < 0.2, 0.0, kernel))
    zeros = int((keras.ops.convert_to_numpy(kernel) == 0).sum())
    small_model.save(tmp_path / "model.keras")
    done = run("inspect", tmp_path / "model.keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^hidden/kernel +8×16 +float32 +128 +{zeros} ", done.stdout, re.MULTILINE)
    told = json.loads(tell("inspect", tmp_path / "model.keras", "--json").out)
    assert {w["name"]: w["zeros"] for w in told["weights"]}["hidden/kernel"] == zeros
    assert told["bytes"] == (tmp_path / "model.keras").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["draw"], "invalid choice: 'draw'"),
        (["report"], "the following arguments are required: LOGDIR"),
        (["report", "nowhere"], "there is no directory 'nowhere'"),
        (["report", ".", "--json", "--csv"], "not allowed with argument"),
        (["inspect", "none.keras"], "none.keras doesn't exist"),
        (["inspect", "."], "can't be read"),
        (["inspect", "text.h5"], "text.h5 is no model: expected a .keras, .weights.h5, .h5 or .tflite file"),
        (["preview", "cubic", "--final", "0.5"], "invalid choice: 'cubic'"),
        (["preview", "constant"], "--final"),
        (["preview", "constant", "--final", "50"], "expected a share from 0 to below 1 (0.875 for 87.5 %), got '50'"),
        (["preview", "polynomial", "--final", "0.5"], "polynomial needs --end"),
        (["preview", "cosine", "--final", "0.5", "--begin", "9", "--end", "3"], "`end_step` must not be below"),
        (["preview", "oneshot", "--final", "0.5"], "`step` must be 1 or more"),
        (["preview", "oneshot", "--final", "0.5", "--begin", "5", "--power", "2"], "oneshot takes no --power"),
        (["preview", "constant", "--final", "0.5", "--steps", "0"], "--steps: expected a whole number from 1"),
        (["preview", "constant", "--final", "0.5", "--html", "none/a.html"], "none/a.html can't be written"),
        (["preview", "constant", "--final", "0.5", "--png", "none/a.png"], "none/a.png can't be written"),
    ],
)
def test_what_can_not_be_done_gets_one_line_and_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.h5").write_text("no model")
    try:
        code = cli.main(arguments)
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    assert code == 2
    assert len(said.err.splitlines()) == 1
    assert message in said.err


def test_where_nothing_was_logged_the_code_is_1(tmp_path, tell):
    assert tell("report", tmp_path, code=1) == ("", f"tb-sparsity: no sparsity logs in {tmp_path}\n")


def test_help_and_version_load_no_framework():
    script = (
        "import sys\nfrom tb_sparsity import cli\n"
        "try: cli.main(sys.argv[1:])\nexcept SystemExit as left: assert left.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'tensorboard', 'numpy', 'h5py'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    for arguments in (["--help"], ["--version"], *([c, "--help"] for c in ("report", "preview", "inspect"))):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert "examples:" in done.stdout or done.stdout == f"tb-sparsity {tb_sparsity.__version__}\n"


def test_a_closed_pipe_is_no_error(logdir):
    command = [sys.executable, "-m", "tb_sparsity", "report", str(logdir), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
