import { indexError, reload } from "../data/store";

const EXAMPLE = `import tb_sparsity

schedule = tb_sparsity.PolynomialDecay(
    0.0, 0.875, begin_step=0, end_step=1000
)
model = tb_sparsity.prune_low_magnitude(model, schedule)
model.compile(...)
model.fit(..., callbacks=[
    tb_sparsity.UpdatePruningStep(),
    tb_sparsity.PruningSummaries("logs/run1"),
])`;

/** There is no run yet: what the tab is for, and the lines that fill it. */
export function Empty() {
  return (
    <div class="state">
      <h2>No pruning has been logged here yet</h2>
      <p>
        This tab shows how sparse each layer of a pruned Keras model became, over the configured
        pruning schedule. These lines fill it:
      </p>
      <pre>{EXAMPLE}</pre>
      <p>
        Then point TensorBoard at the same folder: <code>tensorboard --logdir logs</code>
      </p>
      <p class="quiet">The page looks for new runs every 30 seconds.</p>
    </div>
  );
}

/** The first look at the log failed. */
export function Failure() {
  return (
    <div class="state" role="alert">
      <h2>The runs could not be loaded</h2>
      <p>{indexError.value}</p>
      <p>Check that TensorBoard is still running, and look at its terminal for the cause.</p>
      <button type="button" class="button" onClick={() => void reload()}>
        Retry
      </button>
    </div>
  );
}
