import type { Corner, Sample } from "../data/tradeoff";
import { niceRange, tickLabels, type Unit, valueTicks } from "./axes";

/** What the chart of a metric over sparsity draws. */
export interface XyModel {
  curves: XyCurve[];
  envelope: readonly Corner[];
  x: readonly [number, number];
  y: readonly [number, number];
  unit: Unit;
  /** The tolerance band of the run in question. */
  band: { low: number; high: number; color: string } | null;
}

export interface XyCurve {
  run: string;
  name: string;
  color: string;
  samples: readonly Sample[];
  final: Sample | null;
  onFront: boolean;
  /** The last one within the tolerance, where the curve goes on after it. */
  last: Sample | null;
}

export interface XyPoint {
  run: string;
  step: number;
}

export interface XyEvents {
  onPoint(point: XyPoint | null): void;
}

const AXIS_WIDTH = 56;
const AXIS_HEIGHT = 26;
/** Above and to the right, so that marks at the edge are whole. */
const EDGE = 12;
const FONT = '11px system-ui, "Segoe UI", Roboto, Arial, sans-serif';
/** With few points each one is marked. */
const DOTS_UP_TO = 60;
/** More names than this would cover the curves; the list beside the chart has them all. */
const LABELS_UP_TO = 12;
const LABEL_HEIGHT = 14;
const LABEL_LETTERS = 28;
/** A tick of the sparsity axis needs so much room, in pixels. */
const TICK_SPACE = 64;

/** The sparsities to show: from zero, unless all of them are far from it. */
export function sparsityRange(sparsities: readonly number[]): [number, number] {
  const low = sparsities.reduce((a, b) => Math.min(a, b), 1);
  const high = sparsities.reduce((a, b) => Math.max(a, b), 0);
  if (high <= 0) return [0, 1];
  const [from, to] = niceRange(low < high / 2 || low === high ? 0 : low, high);
  return [Math.max(0, from), Math.min(1, to)];
}

export function shareTicks([from, to]: readonly [number, number], width: number): number[] {
  const increments = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5];
  const fits = (i: number) => (i / (to - from)) * width >= TICK_SPACE;
  const increment = increments.find(fits) ?? 1;
  const first = Math.ceil(from / increment - 1e-6);
  const last = Math.floor(to / increment + 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * increment).toPrecision(12)),
  );
}

/** The sample nearest to a place among those in view. */
export function nearestSample(
  curves: readonly Pick<XyCurve, "run" | "samples">[],
  distance: (sample: Sample) => number,
): XyPoint | null {
  let nearest: XyPoint | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const { run, samples } of curves) {
    for (const sample of samples) {
      const far = distance(sample);
      if (far >= least) continue;
      least = far;
      nearest = { run, step: sample.step };
    }
  }
  return nearest;
}

export interface Label {
  x: number;
  y: number;
  width: number;
}

/**
 * Where labels go that want to be at these places: those that would cover another move up or down,
 * by at most two lines; null for those that find no room.
 */
export function placeLabels(
  wanted: readonly Label[],
  [top, bottom]: readonly [number, number],
): (Label | null)[] {
  const taken: Label[] = [];
  const free = (label: Label) =>
    label.y >= top &&
    label.y <= bottom &&
    taken.every(
      (other) =>
        Math.abs(other.y - label.y) >= LABEL_HEIGHT ||
        other.x + other.width <= label.x ||
        label.x + label.width <= other.x,
    );
  return wanted.map((label) => {
    for (const lines of [0, 1, -1, 2, -2]) {
      const moved = { ...label, y: label.y + lines * LABEL_HEIGHT };
      if (!free(moved)) continue;
      taken.push(moved);
      return moved;
    }
    return null;
  });
}

/** Curves over sparsity on a canvas. It knows nothing of Preact, signals or requests. */
export class XyChart {
  private model: XyModel | null = null;
  private point: XyPoint | null = null;
  private width = 0;
  private height = 0;
  private readonly canvas = document.createElement("canvas");
  /** The area between the axes: it takes the pointer, and holds the mark of the point. */
  private readonly area = document.createElement("div");
  private readonly mark = document.createElement("div");

