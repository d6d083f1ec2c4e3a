import { expect, it } from "vitest";
import {
  count,
  formatBytes,
  formatNumber,
  formatPoints,
  formatRatio,
  formatShare,
  formatStep,
  isShareMetric,
} from "./format";

it("writes shares, differences, steps and numbers", () => {
  expect(formatShare(0.875)).toBe("87.5\u2009%");
  expect(formatShare(0.99213, 2)).toBe("99.21\u2009%");
  expect(formatStep(409600)).toBe("409,600");
  expect([0.0012, -0.0012, 0.0004, -0.0004].map(formatPoints)).toEqual([
    "+0.1",
    "−0.1",
    "0.0",
    "0.0",
  ]);
  expect([0.123456, -2.5, 0, 0.00001].map(formatNumber)).toEqual([
    "0.1235",
    "−2.5",
    "0",
    "1.00e−5",
  ]);
  expect([count(1, "layer"), count(1000, "layer")]).toEqual(["1 layer", "1,000 layers"]);
});

it("writes bytes and ratios with three digits", () => {
  expect([1, 999, 1000, 87_050, 1_582_973, 3e15].map(formatBytes)).toEqual([
    "1 byte",
    "999 bytes",
    "1.00\u2009kB",
    "87.1\u2009kB",
    "1.58\u2009MB",
    "3,000\u2009TB",
  ]);
  expect([6.117, 18.18, 677.35, 0.5].map(formatRatio)).toEqual([
    "6.12×",
    "18.2×",
    "677×",
    "0.500×",
  ]);
});

it("takes accuracies for shares, and nothing else", () => {
  const names = [
    "accuracy",
    "val_accuracy",
    "sparse_categorical_accuracy",
    "acc",
    "loss",
    "accent",
  ];
  expect(names.filter(isShareMetric)).toEqual(names.slice(0, 4));
});
