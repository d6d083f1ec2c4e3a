"""The Keras 3 pruning engine. Knows schedules; knows nothing of logs."""
