"""Schedules given by a formula."""

from __future__ import annotations

import math
from typing import Any

from tb_sparsity.schedules.base import (
    PruningSchedule,
    as_float,
    checked_sparsity,
    checked_step,
    checked_steps,
    clip,
    is_number,
    like_step,
    value_and_ops,
)


class ConstantSparsity(PruningSchedule):
    """One sparsity from `begin_step` on.

    The masks are still recomputed every `frequency` steps, so which weights are pruned may change.

    Args:
        target_sparsity: Share of weights set to zero, in [0, 1).
        begin_step: First step at which masks are updated. Fractions are cut.
        end_step: Last step at which masks are updated; -1 for no end. Fractions are cut. Defaults to `-1`.
        frequency: Steps between two mask updates. Defaults to `100`.

    Raises:
        ValueError: If a value is out of its range.

    Example:

    >>> ConstantSparsity(0.5, begin_step=10, frequency=5)(15)
    (True, 0.5)
    """

    def __init__(self, target_sparsity: float, begin_step: float, end_step: float = -1, frequency: int = 100):
        self.target_sparsity = checked_sparsity("target_sparsity", target_sparsity)
        self.begin_step, self.end_step, self.frequency = checked_steps(begin_step, end_step, frequency)

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = value_and_ops(step)
        return self._should_prune_in_step(step), like_step(self.target_sparsity, step, ops)

    def get_config(self) -> dict[str, Any]:
        return {
            "target_sparsity": self.target_sparsity,
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }


class OneShot(PruningSchedule):
    """One single mask update.

    The target is 0 before `step` and `target_sparsity` from `step` on. Which weights are pruned is decided
    once, at `step`, and stays; all training after it is fine-tuning.

    Source: the "train, prune, retrain" of Han et al. 2015, "Learning both Weights and Connections for
    Efficient Neural Networks", arXiv:1506.02626.

    Args:
        target_sparsity: Share of weights set to zero, in [0, 1).
        step: The step of the mask update, 1 or more. Fractions are cut.

    Raises:
        ValueError: If a value is out of its range.

    Example:

    >>> schedule = OneShot(0.5, step=10)
    >>> schedule(9), schedule(10), schedule(11)
    ((False, 0.0), (True, 0.5), (False, 0.5))
    """

    def __init__(self, target_sparsity: float, step: float):
        self.target_sparsity = checked_sparsity("target_sparsity", target_sparsity)
        self.begin_step = self.end_step = checked_step("step", step)
        self.frequency = 1

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = value_and_ops(step)
        return self._should_prune_in_step(step), as_float(step >= self.begin_step, ops) * self.target_sparsity

    def get_config(self) -> dict[str, Any]:
        return {"target_sparsity": self.target_sparsity, "step": self.begin_step}


