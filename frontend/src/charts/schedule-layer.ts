import type uPlot from "uplot";
import { between, type Clock, spanOn } from "../data/axis";
import { type Frame, firstIndexAbove } from "../data/schedule";
import type { ChartModel, ScheduleFrames } from "./model";
import { pixelRatio, placer, strokeLine } from "./trace";

/** What lies under the measured curves: the schedules' ranges, their updates and their targets. */

/** Their length where there are so many rows of them; together they stay above the labels. */
const TICK_LENGTHS = [4, 3, 2];
/** Ticks closer than this are thinned. */
const TICK_SPACE = 6;

export function drawBands(u: uPlot, schedules: readonly ScheduleFrames[], color: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.fillStyle = color;
  const spans = placed(schedules).flatMap(({ clock, begin, end }) =>
    clock ? (spanOn(clock, { begin, end }) ?? []) : { begin, end },
  );
  const ranges = new Map(spans.map((span) => [`${span.begin}:${span.end}`, span]));
  // Where many overlap they must stay a background.
  ctx.globalAlpha = 1 / depth([...ranges.values()]);
  for (const { begin, end } of ranges.values()) {
    const from = clamp(u.valToPos(begin, "x", true), left, left + width);
    const to = end === null ? left + width : clamp(u.valToPos(end, "x", true), left, left + width);
    ctx.fillRect(from, top, to - from, height);
  }
  ctx.restore();
}

/** How many ranges at most lie over each other. */
export function depth(ranges: readonly Pick<Frame, "begin" | "end">[]): number {
  const over = (step: number) =>
    ranges.filter(({ begin, end }) => begin <= step && (end === null || step <= end)).length;
  return Math.max(1, ...ranges.map(({ begin }) => over(begin)));
}

export function drawUpdates(u: uPlot, schedules: readonly ScheduleFrames[], color: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const ratio = pixelRatio(u);
  const rows = tickRows(schedules);
  const length = TICK_LENGTHS[rows.length - 1] ?? 0;
  ctx.save();
  ctx.lineWidth = Math.max(1, Math.round(ratio));
  rows.forEach((row, i) => {
    const base = top + height + i * (length + 1) * ratio;
    ctx.strokeStyle = row.color ?? color;
    ctx.beginPath();
    for (const place of updatePlaces(row.frames, visibleRange(u), (TICK_SPACE * ratio) / width)) {
      const x = u.valToPos(place, "x", true);
      if (x < left - 1 || x > left + width + 1) continue;
      const crisp = Math.round(x - 0.5) + 0.5;
      ctx.moveTo(crisp, base);
      ctx.lineTo(crisp, base + length * ratio);
    }
    ctx.stroke();
  });
  ctx.restore();
}

/**
 * What each row of ticks stands for: one row where all update at the same steps, else one for each
 * schedule in its run's colour, or one for each run. More rows than there is room for say nothing.
 */
export function tickRows(
  schedules: readonly ScheduleFrames[],
): { color: string | null; frames: readonly PlacedFrame[] }[] {
  const bySteps = grouped(schedules, ({ frames, clock }) => JSON.stringify([frames, clock?.start]));
  if (bySteps.length <= 1) return bySteps.map((group) => ({ ...rowOf(group), color: null }));
  const byRun = grouped(schedules, ({ color }) => color);
  const rows = bySteps.length <= TICK_LENGTHS.length ? bySteps : byRun;
  return rows.length <= TICK_LENGTHS.length ? rows.map(rowOf) : [];
}

function rowOf(group: readonly ScheduleFrames[]) {
  const [first] = group;
  const own = group.every(({ color }) => color === first?.color);
  const frames = placed(group).map(
    (f) => [JSON.stringify({ ...f, clock: f.clock?.start }), f] as const,
  );
  return { color: own && first ? first.color : null, frames: [...new Map(frames).values()] };
}

type PlacedFrame = Frame & Pick<ScheduleFrames, "clock">;

function placed(schedules: readonly ScheduleFrames[]): PlacedFrame[] {
  return schedules.flatMap(({ frames, clock }) => frames.map((frame) => ({ ...frame, clock })));
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups.values()];
}

/**
 * Update steps within a range, thinned so that none are closer than `space` (a share of the
 * range). Thinning keeps every n-th and the last: they stay true updates.
 */
export function updateSteps(
  frames: readonly Frame[],
  [from, to]: readonly [number, number],
  space: number,
): number[] {
  const steps = new Set<number>();
  for (const { begin, end, frequency } of frames) {
    const every = Math.max(1, Math.ceil((space * (to - from)) / frequency)) * frequency;
    const last = Math.min(end ?? to, to);
    const first = begin + Math.max(0, Math.ceil((from - begin) / every)) * every;
    for (let step = first; step <= last; step += every) steps.add(step);
    if (end !== null && end >= from && end <= to) steps.add(end);
  }
  steps.delete(0); // training counts from 1
  return [...steps].sort((a, b) => a - b);
}

/** Where the updates of these frames lie on the axis, thinned alike. */
export function updatePlaces(
  frames: readonly PlacedFrame[],
  range: readonly [number, number],
  space: number,
): number[] {
  if (frames.every(({ clock }) => clock === null)) return updateSteps(frames, range, space);
  return frames.flatMap((frame) =>
    frame.clock ? updatesOn(frame.clock, frame, range, space) : [],
  );
}

function updatesOn(
  { step, place }: Clock,
  frame: Frame,
  [from, to]: readonly [number, number],
  space: number,
): number[] {
  const seen = [Math.max(from, place[0] ?? to), Math.min(to, place.at(-1) ?? from)] as const;
  const [first, last] = seen.map((at) => between(place, step, at));
  if (first == null || last == null || seen[1] <= seen[0]) return [];
  const apart = (space * (to - from)) / (seen[1] - seen[0]);
  return updateSteps([frame], [first, last], apart).flatMap((at) => between(step, place, at) ?? []);
}

export function drawTargets(u: uPlot, targets: ChartModel["targets"], width: number): void {
  const { ctx } = u;
  const ratio = pixelRatio(u);
  const { left, top, width: w, height: h } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top - width * ratio, w, h + 2 * width * ratio);
  ctx.clip();
  ctx.lineWidth = width * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  const [from, to] = visibleRange(u);
  const [toX, toY] = [placer(u, "x"), placer(u, "y")];
  for (const { place, value, color } of targets) {
    ctx.strokeStyle = color;
    // Dashes off the canvas would be drawn as well.
    const [first, last] = [firstIndexAbove(place, from) - 1, firstIndexAbove(place, to) + 1];
    const seen = <T>(all: T[]) => all.slice(Math.max(0, first), last);
    // In one piece: the dashes go on.
    const line = { x: seen(place).map(toX), y: seen(value).map(toY) };
    strokeLine(ctx, line, Number.POSITIVE_INFINITY);
  }
  ctx.restore();
}

export function visibleRange(u: uPlot): [number, number] {
  const { min, max } = u.scales.x ?? {};
  return [min ?? 0, max ?? 1];
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
