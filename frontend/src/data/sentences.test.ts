import { describe, expect, it } from "vitest";
import { constant, manifest, points, ramp, run, weight } from "./fixtures";
import { textOf } from "./parts";
import { problemsOf, sentencesOf, stateOf, summaryOf } from "./sentences";
import { isProblem, type Known, statusOf, suspects } from "./status";
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
      "80.0 % of the prunable weights are zero, as configured. " +
        "Both layers are on schedule, each 80.0 % zero.",
    );
  });

  it("say how far it is", () => {
    expect(say(pruned(), points([60, 0.4444]), both([60, 0.4444]))).toBe(
      "44.4 % of the prunable weights are zero, of 80.0 % at the schedule’s end, step 100. " +
        "Both layers are on schedule, each 44.4 % zero.",
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
        "Both layers are on schedule, each 50.0 % zero.",
    );
    expect(say(joined, points([200, 0.8]), both([200, 0.8]))).toMatch(/zero, as configured\. Both/);
  });

  it("say that training stopped short of the schedule's end", () => {
    const short = pruned(ramp(0, 100, 0.8), 50);
    expect(say(short, points([50, 0.4]), both([50, 0.4]))).toBe(
      "Training stopped at step 50, before the schedule’s end at 100: 40.0 % instead of 80.0 %. " +
        "Both layers are on schedule, each 40.0 % zero.",
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
        "53.3 % of the prunable weights are zero instead of 80.0 %. The other layer is on schedule. " +
        "Layers range from 44.4 % in dense/kernel to 80.0 % in conv/kernel.",
    );
  });

  it("tell every deviation", () => {
    const many = ["a", "b", "c", "d"].map((name) => weight(`${name}/kernel`, 100));
    const off = Object.fromEntries(many.map(({ name }) => [name, points([100, 0.9])]));
    const text = say(
      run("x", { manifest: manifest(many, [ramp(0, 100, 0.8)]) }),
      points([100, 0.9]),
      off,
    );
    for (const { name } of many)
      expect(text).toContain(`${name} is 10.0 points above its schedule since step 100.`);
    expect(text).not.toContain("on schedule");
  });

  it("say what a log without a schedule shows", () => {
    const tfmot = run("tfmot", { tags: { sparsity: ["a", "b"] } });
    expect(say(tfmot, null, { a: points([9, 0.5]), b: points([9, 0.75]) })).toBe(
      "50.0 % to 75.0 % of each of 2 weights is zero; no schedule in this log.",
    );
    expect(say(run("report", { tags: {} }), null, {})).toBe("No sparsity over time in this log.");
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

describe("what else is wrong", () => {
  const at = (total: Points, weights: Record<string, Points>, more: Partial<Run> = {}) => ({
    subject: { ...pruned(), ...more },
    known: {
      total,
      totalHistory: total,
      latest: (name: string) => weights[name] ?? null,
      history: (name: string) => weights[name] ?? null,
    },
  });
  const worked = at(points([100, 0.8]), both([100, 0.8]));
  const told = ({ subject, known }: { subject: Run; known: Known }, now: number | null = null) =>
    textOf(sentencesOf(statusOf(subject, known, now))).replaceAll("\u2009", " ");

  it("names a metric that is not finite, and leads to it", () => {
    const subject = {
      ...worked.subject,
      tags: { ...worked.subject.tags, metrics: ["loss", "acc"] },
    };
    const metric = (name: string) =>
      name === "loss" ? points([40, 0.5], [60, null], [100, null]) : points([100, 0.5]);
    const status = statusOf(subject, { ...worked.known, metric });
    expect(textOf(problemsOf(status)[0] ?? [])).toBe(
      "loss is not a finite number (NaN or infinite) since step 60.",
    );
    expect(problemsOf(status)).toHaveLength(1);
    expect(problemsOf(status)[0]?.[0]?.to).toEqual({ metric: "loss", step: 60 });
    expect(isProblem(status)).toBe(true);
  });

  it("names weights that revived, before what became of the run", () => {
    const weights = {
      "conv/kernel": points([90, 0.8], [100, 0.8]),
      "dense/kernel": points([90, 0.8], [95, 0.2], [100, 0.8]),
    };
    expect(told(at(points([90, 0.8], [95, 0.35], [100, 0.8]), weights))).toBe(
      "Weights revived in dense/kernel, from 80.0 % sparsity at step 90 to 20.0 % at step 95; " +
        "since then they were pruned again. 80.0 % of the prunable weights are zero, as configured. " +
        "Both layers are on schedule, each 80.0 % zero.",
    );
  });

  it("says of all of them first that the total fell", () => {
    const fell = points([80, 0.8], [90, 0.2], [100, 0.8]);
    const { subject, known } = at(fell, both([80, 0.8], [90, 0.2], [100, 0.8]));
    const [first, ...others] = problemsOf(statusOf(subject, known));
    expect(textOf(first ?? []).replaceAll("\u2009", " ")).toBe(
      "Weights revived, from 80.0 % total sparsity at step 80 to 20.0 % at step 90; " +
        "since then they were pruned again.",
    );
    expect(others.map((parts) => parts.find(({ to }) => to)?.to)).toEqual([
      { weight: "conv/kernel", step: 90 },
      { weight: "dense/kernel", step: 90 },
    ]);
  });

  it("tells in one sentence what is below its schedule because training was resumed without it", () => {
    const resumed = { ...manifest(WEIGHTS, [ramp(10, 300, 0.8)], 400), first_step: 101 };
    const fell = points([90, 0.2], [100, 0.2], [110, 0]);
    const whole = at(fell, both([90, 0.2], [100, 0.2], [110, 0]), { manifest: resumed });
    const said = problemsOf(statusOf(whole.subject, whole.known)).map(textOf);
    expect(said).toHaveLength(2);
    expect(said[0]?.replaceAll("\u2009", " ")).toBe(
      "conv/kernel is 27.6 points below its schedule since step 90: weights revived, " +
        "20.0 % were zero at step 100 (before training was resumed).",
    );
  });

  it("asks for all curves where the total fell, and for none where nothing did", () => {
    const grew = at(points([50, 0.4], [100, 0.8]), both([100, 0.8]));
    expect(suspects(grew.subject, grew.known)).toEqual([]);
    const fell = at(points([50, 0.4], [60, 0.39995], [100, 0.8]), both([100, 0.8]));
    expect(suspects(fell.subject, fell.known)).toEqual(["conv/kernel", "dense/kernel"]);
  });

  it("names a layer that is nearly dead, calmly where that was configured", () => {
    const much = { "conv/kernel": points([100, 0.999]), "dense/kernel": points([100, 0.8]) };
    expect(told(at(points([100, 0.85]), much))).toContain(
      "conv/kernel is nearly dead: 1 of its 1,000 weights is left at step 100.",
    );
    const all = { ...much, "conv/kernel": points([100, 1]) };
    expect(told(at(points([100, 0.85]), all))).toContain(
      "conv/kernel is dead: none of its 1,000 weights is left at step 100.",
    );
    const wanted = pruned(ramp(10, 100, 0.998));
    const known = { ...worked.known, latest: () => points([100, 0.998]) };
    const status = statusOf(wanted, { ...known, total: points([100, 0.998]) });
    expect(isProblem(status)).toBe(false);
    expect(textOf(stateOf(status)).replaceAll("\u2009", " ")).toMatch(
      /conv\/kernel and 1 more weight are nearly dead, as configured: more than 99\.5 % zero\.$/,
    );
  });

  it("takes a training that has been silent for long for one that stopped", () => {
    const half = both([50, 0.3556]);
    const killed = at(points([50, 0.3556]), half, { last_step: 50, last_wall_time: 1000 });
    expect(told(killed, 1000 + 3500)).toMatch(
      /^35\.6 % of the prunable weights are zero, of 80\.0 %/,
    );
    expect(told(killed, 1000 + 3 * 3600)).toMatch(
      /^Training seems to have stopped at step 50 \(nothing was logged for 3 hours\), before the schedule’s end at 100: 35\.6 % instead of 80\.0 %\./,
    );
    const early = at(points([5, 0]), both([5, 0]), { last_step: 5, last_wall_time: 1000 });
    expect(told(early, 1000 + 72 * 3600)).toBe(
      "Nothing was pruned: training seems to have stopped at step 5 " +
        "(nothing was logged for 3 days), before the first mask update at step 10.",
    );
    const over = at(points([100, 0.8]), both([100, 0.8]), { last_step: 100, last_wall_time: 1000 });
    expect(isProblem(statusOf(over.subject, over.known, 1e9))).toBe(false);
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
    [[good, bad, tfmot], "1 of 3 runs has a problem."],
    [[bad, bad], "Both runs have problems."],
    [[good, good, good], "All 3 runs are pruned as configured."],
    [[good, tfmot], "The run with a schedule is pruned as configured."],
    [[good, good, tfmot], "All runs with a schedule are pruned as configured."],
  ])("%#", (all, text) => {
    expect(summaryOf(all)?.text).toBe(text);
  });
});
