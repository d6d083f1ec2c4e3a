import uPlot from "uplot";
import { firstIndexAbove } from "../data/schedule";
import { lastPoint } from "../data/status";
import { logRange, logTicks, niceRange, tickLabels, valueTicks } from "./axes";
import { drawAxisLabels } from "./axis-labels";
import { drawEpochs } from "./epoch-layer";
import { cancel, inFrame } from "./frames";
import { ink } from "./ink";
import { drawMarks, drawOutside } from "./marks";
import type { ChartLook, ChartModel } from "./model";
import { drawBands, drawTargets, drawUpdates, visibleRange } from "./schedule-layer";
import { drawCurve, pixelRatio } from "./trace";
import { moved, selected, wheelFactor, zoomed } from "./zooming";

/** With few points each one is marked, so that it shows what was logged and what is only joined. */
const DOTS_UP_TO = 30;
const DOT_SPACE = 10;
const LINE = 1.75;
const TARGET_LINE = 1.25;
const FONT = '11px system-ui, "Segoe UI", Roboto, Arial, sans-serif';

/** Charts that have left their place, by their look: making one takes longer than drawing it. */
const spare = new WeakMap<ChartLook, StepChart[]>();
/** So many are kept of each look: about as many as go while others come. */
const SPARE = 12;

export interface ChartEvents {
  onCursor(place: number | null): void;
  onZoom(range: readonly [number, number] | null): void;
  onDrawn(model: ChartModel): void;
}

/** Curves over training steps, or over time, on a canvas. It knows nothing of Preact, signals or requests. */
export class StepChart {
  private plot: uPlot | null = null;
  private model: ChartModel | null = null;
  private drawn: ChartModel | null = null;
  private zoom: readonly [number, number] | null = null;
  private cursor: number | null = null;
  private log = false;
  private width = 0;
  private height = 0;
  private readonly crosshair = document.createElement("div");
  private dots: HTMLElement[] = [];
  private host: HTMLElement | null = null;
  private events: ChartEvents | null = null;

  private constructor(private readonly look: ChartLook) {
    this.crosshair.className = "crosshair";
  }

  /** Puts a chart in a place: one that has left another, if there is any. */
  static place(host: HTMLElement, look: ChartLook, events: ChartEvents): StepChart {
    const chart = spare.get(look)?.pop() ?? new StepChart(look);
    [chart.host, chart.events] = [host, events];
    return chart;
  }

  /** Takes the chart from its place. It must not be used there any more. */
  leave(): void {
    cancel(this.draw);
    const { plot: u, look } = this;
    const others = spare.get(look) ?? [];
    [this.host, this.events, this.model, this.drawn] = [null, null, null, null];
    [this.zoom, this.cursor] = [null, null];
    // Someone may still be dragging over it.
    if (!u || u.select.width > 0 || others.length >= SPARE) u?.destroy();
    else {
      u.root.remove();
      u.setData([[]], false);
      spare.set(look, [...others, this]);
    }
  }

  /** Where the curves have points, ascending. */
  places(): readonly number[] {
    return (this.plot?.data[0] as number[] | undefined) ?? [];
  }

  setModel(model: ChartModel): void {
    this.model = model;
    inFrame(this.draw);
  }

  setZoom(zoom: readonly [number, number] | null): void {
    this.zoom = zoom;
    inFrame(this.draw);
  }

  setCursor(place: number | null): void {
    this.cursor = place;
    this.placeCursor();
  }

  /** A width of 0 means that TensorBoard shows another tab: the chart waits as it is. */
  resize(width: number, height: number): void {
    if (width <= 0 || height <= 0) return;
    if (width === this.width && height === this.height) return;
    [this.width, this.height] = [width, height];
    inFrame(this.draw);
  }

  redraw(): void {
    inFrame(this.draw);
  }

  private readonly draw = () => {
    const { plot: u, host, model, width, height, drawn } = this;
    if (!model || !host || width <= 0) return;
    if (u && u.series.length > model.curves.length && this.log === this.isLog(model)) {
      if (u.root.parentElement !== host) {
        host.append(u.root);
        u.syncRect(true);
      }
      if (u.width !== width || u.height !== height) u.setSize({ width, height });
      // A zoom has the curves of before: they need not be joined anew.
      if (drawn?.curves !== model.curves) u.setData(align(model, u.series.length), false);
    } else this.build(host, model);
    this.applyRange();
    this.drawn = model;
    if (model !== drawn) this.events?.onDrawn(model);
  };

