"""A weight's magnitudes -> the bins of its histogram."""

from __future__ import annotations

import numpy as np

_BINS = 32


def magnitude_bins(weight: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts the magnitudes of a weight.

    Args:
        weight: Its entries, cut ones as zeros. NaN and infinities are left out.
        threshold: An edge of the bins, if it is above 0 and below the largest magnitude: what was below it at the
            last mask update was cut.

    Returns:
        `(edges, counts)` of 32 bins from 0 to the largest magnitude.

    Example:

    >>> edges, counts = magnitude_bins(np.array([0.0, 0.0, -0.3, 1.0]), threshold=0.25)
    >>> float(edges[8]), int(counts[0]), int(counts[8:].sum())
    (0.25, 2, 2)
    """
    magnitudes = np.abs(weight, dtype=np.float32).ravel()
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    largest = float(magnitudes.max(initial=0.0))
    if 0 < threshold < largest:
        below = min(max(round(_BINS * threshold / largest), 1), _BINS - 1)
        lower = np.linspace(0.0, threshold, below + 1)
        edges = np.concatenate([lower, np.linspace(threshold, largest, _BINS - below + 1)[1:]])
    else:
        edges = np.linspace(0.0, largest or 1.0, _BINS + 1)
    return edges, np.histogram(magnitudes, edges)[0]
