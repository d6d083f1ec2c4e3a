"""What all schedules share: the base class, arithmetic for every kind of step, and checks of arguments."""

from __future__ import annotations

import abc
import math
import numbers
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tb_sparsity.schedules.composed import JoinedSchedule


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

    @staticmethod
    def join(*schedules: PruningSchedule) -> JoinedSchedule:
        """Puts schedules one after another: each rules from its own `begin_step` until the next one's.

        Args:
            *schedules: Schedules with strictly increasing `begin_step`. All count the training's own steps.

        Returns:
            A `JoinedSchedule`.

        Raises:
            ValueError: If there are none, one isn't a schedule, or their `begin_step` doesn't increase.

        Example:

        >>> from tb_sparsity.schedules import ConstantSparsity, PolynomialDecay
        >>> rise = PolynomialDecay(0.0, 0.5, begin_step=0, end_step=1000)
        >>> schedule = PruningSchedule.join(rise, ConstantSparsity(0.8, begin_step=2000))
        >>> schedule(1500), schedule(2000)
        ((False, 0.5), (True, 0.8))
        """
        from tb_sparsity.schedules.composed import JoinedSchedule

        return JoinedSchedule(schedules)

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

    def _repr_html_(self) -> str:
        from tb_sparsity.schedules.preview import preview

        try:
            return preview(self).html()
        except Exception:  # of a user's own schedule, which may be one for tensors only
            return escape(repr(self))

    def update_phases(self) -> list[tuple[int, int, int]]:
        """The stretches of steady mask updates, in order and apart: `(begin_step, end_step, frequency)` of each.

        Most schedules have one, told by their attributes.
        """
        return [(self.begin_step, self.end_step, self.frequency)]

    def follows_its_phases(self) -> bool:
        """Whether masks are updated at `update_phases` and at no other step, for certain.

        A class of a user's own may say what it likes in `__call__`.
        """
        return type(self).__module__.startswith(__package__)

    def first_update(self) -> int | None:
        """The first step at which masks are updated; None if training, which counts from 1, has none.

        Example:

        >>> from tb_sparsity.schedules import ConstantSparsity
        >>> ConstantSparsity(0.5, begin_step=0, frequency=100).first_update()
        100
        """
        for begin, end, frequency in self.update_phases():
            first = begin or (end if 0 <= end < frequency else frequency)
            if first:
                return first
        return None

    def last_update(self, step: int) -> int | None:
        """The last step up to `step` at which masks are updated; None if there was no update yet.

        Example:

        >>> from tb_sparsity.schedules import ConstantSparsity
        >>> ConstantSparsity(0.5, begin_step=10, end_step=17, frequency=5).last_update(100)
        17
        """
        for begin, end, frequency in reversed(self.update_phases()):
            last = end if 0 <= end <= step else begin + (step - begin) // frequency * frequency
            if last >= max(begin, 1):
                return last
        return None

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


def value_and_ops(value: Any) -> tuple[Any, Any]:
    """A step or sparsity and the functions that fit it: `math` for Python numbers, NumPy, or `keras.ops`."""
    if isinstance(value, (numbers.Number, np.generic)):
        return value.item() if isinstance(value, np.generic) else value, math
    if isinstance(value, (np.ndarray, list, tuple)):
        return np.asarray(value), np
    from keras import ops  # a tensor: its framework is loaded already

    return ops.convert_to_tensor(value), ops


def as_float(x: Any, ops: Any) -> Any:
    """The value as floats of the kind that `ops` computes with."""
    if ops is math:
        return float(x)
    return np.asarray(x, "float64") if ops is np else ops.cast(x, "float32")


def like_step(x: Any, step: Any, ops: Any) -> Any:
    """One value for all of a step's entries, or one for each, as floats of the step's shape."""
    x = as_float(x, ops)
    return x if ops is math else x + as_float(ops.zeros_like(step), ops)


def clip(x: Any, low: float, high: float, ops: Any) -> Any:
    """The value, or the bound that it is beyond."""
    return min(max(x, low), high) if ops is math else ops.clip(x, low, high)


def checked_sparsity(name: str, value: Any) -> float:
    """The value as a Python float.

    Raises:
        ValueError: If it isn't in [0, 1).
    """
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be in [0, 1): a share, not percent. Received: {name}={value!r}")
    return float(value)


def checked_steps(begin_step: Any, end_step: Any, frequency: Any) -> tuple[int, int, int]:
    """The three as Python ints.

    Raises:
        ValueError: If one is no number of steps, or out of its range.
    """
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


def checked_step(name: str, value: Any) -> int:
    """The value as a Python int.

    Raises:
        ValueError: If it is no step that is trained.
    """
    step = _whole(name, value)
    if step < 1:
        raise ValueError(f"`{name}` must be 1 or more: training steps are counted from 1. Received: {name}={value!r}")
    return step


def is_number(value: Any) -> bool:
    """True for Python's numbers and NumPy's, but not for bools."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # of NumPy, also as an array of rank 0
        value = value.item()
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(name: str, value: Any) -> int:
    """Cuts a step count to a whole Python int: `0.2 * end_step` is a fraction, `np.ceil` gives NumPy numbers."""
    if not is_number(value) or not math.isfinite(value) or (value < 0 and value != int(value)):
        raise ValueError(f"`{name}` must be a number of steps. Received: {name}={value!r}")
    return int(value)
