import { colorTable, columnsOf, levelOf, nearestIndex, type Scale } from "../data/heat";
import { drawAxisLabels, type LabelledAxis } from "./axis-labels";
import { ink } from "./ink";
import { selected, wheelFactor, zoomed } from "./zooming";

const FONT = 'px system-ui, "Segoe UI", Roboto, Arial, sans-serif';
const AXIS_HEIGHT = 26;
/** A mouse that moves less than this between down and up has clicked. */
const DRAG = 4;
/** While a double click would mean something, a click waits for its second half. */
const DOUBLE_CLICK = 300;

export interface HeatModel {
  rows: readonly { steps: readonly number[]; cells: Float32Array }[];
  /** In CSS pixels, whole. */
  rowHeight: number;
  scale: Scale;
  range: readonly [number, number];
  /** All steps, of which the range may be a part. */
  whole: readonly [number, number];
  zoomed: boolean;
}

export interface HeatEvents {
  onCursor(row: number | null, step: number | null): void;
  onZoom(range: readonly [number, number] | null): void;
  onOpen(row: number): void;
}

/**
 * Rows of coloured cells over training steps. It knows nothing of Preact, signals or requests.
 *
 * The canvas is only one pixel high for each row, and stretched by the stylesheet: so even a
 * thousand rows are drawn in one go, and scrolling draws nothing. Where a row has no value, the
 * canvas is transparent, and shows the hatching behind it.
 */
