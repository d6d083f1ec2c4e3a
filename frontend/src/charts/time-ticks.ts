import { formatDay, formatDuration, formatTime } from "../data/time";
import { niceIncrement } from "./axes";

/** Ticks of axes of time, in seconds. */

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];
const INCREMENTS = [1, 2, 5, 10, 15, 30].flatMap((n) => [n, n * MINUTE]);
const HOURS = [1, 2, 3, 6, 12].map((n) => n * HOUR);
const ALL = [...INCREMENTS, ...HOURS].sort((a, b) => a - b);

export interface Tick {
  at: number;
  label: string;
}

function increment(space: number): number {
  if (space <= 1) return niceIncrement(space);
  return ALL.find((one) => one >= space) ?? DAY * Math.max(1, niceIncrement(space / DAY));
}

function multiples(from: number, to: number, every: number): number[] {
  const first = Math.ceil(from / every - 1e-6);
  const count = Math.floor(to / every + 1e-6) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * every);
}

/** Digits behind the point that tell multiples of a number apart. */
function digitsOf(every: number): number {
  return Math.max(0, -Math.floor(Math.log10(every) + 1e-9));
}

/** Times since the first point, at least `space` apart. */
export function durationTicks([from, to]: readonly [number, number], space: number): Tick[] {
  const every = increment(space);
  return multiples(from, to, every).map((at) => ({ at, label: durationLabel(at, every) }));
}

function durationLabel(at: number, every: number): string {
  if (at === 0) return "0 s";
  if (every >= 1 || at < MINUTE) return formatDuration(at, digitsOf(every));
  const minutes = Math.floor(at / MINUTE);
  return `${minutes} min ${(at - minutes * MINUTE).toFixed(digitsOf(every))} s`;
}

/** Times of day, at least `space` apart: round ones of the user's zone, across changes of its offset. */
export function clockTicks([from, to]: readonly [number, number], space: number): Tick[] {
  const every = increment(space);
  const ticks = multiples(localOf(from), localOf(to), every).map(timeOf);
  return [...new Set(ticks)]
    .filter((at) => at >= from && at <= to)
    .map((at) => ({ at, label: clockLabel(at, every) }));
}

function clockLabel(at: number, every: number): string {
  const time = formatTime(at);
  if (every >= DAY || (every >= MINUTE && time === "00:00:00")) return formatDay(at).slice(5);
  if (every >= MINUTE) return time.slice(0, 5);
  return every >= 1 ? time : time + (at % 1).toFixed(digitsOf(every)).slice(1);
}

/** What the clock on the wall shows, as seconds; and back. */
function localOf(time: number): number {
  return time - new Date(time * 1000).getTimezoneOffset() * MINUTE;
}

function timeOf(local: number): number {
  const shown = new Date(Math.floor(local) * 1000);
  const [year, month, day] = [shown.getUTCFullYear(), shown.getUTCMonth(), shown.getUTCDate()];
  const [hour, minute, second] = [
    shown.getUTCHours(),
    shown.getUTCMinutes(),
    shown.getUTCSeconds(),
  ];
  const whole = new Date(year, month, day, hour, minute, second).getTime() / 1000;
  return whole + (local - Math.floor(local));
}
