import { expect, it } from "vitest";
import {
  count,
  formatNumber,
  formatPoints,
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
