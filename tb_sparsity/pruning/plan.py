"""Which layers of a model are pruned, on which schedule, and why the others aren't."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from keras import Layer

from tb_sparsity.pruning.distributions import erk_points
from tb_sparsity.pruning.patterns import NOfM, Pattern
from tb_sparsity.pruning.policy import PruningPolicy
from tb_sparsity.pruning.registry import is_prunable, prunable_weights, unsupported
from tb_sparsity.pruning.wrapper import PruneLowMagnitude, collect_wrappers
from tb_sparsity.schedules import FunctionSchedule, MappedSchedule, PruningSchedule

# A glob pattern or compiled regular expression for a layer's path, a class of layers, a predicate, or a list of such.
Choice = str | re.Pattern[str] | type | Callable[[Layer], bool]

NOTHING_TO_PRUNE = "nothing to prune"


@dataclass(frozen=True)
class Decision:
    """What is done with one layer: `schedule` is None if it isn't wrapped, and `reason` says why."""

    path: str
    layer: Layer
    schedule: PruningSchedule | None = None
    reason: str = ""


def decide(
    layers: Sequence[tuple[str, Layer]],
    pruning_schedule: Any,
    pattern: Pattern,
    frequency: int | None = None,
    include: Choice | Iterable[Choice] | None = None,
    exclude: Choice | Iterable[Choice] | None = None,
    policy: PruningPolicy | None = None,
    distribution: str = "uniform",
    on_unsupported: str = "error",
) -> list[Decision]:
    """Decides for each of the layers, given with their paths; arguments as of `prune_low_magnitude`.

    Raises:
        ValueError: If an argument isn't what it should be, a name pattern matches no layer, or a layer that would
            be pruned isn't supported.
    """
    if distribution not in ("uniform", "erk"):
        raise ValueError(f"`distribution` must be 'uniform' or 'erk'. Received: distribution={distribution!r}")
    if distribution == "erk" and isinstance(pattern, NOfM):
        raise ValueError(
            "N:M sparsity is the same in each layer: `distribution='erk'` can't go with `sparsity_m_by_n`."
        )
    if on_unsupported not in ("error", "skip"):
        raise ValueError(f"`on_unsupported` must be 'error' or 'skip'. Received: on_unsupported={on_unsupported!r}")
    schedules = _schedules(pruning_schedule, frequency)
    included, excluded = _choices("include", include), _choices("exclude", exclude)
    _check_patterns(layers, [*(choice for choice, _ in schedules), *included, *excluded])

    def decided(path: str, layer: Layer) -> Decision:
        schedule = next((s for choice, s in schedules if _matches(choice, path, layer)), None)
        stranger = unsupported(layer)
        reason = ""
        if isinstance(layer, PruneLowMagnitude) or collect_wrappers(layer):
            reason = "wrapped already"
        elif stranger is None and not is_prunable(layer):
            reason = NOTHING_TO_PRUNE
        elif any(_matches(choice, path, layer) for choice in excluded):
            reason = "excluded"
        elif included and not any(_matches(choice, path, layer) for choice in included):
            reason = "not included"
        elif schedule is None:
            reason = "no schedule matches"
        elif policy and not policy.allow_pruning(layer):
            reason = f"not allowed by {type(policy).__name__}"
        elif stranger is not None:
            if on_unsupported == "error":
                raise ValueError(_unsupported_message(layer, stranger))
            reason = f"weights of class {type(stranger).__name__} aren't known"
        elif layer.built and not _weights(layer, pattern):
            reason = f"no weight for pattern {pattern}"
        return Decision(path, layer, None if reason else schedule, reason)

    decisions = {id(layer): decided(path, layer) for path, layer in reversed(layers)}  # a shared layer: its first path
    ordered = [decisions[key] for key in dict.fromkeys(id(layer) for _, layer in layers)]
    return _distributed(ordered, pattern) if distribution == "erk" else ordered


def as_schedule(value: Any, frequency: int | None = None) -> PruningSchedule:
    """The schedule that is meant: itself, or a plain function `step -> sparsity` that updates every `frequency`.

    Raises:
        ValueError: If it is neither, or `frequency` is given for a schedule, which has its own.
    """
    if isinstance(value, PruningSchedule):
        if frequency is not None:
            raise ValueError(
                "`frequency` goes with a plain function as `pruning_schedule`; a schedule has its own. "
                f"Received: pruning_schedule={value!r}, frequency={frequency!r}"
            )
        return value
    if callable(value) and not isinstance(value, type):
        return FunctionSchedule(value) if frequency is None else FunctionSchedule(value, frequency=frequency)
    raise ValueError(
        "`pruning_schedule` must be a `tb_sparsity.PruningSchedule`, such as `ConstantSparsity(0.5, begin_step=0)`, a "
        f"function from step to sparsity, or a dict from name patterns to those. Received: pruning_schedule={value!r}"
    )


