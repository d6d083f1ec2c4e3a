"""One mask update of a large weight: time against tfmot's, the same mask, and how much memory it takes.

    python benchmarks/mask_update.py [MILLIONS_OF_WEIGHTS] [ROUNDS]

Runs on the Keras backend that KERAS_BACKEND names.
"""

from __future__ import annotations

import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from keras import backend, ops
from side_by_side import Peer, table

from tb_sparsity.pruning.masks import magnitude_mask

SHARE = 0.875


def compiled() -> dict[str, object]:
    """The update as training steps run it on this backend."""
    if backend.backend() == "tensorflow":
        import tensorflow as tf

        return {
            "TensorFlow, XLA": tf.function(magnitude_mask, jit_compile=True),
            "TensorFlow, graph": tf.function(magnitude_mask),
        }
    if backend.backend() == "jax":
        import jax

        return {"JAX": jax.jit(magnitude_mask)}
    return {"PyTorch": magnitude_mask}


def main(millions: int = 10, rounds: int = 7) -> None:
    """Prints the table."""
    n = millions * 1_000_000
    peer, updates = Peer(), compiled()
    weight = ops.convert_to_tensor(np.random.default_rng(0).normal(size=n).astype("float32"))
    share = ops.convert_to_tensor(SHARE, "float32")
    times: dict[str, list[float]] = {}
    grown: dict[str, int] = {}
    for i in range(rounds + 1):  # the first one compiles
        masks = {}
        for name, update in updates.items():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = time.perf_counter()
            mask = ops.convert_to_numpy(update(weight, share)[0])
            seconds = time.perf_counter() - start
            if i:
                times.setdefault(name, []).append(1e3 * seconds)
            else:
                grown[name] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
            masks[name] = np.packbits(mask)
        answer = peer.ask("mask_update", n=n, share=SHARE)
        if answer:
            masks["tfmot"] = np.frombuffer(bytes.fromhex(answer["bits"]), np.uint8)
            if i:
                times.setdefault("tfmot", []).append(answer["ms"])
            else:
                grown["tfmot"] = answer["grown"]
    first = next(iter(masks.values()))
    same = all(np.array_equal(first, other) for other in masks.values())
    print(f"One mask update of {n:,} weights to {100 * SHARE} % sparsity, {rounds} rounds:")
    table(times, "tfmot" if "tfmot" in times else next(iter(times)))
    print(f"The same mask from all: {'yes' if same else 'NO'}. Peak memory of the process, raised by the first update:")
    for name, extra in grown.items():
        print(f"{name:<44}{extra / n:>9.1f} bytes a weight (compiling included)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
