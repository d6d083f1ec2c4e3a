"""What TensorBoard imports at every start. An exception here would end TensorBoard: nothing heavy is imported."""

from __future__ import annotations

from typing import Any

from tensorboard.plugins import base_plugin

from tb_sparsity.events.names import MANIFEST_PLUGIN

_MANIFESTS_KEPT = 100


class SparsityLoader(base_plugin.TBLoader):
    """Makes the plugin when TensorBoard is ready for it."""

    def fix_flags(self, flags: Any) -> None:
        """Has more manifests kept than the 10 of the Python server: each is the start of a session."""
        samples = getattr(flags, "samples_per_plugin", None)
        if isinstance(samples, dict):
            samples.setdefault(MANIFEST_PLUGIN, _MANIFESTS_KEPT)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """Imports the plugin only now: TensorBoard survives an exception here, and logs it."""
        from tb_sparsity.plugin.plugin import SparsityPlugin

        return SparsityPlugin(context)
