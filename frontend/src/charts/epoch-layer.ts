import type uPlot from "uplot";
import { niceIncrement } from "./axes";
import { pixelRatio } from "./trace";

/** Lines closer than this, in CSS pixels, would be a texture. */
const LINE_SPACE = 40;

/**
 * The ends of epochs within a range of steps: of all, or of each 2nd, 5th, 10th, … so that none
 * are closer than `space` (in steps). The ends of the range need no line.
 */
export function epochEnds(
  stepsPerEpoch: number,
  [from, to]: readonly [number, number],
  space: number,
): number[] {
  const every = niceIncrement(Math.max(1, space / stepsPerEpoch)) * stepsPerEpoch;
  const ends: number[] = [];
  for (let end = (Math.floor(from / every) + 1) * every; end < to; end += every) ends.push(end);
  return ends;
}

/** Faint lines where epochs end; `position` is where a step lies, in pixels of the canvas. */
export function drawEpochs(
  u: uPlot,
  stepsPerEpoch: number | null,
  [from, to]: readonly [number, number],
  position: (step: number) => number,
  color: string,
): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  if (stepsPerEpoch === null || width <= 0) return;
  const ratio = pixelRatio(u);
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(1, Math.round(ratio));
  ctx.beginPath();
  for (const end of epochEnds(
    stepsPerEpoch,
    [from, to],
    (LINE_SPACE * ratio * (to - from)) / width,
  )) {
    const x = Math.round(position(end) - 0.5) + 0.5;
    if (x <= left + 1 || x >= left + width - 1) continue;
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
  }
  ctx.stroke();
  ctx.restore();
}
