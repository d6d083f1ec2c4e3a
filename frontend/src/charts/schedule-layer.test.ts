import { describe, expect, it } from "vitest";
import { tickRows } from "./schedule-layer";

const every = (frequency: number, begin = 0) => [{ begin, end: 100, frequency }];
const of = (color: string, frames: ReturnType<typeof every>) => ({ color, frames, clock: null });

describe("rows of update ticks", () => {
  it("are one, in no run's colour, where all update at the same steps", () => {
    expect(tickRows([of("red", every(10)), of("blue", every(10))])).toEqual([
      { color: null, frames: every(10).map((frame) => ({ ...frame, clock: null })) },
    ]);
    expect(tickRows([])).toEqual([]);
  });

  it("are one for each schedule, and say whose it is", () => {
    const rows = tickRows([of("red", every(10)), of("blue", every(7)), of("red", every(3))]);
    expect(rows.map(({ color }) => color)).toEqual(["red", "blue", "red"]);
    const shared = tickRows([of("red", every(10)), of("blue", every(10)), of("blue", every(7))]);
    expect(shared.map(({ color }) => color)).toEqual([null, "blue"]);
  });

  it("are one for each run where there are too many schedules, and none for too many runs", () => {
    const layers = [10, 20, 30, 40].map((frequency) => of("red", every(frequency)));
    const rows = tickRows([...layers, of("blue", every(7))]);
    expect(rows.map(({ color, frames }) => [color, frames.length])).toEqual([
      ["red", 4],
      ["blue", 1],
    ]);
    expect(tickRows(["a", "b", "c", "d"].map((run, i) => of(run, every(i + 1))))).toEqual([]);
  });
});
