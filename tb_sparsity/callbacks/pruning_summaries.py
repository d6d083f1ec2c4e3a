"""The callback that writes a training's sparsity into event files."""

from __future__ import annotations

from typing import Any

import keras

import tb_sparsity
from tb_sparsity.callbacks.summaries import Summaries
from tb_sparsity.events.manifest import LoggedWeight, describe_run
from tb_sparsity.events.manifest_pb2 import Block, Channel, Manifest, NOfM
from tb_sparsity.measure import Meter, training_step
from tb_sparsity.pruning import patterns
from tb_sparsity.pruning.weights import TrackedWeight


class PruningSummaries(Summaries, keras.callbacks.Callback):
    """Logs sparsity, threshold and pruning step of each weight, and the fit's metrics, for TensorBoard.

    All series share one axis: training steps taken. The state after the last step is always logged, also when an
    exception or Ctrl-C ends the training. In a model that isn't pruned, the zeros of its kernels are logged. Of
    several processes that train one model, the chief writes.

    A background thread writes, and training never fails because of its log: a disk that is full or gone is tried
    again, and what was lost is told at the end.

    Args:
        log_dir: Directory of this run. Event files go to `<log_dir>/sparsity`.
        update_freq: When to log: `"epoch"`, `"batch"`, or a number N for each step that N divides. Metrics that
            are known only when an epoch ends (`val_…`) are logged then. Defaults to `"epoch"`.
        histogram_freq: Epochs between histograms of the weights' magnitudes, for TensorBoard's own tab of that name.
            Defaults to `0`: none.
        flush_secs: Seconds until what was logged can be read by others, even after the training was killed.
            Defaults to `1`, on remote file systems `30`.
        **kwargs: Other arguments of `keras.callbacks.TensorBoard`, so that scripts written for tfmot run; they have
            no effect. Use that callback beside this one.

    Raises:
        ValueError: If `log_dir` is empty, or another argument is none of the above.
        TypeError: If an argument is unknown.
        OSError: From `fit`, before the first step, if nothing can be written to `log_dir`.

    Example:

    ```python
    model.fit(x, y, callbacks=[
        tb_sparsity.UpdatePruningStep(),
        tb_sparsity.PruningSummaries("logs/run1", update_freq=50),
    ])
    ```

    Then `tensorboard --logdir logs`, tab Sparsity. In a training loop of one's own, see `log`.
    """

    def _training_step(self) -> int:
        return training_step(self.model)

    def _make_meter(self) -> Meter | None:
        return Meter(self.model) if self.model.built else None

    def _describe(self, meter: Meter, **fields: Any) -> Manifest:
        return describe_run(
            [_described(w) for w in meter.weights],
            writer_version=tb_sparsity.__version__,
            keras_version=keras.__version__,
            keras_backend=keras.backend.backend(),
            **fields,
        )

    def _is_chief(self) -> bool:
        """By TensorFlow's strategy, JAX's process index or PyTorch's rank."""
        backend = keras.backend.backend()
        if backend == "tensorflow":
            strategy = getattr(self.model, "distribute_strategy", None)
            return bool(getattr(getattr(strategy, "extended", None), "should_save_summary", True))
        if backend == "jax":
            import jax

            return bool(jax.process_index() == 0)
        import torch.distributed

        ranked = torch.distributed.is_available() and torch.distributed.is_initialized()
        return not ranked or torch.distributed.get_rank() == 0


def _described(w: TrackedWeight) -> LoggedWeight:
    pattern: Any = None
    fixed_target = None
    shape = tuple(w.variable.shape)
    if w.wrapper and w.pruned:
        cut = w.wrapper.pattern
        if isinstance(cut, patterns.Block):
            pattern = Block(height=cut.height, width=cut.width, pooling=cut.pooling)
        elif isinstance(cut, patterns.NOfM):
            pattern = NOfM(n=cut.n, m=cut.m)
            fixed_target = cut.target(shape, 0.0, w.pruned.layout)
        elif isinstance(cut, patterns.Channel):
            pattern = Channel(count=patterns.matrix_shape(shape, w.pruned.layout)[1])
    return LoggedWeight(
        name=w.name,
        shape=shape,
        layer=w.layer_name,
        layer_class=type(w.layer).__name__,
        dtype=str(w.variable.dtype),
        pattern=pattern,
        schedule=w.wrapper.pruning_schedule if w.wrapper else None,
        fixed_target=fixed_target,
    )
