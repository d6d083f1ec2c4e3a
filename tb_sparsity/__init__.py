"""Prune Keras 3 models, log how sparse they become, and see it in TensorBoard.

```python
import keras
import tb_sparsity

model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
schedule = tb_sparsity.PolynomialDecay(0.0, 0.875, begin_step=0, end_step=1000)
pruned = tb_sparsity.prune_low_magnitude(model, schedule)
pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
# pruned.fit(x, y, callbacks=[tb_sparsity.UpdatePruningStep(),
#                             tb_sparsity.PruningSummaries("logs/run1")])
stripped = tb_sparsity.strip_pruning(pruned)
```

The names below load on first use: TensorBoard imports this package at every start to find the tab,
so the package itself must import nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "ConstantSparsity": "tb_sparsity.schedules",
    "PolynomialDecay": "tb_sparsity.schedules",
    "PruneLowMagnitude": "tb_sparsity.pruning.wrapper",
    "PruningSchedule": "tb_sparsity.schedules",
    "PruningSummaries": "tb_sparsity.callbacks.pruning_summaries",
    "UpdatePruningStep": "tb_sparsity.callbacks.update_pruning_step",
    "prune_low_magnitude": "tb_sparsity.pruning.api",
    "strip_pruning": "tb_sparsity.pruning.api",
}

__all__ = [
    "ConstantSparsity",
    "PolynomialDecay",
    "PruneLowMagnitude",
    "PruningSchedule",
    "PruningSummaries",
    "UpdatePruningStep",
    "prune_low_magnitude",
    "strip_pruning",
]

if TYPE_CHECKING:
    from tb_sparsity.callbacks.pruning_summaries import PruningSummaries
    from tb_sparsity.callbacks.update_pruning_step import UpdatePruningStep
    from tb_sparsity.pruning.api import prune_low_magnitude, strip_pruning
    from tb_sparsity.pruning.wrapper import PruneLowMagnitude
    from tb_sparsity.schedules import ConstantSparsity, PolynomialDecay, PruningSchedule


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
