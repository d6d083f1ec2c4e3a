import { cursor, setZoom, validZoom } from "../data/store";

/** The keys of charts over steps. */

/** Moves the cursor of all charts along these steps; Escape takes it away, and the zoom with it. */
export function moveCursor(event: KeyboardEvent, steps: readonly number[]): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") {
    cursor.value = null;
    setZoom(null);
    return;
  }
  const next = stepForKey(event.key, steps, cursor.value);
  if (next === null) return;
  event.preventDefault();
  cursor.value = next;
}

/** The step that an arrow, Home or End key moves to, among those in view; null: not such a key. */
export function stepForKey(
  key: string,
  all: readonly number[],
  from: number | null,
  range: readonly [number, number] | null = validZoom.peek(),
): number | null {
  const steps = range ? all.filter((step) => step >= range[0] && step <= range[1]) : all;
  const last = steps.length - 1;
  if (last < 0) return null;
  const here = from ?? (steps[last] as number);
  switch (key) {
    case "ArrowLeft":
      return steps.findLast((step) => step < here) ?? (steps[0] as number);
    case "ArrowRight":
      return steps.find((step) => step > here) ?? (steps[last] as number);
    case "Home":
      return steps[0] as number;
    case "End":
      return steps[last] as number;
    default:
      return null;
  }
}
