"""Pruning policies: which layers to prune, and of which models."""

from __future__ import annotations

import abc
from typing import Any


class PruningPolicy(abc.ABC):
    """Base class of policies; derive from it to write your own.

    `prune_low_magnitude(model, schedule, pruning_policy=policy)` asks the policy once whether the model is one
    that it is made for, and then of every layer whether to prune it.

    Example:

    ```python
    import keras
    from tb_sparsity.pruning.policy import PruningPolicy

    class AllButTheHead(PruningPolicy):
        "Every layer but the one named `head`."

        def allow_pruning(self, layer):
            return layer.name != "head"

        def ensure_model_supports_pruning(self, model):
            if "head" not in [layer.name for layer in model.layers]:
                raise ValueError(f"No layer of model '{model.name}' is named `head`.")

    AllButTheHead().allow_pruning(keras.layers.Dense(10, name="head"))  # False
    ```
    """

    @abc.abstractmethod
    def allow_pruning(self, layer: Any) -> bool:
        """Tells whether to prune `layer`.

        Args:
            layer: A layer of the model, also of one nested in it.

        Returns:
            True to prune it, False to leave it dense.
        """

    @abc.abstractmethod
    def ensure_model_supports_pruning(self, model: Any) -> None:
        """Checks that the policy is made for `model`.

        Args:
            model: The model to prune, with all that is nested in it.

        Raises:
            ValueError: If it isn't.
        """
