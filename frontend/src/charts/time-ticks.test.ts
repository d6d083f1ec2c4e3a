import { expect, it } from "vitest";
import { formatDuration, formatPlace } from "../data/time";
import { updatePlaces } from "./schedule-layer";
import { clockTicks, durationTicks } from "./time-ticks";

const labels = (ticks: { label: string }[]) => ticks.map(({ label }) => label).join(", ");

it.each([
  [0.0123, "0.012 s"],
  [12.34, "12.3 s"],
  [59.97, "1 min"],
  [200, "3 min 20 s"],
  [7199.9, "2 h"],
  [4500, "1 h 15 min"],
  [90_000, "1 d 1 h"],
])("%d seconds read as %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, 0.02, 0.004, "0 s, 0.005 s, 0.010 s, 0.015 s, 0.020 s"],
  [0, 60, 13, "0 s, 15 s, 30 s, 45 s, 1 min"],
  [100, 500, 80, "2 min, 4 min, 6 min, 8 min"],
  [61, 61.5, 0.1, "1 min 1.0 s, 1 min 1.1 s, 1 min 1.2 s, 1 min 1.3 s, 1 min 1.4 s, 1 min 1.5 s"],
  [0, 30_000, 5000, "0 s, 2 h, 4 h, 6 h, 8 h"],
  [0, 3e6, 5e5, "0 s, 10 d, 20 d, 30 d"],
])("from %d to %d s, %d apart, the ticks are %s", (from, to, space, said) => {
  expect(labels(durationTicks([from, to], space))).toBe(said);
});

it("times of day are round ones of the user's zone", () => {
  const at = (...parts: [number, number, number, number, number, number]) =>
    new Date(...parts).getTime() / 1000;
  const evening = at(2026, 10, 20, 22, 41, 7);
  expect(labels(clockTicks([evening, evening + 7200], 1700))).toBe("23:00, 23:30, 11-21, 00:30");
  expect(labels(clockTicks([evening, evening + 40], 9))).toBe(
    "22:41:10, 22:41:20, 22:41:30, 22:41:40",
  );
  expect(labels(clockTicks([evening, evening + 3 * 86_400], 80_000))).toBe("11-21, 11-22, 11-23");
  expect(formatPlace("wall", evening)).toBe("2026-11-20 22:41:07");
  // Half a year has both offsets of any zone that has two.
  const ticks = clockTicks([at(2026, 0, 10, 5, 0, 0), at(2026, 6, 30, 5, 0, 0)], 20 * 86_400);
  expect(ticks.length).toBeGreaterThan(5);
  for (const tick of ticks) expect(new Date(tick.at * 1000).getHours()).toBe(0);
});

it("updates lie where the run was at their steps, and not beyond its log", () => {
  const clock = { step: [0, 10, 20], place: [0, 100, 110], start: 0 };
  const frame = { begin: 5, end: null, frequency: 5, clock };
  expect(updatePlaces([frame], [0, 200], 0)).toEqual([50, 100, 105, 110]);
  expect(updatePlaces([frame], [60, 107], 0)).toEqual([100, 105]);
  expect(updatePlaces([frame], [150, 200], 0)).toEqual([]);
  expect(updatePlaces([{ ...frame, clock: null }], [0, 12], 0)).toEqual([5, 10]);
});
