import type uPlot from "uplot";
import type { Axis } from "../data/axis";
import { formatStep } from "../data/format";
import { stepTicks } from "./axes";
import { clockTicks, durationTicks, type Tick } from "./time-ticks";

/** Room for one label, in CSS pixels. */
const LABEL_SPACE = { step: 72, relative: 88, wall: 80 };

/** The part of a uPlot that the labels are drawn by; the heat map has no more than this. */
export interface LabelledAxis {
  ctx: CanvasRenderingContext2D;
  bbox: Pick<uPlot.BBox, "left" | "top" | "width" | "height">;
  scales: Record<string, Pick<uPlot.Scale, "min" | "max">>;
  valToPos: uPlot["valToPos"];
}

interface LabelLook {
  axis: Axis;
  color: string;
  font: string;
  ratio: number;
  /** Whether the last step has a label of its own. */
  last: boolean;
}

/** Labels under the axis; those at its ends keep within it, so that charts align with text. */
export function drawAxisLabels(u: LabelledAxis, look: LabelLook): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const { min, max } = u.scales.x ?? {};
  if (min == null || max == null || width <= 0) return;
  const { ratio, axis } = look;
  const space = ((max - min) * LABEL_SPACE[axis] * ratio) / width;
  ctx.save();
  ctx.font = look.font;
  ctx.fillStyle = look.color;
  ctx.textBaseline = "top";
  for (const { at, label } of ticksOf(axis, [min, max], space, look.last)) {
    const half = ctx.measureText(label).width / 2;
    const x = u.valToPos(at, "x", true);
    ctx.textAlign = x + half > left + width ? "right" : x - half < left ? "left" : "center";
    const anchor = ctx.textAlign === "right" ? left + width : ctx.textAlign === "left" ? left : x;
    ctx.fillText(label, anchor, top + height + 9 * ratio);
  }
  ctx.restore();
}

function ticksOf(
  axis: Axis,
  range: readonly [number, number],
  space: number,
  last: boolean,
): Tick[] {
  if (axis === "relative") return durationTicks(range, space);
  if (axis === "wall") return clockTicks(range, space);
  return stepTicks(range, space, last).map((at) => ({ at, label: formatStep(at) }));
}
