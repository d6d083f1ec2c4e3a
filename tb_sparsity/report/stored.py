"""Reports as JSON: what they have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tb_sparsity.report.evaluation import is_lower_better

FORMAT = 1


def written(report: Any, metrics: Iterable[str]) -> str:
    """A report, a dataclass, as JSON; numbers that aren't finite become null, as JSON has none.

    Args:
        report: What `asdict` makes a dictionary of.
        metrics: The names of the metrics in it.
    """
    lower = [name for name in metrics if is_lower_better(name)]
    return json.dumps(_finite({"format": FORMAT, "lower_is_better": lower, **asdict(report)}), separators=(",", ":"))


def number(value: float | None) -> float:
    """A number out of JSON."""
    return math.nan if value is None else value


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, (list, tuple)) else value


@contextmanager
def read(text: str, kind: str) -> Iterator[dict[str, Any]]:
    """The content of a report, for who makes a report of it.

    Args:
        text: JSON.
        kind: What it should be, for errors: "compression".

    Raises:
        ValueError: If it isn't JSON, is of a later format, or the block misses something in it.
    """
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"A {kind} report of format {content['format']} needs a later version of tb-sparsity.")
        yield content
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"This isn't a {kind} report: {error}") from error
