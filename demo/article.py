"""Trains the CNN of TensorFlow's article on pruning as the article does, and sets its figures beside ours.

Each row is a network trained from the start for 30 epochs of 250 images a step with Adam; pruning starts after 20 % of
the steps. Accuracies are of the test images after the last epoch, sizes are of the file after gzip. In int8 a Dense
kernel has one scale, as TensorFlow's converter gave it then. One training more shares the zeros out otherwise: as many
in all, by the layers' shapes (`distribution="erk"`), where the article cuts every layer alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from typing import NamedTuple

from train_mnist import DataError, Parser, build_model, load_data, make_schedule, train

EPOCHS, BATCH_SIZE = 30, 250


class Row(NamedTuple):
    """A row of the article: what was trained, which file is meant, and the published figures."""

    name: str
    schedule: str | None
    sparsity: float
    file: str
    accuracy: float | None
    bytes: int
    distribution: str = "uniform"


INT8 = "TFLite dynamic int8 per tensor"
ROWS = (
    Row("dense", None, 0.0, "Keras", 0.9915, 1_601_609),
    Row("70 % polynomial", "polynomial", 0.7, "Keras", 0.9924, 679_958),
    Row("70 % polynomial + int8", "polynomial", 0.7, INT8, None, 186_745),
    Row("87.5 % constant", "constant", 0.875, "Keras", 0.9886, 388_071),
    Row("87.5 % polynomial", "polynomial", 0.875, "Keras", 0.9927, 384_305),
    Row("87.5 % polynomial + int8", "polynomial", 0.875, INT8, None, 0),
    Row("87.5 % by shape", "polynomial", 0.875, "Keras", 0.9927, 384_305, "erk"),
    Row("87.5 % by shape + int8", "polynomial", 0.875, INT8, None, 0, "erk"),
)


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line; exits with code 2 and one line if it is wrong."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="auto", metavar="auto|PATH.npz", help="as in train_mnist.py")
    parser.add_argument("--logdir", default="logs", metavar="DIR", help="where event files go (default: %(default)s)")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="trainings of each row, with seeds 0, 1, … (default: 1)"
    )
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help="epochs of each training (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1 or arguments.epochs < 1:
        parser.error(f"--seeds and --epochs must be 1 or more, got {arguments.seeds} and {arguments.epochs}")
    arguments.update_freq, arguments.batch_size = "epoch", BATCH_SIZE
    return arguments


def train_rows(data, arguments: argparse.Namespace, seed: int) -> dict[Row, tuple[float, int, float]]:
    """`(accuracy, bytes, how many times smaller than dense)` of each row."""
    import keras

    from tb_sparsity import UpdatePruningStep, compression_report, prune_low_magnitude

    def trained(schedule: str | None, sparsity: float, distribution: str):
        keras.utils.set_random_seed(seed)
        name = f"{schedule}-{sparsity:g}-{distribution}" if schedule else "dense"
        print(f"Seed {seed}: {name}", flush=True)
        model, callbacks = build_model(data.x_train.shape[1:]), []
        if schedule:
            arguments.schedule, arguments.final_sparsity = schedule, sparsity
            pruning = make_schedule(arguments, len(data.x_train))
            model = prune_low_magnitude(model, pruning, distribution=distribution)
            callbacks = [UpdatePruningStep()]
        log_dir = os.path.join(arguments.logdir, f"article-{name}-{seed}")
        train(model, data, arguments, log_dir, callbacks)
        return model, log_dir

    dense, _ = trained(None, 0.0, "uniform")
    reports = {}
    for recipe in dict.fromkeys((row.schedule, row.sparsity, row.distribution) for row in ROWS if row.schedule):
        model, log_dir = trained(*recipe)
        reports[recipe] = compression_report(
            model,
            dense,
            (data.x_test, data.y_test),
            files=("Keras", "TFLite float32", INT8),
            log_dir=log_dir,
            verbose=0,
        )
    some = next(iter(reports.values()))
    found = {}
    for row in ROWS:
        report = reports[row.schedule, row.sparsity, row.distribution] if row.schedule else some
        v = report.variant("pruned" if row.schedule else "dense", row.file)
        if v.problem:
            raise SystemExit(f"article.py: error: {row.name}: {v.problem}")
        found[row] = v.metrics["accuracy"], v.gzip_bytes, v.ratio
    return found


def print_rows(runs: list[dict[Row, tuple[float, int, float]]]) -> None:
    """Prints each row beside the published one: the mean of all seeds, and the lowest and highest accuracy."""
    dense = ROWS[0].bytes
    heads = ("accuracy", "published"), ("gzip, bytes", "published"), ("smaller", "published")
    print("\n" + " " * 26 + "".join(f"{ours:>14}{theirs:>12}" for ours, theirs in heads))
    beaten = []
    for row in ROWS:
        accuracies, sizes, ratios = zip(*(run[row] for run in runs), strict=True)
        accuracy, size, ratio = map(statistics.fmean, (accuracies, sizes, ratios))
        published = f"{row.accuracy:.4f}" if row.accuracy else "–"
        print(
            f"{row.name:<26}{accuracy:>14.4f}{published:>12}{size:>14,.0f}{f'{row.bytes:,}' if row.bytes else '–':>12}"
            f"{ratio:>13.2f}×{f'{dense / row.bytes:.2f}×' if row.bytes else '–':>12}"
        )
        if len(runs) > 1:
            print(f"{'':<26}{min(accuracies):>14.4f} to {max(accuracies):.4f} over {len(runs)} seeds")
        wins = [row.accuracy and accuracy >= row.accuracy and "accuracy", row.bytes and size <= row.bytes and "size"]
        beaten.append((row.name, [win for win in wins if win]))
    for name, wins in beaten:
        if wins:
            print(f"{name}: as good as the article or better in {' and '.join(wins)}.")


def main(argv: list[str] | None = None) -> int:
    """Runs the trainings."""
    arguments = parse_arguments(argv)
    try:
        data = load_data(arguments.data, 0)
    except DataError as error:
        print(f"article.py: error: {error}", file=sys.stderr)
        return 2
    import keras

    if keras.backend.backend() != "tensorflow":
        print("article.py: error: TFLite files are made with KERAS_BACKEND=tensorflow only", file=sys.stderr)
        return 2
    runs = []
    for seed in range(arguments.seeds):
        runs.append(train_rows(data, arguments, seed))
        print_rows(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
