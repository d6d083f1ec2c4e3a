import { expect, it } from "vitest";
import { epochEnds } from "../charts/epoch-layer";
import { commonEpoch, epochOf } from "./epochs";
import { manifest, run } from "./fixtures";

it.each([
  [[20, 20], 20],
  [[20, 30], null],
  [[20, null], null],
  [[null], null],
  [[], null],
])("runs with %j steps in an epoch share a grid of %s", (steps, common) => {
  const runs = steps.map((steps_per_epoch, i) =>
    run(`${i}`, { manifest: { ...manifest([], []), steps_per_epoch } }),
  );
  expect(commonEpoch(runs)).toBe(common);
});

it.each([
  [{ steps_per_epoch: -1 }, null],
  [{ steps_per_epoch: 20, first_step: 31 }, null],
  [{ steps_per_epoch: 20, first_step: 41 }, 20],
])("a manifest with %j has a grid of %s", (fields, common) => {
  expect(commonEpoch([run("a", { manifest: { ...manifest([], []), ...fields } })])).toBe(common);
});

it("does not take a run without a manifest for one that agrees", () => {
  const known = run("a", { manifest: { ...manifest([], []), steps_per_epoch: 5 } });
  expect(commonEpoch([known, run("tfmot")])).toBeNull();
});

it.each([
  [0, 1],
  [1, 1],
  [20, 1],
  [21, 2],
  [400, 20],
])("step %i is in epoch %i", (step, epoch) => {
  expect(epochOf(step, 20)).toBe(epoch);
});

it("has a line at each end of an epoch, and fewer where they would be too close", () => {
  expect(epochEnds(20, [0, 100], 20)).toEqual([20, 40, 60, 80]);
  expect(epochEnds(20, [0, 100], 21)).toEqual([40, 80]);
  expect(epochEnds(20, [30, 100], 20)).toEqual([40, 60, 80]);
  expect(epochEnds(1, [0, 30], 6)).toEqual([10, 20]);
  expect(epochEnds(500, [0, 100], 1)).toEqual([]);
  expect(epochEnds(2, [0, 1e6], 4e4)).toHaveLength(24);
});
