import { describe, expect, it } from "vitest";
import { constant, manifest, points, ramp, run, weight } from "./fixtures";
import { textOf } from "./parts";
import { sentencesOf, summaryOf } from "./sentences";
import { statusOf } from "./status";
import type { Points, Run } from "./types";

const WEIGHTS = [weight("conv/kernel", 1000), weight("dense/kernel", 3000)];

/** What the page says of a run whose weights follow these points; a total is their mean. */
function say(subject: Run, total: Points | null, weights: Record<string, Points>): string {
  return textOf(sentencesOf(status(subject, total, weights))).replaceAll("\u2009", " ");
}

function status(subject: Run, total: Points | null, weights: Record<string, Points>) {
  const look = (name: string) => weights[name] ?? null;
  return statusOf(subject, { total, latest: look, history: look });
}

function pruned(schedule = ramp(10, 100, 0.8), totalSteps: number | null = 100): Run {
  return run("poly", { manifest: manifest(WEIGHTS, [schedule], totalSteps) });
}

const both = (...pairs: [number, number][]) => ({
  "conv/kernel": points(...pairs),
  "dense/kernel": points(...pairs),
});

describe("a run's sentences", () => {
  it("say that it worked", () => {
    expect(say(pruned(), points([100, 0.8]), both([100, 0.8]))).toBe(
      "80.0 % of the prunable weights are zero, as configured. Both layers are on schedule.",
    );
  });

  it("say how far it is", () => {
    expect(say(pruned(), points([60, 0.4444]), both([60, 0.4444]))).toBe(
      "44.4 % of the prunable weights are zero, of 80.0 % at the schedule’s end, step 100. " +
        "Both layers are on schedule.",
    );
  });

  it("take a curve that stands between two updates for on schedule", () => {
    // The target at step 59 is 43.6 %, but the last update that was due was at step 50: 35.6 %.
    expect(say(pruned(), points([59, 0.3556]), both([59, 0.3556]))).toContain("Both layers");
  });

  it("say that pruning has not begun, or never will", () => {
    expect(say(pruned(), points([5, 0]), both([5, 0]))).toBe(
      "Pruning has not begun: training is at step 5, and the first mask update comes at step 10.",
    );
    const tooShort = pruned(ramp(2000, 3000, 0.8), 1500);
    expect(say(tooShort, points([500, 0]), both([500, 0]))).toBe(
      "Nothing will be pruned: training stops at step 1,500, before the first mask update at step 2,000.",
    );
    expect(say(tooShort, points([1500, 0]), both([1500, 0]))).toMatch(
      /^Nothing was pruned: training stopped/,
    );
  });

  it("take step 0, which is never trained, for no mask update", () => {
    const fromZero = pruned(constant(0, null, 0.5), 100);
    expect(say(fromZero, points([9, 0]), both([9, 0]))).toBe(
      "Pruning has not begun: training is at step 9, and the first mask update comes at step 10.",
    );
    expect(say(fromZero, points([10, 0.5]), both([10, 0.5]))).toMatch(/zero, as configured\. Both/);
  });

  it("wait for the last of several phases, though it has no end", () => {
    const phases = [
      { begin_step: 10, end_step: 50, frequency: 10 },
      { begin_step: 200, end_step: null, frequency: 10 },
    ];
    const target = { step: [10, 199, 200], value: [0.5, 0.5, 0.8] };
    const joined = pruned({ ...constant(10, null, 0.5), phases, target }, 300);
    expect(say(joined, points([150, 0.5]), both([150, 0.5]))).toBe(
      "50.0 % of the prunable weights are zero, of 80.0 % at the schedule\u2019s end, step 200. " +
        "Both layers are on schedule.",
    );
    expect(say(joined, points([200, 0.8]), both([200, 0.8]))).toMatch(/zero, as configured\. Both/);
  });

  it("say that training stopped short of the schedule's end", () => {
    const short = pruned(ramp(0, 100, 0.8), 50);
    expect(say(short, points([50, 0.4]), both([50, 0.4]))).toBe(
      "Training stopped at step 50, before the schedule’s end at 100: 40.0 % instead of 80.0 %. " +
        "Both layers are on schedule.",
    );
    expect(say(short, points([20, 0.16]), both([20, 0.16]))).toContain(
      "training ends at step 50, before the schedule’s end at 100: it will reach 40.0 % of 80.0 %.",
    );
  });

  it("do not call a constant schedule short once it holds its value", () => {
    const held = pruned(constant(0, 1000, 0.8), 50);
    expect(say(held, points([50, 0.8]), both([50, 0.8]))).toMatch(/as configured\. Both layers/);
  });

  it("put problems first, with their size and their beginning", () => {
    const dense = points([60, 0.4444], [70, 0.4444], [80, 0.4444], [100, 0.4444]);
    const all = { "conv/kernel": points([100, 0.8]), "dense/kernel": dense };
    expect(say(pruned(), points([100, 0.5333]), all)).toBe(
      "dense/kernel is 35.6 points below its schedule since step 70. " +
        "53.3 % of the prunable weights are zero instead of 80.0 %. The other layer is on schedule.",
    );
  });

  it("count deviations when there are many", () => {
    const many = ["a", "b", "c", "d"].map((name) => weight(`${name}/kernel`, 100));
    const off = Object.fromEntries(many.map(({ name }) => [name, points([100, 0.9])]));
    const text = say(
      run("x", { manifest: manifest(many, [ramp(0, 100, 0.8)]) }),
      points([100, 0.9]),
      off,
    );
    expect(text).toContain("a/kernel is 10.0 points above its schedule since step 100.");
    expect(text).toContain("2 more weights are off schedule.");
    expect(text).not.toContain("on schedule");
  });

  it("say what a log without a schedule shows", () => {
    const tfmot = run("tfmot", { tags: { sparsity: ["a", "b"] } });
    expect(say(tfmot, null, { a: points([9, 0.5]), b: points([9, 0.75]) })).toBe(
      "50.0 % to 75.0 % of each of 2 weights is zero; no schedule in this log.",
    );
  });

  it("say that a dense run was never to be pruned", () => {
    const names = ["conv/kernel", "dense/kernel"];
    const dense = run("dense", {
      manifest: manifest(
        names.map((name) => weight(name, 100, null)),
        [],
      ),
    });
    expect(say(dense, null, both([9, 0]))).toBe(
      "Not scheduled for pruning; 0.0 % of each of its 2 weights is zero.",
    );
    const uneven = { "conv/kernel": points([9, 0]), "dense/kernel": points([9, 0.5]) };
    expect(say(dense, null, uneven)).toBe(
      "Not scheduled for pruning; 0.0 % to 50.0 % of each of its 2 weights is zero.",
    );
    const single = run("dense", { manifest: manifest([weight("a/kernel", 9, null)], []) });
    expect(say(single, null, { "a/kernel": points([9, 0]) })).toBe(
      "Not scheduled for pruning; 0.0 % of its one weight is zero.",
    );
  });

  it("tell a log that is on its way from one that is empty", () => {
    expect(say(pruned(), null, {})).toBe("No step has been logged yet.");
    const unknown = { total: undefined, latest: () => undefined, history: () => undefined };
    expect(textOf(sentencesOf(statusOf(pruned(), unknown)))).toBe("Reading the log…");
  });

  it("work out the total where the log has none", () => {
    const all = { "conv/kernel": points([100, 0.8]), "dense/kernel": points([100, 0.8]) };
    expect(say(pruned(), null, all)).toMatch(
      /^80\.0 % of the prunable weights are zero, as configured/,
    );
  });
});

describe("the summary of several runs", () => {
  const good = status(pruned(), points([100, 0.8]), both([100, 0.8]));
  const bad = status(pruned(), points([100, 0.4]), both([100, 0.4]));
  const going = status(pruned(), points([10, 0]), both([10, 0]));
  const tfmot = status(run("tfmot"), null, {});

  it.each([
    [[good, good], "Both runs are pruned as configured."],
    [[good, going], "Both runs are on schedule."],
    [[good, bad, tfmot], "1 of 3 runs is not as configured."],
    [[good, good, good], "All 3 runs are pruned as configured."],
    [[good, tfmot], "The run with a schedule is pruned as configured."],
    [[good, good, tfmot], "All runs with a schedule are pruned as configured."],
  ])("%#", (all, text) => {
    expect(summaryOf(all)?.text).toBe(text);
  });
});
