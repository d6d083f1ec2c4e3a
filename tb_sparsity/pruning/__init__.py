"""The Keras 3 pruning engine. Knows schedules; knows nothing of logs."""

import keras

if not hasattr(keras.ops, "view"):
    raise ImportError(
        f"tb-sparsity prunes with Keras 3.12 or later; here is Keras {keras.__version__}. "
        "Run: pip install --upgrade keras"
    )
