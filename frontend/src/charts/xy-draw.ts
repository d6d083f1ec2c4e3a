import type { Sample } from "../data/tradeoff";
import { tickLabels, valueTicks } from "./axes";
import { ink } from "./ink";
import { drawMark } from "./marks";
import { placeLabels, shareTicks } from "./xy-layout";
import type { XyCurve, XyModel } from "./xy-model";

/** What the chart of a metric over sparsity is drawn with; the origin is the area's top left. */
export interface XyView {
  context: CanvasRenderingContext2D;
  /** Of the area between the axes. */
  width: number;
  height: number;
  x(sparsity: number): number;
  y(value: number): number;
  isInside(sample: Sample): boolean;
}

/** Above and to the right of the area, so that marks at its edge are whole. */
export const EDGE = 12;
const FONT = '11px system-ui, "Segoe UI", Roboto, Arial, sans-serif';
/** Between two marks of a curve. */
const MARK_SPACE = 88;
/** With few points each one is marked. */
const DOTS_UP_TO = 60;
/** More names than this would cover the curves; the list beside the chart has them all. */
const LABELS_UP_TO = 12;
const LABEL_LETTERS = 28;
const DIAMOND = [
  [0, -7],
  [7, 0],
  [0, 7],
  [-7, 0],
] as const;

/** What lies under the curves. */
export function drawGround(view: XyView, model: XyModel): void {
  view.context.font = FONT;
  drawAxes(view, model);
  drawBand(view, model);
  drawLine(view, model);
}

/** The curves, with their marks and names. */
export function drawCurves(view: XyView, model: XyModel): void {
  view.context.font = FONT;
  clipped(view, () => {
    drawEnvelope(view, model);
    for (const faint of [true, false]) {
      for (const curve of model.curves) if (!curve.faint !== faint) drawCurve(view, curve);
    }
  });
  for (const curve of model.curves) if (!curve.faint) drawMarks(view, curve);
  drawLabels(view, model);
}

function clipped(view: XyView, draw: () => void): void {
  const { context, width, height } = view;
  context.save();
  context.beginPath();
  // Lines on the edge are drawn in their full width.
  context.rect(-2, -2, width + 4, height + 4);
  context.clip();
  draw();
  context.restore();
}

function drawAxes(view: XyView, model: XyModel): void {
  const { context, width, height } = view;
  context.fillStyle = ink("--muted");
  context.strokeStyle = ink("--rule");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const values = valueTicks(model.y);
  const labels = tickLabels(values, model.unit);
  values.forEach((value, i) => {
    const y = Math.round(view.y(value)) + 0.5;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
    context.fillText(labels[i] ?? "", -8, y);
  });
  context.textBaseline = "top";
  const shares = shareTicks(model.x, width);
  const texts = tickLabels(shares, "share");
  context.strokeStyle = ink("--tick");
  shares.forEach((share, i) => {
    const x = view.x(share);
    const crisp = Math.round(x) + 0.5;
    context.beginPath();
    context.moveTo(crisp, height);
    context.lineTo(crisp, height + 4);
    context.stroke();
    context.textAlign = "center";
    const half = context.measureText(texts[i] ?? "").width / 2;
    context.fillText(texts[i] ?? "", Math.min(x, width + EDGE - half), height + 9);
  });
}

function drawBand(view: XyView, { band }: XyModel): void {
  const { context, width, height } = view;
  if (!band) return;
  const clamp = (y: number) => Math.min(height, Math.max(0, y));
  const [from, to] = [clamp(view.y(band.high)), clamp(view.y(band.low))];
  context.save();
  context.globalAlpha = 0.1;
  context.fillStyle = band.color;
  context.fillRect(0, from, width, to - from);
  context.restore();
}

function drawLine(view: XyView, { line }: XyModel): void {
  const { context, width } = view;
  if (typeof line !== "number") return;
  const y = Math.round(view.y(line)) + 0.5;
  context.save();
  context.strokeStyle = ink("--muted");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
  context.restore();
}

