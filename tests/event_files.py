"""Event files, read by TensorBoard's own readers."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from tb_sparsity.events.manifest import to_json
from tb_sparsity.events.names import MANIFEST_TAG


def read(log_dir, subdirectory="sparsity"):
    """`(series, manifests)`: tag -> {step: value}, and each tag at each step once only."""
    accumulator = EventAccumulator(str(log_dir / subdirectory), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    found = {}
    for tag in accumulator.Tags()["scalars"]:
        events = accumulator.Scalars(tag)
        steps = [event.step for event in events]
        assert steps == sorted(set(steps)), f"{tag} is written twice at one step or goes back"
        found[tag] = {event.step: event.value for event in events}
    manifests = [e.tensor_proto.string_val[0] for e in accumulator.Tensors(MANIFEST_TAG)]
    return found, [to_json(m) for m in manifests]


def events(log_dir):
    return [e for file in sorted((log_dir / "sparsity").iterdir()) for e in LegacyEventFileLoader(str(file)).Load()]
