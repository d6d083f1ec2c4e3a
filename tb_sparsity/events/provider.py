"""Asking TensorBoard's data provider, also for what a damaged file holds beside the damage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from google.protobuf.message import DecodeError
from tensorboard.data.provider import DataProvider, RunTagFilter

from tb_sparsity.events.names import MANIFEST_PLUGIN

# What TensorBoard raises where one series is damaged, whatever else is asked for with it.
_DAMAGE = (ArithmeticError, DecodeError, LookupError, MemoryError, TypeError, ValueError)


def ask(
    provider: DataProvider,
    method: str,
    ctx: Any,
    experiment_id: str,
    runs: list[str] | None,
    tags: list[str] | None,
    **request: Any,
) -> dict[str, dict[str, Any]]:
    """What the provider's method gives for these runs and tags (None: all), as far as it can be read.

    TensorBoard decodes tensors as they are asked for, and one that is damaged fails the whole request. Then what
    is asked for is halved, until the damaged series are alone.
    """
    some = RunTagFilter(runs=runs, tags=tags)
    try:
        found: Mapping[str, Mapping[str, Any]] = getattr(provider, method)(
            ctx, experiment_id=experiment_id, run_tag_filter=some, **request
        )
        return {run: dict(by_tag) for run, by_tag in found.items()}
    except _DAMAGE:
        pass
    parts: list[tuple[list[str], list[str] | None]] = []
    if runs is None:
        parts = [(_run_names(provider, ctx, experiment_id), tags)]
    elif len(runs) > 1:
        parts = [(half, tags) for half in _halves(runs)]
    elif tags is not None and len(tags) > 1:
        parts = [(runs, half) for half in _halves(tags)]
    readable: dict[str, dict[str, Any]] = defaultdict(dict)
    for part in parts:
        for run, by_tag in ask(provider, method, ctx, experiment_id, *part, **request).items():
            readable[run].update(by_tag)
    return dict(readable)


def _run_names(provider: DataProvider, ctx: Any, experiment_id: str) -> list[str]:
    with suppress(*_DAMAGE):
        return [run.run_name for run in provider.list_runs(ctx, experiment_id=experiment_id)]
    with suppress(*_DAMAGE):  # where not even the first event of some run can be read
        return list(provider.list_tensors(ctx, experiment_id=experiment_id, plugin_name=MANIFEST_PLUGIN))
    return []


def _halves(names: list[str]) -> tuple[list[str], list[str]]:
    middle = len(names) // 2
    return names[:middle], names[middle:]
