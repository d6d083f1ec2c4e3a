import { describe, expect, it } from "vitest";
import { textOf } from "./parts";
import type { Curve, Sensitivity } from "./reports";
import {
  layerTargets,
  patternsOf,
  pythonOf,
  pythonText,
  type Question,
  sensitivityRows,
  sensitivitySentence,
  shortNames,
  togetherOf,
} from "./sensitivity";

function curve(weight: string, values: (number | null)[], parts: Partial<Curve> = {}): Curve {
  const target = values.map((_, i) => 0.5 + i / 10);
  const layer = weight.replace(/\/[^/]*$/, "");
  const metrics = new Map([["accuracy", values]]);
  return {
    weight,
    layer,
    size: 100,
    pattern: "element",
    target,
    sparsity: target,
    metrics,
    ...parts,
  };
}

function report(...curves: Curve[]): Sensitivity {
  const baseline = new Map([["accuracy", 0.9]]);
  return { curves, baseline, samples: 10, lower: new Set(["loss"]) };
}

const asked = (amount: number, metric = "accuracy"): Question => ({
  metric,
  tolerance: { amount, unit: "points" },
});
const rowsOf = (one: Sensitivity, question = asked(1), pattern: string | null = null) =>
  sensitivityRows(one, question, pattern);
const suggested = (...values: (number | null)[]) =>
  rowsOf(report(curve("a/kernel", values)))[0]?.suggested;

describe("the suggested sparsity", () => {
  it("is the last up to which all are within the tolerance", () => {
    expect(suggested(0.9, 0.895, 0.85)).toBe(0.6);
    expect(suggested(0.9, 0.85, 0.9)).toBe(0.5);
    expect(suggested(0.95, 0.95)).toBe(0.6);
    expect(suggested(0.8, 0.9)).toBe(0);
  });
  it("ends where a value isn't finite", () => {
    expect(suggested(0.9, null, 0.9)).toBe(0.5);
    const [row] = rowsOf(report(curve("a/kernel", [0.9, null, 0.1])));
    expect(row).toMatchObject({ worst: 1, fragility: Number.POSITIVE_INFINITY });
  });
  it("goes by what is better", () => {
    const losses = curve("a/kernel", [0.4, 0.41, 0.7], {
      metrics: new Map([["loss", [0.4, 0.41, 0.7]]]),
    });
    const one = { ...report(losses), baseline: new Map([["loss", 0.4]]) };
    const question: Question = { metric: "loss", tolerance: { amount: 5, unit: "percent" } };
    expect(rowsOf(one, question)[0]).toMatchObject({ suggested: 0.6, worst: 2 });
  });
  it("is nothing where the model itself wasn't finite, or the metric is missing", () => {
    const one = { ...report(curve("a/kernel", [0.9])), baseline: new Map([["accuracy", null]]) };
    expect(rowsOf(one)[0]?.suggested).toBe(0);
    expect(rowsOf(report(curve("a/kernel", [0.9])), asked(1, "none"))[0]?.suggested).toBe(0);
  });
  it("of a layer is the lowest of its weights", () => {
    const one = report(
      curve("a/kernel", [0.9, 0.9]),
      curve("a/recurrent_kernel", [0.9, 0.5]),
      curve("b/kernel", [0.5]),
    );
    expect([...layerTargets(rowsOf(one))]).toEqual([["a", 0.5]]);
    expect(togetherOf(rowsOf(one))).toBeCloseTo((0.6 + 0.5) / 3);
  });
});

describe("weights", () => {
  const one = report(
    curve("robust/kernel", [0.9, 0.9]),
    curve("fragile/kernel", [0.9, 0.5]),
    curve("fragile/kernel", [0.4], { pattern: "2:4" }),
  );
  it("are ordered by how much they lose on average", () => {
    expect(rowsOf(one).map(({ curve }) => [curve.weight, curve.pattern])).toEqual([
      ["fragile/kernel", "2:4"],
      ["fragile/kernel", "element"],
      ["robust/kernel", "element"],
    ]);
  });
  it("are looked at by pattern", () => {
    expect(patternsOf(one)).toEqual(["element", "2:4"]);
    expect(rowsOf(one, asked(1), "element")).toHaveLength(2);
  });
});

describe("the sentence on sensitivity", () => {
  const said = (one: Sensitivity, question = asked(1)) =>
    textOf(sensitivitySentence(one, rowsOf(one, question), question)).replaceAll("\u2009", " ");
  it("names the most fragile weight, and what could go", () => {
    expect(said(report(curve("b/kernel", [0.9, 0.9]), curve("a/kernel", [0.9, 0.5])))).toBe(
      "a/kernel is the most fragile: alone it takes 50.0 % sparsity; at 60.0 % accuracy is 50.00 %, " +
        "40.00 points below. At a tolerance of 1 point, together 55.0 % of the weights could go, " +
        "if each suffered alone.",
    );
  });
  it("says so where nothing could go, where all could, and where the metric broke", () => {
    expect(said(report(curve("a/kernel", [0.5])))).toBe(
      "a/kernel is the most fragile: 50.0 % sparsity is too much for it; at 50.0 % accuracy is 50.00 %, " +
        "40.00 points below. At a tolerance of 1 point, nothing that was tried could go.",
    );
    expect(said(report(curve("a/kernel", [0.9]), curve("b/kernel", [0.9])))).toContain(
      "No weight is fragile: each takes all that was tried, up to 50.0 %.",
    );
    expect(said(report(curve("a/kernel", [0.9, null])))).toContain(
      "at 60.0 % accuracy isn\u2019t finite",
    );
    expect(said(report())).toBe("The report holds no weight.");
  });
});

it("names are as short as tells them apart", () => {
  expect(shortNames(["net/a/b/kernel", "net/a/c/kernel"])).toEqual(["b", "c"]);
  expect(shortNames(["a/kernel", "a/recurrent_kernel"])).toEqual(["kernel", "recurrent_kernel"]);
  expect(shortNames(["a/kernel", "a/a/kernel"])).toEqual(["kernel", "a/kernel"]);
  expect(shortNames(["a/kernel"])).toEqual(["a/kernel"]);
  expect(shortNames(["a/kernel", "kernel", ""])).toEqual(["a/kernel", "kernel", ""]);
  expect(shortNames([])).toEqual([]);
});

describe("Python", () => {
  it("has the targets by layer", () => {
    const rows = rowsOf(report(curve("a/kernel", [0.9, 0.5]), curve("b/kernel", [0.9, 0.9])));
    expect(pythonOf(rows, asked(1))).toContain('sparsity = {\n    "a": 0.5,\n    "b": 0.6,\n}\n');
  });
  it("has any name as a literal", () => {
    expect(pythonText('a"b\\\n\0')).toBe('"a\\"b\\\\\\n\\u0000"');
    expect(pythonText("\u202e\u2028é🧠\u{e0001}")).toBe('"\\u202e\\u2028é🧠\\U000e0001"');
  });
});
