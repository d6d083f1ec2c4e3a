"""What pruning bought: sizes, accuracy, latency, and which weights could take more."""