  constructor(
    private readonly host: HTMLElement,
    events: XyEvents,
  ) {
    this.area.className = "xy-area";
    this.mark.className = "xy-mark";
    this.area.append(this.mark);
    host.append(this.canvas, this.area);
    this.area.addEventListener("pointermove", (event) => {
      events.onPoint(this.nearest(event.offsetX, event.offsetY));
    });
    this.area.addEventListener("pointerleave", () => events.onPoint(null));
  }

  setModel(model: XyModel): void {
    this.model = model;
    this.redraw();
  }

  setPoint(point: XyPoint | null): void {
    this.point = point;
    this.placeMark();
  }

  /** A width of 0 means that TensorBoard shows another tab: the chart waits as it is. */
  resize(width: number, height: number): void {
    if (width <= 0 || height <= 0) return;
    [this.width, this.height] = [width, height];
    this.redraw();
  }

  destroy(): void {
    this.canvas.remove();
    this.area.remove();
  }

  private get inner(): { left: number; top: number; width: number; height: number } {
    const [width, height] = [this.width - AXIS_WIDTH - EDGE, this.height - AXIS_HEIGHT - EDGE];
    return { left: AXIS_WIDTH, top: EDGE, width: Math.max(1, width), height: Math.max(1, height) };
  }

  private x(sparsity: number): number {
    const [from, to] = this.model?.x ?? [0, 1];
    return ((sparsity - from) / (to - from)) * this.inner.width;
  }

  private y(value: number): number {
    const [from, to] = this.model?.y ?? [0, 1];
    return (1 - (value - from) / (to - from)) * this.inner.height;
  }

  private isInside({ value }: Sample): boolean {
    const [from, to] = this.model?.y ?? [0, 1];
    return value >= from && value <= to;
  }

  private nearest(x: number, y: number): XyPoint | null {
    return nearestSample(this.model?.curves ?? [], (sample) =>
      this.isInside(sample)
        ? Math.hypot(this.x(sample.sparsity) - x, this.y(sample.value) - y)
        : Number.POSITIVE_INFINITY,
    );
  }

  private placeMark(): void {
    const curve = this.model?.curves.find(({ run }) => run === this.point?.run);
    const sample = curve?.samples.find(({ step }) => step === this.point?.step);
    const seen = curve !== undefined && sample !== undefined && this.isInside(sample);
    this.mark.style.display = seen ? "block" : "none";
    if (!seen) return;
    this.mark.style.color = curve.color;
    this.mark.style.transform = `translate(${this.x(sample.sparsity)}px, ${this.y(sample.value)}px)`;
  }

  redraw(): void {
    const { model, canvas, width, height } = this;
    const context = canvas.getContext("2d");
    if (!model || !context || width <= 0) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const { left, top, width: w, height: h } = this.inner;
    const place = { left: `${left}px`, top: `${top}px`, width: `${w}px`, height: `${h}px` };
    Object.assign(this.area.style, place);
    context.scale(ratio, ratio);
    context.translate(left, top);
    context.font = FONT;
    this.drawAxes(context, model);
    this.drawBand(context, model);
    this.clipped(context, () => {
      this.drawEnvelope(context, model.envelope);
      for (const curve of model.curves) this.drawCurve(context, curve);
    });
    for (const curve of model.curves) this.drawMarks(context, curve);
    this.drawLabels(context, model);
    this.placeMark();
  }

  private ink(name: string): string {
    return getComputedStyle(this.host).getPropertyValue(name);
  }

  private clipped(context: CanvasRenderingContext2D, draw: () => void): void {
    const { width, height } = this.inner;
    context.save();
    context.beginPath();
    // Lines on the edge are drawn in their full width.
    context.rect(-2, -2, width + 4, height + 4);
    context.clip();
    draw();
    context.restore();
  }

