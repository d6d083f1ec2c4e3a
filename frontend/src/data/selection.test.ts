import { describe, expect, it } from "vitest";
import { manifest, run, weight } from "./fixtures";
import {
  changedReports,
  changedRuns,
  chooseMetric,
  chooseRuns,
  matches,
  stepDomain,
  weightsOf,
} from "./selection";

const ten = Array.from({ length: 10 }, (_, i) => run(`r${i}`, { last_wall_time: i }));

describe("the shown runs", () => {
  it("are the eight most recent, at first", () => {
    const shown = chooseRuns(ten, {}, new Set());
    expect([...shown].sort()).toEqual(ten.slice(2).map((r) => r.run));
  });

  it("keep what was chosen and what was shown when runs arrive", () => {
    const shown = chooseRuns(
      ten,
      { "r9/sparsity": false, "r0/sparsity": true },
      new Set(["r1/sparsity"]),
    );
    expect(shown.has("r9/sparsity")).toBe(false);
    expect(shown.has("r0/sparsity")).toBe(true);
    expect(shown.has("r1/sparsity")).toBe(true);
    expect(shown.size).toBe(8);
  });
});

it("only runs with news are fetched again", () => {
  const before = [run("a"), run("b"), run("gone")];
  const after = [run("a"), run("b", { last_step: 200 }), run("new")];
  expect(changedRuns(before, after)).toEqual(new Set(["b/sparsity", "gone/sparsity"]));
});

it("weights come in the order of the model, with the sizes that any run knows", () => {
  const tfmot = run("tfmot", { tags: { sparsity: ["z/kernel", "extra/kernel"] } });
  const known = run("poly", {
    manifest: manifest([weight("z/kernel", 9), weight("a/kernel", 5)], []),
  });
  expect(weightsOf([known, tfmot])).toEqual([
    { name: "z/kernel", size: 9 },
    { name: "a/kernel", size: 5 },
    { name: "extra/kernel", size: null },
  ]);
  expect(weightsOf([tfmot, known])[0]).toEqual({ name: "z/kernel", size: 9 });
});

it("the metric is the one wished for, else the most telling", () => {
  expect(chooseMetric(["loss", "val_loss"], "loss")).toBe("loss");
  expect(chooseMetric(["loss", "val_loss"], "mae")).toBe("val_loss");
  expect(chooseMetric(["mae"], null)).toBe("mae");
  expect(chooseMetric([], null)).toBeNull();
});

it("a report counts as changed when it was made anew, came, or went", () => {
  const made = (compression: number | undefined) => [
    run("a", { reports: { sensitivity: 1, ...(compression && { compression }) } }),
  ];
  const changed = (before: number | undefined, after: number | undefined) =>
    changedReports("compression", made(before), made(after)).size;
  expect([changed(1, 1), changed(1, 2), changed(undefined, 1), changed(1, undefined)]).toEqual([
    0, 1, 1, 1,
  ]);
  expect(changedReports("sensitivity", made(1), made(2)).size).toBe(0);
  expect(changedReports("compression", made(1), []).size).toBe(1);
});

it("charts span all that is trained or planned", () => {
  const planned = run("a", { last_step: 50, manifest: manifest([], [], 960) });
  expect(stepDomain([planned, run("b", { last_step: 1200 })])).toEqual([0, 1200]);
  expect(stepDomain([planned])).toEqual([0, 960]);
  expect(stepDomain([])).toEqual([0, 1]);
});

it("a filter asks for all of its words", () => {
  expect(matches("Block_3/Key/kernel", "key block_3")).toBe(true);
  expect(matches("block_3/key/kernel", "query")).toBe(false);
  expect(matches("anything", "  ")).toBe(true);
});