class _Ramp(PruningSchedule):
    """Sparsity that leads from one value to another between two steps; `_at` says on which way."""

    def __init__(
        self, initial_sparsity: float, final_sparsity: float, begin_step: float, end_step: float, frequency: int = 100
    ):
        self.initial_sparsity = checked_sparsity("initial_sparsity", initial_sparsity)
        self.final_sparsity = checked_sparsity("final_sparsity", final_sparsity)
        self.begin_step, self.end_step, self.frequency = checked_steps(begin_step, end_step, frequency)
        if self.end_step < 0:
            raise ValueError(
                f"`end_step` of {type(self).__name__} must be a step, since the sparsity moves until then. "
                f"Received: end_step={end_step!r}"
            )
        if self.end_step == self.begin_step:
            raise ValueError(
                f"`end_step` must be above `begin_step`. Received: begin_step={begin_step!r}, end_step={end_step!r}"
            )

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = value_and_ops(step)
        progress = as_float(step - self.begin_step, ops) / (self.end_step - self.begin_step)
        return self._should_prune_in_step(step), self._at(clip(progress, 0.0, 1.0, ops), ops)

    def _at(self, progress: Any, ops: Any) -> Any:
        """The sparsity where `progress`, a share of the steps between begin and end, is done."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_sparsity": self.initial_sparsity,
            "final_sparsity": self.final_sparsity,
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }


class PolynomialDecay(_Ramp):
    """Sparsity that rises fast at first and levels off towards its final value.

    With `p = clip((step - begin_step) / (end_step - begin_step), 0, 1)`:

    `sparsity = final_sparsity + (initial_sparsity - final_sparsity) * (1 - p) ** power`

    Source: Zhu and Gupta 2017, "To prune, or not to prune", arXiv:1710.01878, equation 1 (there with power 3).

    Args:
        initial_sparsity: Sparsity at `begin_step`, in [0, 1).
        final_sparsity: Sparsity from `end_step` on, in [0, 1).
        begin_step: First step at which masks are updated. Fractions are cut.
        end_step: Last step at which masks are updated; it always is one. Fractions are cut.
        power: Exponent; 1 is a straight line. Defaults to `3`.
        frequency: Steps between two mask updates. Defaults to `100`.

    Raises:
        ValueError: If a value is out of its range, or `end_step` isn't above `begin_step`.

    Example:

    >>> PolynomialDecay(0.0, 0.8, begin_step=0, end_step=1000)(500)
    (True, 0.7000000000000001)
    """

    def __init__(
        self,
        initial_sparsity: float,
        final_sparsity: float,
        begin_step: float,
        end_step: float,
        power: float = 3,
        frequency: int = 100,
    ):
        super().__init__(initial_sparsity, final_sparsity, begin_step, end_step, frequency)
        if not is_number(power) or not 0 < power < math.inf:
            raise ValueError(f"`power` must be a number above 0. Received: power={power!r}")
        self.power = float(power)

    def _at(self, progress: Any, ops: Any) -> Any:
        remaining = (1 - progress) ** self.power
        return (self.initial_sparsity - self.final_sparsity) * remaining + self.final_sparsity

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}


class CosineSparsity(_Ramp):
    """Sparsity that moves along half a cosine: slowly at both ends, fastest in the middle.

    With `p = clip((step - begin_step) / (end_step - begin_step), 0, 1)`:

    `sparsity = final_sparsity + (initial_sparsity - final_sparsity) * (1 + cos(pi * p)) / 2`

    Source of the shape: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts",
    arXiv:1608.03983, equation 5 (there for the learning rate).

    Args:
        initial_sparsity: Sparsity at `begin_step`, in [0, 1).
        final_sparsity: Sparsity from `end_step` on, in [0, 1).
        begin_step: First step at which masks are updated. Fractions are cut.
        end_step: Last step at which masks are updated; it always is one. Fractions are cut.
        frequency: Steps between two mask updates. Defaults to `100`.

    Raises:
        ValueError: If a value is out of its range, or `end_step` isn't above `begin_step`.

    Example:

    >>> CosineSparsity(0.0, 0.8, begin_step=0, end_step=1000)(500)
    (True, 0.4)
    """

    def _at(self, progress: Any, ops: Any) -> Any:
        remaining = (1 + ops.cos(math.pi * progress)) / 2
        return (self.initial_sparsity - self.final_sparsity) * remaining + self.final_sparsity


class ExponentialSparsity(_Ramp):
    """Sparsity whose updates each cut the same share of the weights that are left.

    With `p = clip((step - begin_step) / (end_step - begin_step), 0, 1)` the density falls geometrically:

    `1 - sparsity = (1 - initial_sparsity) ** (1 - p) * (1 - final_sparsity) ** p`

    Source: the iterative pruning of Frankle and Carbin 2019, "The Lottery Ticket Hypothesis",
    arXiv:1803.03635, whose rounds each prune one same share of what survived the round before.

    Args:
        initial_sparsity: Sparsity at `begin_step`, in [0, 1).
        final_sparsity: Sparsity from `end_step` on, in [0, 1).
        begin_step: First step at which masks are updated. Fractions are cut.
        end_step: Last step at which masks are updated; it always is one. Fractions are cut.
        frequency: Steps between two mask updates. Defaults to `100`.

    Raises:
        ValueError: If a value is out of its range, or `end_step` isn't above `begin_step`.

    Example:

    >>> schedule = ExponentialSparsity(0.0, 0.875, begin_step=0, end_step=300)
    >>> schedule(100), schedule(200), schedule(300)
    ((True, 0.5), (True, 0.75), (True, 0.875))
    """

    def _at(self, progress: Any, ops: Any) -> Any:
        return 1 - (1 - self.initial_sparsity) ** (1 - progress) * (1 - self.final_sparsity) ** progress
