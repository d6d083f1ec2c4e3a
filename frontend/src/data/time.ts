import type { Axis } from "./axis";
import { formatStep } from "./format";

/** Times as the page writes them: in the user's zone, and alike in all languages. */

const UNITS = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
] as const;

/** 200 -> "3 min 20 s", 12.34 -> "12.3 s". Two units at most; seconds as exact as `digits`. */
export function formatDuration(seconds: number, digits = seconds < 1 ? 3 : 1): string {
  for (const [i, [unit, size]] of UNITS.entries()) {
    const [smaller, part] = UNITS[i + 1] ?? ["s", 1];
    const rounded = Math.round(seconds / part);
    if (rounded * part < size) continue;
    const rest = rounded % (size / part);
    const whole = `${Math.floor((rounded * part) / size)} ${unit}`;
    return rest === 0 ? whole : `${whole} ${rest} ${smaller}`;
  }
  return `${seconds.toFixed(digits)} s`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** "14:23:05" */
export function formatTime(time: number): string {
  const date = new Date(time * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** "2026-11-21" */
export function formatDay(time: number): string {
  const date = new Date(time * 1000);
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
}

/** A place on an axis, within a sentence. */
export function placeWords(axis: Axis, place: number): string {
  return `${axis === "step" ? "step " : ""}${formatPlace(axis, place)}`;
}

/** A place on an axis, as a readout says it. */
export function formatPlace(axis: Axis, place: number): string {
  if (axis === "step") return formatStep(place);
  if (axis === "relative") return formatDuration(place);
  return `${formatDay(place)} ${formatTime(place)}`;
}
