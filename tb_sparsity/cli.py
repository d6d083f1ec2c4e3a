"""The command `tb-sparsity`. What it shows is computed in `tb_sparsity.report`."""

from __future__ import annotations

import argparse
import errno
import fnmatch
import importlib.util
import logging
import math
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import tb_sparsity
from tb_sparsity.tables import printable

if TYPE_CHECKING:
    from tb_sparsity.schedules import PruningSchedule

PROGRAM = "tb-sparsity"
EXIT_CODES = """
exit codes:
  0  done
  1  nothing to show: no sparsity in these logs, or no run of that name
  2  wrong arguments, or a file that can't be used
"""
_IN_ASCII = str.maketrans({"\u2009": " ", "\u2212": "-", "×": "x", "–": "-", "…": "...", "·": "-"})


class UnusableError(Exception):
    """Input that can't be used; its text is for the user."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def make_parser() -> Parser:
    """The command line."""
    parser = _parser(
        Parser,
        prog=PROGRAM,
        description="Sparsity of runs, schedules and model files, without a training and without TensorBoard.",
        epilog="examples:\n  tb-sparsity report logs\n"
        "  tb-sparsity preview polynomial --final 0.875 --begin 1000 --end 5000\n"
        f"  tb-sparsity inspect model.keras\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {tb_sparsity.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_report(commands)
    _add_preview(commands)
    _add_inspect(commands)
    return parser


def _parser(make: Callable[..., Any], *names: str, **options: Any) -> Any:
    return make(*names, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)


def _add_report(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "report",
        help="what runs were to do, and what came out",
        description="Sparsity, metrics and reports of each run in a log directory, at its last step.",
        epilog="examples:\n  tb-sparsity report logs\n  tb-sparsity report logs --run 'pruned-*' --json > report.json"
        f"\n  tb-sparsity report logs --html report.html\n{EXIT_CODES}",
    )
    parser.add_argument("logdir", metavar="LOGDIR", help="what `tensorboard --logdir` is given")
    parser.add_argument(
        "--run", metavar="PATTERN", action="append", help="runs of this name only, * for any part; may be given again"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as JSON, to stdout")
    forms.add_argument("--csv", action="store_true", help="one row a run and weight as CSV, to stdout")
    parser.add_argument("--html", metavar="FILE", type=Path, help="as a page with charts, all in this one file")
    parser.set_defaults(run_command=report)


def _add_preview(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "preview",
        help="what a schedule will do",
        description="Draws a schedule before any training, and counts its mask updates.",
        epilog="examples:\n"
        "  tb-sparsity preview polynomial --final 0.875 --begin 1152 --end 5760 --frequency 46\n"
        "  tb-sparsity preview constant --final 0.5 --begin 100 --steps 2000 --png schedule.png\n"
        "  tb-sparsity preview oneshot --final 0.8 --begin 500 --steps 1000",
    )
    parser.add_argument("schedule", choices=("constant", "polynomial", "cosine", "exponential", "oneshot"))
    add = parser.add_argument
    add("--final", type=_share, required=True, metavar="S", help="sparsity at the end, from 0 to below 1")
    add("--initial", type=_share, metavar="S", help="sparsity at the beginning (default: 0)")
    add("--begin", type=_step, default=0, metavar="STEP", help="first mask update (default: %(default)s)")
    add("--end", type=_step, metavar="STEP", help="last mask update")
    add("--frequency", type=_positive, metavar="N", help="steps between two mask updates (default: 100)")
    add("--power", type=_power, metavar="P", help="of polynomial (default: 3)")
    add("--steps", type=_positive, metavar="N", help="steps of the training (default: up to the end of the schedule)")
    add("--png", type=Path, metavar="FILE", help="the chart as a picture too")
    add("--html", type=Path, metavar="FILE", help="the chart as a page too")
    parser.set_defaults(run_command=preview)


def _add_inspect(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "inspect",
        help="zeros, patterns and bytes in a model file",
        description="Zeros of each weight in a model file, the pattern that all of them follow, and\n"
        "bytes. 2:4 is two zeros in each four along the inputs, block 4×1 four rows of\n"
        "one column, channel whole output channels. The model isn't loaded: custom\n"
        "layers don't matter, and nothing in the file is run.",
        epilog="examples:\n  tb-sparsity inspect model.keras\n  tb-sparsity inspect model.tflite --json",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a .keras, .weights.h5, .h5 or .tflite file")
    parser.add_argument("--json", action="store_true", help="as JSON, to stdout")
    parser.set_defaults(run_command=inspect)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to below 1 (0.875 for 87.5 %), got {text!r}")
    return value


def _power(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _step(text: str) -> int:
    if not text.isdecimal() or int(text) > 10**9:
        raise argparse.ArgumentTypeError(f"expected a step from 0 to 1,000,000,000, got {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1,000,000,000, got {text!r}")
    return int(text)


def report(arguments: argparse.Namespace) -> int:
    """`tb-sparsity report`."""
    with _silenced():
        from tensorboard.compat import tf

        from tb_sparsity.events.logs import read_logs
        from tb_sparsity.report import summary

        assert tf.io  # loads TensorFlow
    try:
        runs = read_logs(arguments.logdir)
    except FileNotFoundError:
        raise UnusableError(
            f"there is no directory {arguments.logdir!r}: give what tensorboard --logdir is given"
        ) from None
    wanted = arguments.run or ["*"]
    runs = {name: run for name, run in runs.items() if any(fnmatch.fnmatchcase(name, one) for one in wanted)}
    if not runs:
        which = f"no run named {' or '.join(map(repr, arguments.run))}" if arguments.run else "no sparsity logs"
        print(f"{PROGRAM}: {which} in {arguments.logdir}", file=sys.stderr)
        return 1
    summaries = [summary.summarise(run) for run in runs.values()]
    if arguments.html:
        from tb_sparsity.report.page import report_page

        _write(arguments.html, report_page(runs.values()))
    if arguments.json:
        print(summary.as_json(summaries, runs))
    elif arguments.csv:
        print(summary.as_csv(summaries), end="")
    elif not arguments.html:
        _say("\n\n\n".join(summary.as_text(s, runs[s.run]) for s in summaries))
    return 0


def preview(arguments: argparse.Namespace) -> int:
    """`tb-sparsity preview`."""
    from tb_sparsity.report.terminal import draw, save_png
    from tb_sparsity.schedules.preview import preview as previewed

    shown = previewed(_schedule(arguments), arguments.steps)
    chart = shown.chart()
    width = min(shutil.get_terminal_size().columns, 100)
    lines = draw(chart, width, ascii_only=not _can_say("⣿│┤└─"))
    _say("\n".join([shown.name, "", *lines, "", shown.sentence()]))
    if arguments.png:
        try:
            save_png(chart, arguments.png)
        except ImportError as error:
            raise UnusableError(str(error)) from None
        except OSError as error:
            raise UnusableError(f"{arguments.png} can't be written ({error.strerror or error})") from None
    if arguments.html:
        from tb_sparsity.report.html import schedule_page

        _write(arguments.html, schedule_page(shown))
    return 0


def _schedule(arguments: argparse.Namespace) -> PruningSchedule:
    from tb_sparsity import schedules

    kind, a = arguments.schedule, arguments
    taken = {"constant": {"end", "frequency"}, "oneshot": set(), "polynomial": {"initial", "end", "frequency", "power"}}
    for option in ("initial", "end", "frequency", "power"):
        if getattr(a, option) is not None and option not in taken.get(kind, {"initial", "end", "frequency"}):
            raise UnusableError(f"{kind} takes no --{option}")
    frequency = a.frequency or 100
    try:
        if kind == "oneshot":
            return schedules.OneShot(a.final, a.begin)
        if kind == "constant":
            return schedules.ConstantSparsity(a.final, a.begin, -1 if a.end is None else a.end, frequency)
        if a.end is None:
            raise UnusableError(f"{kind} needs --end: the sparsity moves until then")
        if kind == "polynomial":
            power = 3 if a.power is None else a.power
            return schedules.PolynomialDecay(a.initial or 0.0, a.final, a.begin, a.end, power, frequency)
        ramp = schedules.CosineSparsity if kind == "cosine" else schedules.ExponentialSparsity
        return ramp(a.initial or 0.0, a.final, a.begin, a.end, frequency)
    except ValueError as error:
        raise UnusableError(str(error)) from None


def inspect(arguments: argparse.Namespace) -> int:
    """`tb-sparsity inspect`."""
    with _silenced():
        from tb_sparsity.report.inspection import inspect_file
        from tb_sparsity.report.model_files import UnreadableFileError
    try:
        with _silenced():
            found = inspect_file(arguments.file)
    except UnreadableFileError as error:
        raise UnusableError(str(error)) from None
    if arguments.json:
        print(found.to_json())
    else:
        _say("\n".join(map(printable, str(found).splitlines())))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: Its arguments; None: those of the process, which is then its own.

    Returns:
        The exit code.
    """
    if argv is None:
        _own_process()
    arguments = make_parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        try:
            code = arguments.run_command(arguments)
            sys.stdout.flush()
        except UnusableError as error:
            print(f"{PROGRAM}: error: {printable(str(error))}", file=sys.stderr)
            return 2
        except BrokenPipeError:  # whoever read this has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + 13
        except KeyboardInterrupt:
            return 130
    return int(code)


def _own_process() -> None:
    """Nothing is trained here: the lightest of Keras's backends does, and only errors are to be told."""
    light = all(map(importlib.util.find_spec, ("jax", "scipy")))  # which Keras's NumPy backend imports
    os.environ["KERAS_BACKEND"] = "numpy" if light else "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, UserWarning):
        print(f"{PROGRAM}: warning: {printable(str(message))}", file=sys.stderr)


@contextmanager
def _silenced() -> Iterator[None]:
    """TensorFlow writes to the terminal as it is loaded, past Python."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _can_say(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _say(text: str) -> None:
    print(text if _can_say(text) else text.translate(_IN_ASCII))


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = error.strerror or errno.errorcode.get(error.errno or 0, str(error))
        raise UnusableError(f"{path} can't be written ({reason})") from None
