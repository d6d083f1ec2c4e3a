import { afterEach, describe, expect, it } from "vitest";
import { paramsOf, withParams } from "./link";
import { acceptLink, linkParams } from "./store";

const HOSTILE = ["a,b", "=cmd()", "<img src=x onerror=alert(1)>", "ü&p.sparsity.view=x", "%", "🙂"];
const FULL = {
  view: "layers",
  runs: HOSTILE.map(encodeURIComponent).join(","),
  axis: "relative",
  zoom: `relative:0.25-${2 ** 40}`,
  metric: "val_accuracy",
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

/** What the page makes of a link's parameters. */
function read(params: Record<string, string>) {
  acceptLink(params);
  return linkParams();
}

describe("a link", () => {
  afterEach(() => acceptLink({}));

  it("gives back exactly the state that it was made of, and knows every parameter", () => {
    const hash = withParams("#sparsity&runs=3", read(FULL));
    expect(paramsOf(hash)).toEqual(FULL);
    expect(read(paramsOf(hash))).toEqual(FULL);
  });

  it("shows nothing of what was there before, and says nothing of what is as it was at first", () => {
    read(FULL);
    expect(read({})).toEqual({});
    expect(withParams("#sparsity", {})).toBe("#sparsity");
    expect(withParams("", {})).toBe("#sparsity");
  });

  it("leaves the parameters of others as they are", () => {
    const hash = "#scalars&p.sparsity.view=layers&p.hparams.x=%2F&tagFilter=a%26b";
    expect(withParams(hash, {})).toBe("#scalars&p.hparams.x=%2F&tagFilter=a%26b");
  });

  it("with no runs at all differs from one that doesn't speak of runs", () => {
    expect(read(paramsOf(withParams("", { runs: "" })))).toEqual({ runs: "" });
  });

  it.each([
    ["runs", "%E0%A4,b", "b"],
    ["zoom", "9-1", undefined],
    ["zoom", "0.5-3", undefined],
    ["zoom", "3-40", "3-40"],
    ["zoom", "wall:0.5-3", "wall:0.5-3"],
    ["zoom", "relative:3-x", undefined],
    ["axis", "sideways", undefined],
    ["smoothness", "1", undefined],
  ])("whose %s is %s is taken as far as it can be read", (name, text, kept) => {
    expect(read({ [name]: text })).toEqual(kept === undefined ? {} : { [name]: kept });
  });
});
