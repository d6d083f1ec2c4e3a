import { describe, expect, it } from "vitest";
import { FIRST, fromParams, type LinkState, paramsOf, toParams, withParams } from "./link";

const HOSTILE = ["a,b", "=cmd()", "<img src=x onerror=alert(1)>", "ü&p.sparsity.view=x", "%", "🙂"];
const state: LinkState = {
  view: "layers",
  runs: HOSTILE,
  metric: "val_accuracy",
  zoom: [100, 2 ** 40],
  weights: "/dense|conv/ x",
  weight: HOSTILE[3] as string,
  run: "run1/sparsity",
  sort: "-difference",
  heat: "difference",
  tolerance: "0.5",
  baseline: "dense/sparsity",
  smooth: "0.6",
  scale: "log",
};

describe("a link", () => {
  it("gives back exactly the state that it was made of", () => {
    const hash = withParams("#sparsity&runs=3", toParams(state));
    expect(fromParams(paramsOf(hash))).toEqual(state);
    expect(fromParams(paramsOf(withParams(hash, toParams(FIRST))))).toEqual(FIRST);
  });

  it("says nothing of what is as it was at first", () => {
    expect(withParams("#sparsity", toParams(FIRST))).toBe("#sparsity");
    expect(withParams("", toParams(FIRST))).toBe("#sparsity");
  });

  it("leaves the parameters of others as they are", () => {
    const hash = "#scalars&p.sparsity.view=layers&p.hparams.x=%2F&tagFilter=a%26b";
    expect(withParams(hash, {})).toBe("#scalars&p.hparams.x=%2F&tagFilter=a%26b");
  });

  it("with no runs at all differs from one that doesn't speak of runs", () => {
    expect(fromParams(paramsOf(withParams("", toParams({ ...FIRST, runs: [] })))).runs).toEqual([]);
  });

  it("that can't be read is taken as far as it can", () => {
    const read = fromParams(
      paramsOf("#sparsity&p.sparsity.view=none&p.sparsity.zoom=9-1&p.sparsity.runs=%25E0%25A4,b&x"),
    );
    expect(read).toEqual({ ...FIRST, runs: ["b"] });
  });
});
