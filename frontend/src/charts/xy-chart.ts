import type { Sample } from "../data/tradeoff";
import { drawChart, EDGE } from "./xy-draw";
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
    drawChart(
      {
        context,
        width: w,
        height: h,
        x: (sparsity) => this.x(sparsity),
        y: (value) => this.y(value),
        isInside: (sample) => this.isInside(sample),
        ink: (name) => this.ink(name),
      },
      model,
    );
    this.placeMark();
  }

  private ink(name: string): string {
    return getComputedStyle(this.host).getPropertyValue(name);
  }
}
