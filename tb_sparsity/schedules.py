"""When to prune, and to what sparsity: `step -> (should_prune, sparsity)`.

A schedule is a pure function of the training step. It takes Python ints, NumPy arrays and tensors of any
Keras backend (also inside a compiled training step) and answers in kind.
"""

from __future__ import annotations

import abc
import math
import numbers
from typing import Any

import numpy as np


class PruningSchedule(abc.ABC):
    """Base class of schedules; derive from it to write your own.

    Implement `__call__`, and `get_config` if the pruned model is to be saved. `_should_prune_in_step` does
    the counting. Set `begin_step`, `end_step` (-1: no end) and `frequency` on the instance so that warnings
    and logs can speak of them.

    Example:

    ```python
    import keras
    import tb_sparsity

    class TwoLevels(tb_sparsity.PruningSchedule):
        "50 % from `begin_step` on, 75 % from step 1,000 on."

        def __init__(self, begin_step, frequency=100):
            self.begin_step, self.end_step, self.frequency = begin_step, -1, frequency

        def __call__(self, step):
            return self._should_prune_in_step(step), keras.ops.where(step >= 1000, 0.75, 0.5)

        def get_config(self):
            return {"begin_step": self.begin_step, "frequency": self.frequency}

    should_prune, sparsity = TwoLevels(0)(1000)  # True, 0.75
    ```
    """

    begin_step: int = 0
    end_step: int = -1
    frequency: int = 1

    @abc.abstractmethod
    def __call__(self, step: Any) -> tuple[Any, Any]:
        """Tells whether masks are updated at `step`, and the sparsity they get.

        Args:
            step: Training step, counted from 1. A Python int, an integer NumPy array or an integer tensor.

        Returns:
            `(should_prune, sparsity)`: a bool and a float in [0, 1), as Python values, arrays or tensors of
            `step`'s shape.
        """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, JSON-serialisable."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `get_config`, so a model pruned with it cannot be copied or saved. "
            "Define `get_config` to return the constructor's arguments as a dict."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PruningSchedule:
        """Makes the schedule that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        try:
            config = self.get_config()
        except Exception:  # of a user's own schedule; a warning may be about to name it
            return object.__repr__(self)
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in config.items())})"

    def _should_prune_in_step(
        self, step: Any, begin_step: int | None = None, end_step: int | None = None, frequency: int | None = None
    ) -> Any:
        """True at `begin_step, begin_step + frequency, …` up to `end_step`, and at `end_step` itself.

        tfmot leaves out `end_step` where the frequency doesn't meet it, and so misses the final sparsity.
        The arguments default to the instance's own attributes.
        """
        begin_step = self.begin_step if begin_step is None else begin_step
        end_step = self.end_step if end_step is None else end_step
        frequency = self.frequency if frequency is None else frequency
        due = (step >= begin_step) & ((step - begin_step) % frequency == 0)
        if end_step >= 0:
            due = (due & (step <= end_step)) | (step == end_step)
        return due


def last_update(schedule: PruningSchedule, step: int) -> int | None:
    """The last step up to `step` at which masks are updated, from `begin_step`, `end_step` and `frequency`.

    Args:
        schedule: A schedule whose attributes tell when it updates.
        step: Training step, counted from 1.

    Returns:
        A step in [1, step], or None if there was no update yet.

    Example:

    >>> last_update(ConstantSparsity(0.5, begin_step=10, end_step=17, frequency=5), 100)
    17
    """
    begin, end = schedule.begin_step, schedule.end_step
    if 0 <= end <= step:
        return end or None
    due = begin + (step - begin) // schedule.frequency * schedule.frequency
    return due if step >= begin and due >= 1 else None


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
        self.target_sparsity = _sparsity("target_sparsity", target_sparsity)
        self.begin_step, self.end_step, self.frequency = _steps(begin_step, end_step, frequency)

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = _step_and_ops(step)
        if ops is math:
            return self._should_prune_in_step(step), self.target_sparsity
        sparsity = ops.full_like(step, self.target_sparsity, dtype=_float_of(ops))
        return self._should_prune_in_step(step), sparsity

    def get_config(self) -> dict[str, Any]:
        return {
            "target_sparsity": self.target_sparsity,
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }


class PolynomialDecay(PruningSchedule):
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
        self.initial_sparsity = _sparsity("initial_sparsity", initial_sparsity)
        self.final_sparsity = _sparsity("final_sparsity", final_sparsity)
        if not _is_number(power) or not 0 < power < math.inf:
            raise ValueError(f"`power` must be a number above 0. Received: power={power!r}")
        self.power = float(power)
        self.begin_step, self.end_step, self.frequency = _steps(begin_step, end_step, frequency)
        if self.end_step < 0:
            raise ValueError(
                f"`end_step` of PolynomialDecay must be a step, since the sparsity rises until then. "
                f"Received: end_step={end_step!r}"
            )
        if self.end_step == self.begin_step:
            raise ValueError(
                f"`end_step` must be above `begin_step`. Received: begin_step={begin_step!r}, end_step={end_step!r}"
            )

    def __call__(self, step: Any) -> tuple[Any, Any]:
        step, ops = _step_and_ops(step)
        span = self.end_step - self.begin_step
        if ops is math:
            progress = min(max((step - self.begin_step) / span, 0.0), 1.0)
        else:
            progress = ops.clip(_cast(step - self.begin_step, ops) / span, 0.0, 1.0)
        remaining = (1 - progress) ** self.power
        sparsity = (self.initial_sparsity - self.final_sparsity) * remaining + self.final_sparsity
        return self._should_prune_in_step(step), sparsity

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_sparsity": self.initial_sparsity,
            "final_sparsity": self.final_sparsity,
            "power": self.power,
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }


def _step_and_ops(step: Any) -> tuple[Any, Any]:
    """The step and the functions that fit it: `math` for Python numbers, NumPy, or `keras.ops`."""
    if isinstance(step, (numbers.Number, np.generic)):
        return step.item() if isinstance(step, np.generic) else step, math
    if isinstance(step, (np.ndarray, list, tuple)):
        return np.asarray(step), np
    from keras import ops  # a tensor: its framework is loaded already

    return ops.convert_to_tensor(step), ops


def _float_of(ops: Any) -> str:
    return "float64" if ops is np else "float32"


def _cast(x: Any, ops: Any) -> Any:
    return x.astype("float64") if ops is np else ops.cast(x, "float32")


def _sparsity(name: str, value: Any) -> float:
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be in [0, 1): a share, not percent. Received: {name}={value!r}")
    return float(value)


def _steps(begin_step: Any, end_step: Any, frequency: Any) -> tuple[int, int, int]:
    begin, end = _whole("begin_step", begin_step), _whole("end_step", end_step)
    if begin < 0:
        raise ValueError(f"`begin_step` must be 0 or more. Received: begin_step={begin_step!r}")
    if end < 0 and end != -1:
        raise ValueError(f"`end_step` must be 0 or more, or -1 for no end. Received: end_step={end_step!r}")
    if 0 <= end < begin:
        raise ValueError(
            f"`end_step` must not be below `begin_step`. Received: begin_step={begin_step!r}, end_step={end_step!r}"
        )
    every = _whole("frequency", frequency)
    if every < 1:
        raise ValueError(f"`frequency` must be 1 or more steps. Received: frequency={frequency!r}")
    return begin, end, every


def _whole(name: str, value: Any) -> int:
    """Cuts a step count to a whole Python int: `0.2 * end_step` is a fraction, `np.ceil` gives NumPy numbers."""
    if not _is_number(value) or not math.isfinite(value) or (value < 0 and value != int(value)):
        raise ValueError(f"`{name}` must be a number of steps. Received: {name}={value!r}")
    return int(value)


def _is_number(value: Any) -> bool:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # of NumPy, also as an array of rank 0
        value = value.item()
    return isinstance(value, (int, float)) and not isinstance(value, bool)