function drawEnvelope(view: XyView, { envelope: corners, x: [leftmost] }: XyModel): void {
  const { context } = view;
  const [first] = corners;
  if (!first) return;
  context.save();
  context.strokeStyle = ink("--muted");
  context.lineWidth = 1.25;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(0, view.y(first.sample.value));
  corners.forEach(({ sample }, i) => {
    // Down to what is reached from here on, and along to where that ends.
    const from = corners[i - 1]?.sample.sparsity ?? leftmost;
    context.lineTo(view.x(from), view.y(sample.value));
    context.lineTo(view.x(sample.sparsity), view.y(sample.value));
  });
  context.stroke();
  context.restore();
}

function drawCurve(view: XyView, curve: XyCurve): void {
  const { context } = view;
  const { samples, color, faint } = curve;
  context.save();
  context.strokeStyle = faint ? ink("--field") : color;
  context.fillStyle = context.strokeStyle;
  context.lineWidth = faint ? 1 : 1.5;
  context.lineJoin = "round";
  context.beginPath();
  samples.forEach((sample, i) => {
    const [x, y] = [view.x(sample.sparsity), view.y(sample.value)];
    if (i === 0 || sample.gap) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.stroke();
  if (samples.length <= DOTS_UP_TO && !faint) {
    for (const { sparsity, value } of samples) {
      context.beginPath();
      context.arc(view.x(sparsity), view.y(value), 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }
  context.restore();
  if (!faint) drawShapes(view, curve);
}

/** What tells a curve from others of its colour, apart by its own length: these curves also run upwards. */
function drawShapes(view: XyView, { samples, mark = 0, color }: XyCurve): void {
  if (mark === 0) return;
  let [fromX, fromY, way] = [0, 0, 0];
  samples.forEach((sample, i) => {
    const [x, y] = [view.x(sample.sparsity), view.y(sample.value)];
    way = i === 0 ? MARK_SPACE / 2 : way + Math.hypot(x - fromX, y - fromY);
    [fromX, fromY] = [x, y];
    if (way < MARK_SPACE) return;
    drawMark(view.context, mark, x, y, { color, page: ink("--page") });
    way = 0;
  });
}

function drawMarks(view: XyView, curve: XyCurve): void {
  const { context } = view;
  const { final, last, color, onFront } = curve;
  context.save();
  context.strokeStyle = color;
  if (last && view.isInside(last)) {
    const [x, y] = [view.x(last.sparsity), view.y(last.value)];
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, y - 9);
    context.lineTo(x, y + 9);
    context.stroke();
  }
  if (final && onFront !== null && view.isInside(final)) {
    const [x, y] = [view.x(final.sparsity), view.y(final.value)];
    context.beginPath();
    if (onFront) {
      for (const [dx, dy] of DIAMOND) context.lineTo(x + dx, y + dy);
      context.closePath();
    } else context.arc(x, y, 4.5, 0, 2 * Math.PI);
    context.fillStyle = onFront ? color : ink("--page");
    context.fill();
    context.strokeStyle = onFront ? ink("--page") : color;
    context.lineWidth = onFront ? 1.5 : 2;
    context.stroke();
  }
  context.restore();
}

/** The runs' names at their ends, so that a curve can be told without its colour. */
function drawLabels(view: XyView, { curves }: XyModel): void {
  const { context, width, height } = view;
  const ends = curves.flatMap(({ name, final, faint }) =>
    final && !faint && view.isInside(final) ? [{ text: shortened(name), final }] : [],
  );
  if (ends.length > LABELS_UP_TO) return;
  const wanted = ends.map(({ text, final }) => {
    const [x, y] = [view.x(final.sparsity), view.y(final.value)];
    const wide = context.measureText(text).width;
    return { x: x + 10 + wide > width + EDGE ? x - 10 - wide : x + 10, y, width: wide };
  });
  const placed = placeLabels(wanted, [4, height - 4]);
  context.save();
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.strokeStyle = ink("--page");
  context.fillStyle = ink("--ink");
  context.lineWidth = 4;
  context.lineJoin = "round";
  placed.forEach((label, i) => {
    const text = ends[i]?.text;
    if (!label || text === undefined) return;
    context.strokeText(text, label.x, label.y);
    context.fillText(text, label.x, label.y);
  });
  context.restore();
}

function shortened(name: string): string {
  if (name.length <= LABEL_LETTERS) return name;
  const half = LABEL_LETTERS / 2;
  return `${name.slice(0, half)}\u2026${name.slice(1 - half)}`;
}
