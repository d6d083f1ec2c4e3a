import uPlot from "uplot";
import { firstIndexAbove } from "../data/schedule";
import { lastPoint } from "../data/status";
import type { Points } from "../data/types";
import { drawStepLabels, logRange, logTicks, niceRange, tickLabels, valueTicks } from "./axes";
import type { ChartLook, ChartModel } from "./model";
import { drawBands, drawTargets, drawUpdates, pixelRatio } from "./schedule-layer";

/** With few points each one is marked, so that it shows what was logged and what is only joined. */
const DOTS_UP_TO = 30;
const DOT_SPACE = 10;
const LINE = 1.75;
const TARGET_LINE = 1.5;
const FONT = '11px system-ui, "Segoe UI", Roboto, Arial, sans-serif';

export interface ChartEvents {
  onCursor(step: number | null): void;
  onZoom(range: readonly [number, number] | null): void;
}

/** Curves over training steps on a canvas. It knows nothing of Preact, signals or requests. */
export class StepChart {
  private plot: uPlot | null = null;
  private model: ChartModel | null = null;
  private zoom: readonly [number, number] | null = null;
  private cursor: number | null = null;
  private width = 0;
  private height = 0;
  private readonly crosshair = document.createElement("div");
  private dots: HTMLElement[] = [];

  constructor(
    private readonly host: HTMLElement,
    private readonly look: ChartLook,
    private readonly events: ChartEvents,
  ) {
    this.crosshair.className = "crosshair";
  }

  /** All logged steps of the curves, ascending. */
  steps(): readonly number[] {
    return (this.plot?.data[0] as number[] | undefined) ?? [];
  }

  setModel(model: ChartModel, zoom: readonly [number, number] | null): void {
    const same = this.model?.curves.length === model.curves.length;
    this.model = model;
    this.zoom = zoom;
    if (this.plot && same) {
      this.plot.setData(align(model), false);
      this.applyRange();
    } else this.build();
    this.placeCursor();
  }

  setCursor(step: number | null): void {
    this.cursor = step;
    this.placeCursor();
  }

  /** A width of 0 means that TensorBoard shows another tab: the chart waits as it is. */
  resize(width: number, height: number): void {
    if (width <= 0 || height <= 0) return;
    if (width === this.width && height === this.height) return;
    [this.width, this.height] = [width, height];
    if (this.plot) this.plot.setSize({ width, height });
    else this.build();
    this.placeCursor();
  }

