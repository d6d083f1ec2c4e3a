"""When to prune, and to what sparsity: `step -> (should_prune, sparsity)`.

A schedule is a pure function of the training step. It takes Python ints, NumPy arrays and tensors of any
Keras backend (also inside a compiled training step) and answers in kind.
"""

from tb_sparsity.schedules.base import PruningSchedule
from tb_sparsity.schedules.composed import FunctionSchedule, JoinedSchedule, MappedSchedule
from tb_sparsity.schedules.shapes import (
    ConstantSparsity,
    CosineSparsity,
    ExponentialSparsity,
    OneShot,
    PolynomialDecay,
)

# All that can be saved with a model, to be registered where Keras is loaded.
SCHEDULES = (
    ConstantSparsity,
    CosineSparsity,
    ExponentialSparsity,
    FunctionSchedule,
    JoinedSchedule,
    MappedSchedule,
    OneShot,
    PolynomialDecay,
)

__all__ = [
    "SCHEDULES",
    "ConstantSparsity",
    "CosineSparsity",
    "ExponentialSparsity",
    "FunctionSchedule",
    "JoinedSchedule",
    "MappedSchedule",
    "OneShot",
    "PolynomialDecay",
    "PruningSchedule",
]
