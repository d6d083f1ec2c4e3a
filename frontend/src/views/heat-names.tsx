import type { ReadonlySignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { nameEvery } from "../data/heat";
import { Name } from "./name";

interface HeatNamesProps {
  names: readonly string[];
  rowHeight: number;
  row: ReadonlySignal<number | null>;
  onOpen: (weight: string) => void;
}

/** Names nearer to each other than this, in pixels, would overlap. */
const NAME_HEIGHT = 12;

/** Beside the rows; of low rows only each so many-th has room for its name. */
export function HeatNames({ names, rowHeight, row, onOpen }: HeatNamesProps) {
  const every = nameEvery(rowHeight);
  const pointed = row.value;
  const button = (index: number, name: string, isPointed = false) => (
    // Out of the tab order: the arrow keys and Enter do the same, without a thousand stops.
    <button
      key={name}
      type="button"
      class={isPointed ? "pointed" : undefined}
      tabIndex={-1}
      title={name}
      style={{ top: `${(index + 0.5) * rowHeight}px` }}
      onClick={() => onOpen(name)}
    >
      <Name text={name} />
    </button>
  );
  // The same elements each time: those that don't change cost nothing while the mouse moves.
  const all = useMemo(
    () => names.map((name, index) => (index % every === 0 ? button(index, name) : null)),
    [names, rowHeight],
  );
  return (
    <div class="heat-names">
      {all.map((one, index) => {
        const name = names[index];
        if (pointed === null || name === undefined) return one;
        if (index === pointed) return button(index, name, true);
        // The name that is pointed at displaces those that it would touch.
        const near = every > 1 && Math.abs(index - pointed) * rowHeight < NAME_HEIGHT;
        return near ? null : one;
      })}
    </div>
  );
}
