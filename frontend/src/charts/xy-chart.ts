import type { Sample } from "../data/tradeoff";
import { drawCurves, drawGround, EDGE, type XyView } from "./xy-draw";
import { nearestSample } from "./xy-layout";
import type { XyModel, XyPoint } from "./xy-model";

export interface XyEvents {
  onPoint(point: XyPoint | null): void;
}

const AXIS_WIDTH = 56;
const AXIS_HEIGHT = 26;

/** Curves over sparsity on a canvas. It knows nothing of Preact, signals or requests. */
export class XyChart {
  private model: XyModel | null = null;
  private point: XyPoint | null = null;
  private width = 0;
  private height = 0;
  private readonly canvas = document.createElement("canvas");
  /** The curves: they take longest, and what lies under them changes with the pointer. */
  private readonly curves = document.createElement("canvas");
  private drawn: XyModel | null = null;
  /** The area between the axes: it takes the pointer, and holds the mark of the point. */
  private readonly area = document.createElement("div");
  private readonly mark = document.createElement("div");

  constructor(host: HTMLElement, events: XyEvents) {
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
    this.draw();
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
    this.drawn = null;
    this.draw();
  }

  private draw(): void {
    const { model, canvas, curves, width, height, drawn } = this;
    if (!model || width <= 0) return;
    if (!drawn || !hasCurvesOf(drawn, model)) {
      const view = this.view(curves);
      if (view) drawCurves(view, model);
      this.drawn = model;
    }
    const view = this.view(canvas);
    if (!view) return;
    drawGround(view, model);
    view.context.resetTransform();
    view.context.drawImage(curves, 0, 0);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const { left, top, width: w, height: h } = this.inner;
    const place = { left: `${left}px`, top: `${top}px`, width: `${w}px`, height: `${h}px` };
    Object.assign(this.area.style, place);
    this.placeMark();
  }

  /** An empty canvas of the chart's size. */
  private view(canvas: HTMLCanvasElement): XyView | null {
    const context = canvas.getContext("2d");
    if (!context) return null;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    const { left, top, width, height } = this.inner;
    context.scale(ratio, ratio);
    context.translate(left, top);
    return {
      context,
      width,
      height,
      x: (sparsity) => this.x(sparsity),
      y: (value) => this.y(value),
      isInside: (sample) => this.isInside(sample),
    };
  }
}

/** Whether the curves of one model are drawn as those of the other. */
function hasCurvesOf(one: XyModel, other: XyModel): boolean {
  return (["curves", "envelope", "x", "y"] as const).every((part) => one[part] === other[part]);
}
