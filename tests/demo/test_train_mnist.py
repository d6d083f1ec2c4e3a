"""The demo as a user runs it: a command, its table, its errors."""

import importlib.util
import re
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from tests.conftest import MNIST, ROOT

SCRIPT = ROOT / "demo" / "train_mnist.py"


def run(*arguments, cwd=None):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("train_mnist", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (60, 28, 28), dtype="uint8"),
        "y_train": rng.integers(0, 10, 60, dtype="uint8"),
        "x_test": rng.integers(0, 256, (20, 28, 28), dtype="uint8"),
        "y_test": rng.integers(0, 10, 20, dtype="uint8"),
    }


def table(output):
    """`({name: (accuracy, bytes, ratio)}, {weight: (size, target, measured, threshold)})`."""
    rows = re.findall(r"^(\w[\w+ ]*?) +([\d.]+) +([\d,]+) +([\d.]+)×$", output, re.MULTILINE)
    weights = re.findall(r"^(\w+/kernel) +([\d,]+) +([\d.]+)% +([\d.]+)% +([\d.]+)$", output, re.MULTILINE)

    def numbers(row):
        return tuple(float(text.replace(",", "")) for text in row)

    return {name: numbers(row) for name, *row in rows}, {name: numbers(row) for name, *row in weights}


def test_trains_from_a_file_prints_the_table_and_logs_for_the_tab(arrays, tmp_path):
    np.savez(tmp_path / "digits.npz", **arrays)
    logs = tmp_path / "my logs"
    done = run(
        "--data", tmp_path / "digits.npz", "--epochs", 2, "--batch-size", 8, "--update-freq", "batch", "--logdir", logs
    )
    assert done.returncode == 0, done.stderr
    rows, weights = table(done.stdout)
    assert list(rows) == ["dense", "pruned", "pruned + int8"]
    assert {name: row[0] for name, row in weights.items()} == {
        "conv2d/kernel": 288,
        "conv2d_1/kernel": 18432,
        "dense/kernel": 409600,
        "dense_1/kernel": 2560,
    }
    for _, target, measured, threshold in weights.values():
        assert (target, measured) == (87.5, 87.5)
        assert threshold > 0
    assert rows["dense"][1] / rows["pruned"][1] == pytest.approx(rows["pruned"][2], abs=0.01)
    assert done.stdout.splitlines()[-1] == f"tensorboard --logdir '{logs}'"
    assert sorted(path.name for path in logs.iterdir()) == ["dense", "polynomial-0.875"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.npz"], "none.npz doesn't exist"),
        (["--data", "text.npz"], "text.npz isn't an .npz file"),
        (["--data", "part.npz"], "has no array y_train, x_test, y_test"),
        (["--data", "labels.npz"], "y_test must be 20 whole numbers"),
        (["--data", "flat.npz"], "x_train must be images"),
        (["--data", "objects.npz"], "isn't an .npz file of plain arrays"),
        (["--data", "broken.npz"], "isn't an .npz file of plain arrays"),
        (["--data", "other.npz"], "must be images"),
        (["--data", "."], "can't be read"),
        (["--seed", "-1"], "--seed: expected a whole number from 0"),
        (["--epochs", "9" * 30], "--epochs: expected a whole number from 1"),
        (["--epochs", "0"], "--epochs: expected a whole number from 1 to 1,000,000, got '0'"),
        (["--batch-size", "-3"], "--batch-size"),
        (["--final-sparsity", "87.5"], "expected a share from 0 to below 1"),
        (["--update-freq", "never"], "expected epoch, batch or a number of steps, got 'never'"),
        (["--schedule", "cubic"], "--schedule"),
        (["--what"], "--what"),
        (["--logdir", "text.npz/logs", "--data", "good.npz"], "--logdir text.npz/logs can't be made"),
    ],
)
def test_a_bad_file_or_flag_gets_one_clear_line_and_code_2(arrays, tmp_path, arguments, message):
    np.savez(tmp_path / "good.npz", **arrays)
    np.savez(tmp_path / "part.npz", x_train=arrays["x_train"])
    np.savez(tmp_path / "labels.npz", **{**arrays, "y_test": np.zeros(7, int)})
    np.savez(tmp_path / "flat.npz", **{**arrays, "x_train": np.zeros((60, 784))})
    np.savez(tmp_path / "objects.npz", **{**arrays, "x_train": np.array([object()])})
    (tmp_path / "text.npz").write_text("no arrays here")
    broken = bytearray((tmp_path / "good.npz").read_bytes())
    broken[2000:2030] = b"x" * 30
    (tmp_path / "broken.npz").write_bytes(broken)
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        for name in arrays:
            archive.writestr(f"{name}.npy", "no array")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert message in done.stderr


def test_help_explains_every_flag():
    done = run("--help")
    assert done.returncode == 0
    for flag in (
        "--data",
        "--epochs",
        "--batch-size",
        "--schedule",
        "--final-sparsity",
        "--update-freq",
        "--logdir",
        "--seed",
    ):
        assert re.search(rf"^  {flag}\b", done.stdout, re.MULTILINE)


def test_auto_takes_mnist_from_kerass_cache(demo, arrays, tmp_path, monkeypatch):
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setattr(keras.src.datasets.mnist, "get_file", lambda *args, **kwargs: str(tmp_path / "mnist.npz"))
    data = demo.load_data("auto", seed=0)
    assert np.array_equal(data.x_train, arrays["x_train"][..., None] / np.float32(255))
    assert np.array_equal(data.y_test, arrays["y_test"])


def test_without_a_network_it_says_so_and_takes_scikit_learns_digits(demo, capsys, monkeypatch):
    def unreachable(*args, **kwargs):
        raise Exception("URL fetch failure on …: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.src.datasets.mnist, "get_file", unreachable)
    data = demo.load_data("auto", seed=0)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1
    assert "([Errno -2] Name or service not known)" in said[0]
    assert data.x_train.shape == (1437, 28, 28, 1)
    assert data.x_test.shape == (360, 28, 28, 1)
    assert 0 <= data.x_train.min() < data.x_train.max() == 1
    counts = np.bincount(data.y_test)
    assert counts.shape == (10,)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason="NOT TRAINED ON REAL MNIST: ../shared/data/mnist.npz isn't here")
def test_on_real_mnist_pruning_keeps_the_accuracy_and_shrinks_the_file(tmp_path):
    done = run("--data", MNIST, "--logdir", tmp_path)
    assert done.returncode == 0, done.stderr
    rows, weights = table(done.stdout)
    assert rows["pruned"][0] >= 0.985
    assert rows["pruned"][2] >= 3.5
    assert rows["pruned + int8"][0] >= 0.985
    assert rows["pruned + int8"][2] >= 8.58  # what the article's 70 % come to in int8
    for size, target, measured, _ in weights.values():
        assert target == 87.5
        assert abs(measured - 87.5) * size <= 100 + 0.005 * size  # within one weight, as far as the table tells
