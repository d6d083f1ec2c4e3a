import { tolerance as typed } from "../data/store";
import type { Tolerance } from "../data/tradeoff";

/** How much worse the metric may be: one choice for all views. */
export function ToleranceField({ tolerance, words }: { tolerance: Tolerance; words: string }) {
  return (
    <label class="tolerance quiet">
      Tolerance
      <input
        type="number"
        min="0"
        step="any"
        value={typed.value ?? tolerance.amount}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
        }}
        onBlur={() => {
          // An empty field stands for the usual tolerance: let it be seen.
          if (!typed.value) typed.value = null;
        }}
      />
      {words}
    </label>
  );
}
