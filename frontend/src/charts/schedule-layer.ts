import type uPlot from "uplot";
import type { Frame } from "../data/schedule";
import type { ChartModel } from "./model";

/** What lies under the measured curves: the schedules' ranges, their updates and their targets. */

const TICK_LENGTH = 4;
/** Ticks closer than this are thinned. */
const TICK_SPACE = 6;

export function drawBands(u: uPlot, frames: readonly Frame[], color: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.fillStyle = color;
  const ranges = new Map(frames.map(({ begin, end }) => [`${begin}:${end}`, { begin, end }]));
  // Where many overlap they must stay a background.
  ctx.globalAlpha = Math.min(1, 2 / depth([...ranges.values()]));
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

export function drawUpdates(u: uPlot, frames: readonly Frame[], color: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const ratio = pixelRatio(u);
  const base = top + height;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(1, Math.round(ratio));
  ctx.beginPath();
  for (const step of updateSteps(frames, visibleSteps(u), (TICK_SPACE * ratio) / width)) {
    const x = u.valToPos(step, "x", true);
    if (x < left - 1 || x > left + width + 1) continue;
    const crisp = Math.round(x - 0.5) + 0.5;
    ctx.moveTo(crisp, base);
    ctx.lineTo(crisp, base + TICK_LENGTH * ratio);
  }
  ctx.stroke();
  ctx.restore();
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

export function drawTargets(u: uPlot, targets: ChartModel["targets"], width: number): void {
  const { ctx } = u;
  const ratio = pixelRatio(u);
  const { left, top, width: w, height: h } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top - width * ratio, w, h + 2 * width * ratio);
  ctx.clip();
  ctx.globalAlpha = 0.75;
  ctx.lineWidth = width * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  for (const { step, value, color } of targets) {
    ctx.strokeStyle = color;
    ctx.beginPath();
    step.forEach((s, i) => {
      const [x, y] = [u.valToPos(s, "x", true), u.valToPos(value[i] as number, "y", true)];
      if (i === 0) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    });
    ctx.stroke();
  }
  ctx.restore();
}

function visibleSteps(u: uPlot): [number, number] {
  const { min, max } = u.scales.x ?? {};
  return [min ?? 0, max ?? 1];
}

/** Canvas pixels for one CSS pixel, as uPlot took it when it made the canvas. */
export function pixelRatio(u: uPlot): number {
  return u.width > 0 ? u.ctx.canvas.width / u.width : 1;
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
