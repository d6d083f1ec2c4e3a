"""As `tensorflow_model_optimization.sparsity.keras`, for Keras 3."""

from contextlib import AbstractContextManager

import keras as _keras

from tb_sparsity import (
    ConstantSparsity,
    PolynomialDecay,
    PrunableLayer,
    PruneForLatencyOnXNNPack,
    PruneLowMagnitude,
    PruningPolicy,
    PruningSchedule,
    PruningSummaries,
    UpdatePruningStep,
    prune_low_magnitude,
    strip_pruning,
)

__all__ = [
    "ConstantSparsity",
    "PolynomialDecay",
    "PrunableLayer",
    "PruneForLatencyOnXNNPack",
    "PruneLowMagnitude",
    "PruningPolicy",
    "PruningSchedule",
    "PruningSummaries",
    "UpdatePruningStep",
    "prune_low_magnitude",
    "prune_scope",
    "strip_pruning",
]


def prune_scope() -> AbstractContextManager[None]:
    """A scope for loading pruned models, as tfmot's scripts have it; with Keras 3 they load without it too."""
    return _keras.saving.custom_object_scope({"PruneLowMagnitude": PruneLowMagnitude})
