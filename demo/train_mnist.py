"""Trains a small CNN on handwritten digits, prunes it, and shows what that cost and bought.

The network is the one of TensorFlow's article on pruning: two convolutions and two dense layers. It is trained
dense first; a copy is then pruned while it trains on; that is quantised to int8 weights. Both trainings, and what
came of them, are logged for TensorBoard's Sparsity tab.
"""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

VALIDATION_SPLIT = 0.2
PRUNING_STARTS = 0.2  # share of the steps that train before the first mask
MASK_UPDATES = 100
ROWS = {  # of the table -> what of the report
    "dense": ("dense", "Keras"),
    "pruned": ("pruned", "Keras"),
    "pruned + int8": ("pruned", "TFLite dynamic int8"),
}
DOWNLOAD_TIMEOUT = 20  # seconds without an answer


class Data(NamedTuple):
    """Images (n, height, width, 1) in [0, 1] as float32, and labels (n,) from 0 to 9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class DataError(Exception):
    """A data file that can't be used; its text is for the user."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line; exits with code 2 and one line if it is wrong."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--data",
        default="auto",
        metavar="auto|PATH.npz",
        help="auto: MNIST from Keras's cache or the network, else scikit-learn's bundled digits; or an .npz file "
        "with x_train, y_train, x_test and y_test (default: %(default)s)",
    )
    add("--epochs", type=_positive, default=5, metavar="N", help="epochs of each training (default: %(default)s)")
    add(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="images a step (default: 250, or 32 with fewer than 10,000 images)",
    )
    add(
        "--schedule",
        choices=("polynomial", "constant"),
        default="polynomial",
        help="polynomial: from 0 to the final sparsity between 20 %% of the steps and the end; constant: the final "
        "sparsity from 20 %% of the steps on (default: %(default)s)",
    )
    add(
        "--final-sparsity",
        type=_sparsity,
        default=0.875,
        metavar="S",
        help="share of each layer's weights that end as zeros, from 0 to below 1 (default: %(default)s)",
    )
    add(
        "--update-freq",
        type=_update_freq,
        default=10,
        metavar="epoch|batch|N",
        help="when to log: after each epoch, each batch, or every N steps (default: %(default)s)",
    )
    add("--logdir", default="logs", metavar="DIR", help="where event files go (default: %(default)s)")
    add("--seed", type=_seed, default=0, metavar="N", help="of the weights and the shuffling (default: %(default)s)")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**6:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1,000,000, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {2**32 - 1:,}, got {text!r}")
    return int(text)


def _sparsity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to below 1 (0.875 for 87.5 %), got {text!r}")
    return value


def _update_freq(text: str) -> str | int:
    if text in ("epoch", "batch"):
        return text
    try:
        return _positive(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected epoch, batch or a number of steps, got {text!r}") from None


def load_data(source: str, seed: int) -> Data:
    """Loads `auto` or an .npz file.

    Raises:
        DataError: If the file can't be used.
    """
    if source != "auto":
        return from_file(Path(source))
    try:
        return mnist()
    except Exception as error:  # no network shows in many ways
        reason = " ".join(str(error).rpartition(" -- ")[2].split()) or type(error).__name__
        print(
            f"MNIST is not in Keras's cache and can't be downloaded ({reason}): using scikit-learn's digits, upscaled."
        )
        return digits(seed)


def mnist() -> Data:
    """MNIST from Keras's cache or the network."""
    import socket

    import keras

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    finally:
        socket.setdefaulttimeout(timeout)
    return Data(_images(x_train), y_train, _images(x_test), y_test)


def digits(seed: int) -> Data:
    """scikit-learn's 1,797 digits of 8×8 pixels, brought to 28×28; every fifth is for testing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError(
            "scikit-learn is needed for data without a network: pip install scikit-learn, or give --data PATH.npz"
        ) from None
    bunch = load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    x, y = bunch.images[order] / 16, bunch.target[order]
    x = np.pad(x.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))  # MNIST has margins too
    test = np.arange(len(y)) % 5 == 0
    return Data(_images(x[~test]), y[~test], _images(x[test]), y[test])


def from_file(path: Path) -> Data:
    """Reads x_train, y_train, x_test and y_test from an .npz file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in Data._fields if name not in arrays]
            if missing:
                raise DataError(f"{path} has no array {', '.join(missing)}; it has {', '.join(arrays) or 'none'}")
            x_train, y_train, x_test, y_test = (np.asarray(arrays[name]) for name in Data._fields)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} doesn't exist") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error})") from None
    except Exception:  # a damaged archive fails in a dozen ways
        raise DataError(f"{path} isn't an .npz file of plain arrays") from None
    for name, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        _check(path, name, x, y)
    if x_train.shape[1:3] != x_test.shape[1:3]:
        raise DataError(f"{path}: images of {x_train.shape[1:3]} in x_train, but {x_test.shape[1:3]} in x_test")
    return Data(_images(x_train), y_train.astype("int64"), _images(x_test), y_test.astype("int64"))


