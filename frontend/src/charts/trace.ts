import type uPlot from "uplot";
import { firstIndexAbove } from "../data/schedule";

/** A pixel's share by which a line may miss a point that is left out. */
const TOLERANCE = 0.1;
/** First, lowest, highest and last: more points than these in one column of pixels show nothing. */
const PER_COLUMN = 4;

/** Which points of a line are enough to draw it; places are in pixels, `x` ascends. */
export function thinned(x: readonly number[], y: readonly number[]): number[] {
  const kept: number[] = [];
  let anchor = -1;
  let last = -1;
  // The slopes at which a line from the anchor meets all that was left out since.
  let [low, high] = [0, 0];
  const see = (i: number) => {
    if (anchor < 0) {
      kept.push(i);
      anchor = i;
      return;
    }
    let across = at(x, i) - at(x, anchor);
    let up = at(y, i) - at(y, anchor);
    const missed = last >= 0 && !(across > 0 && up >= low * across && up <= high * across);
    if (missed) {
      kept.push(last);
      anchor = last;
      across = at(x, i) - at(x, anchor);
      up = at(y, i) - at(y, anchor);
    }
    if (missed || last < 0) [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    if (across > 0) {
      low = Math.max(low, (up - TOLERANCE) / across);
      high = Math.min(high, (up + TOLERANCE) / across);
    } else [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    last = i;
  };
  for (let from = 0; from < x.length; ) {
    const column = Math.floor(at(x, from));
    let [to, lowest, highest] = [from + 1, from, from];
    for (; to < x.length && Math.floor(at(x, to)) === column; to++) {
      if (at(y, to) < at(y, lowest)) lowest = to;
      if (at(y, to) > at(y, highest)) highest = to;
    }
    if (to - from <= PER_COLUMN) for (let i = from; i < to; i++) see(i);
    else {
      const [first, second] = lowest < highest ? [lowest, highest] : [highest, lowest];
      see(from);
      if (first > from) see(first);
      if (second > first && second < to - 1) see(second);
      see(to - 1);
    }
    from = to;
  }
  if (last >= 0) kept.push(last);
  return kept;
}

function at(values: readonly number[], i: number): number {
  return values[i] as number;
}

/** Skia takes several times as long for a thousand points of noise in one piece. */
const PIECE = 8;

/** A line, or a part of one, in pixels. */
export interface Line {
  x: readonly number[];
  y: readonly number[];
}

/** Strokes a line by as few points as show it. */
export function strokeLine(ctx: CanvasRenderingContext2D, line: Line, piece: number): void {
  stroke(ctx, reduced(line), piece);
}

function reduced({ x, y }: Line): Line {
  const kept = thinned(x, y);
  return { x: kept.map((i) => at(x, i)), y: kept.map((i) => at(y, i)) };
}

function stroke(ctx: CanvasRenderingContext2D, { x, y }: Line, piece: number): void {
  for (let from = 0; from === 0 || from < x.length - 1; from += piece) {
    ctx.beginPath();
    const to = Math.min(from + piece, x.length - 1);
    for (let i = from; i <= to; i++) ctx.lineTo(at(x, i), at(y, i));
    // A point alone.
    if (x.length === 1) ctx.lineTo(at(x, 0), at(y, 0));
    ctx.stroke();
  }
}

/** Calm is a line that turns up or down this often in a pixel, or goes so far; and noise. */
const TURNS = [1 / 8, 1 / 3] as const;
const TRAVEL = [2, 4] as const;

/**
 * How wide to draw the parts of a curve, from `narrow` to `width`: noise is narrow, else it would
 * be an area rather than a line. Skia also draws a line of one pixel ten times as fast.
 */
export function lineWidth(parts: readonly Line[], width: number, narrow: number): number {
  let [ahead, turns, travel] = [0, 0, 0];
  for (const { x, y } of parts) {
    let before = 0;
    for (let i = 1; i < x.length; i++) {
      const up = at(y, i) - at(y, i - 1);
      if (up * before < 0) turns++;
      if (up !== 0) before = up;
      travel += Math.abs(up);
      ahead += at(x, i) - at(x, i - 1);
    }
  }
  if (ahead === 0) return width;
  const noise = Math.max(share(turns / ahead, TURNS), share(travel / ahead, TRAVEL));
  return width - (width - narrow) * Math.min(1, noise);
}

function share(value: number, [from, to]: readonly [number, number]): number {
  return Math.max(0, (value - from) / (to - from));
}

/** Where values of a scale lie on the canvas: what `u.valToPos` says, for many values at once. */
export function placer(u: uPlot, key: "x" | "y"): (value: number) => number {
  const { min = 0, max = 1, distr } = u.scales[key] ?? {};
  const on = distr === 3 ? Math.log10 : (value: number) => value;
  const [from, to] = [on(min ?? 0), on(max ?? 1)];
  const [start, end] = [u.valToPos(min ?? 0, key, true), u.valToPos(max ?? 1, key, true)];
  return (value) => start + ((on(value) - from) / (to - from)) * (end - start);
}

/** Canvas pixels for one CSS pixel, as uPlot took it when it made the canvas. */
export function pixelRatio(u: uPlot): number {
  return u.width > 0 ? u.ctx.canvas.width / u.width : 1;
}

/** Draws one of the curves; where it has a gap, it is parted. */
export function drawCurve(u: uPlot, series: number, color: string, line: number): void {
  const { ctx } = u;
  const narrow = pixelRatio(u);
  const width = line * narrow;
  const { left, top, width: w, height: h } = u.bbox;
  const [xs, values = []] = [u.data[0] as number[], u.data[series]];
  const { min, max } = u.scales.x ?? {};
  if (min == null || max == null) return;
  // One point beyond each edge, to where the line goes.
  let [from, to] = [firstIndexAbove(xs, min) - 1, firstIndexAbove(xs, max)];
  while (from > 0 && values[from] == null) from--;
  while (to < xs.length && values[to] == null) to++;
  const [toX, toY] = [placer(u, "x"), placer(u, "y")];
  ctx.save();
  ctx.beginPath();
  ctx.rect(left - width / 2, top - width / 2, w + width, h + width);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.lineJoin = "bevel";
  ctx.lineCap = "round";
  const parts: { x: number[]; y: number[] }[] = [{ x: [], y: [] }];
  for (let i = Math.max(0, from); i <= to; i++) {
    const value = values[i];
    const part = parts.at(-1);
    if (!part) break;
    if (value === null) {
      if (part.x.length > 0) parts.push({ x: [], y: [] });
    } else if (value !== undefined) {
      part.x.push(toX(at(xs, i)));
      part.y.push(toY(value));
    }
  }
  const lines = parts.filter(({ x }) => x.length > 0).map(reduced);
  ctx.lineWidth = lineWidth(lines, width, narrow);
  for (const line of lines) stroke(ctx, line, PIECE);
  ctx.restore();
}