export class HeatMap {
  private model: HeatModel | null = null;
  private columns = new Map<readonly number[], Int32Array>();
  private width = 0;
  private cursor: { row: number | null; step: number | null } = { row: null, step: null };
  private readonly canvas = document.createElement("canvas");
  private readonly labels = document.createElement("canvas");
  private readonly crosshair = document.createElement("div");
  private readonly rowMark = document.createElement("div");
  private readonly selection = document.createElement("div");
  private drag: { from: number; moved: boolean } | null = null;
  private dragged = false;
  private opening: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly plot: HTMLElement,
    axis: HTMLElement,
    private readonly events: HeatEvents,
  ) {
    this.crosshair.className = "heat-crosshair";
    this.rowMark.className = "heat-row-mark";
    this.selection.className = "heat-selection";
    plot.append(this.canvas, this.rowMark, this.crosshair, this.selection);
    axis.append(this.labels);
    this.listen();
  }

  setModel(model: HeatModel): void {
    this.model = model;
    this.draw();
    this.placeCursor();
  }

  setCursor(row: number | null, step: number | null): void {
    this.cursor = { row, step };
    this.placeCursor();
  }

  /** A width of 0 means that TensorBoard shows another tab: the map waits as it is. */
  resize(width: number): void {
    if (width <= 0 || width === this.width) return;
    this.width = width;
    this.draw();
    this.placeCursor();
  }

  /** Scrolls the row under the cursor onto the screen. */
  reveal(): void {
    this.rowMark.scrollIntoView({ block: "nearest" });
  }

  destroy(): void {
    clearTimeout(this.opening);
    for (const element of [this.canvas, this.rowMark, this.crosshair, this.selection, this.labels])
      element.remove();
  }

  draw(): void {
    const { model, canvas, plot } = this;
    if (!model || this.width <= 0) return;
    const height = model.rows.length;
    const width = Math.round(this.width * devicePixelRatio);
    plot.style.height = `${height * model.rowHeight}px`;
    this.columns.clear();
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    if (context && height > 0) {
      const image = context.createImageData(width, height);
      this.paint(new Uint32Array(image.data.buffer), width);
      context.putImageData(image, 0, 0);
    }
    this.drawAxis();
  }

  private paint(pixels: Uint32Array, width: number): void {
    const { rows, scale } = this.model as HeatModel;
    const table = colorTable(scale.stops);
    let colors = new Uint32Array(0);
    rows.forEach(({ steps, cells }, row) => {
      const columns = this.columnsOf(steps, width);
      if (colors.length < cells.length) colors = new Uint32Array(cells.length);
      // Plain loops: a million cells are drawn ten times as fast as with Uint32Array.from.
      for (let i = 0; i < cells.length; i++) {
        const cell = cells[i] as number;
        colors[i] = Number.isNaN(cell) ? 0 : (table[levelOf(cell, scale)] as number);
      }
      for (let column = 0, at = row * width; column < width; column++, at++) {
        const index = columns[column] as number;
        if (index >= 0) pixels[at] = colors[index] as number;
      }
    });
  }

  private columnsOf(steps: readonly number[], width: number): Int32Array {
    let columns = this.columns.get(steps);
    if (!columns) {
      columns = columnsOf(steps, this.model?.range ?? [0, 1], width);
      this.columns.set(steps, columns);
    }
    return columns;
  }

  private drawAxis(): void {
    const { labels, model } = this;
    const ratio = devicePixelRatio;
    labels.width = Math.round(this.width * ratio);
    labels.height = Math.round(AXIS_HEIGHT * ratio);
    labels.style.width = `${this.width}px`;
    const ctx = labels.getContext("2d");
    if (!ctx || !model) return;
    const [min, max] = model.range;
    const axis: LabelledAxis = {
      ctx,
      bbox: { left: 0, top: 0, width: labels.width, height: 0 },
      scales: { x: { min, max } },
      valToPos: (step: number) => ((step - min) / (max - min)) * labels.width,
    };
    drawAxisLabels(axis, {
      axis: "step",
      color: ink("--muted"),
      font: `${11 * ratio}${FONT}`,
      ratio,
      last: !model.zoomed,
    });
  }

  private placeCursor(): void {
    const { model, crosshair, rowMark } = this;
    const { row, step } = this.cursor;
    rowMark.style.display = model && row !== null ? "block" : "none";
    crosshair.style.display = "none";
    if (!model) return;
    if (row !== null) {
      rowMark.style.top = `${row * model.rowHeight}px`;
      rowMark.style.height = `${model.rowHeight}px`;
    }
    if (step === null) return;
    const [from, to] = model.range;
    const x = ((step - from) / (to - from)) * this.width;
    if (x < -0.5 || x > this.width + 0.5) return;
    crosshair.style.display = "block";
    crosshair.style.left = `${Math.min(Math.round(x), this.width - 1)}px`;
  }

  private stepAt(x: number): number {
    const [from, to] = this.model?.range ?? [0, 1];
    return from + (Math.min(Math.max(x, 0), this.width) / this.width) * (to - from);
  }

  private rowAt(y: number): number | null {
    const { rows, rowHeight } = this.model ?? { rows: [], rowHeight: 1 };
    const row = Math.min(Math.max(Math.floor(y / rowHeight), 0), rows.length - 1);
    return row < 0 ? null : row;
  }

  /** The step of the cell that is drawn there; where none is, the nearest one. */
  private cellStep(row: number, x: number): number | null {
    const steps = this.model?.rows[row]?.steps ?? [];
    const drawn = this.columns.get(steps)?.[Math.floor(x * devicePixelRatio)] ?? -1;
    return steps[drawn >= 0 ? drawn : nearestIndex(steps, this.stepAt(x))] ?? null;
  }

  private listen(): void {
    const { plot } = this;
    const place = (event: MouseEvent) => {
      const box = plot.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top] as const;
    };
    plot.addEventListener("pointerdown", (event) => {
      this.dragged = false;
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      this.drag = { from: place(event)[0], moved: false };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      const row = this.rowAt(y);
      this.events.onCursor(row, row === null ? null : this.cellStep(row, x));
      this.select(x);
    });
    plot.addEventListener("pointerup", (event) => {
      this.select(place(event)[0]);
      this.endDrag(place(event)[0]);
    });
    plot.addEventListener("pointercancel", () => this.endDrag(null));
    plot.addEventListener("pointerleave", () => this.events.onCursor(null, null));
    plot.addEventListener("click", (event) => {
      const row = this.rowAt(place(event)[1]);
      if (row === null || this.dragged) return;
      clearTimeout(this.opening);
      const open = () => this.events.onOpen(row);
      if (this.model?.zoomed) this.opening = setTimeout(open, DOUBLE_CLICK);
      else open();
    });
    plot.addEventListener(
      "wheel",
      (event) => {
        const factor = wheelFactor(event);
        if (factor === null || !this.model) return;
        event.preventDefault();
        const { range, whole } = this.model;
        const at = this.stepAt(place(event)[0]);
        if (factor !== 1) this.events.onZoom(zoomed(range, at, factor, whole, true));
      },
      { passive: false },
    );
    plot.addEventListener("dblclick", () => {
      clearTimeout(this.opening);
      this.events.onZoom(null);
    });
  }

  private select(x: number): void {
    const { drag, selection } = this;
    if (!drag) return;
    drag.moved ||= Math.abs(x - drag.from) >= DRAG;
    if (!drag.moved) return;
    const [left, right] = [x, drag.from].sort((a, b) => a - b) as [number, number];
    selection.style.display = "block";
    selection.style.left = `${Math.max(0, left)}px`;
    selection.style.width = `${Math.min(right, this.width) - Math.max(0, left)}px`;
  }

  private endDrag(x: number | null): void {
    const { drag } = this;
    this.drag = null;
    this.selection.style.display = "none";
    this.dragged = drag?.moved ?? false;
    if (!drag?.moved || x === null) return;
    const [from, to] = [this.stepAt(x), this.stepAt(drag.from)].sort((a, b) => a - b) as [
      number,
      number,
    ];
    const zoom = selected([from, to], this.model?.whole ?? [0, 1], true);
    if (zoom) this.events.onZoom(zoom);
  }
}
