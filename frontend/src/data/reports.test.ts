import { describe, expect, it } from "vitest";
import { isUnreadable, readCompression, readSensitivity } from "./reports";

const VARIANT = {
  model: "dense",
  file: "Keras",
  bytes: 10,
  gzip_bytes: 5,
  ratio: 1,
  metrics: { accuracy: 0.5 },
  latency: null,
  problem: null,
};
const COMPRESSION = {
  format: 1,
  lower_is_better: ["loss"],
  variants: [VARIANT],
  layers: [],
  samples: 3,
};
const CURVE = {
  weight: "a/kernel",
  layer: "a",
  size: 8,
  pattern: "element",
  target: [0.5, 0.9],
  sparsity: [0.5, 0.875],
  metrics: { accuracy: [0.9, null] },
};
const SENSITIVITY = {
  format: 1,
  lower_is_better: [],
  curves: [CURVE],
  baseline: { accuracy: 1 },
  samples: 3,
};

describe("a report", () => {
  it("is read as it was written", () => {
    const compression = readCompression(COMPRESSION);
    if (isUnreadable(compression)) throw new Error(compression.unreadable);
    expect(compression.variants[0]?.metrics.get("accuracy")).toBe(0.5);
    expect([...compression.lower]).toEqual(["loss"]);
    const sensitivity = readSensitivity(SENSITIVITY);
    if (isUnreadable(sensitivity)) throw new Error(sensitivity.unreadable);
    expect(sensitivity.curves[0]?.metrics.get("accuracy")).toEqual([0.9, null]);
  });
  it("may have metrics of any name", () => {
    const metrics = JSON.parse('{"__proto__": 0.5, "constructor": 0.25}');
    const report = readCompression({ ...COMPRESSION, variants: [{ ...VARIANT, metrics }] });
    if (isUnreadable(report)) throw new Error(report.unreadable);
    expect([...(report.variants[0]?.metrics ?? [])]).toEqual([
      ["__proto__", 0.5],
      ["constructor", 0.25],
    ]);
  });
  it("of a later format says so", () => {
    expect(readCompression({ ...COMPRESSION, format: 2 })).toEqual({
      unreadable: "a later version of tb-sparsity made it.",
    });
  });
  it.each([
    null,
    [],
    {},
    { ...COMPRESSION, format: "1" },
    { ...COMPRESSION, variants: {} },
    { ...COMPRESSION, variants: [null] },
    { ...COMPRESSION, variants: [{ ...VARIANT, bytes: "10" }] },
    { ...COMPRESSION, variants: [{ ...VARIANT, metrics: [0.5] }] },
    { ...COMPRESSION, layers: [{ name: "a" }] },
    { ...COMPRESSION, lower_is_better: "loss" },
  ])("of sizes that is damaged is none: %j", (answer) => {
    expect(readCompression(answer)).toEqual({ unreadable: "it is damaged." });
  });
  it.each([
    { ...SENSITIVITY, curves: [{ ...CURVE, sparsity: [0.5] }] },
    { ...SENSITIVITY, curves: [{ ...CURVE, metrics: { accuracy: [0.5] } }] },
    { ...SENSITIVITY, curves: [{ ...CURVE, metrics: { accuracy: 0.5 } }] },
    { ...SENSITIVITY, curves: [{ ...CURVE, target: [null, 0.5] }] },
    { ...SENSITIVITY, baseline: {} },
    { ...SENSITIVITY, baseline: { accuracy: true } },
  ])("of sensitivity that is damaged is none: %j", (answer) => {
    expect(readSensitivity(answer)).toEqual({ unreadable: "it is damaged." });
  });
});
