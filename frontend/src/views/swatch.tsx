import { traceOf } from "../charts/marks";
import { hasOwnColor, runColor, setRunColor } from "../data/store";
import type { Run } from "../data/types";

/** A piece of a curve, as a key to it. */
export function LineSwatch({
  color,
  mark = 0,
  dashed = false,
}: {
  color: string;
  mark?: number;
  dashed?: boolean;
}) {
  return (
    <span
      class={dashed ? "line-swatch dashed" : "line-swatch"}
      style={{ color }}
      aria-hidden="true"
    >
      {mark > 0 && !dashed && <Mark mark={mark} />}
    </span>
  );
}

/** What a curve carries besides its colour. */
export function Mark({ mark }: { mark: number }) {
  return (
    <svg class="curve-mark" viewBox="-6 -6 12 12" aria-hidden="true">
      <path d={traceOf(mark, 4)} />
    </svg>
  );
}

/** Where the user gives a run another colour. */
export function RunColor({ run }: { run: Run }) {
  return (
    <span class="run-color">
      {hasOwnColor(run) && (
        <button
          type="button"
          class="link"
          title="Its own colour again"
          aria-label={`Give ${run.name} its own colour again`}
          onClick={() => setRunColor(run, null)}
        >
          {"\u00d7"}
        </button>
      )}
      <input
        type="color"
        title="Another colour"
        aria-label={`Colour of ${run.name}`}
        value={runColor(run)}
        onChange={(event) => setRunColor(run, event.currentTarget.value)}
      />
    </span>
  );
}