def _schedules(value: Any, frequency: int | None) -> list[tuple[Choice, PruningSchedule]]:
    if not isinstance(value, Mapping):
        return [("*", as_schedule(value, frequency))]
    if not value:
        raise ValueError("`pruning_schedule` must not be empty. Received: pruning_schedule={}")
    if frequency is not None and all(isinstance(s, PruningSchedule) for s in value.values()):
        as_schedule(next(iter(value.values())), frequency)  # says that schedules have their own
    made = {id(s): as_schedule(s, frequency if not isinstance(s, PruningSchedule) else None) for s in value.values()}
    return [(choice, made[id(s)]) for key, s in value.items() for choice in _choices("pruning_schedule", key)]


def _choices(name: str, value: Any) -> list[Choice]:
    if value is None:
        return []
    choices = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    for choice in choices:
        if not isinstance(choice, (str, re.Pattern)) and not callable(choice):
            raise ValueError(
                f"`{name}` takes name patterns such as 'conv2d*', compiled regular expressions, classes of layers or "
                f"functions `layer -> bool`. Received: {choice!r}"
            )
    return choices


def _matches(choice: Choice, path: str, layer: Layer) -> bool:
    inner = layer.layer if isinstance(layer, PruneLowMagnitude) else layer
    if isinstance(choice, str):
        return fnmatchcase(path, choice) or fnmatchcase(inner.name, choice)
    if isinstance(choice, re.Pattern):
        return choice.search(path) is not None
    return isinstance(inner, choice) if isinstance(choice, type) else bool(choice(inner))


def _check_patterns(layers: Sequence[tuple[str, Layer]], choices: Iterable[Choice]) -> None:
    """A pattern that matches nothing is a typing error, and would prune what should stay."""
    for choice in choices:
        if choice == "*" or not isinstance(choice, (str, re.Pattern)):
            continue
        if not any(_matches(choice, path, layer) for path, layer in layers):
            names = [path for path, layer in layers if is_prunable(layer)]
            shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            text = choice if isinstance(choice, str) else choice.pattern
            raise ValueError(f"The pattern {text!r} matches no layer. Those that can be pruned are: {shown}")


def _weights(layer: Layer, pattern: Pattern) -> list[tuple[int, ...]]:
    return [tuple(p.weight.shape) for p in prunable_weights(layer) if pattern.supports(p.layout)]


def _distributed(decisions: list[Decision], pattern: Pattern) -> list[Decision]:
    """Each layer's own share of its schedule's sparsity; layers on one schedule share its overall target."""
    groups: dict[int, list[int]] = {}
    for i, decision in enumerate(decisions):
        if decision.schedule is not None:
            groups.setdefault(id(decision.schedule), []).append(i)
            if not decision.layer.built:
                raise ValueError(
                    f"`distribution='erk'` needs the shapes of all weights, and layer '{decision.path}' isn't built. "
                    "Start the model with `keras.Input(shape)`, or call `model.build(input_shape)` first."
                )
    result = list(decisions)
    for members in groups.values():
        points = erk_points([_weights(decisions[i].layer, pattern) for i in members])
        for i, knots in zip(members, points, strict=True):
            schedule = decisions[i].schedule
            assert schedule is not None
            result[i] = replace(decisions[i], schedule=MappedSchedule(schedule, knots))
    return result


def _unsupported_message(layer: Layer, stranger: Layer) -> str:
    part = "" if stranger is layer else f", part of layer '{layer.name}' of class {type(layer).__name__},"
    cls = type(stranger).__name__
    return (
        f"Layer '{stranger.name}' of class {cls}{part} has weights, and which of them to prune isn't known. Either "
        "give its class a method `get_prunable_weights(self)` that returns a list of its variables (an empty list: "
        f"none); or register it: `tb_sparsity.register_prunable({cls})` if it is made of layers that can be pruned, "
        f"`tb_sparsity.register_prunable({cls}, ['its_weight'])` if not. To leave such layers alone: "
        "`prune_low_magnitude(…, on_unsupported='skip')`."
    )
