/** Parts of an axis that a chart can be zoomed to, within `whole`; null: all of it. */

export type Range = readonly [number, number];

/** A window narrower than two steps shows nothing, nor one of time that numbers can't tell apart. */
function least(whole: Range, steps: boolean): number {
  return steps ? 2 : (whole[1] - whole[0]) / 1e4;
}

/** What was dragged over; null if it is too narrow to be meant. */
export function selected([from, to]: Range, whole: Range, steps: boolean): Range | null {
  if (to - from < least(whole, steps)) return null;
  return steps ? [Math.floor(from), Math.ceil(to)] : [from, to];
}

/** The window made `factor` times as wide, with the place `at` staying where it is. */
export function zoomed(
  [from, to]: Range,
  at: number,
  factor: number,
  whole: Range,
  steps: boolean,
): Range | null {
  const about = Math.min(Math.max(at, from), to);
  let [low, high] = [about + (from - about) * factor, about + (to - about) * factor];
  // Rounded so that each turn of the wheel changes something.
  if (steps && factor < 1) [low, high] = [Math.ceil(low), Math.floor(high)];
  if (steps && factor > 1) [low, high] = [Math.floor(low), Math.ceil(high)];
  if (high - low < least(whole, steps)) [low, high] = [from, to];
  if (low <= whole[0] && high >= whole[1]) return null;
  return [Math.max(low, whole[0]), Math.min(high, whole[1])];
}

/** So much of the wheel zooms by a factor of e, one turn by no more than that. */
const ZOOM_PIXELS = 400;
const MOST_PIXELS = 100;
const LINE_PIXELS = 33;

/** How much a turn of the wheel zooms; null: it scrolls the page, as it does everywhere else. */
export function wheelFactor(event: WheelEvent): number | null {
  if (!event.ctrlKey && !event.metaKey && !event.altKey) return null;
  const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : LINE_PIXELS);
  return Math.exp(Math.min(Math.max(pixels, -MOST_PIXELS), MOST_PIXELS) / ZOOM_PIXELS);
}

/** The window moved along, as wide as before. */
export function moved([from, to]: Range, by: number, whole: Range, steps: boolean): Range {
  const far = Math.min(Math.max(by, whole[0] - from), whole[1] - to);
  const shift = steps ? Math.round(far) : far;
  return [from + shift, to + shift];
}