  redraw(): void {
    this.plot?.redraw(false, true);
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  private build(): void {
    this.plot?.destroy();
    this.plot = null;
    if (!this.model || this.width <= 0) return;
    this.plot = new uPlot(this.options(this.model), align(this.model), this.host);
    this.dots = this.model.curves.map(() => {
      const dot = document.createElement("div");
      dot.className = "dot";
      return dot;
    });
    this.plot.over.append(this.crosshair, ...this.dots);
    this.listen(this.plot);
    this.applyRange();
  }

  private applyRange(): void {
    const [min, max] = this.zoom ?? this.model?.domain ?? [0, 1];
    this.plot?.setScale("x", { min, max });
  }

  private listen(u: uPlot): void {
    u.over.addEventListener("mousemove", (event) => {
      const step = this.nearestStep(u.posToVal(event.offsetX, "x"));
      if (step !== null) this.events.onCursor(step);
    });
    u.over.addEventListener("mouseleave", () => this.events.onCursor(null));
  }

  private nearestStep(x: number): number | null {
    const steps = this.steps();
    const above = firstIndexAbove(steps, x);
    const [before, after] = [steps[above - 1], steps[above]];
    if (before === undefined || after === undefined) return before ?? after ?? null;
    return x - before <= after - x ? before : after;
  }

  private placeCursor(): void {
    const { plot: u, cursor, model } = this;
    if (!u || !model) return;
    const place = (element: HTMLElement, x: number, y: number) => {
      const inside = x >= -0.5 && x <= u.over.clientWidth + 0.5;
      element.style.display = inside ? "block" : "none";
      element.style.transform = `translate(${x}px, ${y}px)`;
    };
    this.crosshair.style.display = "none";
    for (const dot of this.dots) dot.style.display = "none";
    if (cursor === null) return;
    place(this.crosshair, Math.round(u.valToPos(cursor, "x")), 0);
    model.curves.forEach(({ points, drawn, color }, i) => {
      const point = lastPoint(drawn ?? points, cursor);
      const dot = this.dots[i];
      if (!point || !dot) return;
      dot.style.background = color;
      place(dot, u.valToPos(point.step, "x"), u.valToPos(point.value, "y"));
    });
  }

  private options(model: ChartModel): uPlot.Options {
    const { axisWidth, unit, ticks } = this.look;
    const log = this.look.log === true && isPositive(model);
    const ink = (name: string) => getComputedStyle(this.host).getPropertyValue(name);
    const axis = { font: FONT, stroke: () => ink("--muted"), ticks: { show: false } };
    return {
      width: this.width,
      height: this.height,
      padding: [8, 4, 0, 0],
      // Whole pixels would part a curve from the target that it lies on.
      pxAlign: 0,
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: {
          dblclick: () => () => {
            this.events.onZoom(null);
            return null;
          },
        },
      },
      scales: {
        x: { time: false, auto: false },
        y: {
          distr: log ? 3 : 1,
          range: (_, low, high) => {
            if (ticks) return [0, 1];
            if (low === null || high === null) return log ? [1, 10] : [0, 1];
            return log ? logRange(low, high) : niceRange(low, high);
          },
        },
      },
      axes: [
        {
          ...axis,
          size: 26,
          grid: { show: false },
          values: (_, steps) => steps.map(() => ""),
        },
        {
          ...axis,
          size: axisWidth,
          gap: 8,
          grid: { stroke: () => ink("--rule"), width: 1 },
          splits: (_, __, low, high) => ticks ?? (log ? logTicks : valueTicks)([low, high]),
          // uPlot's own would leave out what isn't a power of ten.
          filter: (_, values) => values,
          values: (_, values) => tickLabels(values, unit),
        },
      ],
      series: [
        {},
        ...model.curves.map(
          ({ points }, i): uPlot.Series => ({
            stroke: () => this.model?.curves[i]?.color ?? "",
            width: LINE,
            points: {
              show: (u: uPlot) => fewDots(u, this.model?.curves[i]?.points ?? points),
              size: 5,
              fill: () => this.model?.curves[i]?.color ?? "",
            },
          }),
        ),
      ],
      hooks: {
        drawClear: [(u) => drawBands(u, this.model?.frames ?? [], ink("--band"))],
        drawAxes: [
          (u) => drawUpdates(u, this.model?.frames ?? [], ink("--tick")),
          (u) => drawTargets(u, this.model?.targets ?? [], TARGET_LINE),
          (u) => {
            const ratio = pixelRatio(u);
            const font = FONT.replace("11", String(11 * ratio));
            drawStepLabels(u, { color: ink("--muted"), font, ratio, last: this.zoom === null });
          },
        ],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  private select(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 4) return;
    const range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")] as const;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    // A window narrower than two steps shows nothing.
    if (range[1] - range[0] >= 2) this.events.onZoom([Math.floor(range[0]), Math.ceil(range[1])]);
  }
}

/** Zero and what is below it have no place on a logarithmic axis. */
function isPositive({ curves }: ChartModel): boolean {
  return curves.every(({ points }) => points.value.every((v) => v === null || v > 0));
}

/** Whether a curve has so few points, so far apart, that marking each of them helps. */
function fewDots(u: uPlot, { step }: Points): boolean {
  if (step.length > DOTS_UP_TO || step.length === 0) return false;
  const [first, last] = [step[0] as number, step.at(-1) as number];
  const apart = (u.valToPos(last, "x") - u.valToPos(first, "x")) / Math.max(1, step.length - 1);
  return step.length === 1 || apart >= DOT_SPACE;
}

/** Curves on one common axis: where a curve has no point it is undefined, where it has a gap null. */
function align(model: ChartModel): uPlot.AlignedData {
  const tables = model.curves.map(({ points, drawn = points }) => {
    return [drawn.step, drawn.value] as uPlot.AlignedData;
  });
  return tables.length > 0 ? uPlot.join(tables) : [[]];
}
