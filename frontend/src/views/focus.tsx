import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { niceRange } from "../charts/axes";
import { focusOf, outsideOf, within } from "../data/focus";
import { formatStep } from "../data/format";
import { axisZoom } from "../data/store";
import type { Points } from "../data/types";

export interface Focus {
  /** The values to show; undefined: all of them. */
  range: ReadonlySignal<readonly [number, number] | undefined>;
  /** How many points lie outside; null where none does. */
  outside: ReadonlySignal<number | null>;
  /** Whether the user wants to see them all. */
  whole: { value: boolean };
}

/**
 * What a chart of these curves shows of their values, as long as nobody wants to see all. Their steps
 * are places on the axis here.
 */
export function useFocus(
  curves: ReadonlySignal<readonly Points[]>,
  always: readonly number[] = [],
): Focus {
  const whole = useSignal(false);
  const found = useComputed(() => {
    const seen = curves.value.map((points) => within(points, axisZoom.value));
    const range = focusOf(seen, always);
    if (!range) return null;
    // What the axis shows is more: it begins and ends on a tick.
    const shown = niceRange(...range);
    return { range: shown, outside: outsideOf(seen, shown) };
  });
  return {
    range: useComputed(() => (whole.value ? undefined : found.value?.range)),
    outside: useComputed(() => found.value?.outside || null),
    whole,
  };
}

export function FocusNote({ focus: { outside, whole } }: { focus: Focus }) {
  const n = outside.value;
  // The place stays, or the page would jump while it is zoomed.
  if (n === null) return <p class="key">{"\u00a0"}</p>;
  const points = n === 1 ? "1 point lies" : `${formatStep(n)} points lie`;
  return (
    <p class="key quiet" data-outside={n}>
      {!whole.value && `${points} outside, marked at the edge. `}
      <button
        type="button"
        class="link"
        onClick={() => {
          whole.value = !whole.value;
        }}
      >
        {whole.value ? "Show only where most points are" : "Show the whole range"}
      </button>
    </p>
  );
}
