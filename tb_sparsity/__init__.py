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
    "CompressionReport": "tb_sparsity.report.compression",
    "ConstantSparsity": "tb_sparsity.schedules",
    "CosineSparsity": "tb_sparsity.schedules",
    "ExponentialSparsity": "tb_sparsity.schedules",
    "FunctionSchedule": "tb_sparsity.schedules",
    "LoggedRun": "tb_sparsity.events.logs",
    "OneShot": "tb_sparsity.schedules",
    "PolynomialDecay": "tb_sparsity.schedules",
    "PrunableLayer": "tb_sparsity.pruning.registry",
    "PruneForLatencyOnXNNPack": "tb_sparsity.pruning.xnnpack",
    "PruneLowMagnitude": "tb_sparsity.pruning.wrapper",
    "PruningPolicy": "tb_sparsity.pruning.policy",
    "PruningReport": "tb_sparsity.pruning.report",
    "PruningSchedule": "tb_sparsity.schedules",
    "PruningSummaries": "tb_sparsity.callbacks.pruning_summaries",
    "SensitivityReport": "tb_sparsity.report.sensitivity",
    "SparsityWriter": "tb_sparsity.events.writer",
    "UpdatePruningStep": "tb_sparsity.callbacks.update_pruning_step",
    "compression_report": "tb_sparsity.report.compression",
    "prune_low_magnitude": "tb_sparsity.pruning.api",
    "pruning_report": "tb_sparsity.pruning.report",
    "read_logs": "tb_sparsity.events.logs",
    "register_prunable": "tb_sparsity.pruning.registry",
    "sensitivity": "tb_sparsity.report.sensitivity",
    "strip_pruning": "tb_sparsity.pruning.api",
    "supported_layers": "tb_sparsity.pruning.registry",
}

__all__ = [
    "CompressionReport",
    "ConstantSparsity",
    "CosineSparsity",
    "ExponentialSparsity",
    "FunctionSchedule",
    "LoggedRun",
    "OneShot",
    "PolynomialDecay",
    "PrunableLayer",
    "PruneForLatencyOnXNNPack",
    "PruneLowMagnitude",
    "PruningPolicy",
    "PruningReport",
    "PruningSchedule",
    "PruningSummaries",
    "SensitivityReport",
    "SparsityWriter",
    "UpdatePruningStep",
    "compression_report",
    "prune_low_magnitude",
    "pruning_report",
    "read_logs",
    "register_prunable",
    "sensitivity",
    "strip_pruning",
    "supported_layers",
]

if TYPE_CHECKING:
    from tb_sparsity.callbacks.pruning_summaries import PruningSummaries
    from tb_sparsity.callbacks.update_pruning_step import UpdatePruningStep
    from tb_sparsity.events.logs import LoggedRun, read_logs
    from tb_sparsity.events.writer import SparsityWriter
    from tb_sparsity.pruning.api import prune_low_magnitude, strip_pruning
    from tb_sparsity.pruning.policy import PruningPolicy
    from tb_sparsity.pruning.registry import PrunableLayer, register_prunable, supported_layers
    from tb_sparsity.pruning.report import PruningReport, pruning_report
    from tb_sparsity.pruning.wrapper import PruneLowMagnitude
    from tb_sparsity.pruning.xnnpack import PruneForLatencyOnXNNPack
    from tb_sparsity.report.compression import CompressionReport, compression_report
    from tb_sparsity.report.sensitivity import SensitivityReport, sensitivity
    from tb_sparsity.schedules import (
        ConstantSparsity,
        CosineSparsity,
        ExponentialSparsity,
        FunctionSchedule,
        OneShot,
        PolynomialDecay,
        PruningSchedule,
    )


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
