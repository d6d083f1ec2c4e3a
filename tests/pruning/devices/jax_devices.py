"""Trains on one device, on two with DataParallel and on four with ModelParallel: `jax_devices FOLDER`."""

import sys
from pathlib import Path

from keras import distribution

from tests.pruning.devices import training


def model_parallel(devices, **layouts):
    layout_map = distribution.LayoutMap(distribution.DeviceMesh((2, 2), ("batch", "model"), devices))
    for path, layout in layouts.items():
        layout_map[f".*{path}"] = layout
    return distribution.ModelParallel(layout_map=layout_map, batch_dim_name="batch")


if __name__ == "__main__":
    folder, devices = Path(sys.argv[1]), distribution.list_devices()
    columns = (None, "model")
    for name, chosen in {
        "one": None,
        "data": distribution.DataParallel(devices=devices[:2]),
        "model": model_parallel(devices, kernel=columns),
        "model-and-masks": model_parallel(devices, kernel=columns, mask=columns),
    }.items():
        distribution.set_distribution(chosen)
        model = training.pruned_model()
        model.compile("adam", "mse")
        training.fit(model, folder / f"{name}.npz")
        first = model.layers[0].pruned_weights[0]
        kernel, mask = (v.value.addressable_shards[0].data.shape for v in (first.weight, first.mask))
        sys.stdout.write(f"{name}: kernel {kernel}, mask {mask}\n")
