"""The names of tfmot's pruning API: `from tb_sparsity import tfmot` instead of tfmot itself.

Example:

```python
from tb_sparsity import tfmot

schedule = tfmot.sparsity.keras.ConstantSparsity(0.5, begin_step=0)
pruned = tfmot.sparsity.keras.prune_low_magnitude(model, schedule)
```
"""

from tb_sparsity.tfmot import sparsity

__all__ = ["sparsity"]
