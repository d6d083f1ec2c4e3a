import type { Options } from "uplot";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { logged } from "../data/fixtures";
import { cancel, inFrame } from "./frames";
import type { ChartModel, Curve } from "./model";
import { StepChart } from "./step-chart";

const plot = vi.hoisted(() => ({
  built: vi.fn<(options: Options) => void>(),
  join: vi.fn(() => [[1, 2]]),
  setData: vi.fn(),
  setScale: vi.fn(),
  destroy: vi.fn(),
}));

vi.mock("uplot", () => ({
  default: class {
    static join = plot.join;
    constructor(options: Options, data: unknown[], host: HTMLElement) {
      plot.built(options);
      this.data = data;
      this.series = options.series;
      host.append(this.root as unknown as HTMLElement);
    }
    data: unknown[];
    series: unknown[];
    root = {
      parentElement: null as unknown,
      remove() {
        this.parentElement = null;
      },
    };
    over = { append() {}, addEventListener() {} };
    select = { width: 0 };
    syncRect() {}
    destroy = plot.destroy;
    setData(data: unknown[], reset: boolean) {
      plot.setData(data, reset);
      this.data = data;
    }
    setScale = plot.setScale;
    width = 300;
    height = 100;
  },
}));

let frames: (() => void)[];
let now: number;

/** The next frame, with all that follows from it. */
async function frame(): Promise<void> {
  for (const callback of frames.splice(0)) callback();
  await new Promise((done) => setTimeout(done));
}

beforeEach(() => {
  [frames, now] = [[], 0];
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => frames.push(callback));
  vi.stubGlobal("document", { createElement: () => ({ style: {} }) });
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.clearAllMocks();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function host(): HTMLElement {
  const element = {
    append(child: { parentElement: unknown }) {
      child.parentElement = element;
    },
  };
  return element as unknown as HTMLElement;
}

const SILENT = { onCursor() {}, onZoom() {}, onDrawn() {} };

function model(...runs: string[]): ChartModel {
  const points = logged([1, 0.5, 0], [2, 0.6, 1]);
  const names = runs.length > 0 ? runs : ["a"];
  return {
    curves: names.map((run) => ({ run, color: "#000", mark: 0, points, places: points.step })),
    targets: [],
    schedules: [],
    axis: "step",
    domain: [0, 100],
    complete: true,
    stepsPerEpoch: null,
  };
}

it("a zoom joins nothing, and is drawn once a frame however often it changed", async () => {
  const onDrawn = vi.fn();
  const look = { axisWidth: 40, unit: "share", ticks: [0, 1] } as const;
  const chart = StepChart.place(
    host(),
    { ...look, ticks: [...look.ticks] },
    { ...SILENT, onDrawn },
  );
  const first = model();
  chart.setModel(first);
  chart.resize(300, 100);
  expect(plot.join).not.toHaveBeenCalled();
  await frame();
  expect([plot.join, plot.setScale, onDrawn].map((f) => f.mock.calls.length)).toEqual([1, 1, 1]);
  for (let i = 0; i < 10; i++) chart.setZoom([i, 50]);
  // As where values are shown that follow the zoom.
  chart.setModel({ ...first, range: [0, 0.1] });
  await frame();
  expect([plot.join, plot.setData, plot.setScale].map((f) => f.mock.calls.length)).toEqual([
    1, 0, 2,
  ]);
  expect(plot.setScale).toHaveBeenLastCalledWith("x", { min: 9, max: 50 });
  chart.setModel(model());
  await frame();
  expect([plot.join, plot.setData].map((f) => f.mock.calls.length)).toEqual([2, 1]);
});

it("a scale is logarithmic as long as all values are above zero", async () => {
  const look = { axisWidth: 40, unit: "number", ticks: null, log: true } as const;
  const chart = StepChart.place(host(), look, SILENT);
  chart.resize(300, 100);
  for (const values of [[0.5], [0.5, 0.25], [0.5, 0], [0.5, 0.25]]) {
    const points = logged(...values.map((value, i): [number, number, number] => [i + 1, value, i]));
    const [curve] = model().curves;
    chart.setModel({ ...model(), curves: [{ ...curve, points, places: points.step } as Curve] });
    await frame();
  }
  // Only what changes the scale builds the chart anew.
  const scales = plot.built.mock.calls.map(([{ scales }]) => scales?.y?.distr);
  expect(scales).toEqual([3, 1, 3]);
});

it("a chart that has left its place is drawn in another, with nothing of what it was", async () => {
  const look = { axisWidth: 40, unit: "share", ticks: [0, 1] };
  const [there, here] = [host(), host()];
  const first = StepChart.place(there, look as never, SILENT);
  first.resize(300, 100);
  first.setModel(model("a", "b"));
  first.setZoom([10, 20]);
  await frame();
  first.leave();
  // What was asked for and not yet drawn goes with it.
  expect(plot.setData).toHaveBeenLastCalledWith([[]], false);
  const onDrawn = vi.fn();
  const second = StepChart.place(here, look as never, { ...SILENT, onDrawn });
  expect(second).toBe(first);
  expect(second.places()).toEqual([]);
  const next = model("c");
  second.setModel(next);
  second.resize(300, 100);
  await frame();
  expect(plot.built).toHaveBeenCalledTimes(1);
  expect(plot.destroy).not.toHaveBeenCalled();
  // One curve has no data any more.
  expect(plot.setData).toHaveBeenLastCalledWith([[1, 2], [], []], false);
  expect(plot.setScale).toHaveBeenLastCalledWith("x", { min: 0, max: 100 });
  expect(onDrawn.mock.calls).toEqual([[next]]);
  // More curves than it was made for, or another look, need another chart.
  second.setModel(model("a", "b", "c"));
  await frame();
  expect(plot.built).toHaveBeenCalledTimes(2);
  expect(StepChart.place(there, { ...look } as never, SILENT)).not.toBe(second);
});

it("work goes on in the next frame where one has no more room, in its order and once", async () => {
  const done: string[] = [];
  const work = ["a", "b", "c", "d", "e"].map((name) => () => {
    done.push(name);
    now += 1;
  });
  for (const one of [...work, ...work]) inFrame(one);
  cancel(work[1] as () => void);
  await frame();
  expect(done).toEqual(["a", "c"]);
  await frame();
  expect(done).toEqual(["a", "c", "d", "e"]);
  expect(frames).toEqual([]);
});
