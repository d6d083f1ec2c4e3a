import type uPlot from "uplot";
import { MARKS } from "../data/colors";
import type { Curve } from "./model";
import { pixelRatio } from "./trace";

/** What curves carry besides their colour. */

/** Between two marks of a curve, in CSS pixels. */
const SPACE = 88;
const RADIUS = 3.5;

/** A mark around the origin, as the path of an SVG. */
export function traceOf(mark: number, r: number): string {
  const at = (x: number, y: number) => `${x * r} ${y * r}`;
  switch (MARKS[mark]) {
    case "circle":
      return `M${at(1, 0)}A${r} ${r} 0 1 1 ${at(-1, 0)}A${r} ${r} 0 1 1 ${at(1, 0)}Z`;
    case "square":
      return `M${at(-0.9, -0.9)}H${0.9 * r}V${0.9 * r}H${-0.9 * r}Z`;
    case "triangle":
      return `M${at(0, -1.2)}L${at(1.1, 0.8)}L${at(-1.1, 0.8)}Z`;
    case "diamond":
      return `M${at(0, -1.3)}L${at(1.3, 0)}L${at(0, 1.3)}L${at(-1.3, 0)}Z`;
    case "cross":
      return `M${at(-1, -1)}L${at(1, 1)}M${at(-1, 1)}L${at(1, -1)}`;
    default:
      return "";
  }
}

/** One mark, in CSS pixels. */
export function drawMark(
  ctx: CanvasRenderingContext2D,
  mark: number,
  x: number,
  y: number,
  look: { color: string; page: string },
): void {
  const path = new Path2D();
  path.addPath(new Path2D(traceOf(mark, RADIUS)), { e: x, f: y });
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = look.color;
  ctx.fillStyle = look.page;
  ctx.fill(path);
  ctx.stroke(path);
}

/** Where values lie beyond the axis, each run has arrows at the edge. */
export function drawOutside(u: uPlot, curves: readonly Curve[]): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const { min, max } = u.scales.y ?? {};
  if (min == null || max == null) return;
  const r = 4 * pixelRatio(u);
  const slack = 1e-3 * (max - min);
  const [xs = [], ...columns] = u.data;
  ctx.save();
  curves.forEach(({ color }, i) => {
    const arrows = new Path2D();
    let next = left;
    xs.forEach((at, k) => {
      const value = columns[i]?.[k] ?? null;
      if (value === null || (value >= min - slack && value <= max + slack)) return;
      const x = u.valToPos(at, "x", true);
      if (x < next || x > left + width) return;
      const [tip, foot] =
        value > max ? [top, top + 1.5 * r] : [top + height, top + height - 1.5 * r];
      arrows.moveTo(x, tip);
      arrows.lineTo(x + r, foot);
      arrows.lineTo(x - r, foot);
      arrows.closePath();
      next = x + 2 * r;
    });
    ctx.fillStyle = color;
    ctx.fill(arrows);
  });
  ctx.restore();
}

/** Marks on the curves that share their colour with others, on logged points, evenly apart. */
export function drawMarks(u: uPlot, curves: readonly Curve[], page: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const ratio = pixelRatio(u);
  const space = SPACE * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top - 4 * ratio, width, height + 8 * ratio);
  ctx.clip();
  ctx.lineWidth = 1.5 * ratio;
  ctx.fillStyle = page;
  const [xs = [], ...columns] = u.data;
  curves.forEach(({ mark, color }, i) => {
    if (mark === 0) return;
    ctx.strokeStyle = color;
    const shape = new Path2D(traceOf(mark, RADIUS * ratio));
    const marks = new Path2D();
    // Where curves lie on each other, their marks must not.
    let next = left + (((i + 1) * 0.38) % 1) * space;
    xs.forEach((at, k) => {
      const value = columns[i]?.[k] ?? null;
      const x = u.valToPos(at, "x", true);
      if (value === null || x < next || x > left + width) return;
      marks.addPath(shape, { e: x, f: u.valToPos(value, "y", true) });
      next = x + space;
    });
    ctx.fill(marks);
    ctx.stroke(marks);
  });
  ctx.restore();
}