def _check(path: Path, name: str, x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim != 3 or min(x.shape[1:]) < 10 or x.dtype.kind not in "uif":
        raise DataError(f"{path}: x_{name} must be images (n, height, width) of 10×10 or more, is {x.dtype} {x.shape}")
    if y.shape != x.shape[:1] or y.dtype.kind not in "ui":
        raise DataError(f"{path}: y_{name} must be {len(x)} whole numbers, one for each image, is {y.dtype} {y.shape}")
    if len(y) < 2 or y.min() < 0 or y.max() > 9:
        raise DataError(f"{path}: y_{name} must hold labels from 0 to 9, for at least 2 images")
    if not np.isfinite(x).all():
        raise DataError(f"{path}: x_{name} holds NaN or infinite values")


def _images(x: np.ndarray) -> np.ndarray:
    x = x.reshape((*x.shape[:3], 1)).astype("float32")
    return x / 255 if x.max() > 1 else x


def build_model(input_shape: tuple[int, ...]):
    """The article's CNN."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(32, 3, activation="relu", name="conv2d"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, activation="relu", name="conv2d_1"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu", name="dense"),
            layers.Dense(10, activation="softmax", name="dense_1"),
        ]
    )


def train(model, data: Data, arguments: argparse.Namespace, log_dir: str, callbacks: list) -> None:
    """Trains and logs."""
    from tb_sparsity import PruningSummaries

    summaries = PruningSummaries(log_dir, arguments.update_freq)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        data.x_train,
        data.y_train,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_split=VALIDATION_SPLIT,
        callbacks=[*callbacks, summaries],
    )


def make_schedule(arguments: argparse.Namespace, n_images: int):
    """The schedule over all steps of the training."""
    from tb_sparsity import ConstantSparsity, PolynomialDecay

    steps = arguments.epochs * math.ceil(math.floor(n_images * (1 - VALIDATION_SPLIT)) / arguments.batch_size)
    begin = int(PRUNING_STARTS * steps)
    frequency = max(1, (steps - begin) // MASK_UPDATES)
    if arguments.schedule == "constant":
        return ConstantSparsity(arguments.final_sparsity, max(begin, 1), frequency=frequency)
    return PolynomialDecay(0.0, arguments.final_sparsity, begin, steps, frequency=frequency)


def print_report(report, pruned) -> None:
    """Prints dense against pruned, and each layer's sparsity."""
    from tb_sparsity.pruning.weights import tracked_weights

    print(f"\n{'':<14}{'accuracy':>10}{'gzip, bytes':>14}{'smaller':>10}")
    for row, (model, file) in ROWS.items():
        v = report.variant(model, file)
        if v.problem:
            print(f"{row:<14}{v.problem}")
        else:
            print(f"{row:<14}{v.metrics['accuracy']:>10.4f}{v.gzip_bytes:>14,}{v.ratio:>9.2f}×")
    print(f"\n{'weight':<18}{'size':>10}{'target':>10}{'measured':>10}{'threshold':>12}")
    for w in tracked_weights(pruned):
        if w.pruned:
            target = w.wrapper.pruning_schedule(int(w.wrapper.pruning_step.numpy()))[1]
            zeros = int((w.variable.numpy() == 0).sum())
            print(
                f"{w.name:<18}{w.size:>10,}{100 * target:>9.2f}%{100 * zeros / w.size:>9.2f}%"
                f"{float(w.pruned.threshold.numpy()):>12.5f}"
            )


def main(argv: list[str] | None = None) -> int:
    """Runs the demo."""
    arguments = parse_arguments(argv)
    try:
        data = load_data(arguments.data, arguments.seed)
        os.makedirs(arguments.logdir, exist_ok=True)
    except DataError as error:
        print(f"train_mnist.py: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"train_mnist.py: error: --logdir {arguments.logdir} can't be made ({error})", file=sys.stderr)
        return 2
    if arguments.batch_size is None:
        arguments.batch_size = 250 if len(data.x_train) >= 10_000 else 32

    import keras

    from tb_sparsity import UpdatePruningStep, compression_report, prune_low_magnitude

    keras.utils.set_random_seed(arguments.seed)
    schedule = make_schedule(arguments, len(data.x_train))
    log_dir = os.path.join(arguments.logdir, f"{arguments.schedule}-{arguments.final_sparsity:g}")

    print(f"Training dense: {len(data.x_train):,} images, {arguments.epochs} epochs", flush=True)
    dense = build_model(data.x_train.shape[1:])
    train(dense, data, arguments, os.path.join(arguments.logdir, "dense"), [])

    print(f"\nPruning a copy of it: {schedule!r}", flush=True)
    pruned = prune_low_magnitude(dense, schedule)
    train(pruned, data, arguments, log_dir, [UpdatePruningStep()])

    print("\nMaking files of both, and running them on the test images", flush=True)
    report = compression_report(
        pruned,
        dense,
        (data.x_test, data.y_test),
        representative_data=(data.x_train, data.y_train),
        log_dir=log_dir,
    )
    print_report(report, pruned)
    print("\nSee it in TensorBoard's Sparsity tab:")
    print(f"tensorboard --logdir {shlex.quote(arguments.logdir)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