  private build(host: HTMLElement, model: ChartModel): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(model), align(model), host);
    this.dots = model.curves.map(() => {
      const dot = document.createElement("div");
      dot.className = "dot";
      return dot;
    });
    this.plot.over.append(this.crosshair, ...this.dots);
    this.listen(this.plot);
  }

  private applyRange(): void {
    const [min, max] = this.range;
    this.plot?.setScale("x", { min, max });
  }

  private listen(u: uPlot): void {
    u.over.addEventListener("mousemove", (event) => {
      const place = this.nearestPlace(u.posToVal(event.offsetX, "x"));
      if (place !== null) this.events?.onCursor(place);
    });
    u.over.addEventListener("mouseleave", () => this.events?.onCursor(null));
    u.over.addEventListener("wheel", (event) => this.turn(u, event), { passive: false });
  }

  private turn(u: uPlot, event: WheelEvent): void {
    const factor = wheelFactor(event);
    if (factor === null) return;
    event.preventDefault();
    if (factor === 1) return;
    // The range may not be drawn yet.
    const [from, to] = this.range;
    const at = from + ((event.offsetX * pixelRatio(u)) / u.bbox.width) * (to - from);
    this.events?.onZoom(zoomed([from, to], at, factor, this.whole, this.steps));
  }

  /** Moves a zoomed chart along with the mouse. */
  private pan(u: uPlot, down: MouseEvent): void {
    if (!this.zoom) return;
    const from = this.zoom;
    const perPixel = (from[1] - from[0]) / u.over.clientWidth;
    const move = ({ clientX, buttons }: MouseEvent) => {
      // Let go where this page can't see it.
      if (buttons === 0) return up();
      const by = (down.clientX - clientX) * perPixel;
      this.events?.onZoom(moved(from, by, this.whole, this.steps));
    };
    const up = () => {
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", up);
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", up);
  }

  private get whole(): readonly [number, number] {
    return this.model?.domain ?? [0, 1];
  }

  private get range(): readonly [number, number] {
    return this.zoom ?? this.whole;
  }

  private get steps(): boolean {
    return this.model?.axis === "step";
  }

  private nearestPlace(x: number): number | null {
    const places = this.places();
    const above = firstIndexAbove(places, x);
    const [before, after] = [places[above - 1], places[above]];
    if (before === undefined || after === undefined) return before ?? after ?? null;
    return x - before <= after - x ? before : after;
  }

  private placeCursor(): void {
    const { plot: u, cursor, model } = this;
    if (!u || !model) return;
    // Asked of the page, it would be laid out anew for each mark.
    const width = u.bbox.width / pixelRatio(u);
    const place = (element: HTMLElement, x: number, y: number) => {
      const inside = x >= -0.5 && x <= width + 0.5;
      element.style.display = inside ? "block" : "none";
      element.style.transform = `translate(${x}px, ${y}px)`;
    };
    this.crosshair.style.display = "none";
    for (const dot of this.dots) dot.style.display = "none";
    if (cursor === null) return;
    place(this.crosshair, Math.round(u.valToPos(cursor, "x")), 0);
    model.curves.forEach(({ points, places, drawn = points, color }, i) => {
      const point = lastPoint({ step: places, value: drawn.value }, cursor);
      const dot = this.dots[i];
      if (!point || !dot) return;
      dot.style.background = color;
      place(dot, u.valToPos(point.step, "x"), u.valToPos(point.value, "y"));
    });
  }

  private options(model: ChartModel): uPlot.Options {
    const { axisWidth, unit, ticks } = this.look;
    const log = this.isLog(model);
    this.log = log;
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
          mousedown: (u, _, handle) => (event) => {
            if (!event.shiftKey) return handle(event);
            this.pan(u, event);
            return null;
          },
          dblclick: () => () => {
            this.events?.onZoom(null);
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
            if (this.model?.range && !log) return niceRange(...this.model.range);
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
          (_, i): uPlot.Series => ({
            stroke: () => this.model?.curves[i]?.color ?? "",
            width: LINE,
            paths: () => null,
            points: {
              show: (u: uPlot) => fewDots(u, this.model?.curves[i]?.places ?? []),
              size: 5,
              fill: () => this.model?.curves[i]?.color ?? "",
            },
          }),
        ),
      ],
      hooks: {
        drawClear: [
          (u) => drawBands(u, this.model?.schedules ?? [], ink("--band")),
          (u) => {
            const perEpoch = this.model?.stepsPerEpoch ?? null;
            const position = (step: number) => u.valToPos(step, "x", true);
            drawEpochs(u, perEpoch, visibleRange(u), position, ink("--rule"));
          },
        ],
        drawSeries: [(u, i) => drawCurve(u, i, this.model?.curves[i - 1]?.color ?? "", LINE)],
        draw: [
          (u) => drawMarks(u, this.model?.curves ?? [], ink("--page")),
          (u) => drawOutside(u, this.model?.curves ?? []),
          () => this.placeCursor(),
        ],
        drawAxes: [
          (u) => drawUpdates(u, this.model?.schedules ?? [], ink("--tick")),
          (u) => drawTargets(u, this.model?.targets ?? [], TARGET_LINE),
          (u) => {
            const ratio = pixelRatio(u);
            const font = FONT.replace("11", String(11 * ratio));
            const axis = this.model?.axis ?? "step";
            const last = this.zoom === null;
            drawAxisLabels(u, { color: ink("--muted"), font, ratio, last, axis });
          },
        ],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  /** Zero and what is below it have no place on a logarithmic axis. */
  private isLog({ curves }: ChartModel): boolean {
    if (this.look.log !== true) return false;
    return curves.every(({ points }) => points.value.every((v) => v === null || v > 0));
  }

  private select(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 4) return;
    const range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")] as const;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    const zoom = selected(range, this.whole, this.steps);
    if (zoom) this.events?.onZoom(zoom);
  }
}

/** Whether a curve has so few points, so far apart, that marking each of them helps. */
function fewDots(u: uPlot, places: readonly number[]): boolean {
  const [first, last] = [places[0], places.at(-1)];
  if (places.length > DOTS_UP_TO || first === undefined || last === undefined) return false;
  const apart = (u.valToPos(last, "x") - u.valToPos(first, "x")) / Math.max(1, places.length - 1);
  return places.length === 1 || apart >= DOT_SPACE;
}

/**
 * Curves on one common axis: where a curve has no point it is undefined, where it has a gap null.
 * A chart may have room for more of them.
 */
function align(model: ChartModel, length = model.curves.length + 1): uPlot.AlignedData {
  const tables = model.curves.map(({ points, places, drawn = points }) => {
    return [places, drawn.value] as uPlot.AlignedData;
  });
  const data = tables.length > 0 ? uPlot.join(tables) : [[]];
  return [...data, ...Array(length - data.length).fill([])] as uPlot.AlignedData;
}
