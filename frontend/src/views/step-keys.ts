import { type Range, zoomed } from "../charts/zooming";
import { axis, axisDomain, axisZoom, cursor, setZoom } from "../data/store";

/** The keys of charts over the axis that they share. */

const ZOOM_KEYS: Record<string, number> = { "+": 1 / 1.5, "=": 1 / 1.5, "-": 1.5 };

/**
 * Moves the cursor of all charts along these places of logged points, or zooms around it; Escape
 * takes it away, and the zoom with it.
 */
export function moveCursor(event: KeyboardEvent, places: readonly number[]): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") {
    cursor.value = null;
    setZoom(null);
    return;
  }
  const factor = ZOOM_KEYS[event.key];
  const next = placeForKey(event.key, places, cursor.value, axisZoom.value);
  if (factor !== undefined) zoomBy(factor);
  else if (next !== null) cursor.value = next;
  else return;
  event.preventDefault();
}

/** Takes the cursor away with the focus, once that is on nothing within the figure. */
export function leaveCursor({ currentTarget, relatedTarget }: FocusEvent): void {
  const inside = relatedTarget instanceof Node && (currentTarget as Node).contains(relatedTarget);
  if (!inside) cursor.value = null;
}

function zoomBy(factor: number): void {
  const whole = axisDomain.value;
  if (!whole) return;
  const range = axisZoom.value ?? whole;
  const about = cursor.value ?? (range[0] + range[1]) / 2;
  setZoom(zoomed(range, about, factor, whole, axis.value === "step"));
}

/** The place that an arrow, Home or End key moves to, among those in view; null: not such a key. */
export function placeForKey(
  key: string,
  all: readonly number[],
  from: number | null,
  range: Range | null,
): number | null {
  const places = range ? all.filter((place) => place >= range[0] && place <= range[1]) : all;
  const last = places.length - 1;
  if (last < 0) return null;
  const here = from ?? (places[last] as number);
  switch (key) {
    case "ArrowLeft":
      return places.findLast((place) => place < here) ?? (places[0] as number);
    case "ArrowRight":
      return places.find((place) => place > here) ?? (places[last] as number);
    case "Home":
      return places[0] as number;
    case "End":
      return places[last] as number;
    default:
      return null;
  }
}
