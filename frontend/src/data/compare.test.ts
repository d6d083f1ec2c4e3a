import { describe, expect, it } from "vitest";
import {
  againstBaseline,
  type CompareRow,
  compareRow,
  differenceTo,
  lastOf,
  nextSort,
  orderMetrics,
  sortRows,
  statusWords,
  weightDifferences,
} from "./compare";
import { manifest, points, ramp, run, weight } from "./fixtures";
import { textOf } from "./parts";
import { statusOf } from "./status";
import type { Run } from "./types";

describe("the difference to a baseline", () => {
  it("takes the baseline's last value at or before each step", () => {
    const difference = differenceTo(
      points([5, 1], [10, 1], [15, 1], [30, 1]),
      points([10, 0.25], [20, 0.5]),
    );
    expect(difference).toEqual(points([5, null], [10, 0.75], [15, 0.75], [30, 0.5]));
  });
  it("is nil with itself, and has the gaps of both", () => {
    const own = points([1, 1], [2, null], [3, 3]);
    expect(differenceTo(own, own).value).toEqual([0, null, 0]);
    expect(differenceTo(points([1, 1], [2, 2]), points([1, 1], [2, null])).value).toEqual([
      0,
      null,
    ]);
  });
});

describe("the last value", () => {
  it("is the last finite one, and says if more came after it", () => {
    expect(lastOf(points([1, 1], [2, 2]))).toEqual({ step: 2, value: 2, stale: false });
    expect(lastOf(points([1, 1], [2, null]))).toEqual({ step: 1, value: 1, stale: true });
    expect(lastOf(points([1, null]))).toBeNull();
    expect(lastOf(undefined)).toBeNull();
  });
});

it("puts what is measured on unseen data first", () => {
  expect(orderMetrics(["accuracy", "loss", "val_loss", "val_accuracy"])).toEqual([
    "val_accuracy",
    "val_loss",
    "accuracy",
    "loss",
  ]);
});

const WEIGHTS = [weight("a/kernel", 10), weight("b/kernel", 30)];

function statusAt(subject: Run, sparsity: number, step: number) {
  const known = points([step, sparsity]);
  return statusOf(subject, { total: known, latest: () => known, history: () => undefined });
}

function row(name: string, sparsity: number, metrics: Record<string, number> = {}): CompareRow {
  const subject = run(name, { manifest: manifest(WEIGHTS, [ramp(0, 100, 0.8)], 100) });
  const last = (metric: string) => points([100, metrics[metric] ?? null]);
  return compareRow(subject, statusAt(subject, sparsity, 100), Object.keys(metrics), last);
}

describe("a row", () => {
  it("holds a run's last values", () => {
    const { arrived, sparsity, target, metrics, status } = row("r", 0.8, { loss: 0.5 });
    expect({ arrived, sparsity, target }).toEqual({ arrived: true, sparsity: 0.8, target: 0.8 });
    expect(metrics.loss?.value).toBe(0.5);
    expect(status).toEqual({ text: "done", trouble: false });
  });
  it("says what is wrong", () => {
    const subject = run("r", { manifest: manifest(WEIGHTS, [ramp(0, 100, 0.8)], 100) });
    expect(statusWords(statusAt(subject, 0.5, 100))).toMatchObject({ trouble: true });
    const logging = run("r", { ...subject, tags: { ...subject.tags, metrics: ["loss"] } });
    const nan = statusOf(logging, {
      total: points([100, 0.8]),
      latest: () => points([100, 0.8]),
      history: () => undefined,
      metric: () => points([50, 1], [100, null]),
    });
    expect(statusWords(nan)).toEqual({ text: "loss not finite", trouble: true });
    const short = run("r", { manifest: manifest(WEIGHTS, [ramp(0, 200, 0.8)], 100) });
    expect(statusWords(statusAt(short, 0.4, 100)).text).toBe("ended before its schedule");
  });
  it("puts a run that prunes nothing at zero", () => {
    const dense = run("dense", {
      manifest: manifest([weight("a/kernel", 10, null)], []),
      tags: { sparsity: ["a/kernel"] },
    });
    const status = statusOf(dense, { total: null, latest: () => null, history: () => null });
    expect(compareRow(dense, status, [], () => null)).toMatchObject({
      sparsity: 0,
      target: null,
      status: { text: "not pruned" },
    });
  });
});

describe("against the baseline", () => {
  const base = row("base", 0.5, { val_accuracy: 0.9, val_loss: 0.2 });
  const say = (own: CompareRow, metric: string | null) =>
    textOf(againstBaseline(own, base, metric));
  it("is said in words", () => {
    const own = row("r", 0.8, { val_accuracy: 0.88, val_loss: 0.1 });
    expect(say(own, "val_accuracy").replaceAll("\u2009", " ")).toBe(
      "30.0 points sparser, and val_accuracy worse by 2.00 points (88.00 %).",
    );
    expect(say(own, "val_loss")).toBe("30.0 points sparser, and val_loss better by 0.1 (0.1).");
    expect(say(own, null)).toBe("30.0 points sparser.");
  });
  it("knows equals", () => {
    expect(say(base, "val_loss")).toBe("as sparse, and val_loss the same (0.2).");
  });
  it("waits for what is on its way", () => {
    expect(say({ ...base, arrived: false }, "val_loss")).toBe("reading the log…");
  });
});

describe("the order of rows", () => {
  const rows = [row("b", 0.1, { loss: 3 }), row("a", 0.3, { loss: 1 }), row("c", 0.2)];
  const names = (sorted: CompareRow[]) => sorted.map(({ run }) => run.name).join("");
  it("begins with the baseline", () => {
    expect(names(sortRows(rows, null, "c/sparsity"))).toBe("cba");
    expect(names(sortRows(rows, null, null))).toBe("bac");
  });
  it("follows a column, and what is missing comes last either way", () => {
    expect(names(sortRows(rows, { column: "run", down: false }, null))).toBe("abc");
    expect(names(sortRows(rows, { column: "sparsity", down: true }, null))).toBe("acb");
    expect(names(sortRows(rows, { column: "metric:loss", down: false }, null))).toBe("abc");
    expect(names(sortRows(rows, { column: "metric:loss", down: true }, null))).toBe("bac");
  });
  it("is undone by the third click", () => {
    const first = nextSort(null, "sparsity");
    const second = nextSort(first, "sparsity");
    expect([first?.down, second?.down, nextSort(second, "sparsity")]).toEqual([true, false, null]);
    expect(nextSort(first, "run")).toEqual({ column: "run", down: false });
  });
});

it("lists the weights that differ from the baseline's, the furthest first", () => {
  const sparsities: Record<string, Record<string, number>> = {
    base: { a: 0.5, b: 0.5, c: 0.5 },
    own: { a: 0.6, b: 0.1, c: 0.5, d: 0.9 },
  };
  const of = (name: string) =>
    run(name, { tags: { sparsity: Object.keys(sparsities[name] ?? {}) } });
  const [base, own] = [of("base"), of("own")];
  const found = weightDifferences([base, own], base, (r, w) => sparsities[r.name]?.[w] ?? null);
  expect(found.differing.map(({ weight }) => weight)).toEqual(["b", "a"]);
  expect(found.differing[0]?.difference).toBeCloseTo(-0.4);
  expect([found.same, found.missing]).toEqual([1, 1]);
});