  private drawAxes(context: CanvasRenderingContext2D, model: XyModel): void {
    const { width, height } = this.inner;
    context.fillStyle = this.ink("--muted");
    context.strokeStyle = this.ink("--rule");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const values = valueTicks(model.y);
    const labels = tickLabels(values, model.unit);
    values.forEach((value, i) => {
      const y = Math.round(this.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
      context.fillText(labels[i] ?? "", -8, y);
    });
    context.textBaseline = "top";
    const shares = shareTicks(model.x, width);
    const texts = tickLabels(shares, "share");
    context.strokeStyle = this.ink("--tick");
    shares.forEach((share, i) => {
      const x = this.x(share);
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

  private drawBand(context: CanvasRenderingContext2D, { band }: XyModel): void {
    if (!band) return;
    const { width, height } = this.inner;
    const clamp = (y: number) => Math.min(height, Math.max(0, y));
    const [from, to] = [clamp(this.y(band.high)), clamp(this.y(band.low))];
    context.save();
    context.globalAlpha = 0.1;
    context.fillStyle = band.color;
    context.fillRect(0, from, width, to - from);
    context.restore();
  }

  private drawEnvelope(context: CanvasRenderingContext2D, corners: readonly Corner[]): void {
    const [first] = corners;
    if (!first) return;
    context.save();
    context.strokeStyle = this.ink("--muted");
    context.lineWidth = 1.25;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(0, this.y(first.sample.value));
    corners.forEach(({ sample }, i) => {
      // Down to what is reached from here on, and along to where that ends.
      const from = corners[i - 1]?.sample.sparsity ?? this.model?.x[0] ?? 0;
      context.lineTo(this.x(from), this.y(sample.value));
      context.lineTo(this.x(sample.sparsity), this.y(sample.value));
    });
    context.stroke();
    context.restore();
  }

  private drawCurve(context: CanvasRenderingContext2D, { samples, color }: XyCurve): void {
    context.save();
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.globalAlpha = 0.7;
    context.beginPath();
    samples.forEach((sample, i) => {
      const [x, y] = [this.x(sample.sparsity), this.y(sample.value)];
      if (i === 0 || sample.gap) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.stroke();
    context.globalAlpha = 1;
    if (samples.length <= DOTS_UP_TO) {
      for (const { sparsity, value } of samples) {
        context.beginPath();
        context.arc(this.x(sparsity), this.y(value), 2.5, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.restore();
  }

  private drawMarks(context: CanvasRenderingContext2D, curve: XyCurve): void {
    const { final, last, color, onFront } = curve;
    context.save();
    context.strokeStyle = color;
    if (last && this.isInside(last)) {
      const [x, y] = [this.x(last.sparsity), this.y(last.value)];
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x, y - 9);
      context.lineTo(x, y + 9);
      context.stroke();
    }
    if (final && this.isInside(final)) {
      const [x, y] = [this.x(final.sparsity), this.y(final.value)];
      context.beginPath();
      if (onFront) {
        for (const [dx, dy] of DIAMOND) context.lineTo(x + dx, y + dy);
        context.closePath();
      } else context.arc(x, y, 4.5, 0, 2 * Math.PI);
      context.fillStyle = onFront ? color : this.ink("--page");
      context.fill();
      context.strokeStyle = onFront ? this.ink("--page") : color;
      context.lineWidth = onFront ? 1.5 : 2;
      context.stroke();
    }
    context.restore();
  }

  /** The runs' names at their ends, so that a curve can be told without its colour. */
  private drawLabels(context: CanvasRenderingContext2D, { curves }: XyModel): void {
    const { width, height } = this.inner;
    const ends = curves.flatMap(({ name, final }) =>
      final && this.isInside(final) ? [{ text: shortened(name), final }] : [],
    );
    if (ends.length > LABELS_UP_TO) return;
    const wanted = ends.map(({ text, final }) => {
      const [x, y] = [this.x(final.sparsity), this.y(final.value)];
      const wide = context.measureText(text).width;
      return { x: x + 10 + wide > width + EDGE ? x - 10 - wide : x + 10, y, width: wide };
    });
    const placed = placeLabels(wanted, [4, height - 4]);
    context.save();
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.strokeStyle = this.ink("--page");
    context.fillStyle = this.ink("--ink");
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
}

const DIAMOND = [
  [0, -7],
  [7, 0],
  [0, 7],
  [-7, 0],
] as const;

function shortened(name: string): string {
  if (name.length <= LABEL_LETTERS) return name;
  const half = LABEL_LETTERS / 2;
  return `${name.slice(0, half)}\u2026${name.slice(1 - half)}`;
}
