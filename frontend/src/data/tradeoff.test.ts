import { describe, expect, it } from "vitest";
import { manifest, points, ramp, run, weight } from "./fixtures";
import { formatDifference, formatMetric } from "./format";
import { textOf } from "./parts";
import {
  beatenBy,
  bestFrom,
  betterOf,
  envelope,
  type Final,
  join,
  judge,
  paretoFront,
  type Tolerance,
  toleranceOf,
  totalOf,
  valueRange,
} from "./tradeoff";
import { type About, frontSentence, sentenceOf } from "./tradeoff-sentences";
import type { Points } from "./types";

const POINTS: Tolerance = { amount: 0.5, unit: "points" };
const PERCENT: Tolerance = { amount: 5, unit: "percent" };

describe("what is better", () => {
  it.each([
    "loss",
    "val_loss",
    "top_1_error",
    "mse",
    "val_mae",
    "mean_squared_error",
    "perplexity",
  ])("is less of %s", (name) => expect(betterOf(name)).toBe("lower"));
  it.each(["accuracy", "val_accuracy", "auc", "f1_score", "cosine_similarity", "small_mseb"])(
    "is more of %s",
    (name) => expect(betterOf(name)).toBe("higher"),
  );
});

describe("the total sparsity of a run", () => {
  const weights = [weight("a/kernel", 10)];
  it("is what it logs", () => expect(totalOf(run("r"))).toBe("logged"));
  it("is zero where nothing is pruned", () => {
    const dense = manifest([weight("a/kernel", 10, null)], []);
    const tags = { sparsity: ["a/kernel"], sparsity_total: ["model"] };
    expect(totalOf(run("r", { manifest: dense, tags }))).toBe("zero");
    expect(totalOf(run("r", { tags: { metrics: ["loss"] } }))).toBe("zero");
  });
  it("is not made up where weights are pruned, and the total is missing", () => {
    const pruned = manifest(weights, [ramp(0, 10, 0.5)]);
    const tags = { sparsity: ["a/kernel"] };
    expect(totalOf(run("r", { manifest: pruned, tags }))).toBe("unknown");
    expect(totalOf(run("r", { tags }))).toBe("unknown");
  });
});

describe("joining by step", () => {
  it("takes the last sparsity at or before each value", () => {
    const { samples } = join(
      "r",
      points([5, 0.1], [10, 0.2], [15, 0.3], [99, 0.4]),
      points([10, 0.5], [14, 0.6], [20, 0.7]),
    );
    expect(samples.map(({ step, sparsity, value }) => [step, sparsity, value])).toEqual([
      [10, 0.5, 0.2],
      [15, 0.6, 0.3],
      [99, 0.7, 0.4],
    ]);
  });
  it("leaves out what is not finite, and says where", () => {
    const metric = points([1, null], [2, 0.2], [3, null], [4, 0.4]);
    const { samples, final } = join("r", metric, points([1, 0], [3, null], [4, 0.8]));
    expect(samples.map(({ step, gap }) => [step, gap])).toEqual([
      [2, false],
      [4, true],
    ]);
    expect(final?.step).toBe(4);
  });
  it("has no end where the last value is not finite", () => {
    expect(join("r", points([1, 1], [2, null]), null).final).toBeNull();
  });
  it("puts a dense run at zero", () => {
    expect(join("r", points([1, 1]), null).samples).toMatchObject([{ sparsity: 0 }]);
  });
  it("finds nothing in nothing", () => {
    expect(join("r", points(), points())).toMatchObject({ samples: [], final: null });
  });
});

describe("tolerance", () => {
  it("is in points for shares, in percent for others", () => {
    expect(toleranceOf("val_accuracy", null)).toEqual({ amount: 0.5, unit: "points" });
    expect(toleranceOf("val_loss", null)).toEqual({ amount: 5, unit: "percent" });
    expect(toleranceOf("val_loss", "12.5")).toEqual({ amount: 12.5, unit: "percent" });
    expect(toleranceOf("val_loss", "0")).toEqual({ amount: 0, unit: "percent" });
  });
  it.each(["", " ", "x", "-1", "1e999"])("stays as it is for %j", (typed) =>
    expect(toleranceOf("accuracy", typed).amount).toBe(0.5),
  );
  it("counts a value at exactly the tolerance in, as float32 has it", () => {
    const trail = join("r", points([1, Math.fround(0.9)], [2, Math.fround(0.895)]), null);
    expect(judge(trail, "higher", POINTS)?.left).toBeNull();
  });
  it("is left for good only after the last value within it", () => {
    const trail = join("r", points([1, 0.9], [2, 0.8], [3, 0.898], [4, 0.8], [5, 0.7]), null);
    expect(judge(trail, "higher", POINTS)).toMatchObject({
      best: { step: 1 },
      last: { step: 3 },
      left: { step: 4 },
      dipped: true,
      end: { step: 5 },
    });
  });
  it("is a share of the best loss", () => {
    const trail = join("r", points([1, 0.2], [2, 0.21], [3, 0.22]), null);
    expect(judge(trail, "lower", PERCENT)).toMatchObject({ last: { step: 2 }, left: { step: 3 } });
  });
});

interface Options {
  tolerance: Tolerance;
  total: Points | null;
}

describe("a run's sentence", () => {
  const about: About = { metric: "val_accuracy", prunes: true, training: false };
  const sparsity = points([0, 0], [10, 0.3], [20, 0.5], [30, 0.831], [40, 0.9]);
  function say(
    values: [number, number | null][],
    { tolerance = POINTS, total = sparsity, ...more }: Partial<About & Options> = {},
  ) {
    const said = { ...about, ...more };
    const trail = join("r", points(...values), total);
    const verdict = judge(trail, betterOf(said.metric), tolerance);
    return textOf(sentenceOf(trail, verdict, tolerance, said)).replaceAll("\u2009", " ");
  }

  it("says up to where it went well, and what came of it", () => {
    expect(
      say([
        [10, 0.989],
        [30, 0.985],
        [40, 0.95],
      ]),
    ).toBe(
      "val_accuracy stayed within 0.5 points of its best 98.90 % up to 83.1 % sparsity (step 30); it ended 3.90 points below, at 90.0 %.",
    );
  });
  it("says that it went well to the end", () => {
    expect(
      say([
        [10, 0.989],
        [40, 0.985],
      ]),
    ).toBe(
      "val_accuracy stayed within 0.5 points of its best 98.90 % to the end: 90.0 % sparsity (step 40).",
    );
    expect(
      say(
        [
          [10, 0.989],
          [40, 0.985],
        ],
        { training: true },
      ),
    ).toContain("98.90 % so far: 90.0 %");
    expect(
      say([
        [10, 0.9],
        [40, 0.985],
      ]),
    ).toBe("val_accuracy is best at the end: 98.50 % at 90.0 % sparsity (step 40).");
  });
  it("does not say stayed of what left in between", () => {
    expect(
      say([
        [10, 0.989],
        [20, 0.9],
        [30, 0.988],
        [40, 0.9],
      ]),
    ).toContain("was last within 0.5 points of its best 98.90 % at 83.1 % sparsity (step 30)");
    expect(
      say([
        [10, 0.989],
        [20, 0.9],
        [40, 0.988],
      ]),
    ).toContain("left, and came back within 0.5 points of its best 98.90 %: 90.0 % sparsity");
  });
  it("speaks of losses in percent", () => {
    const more = { metric: "loss", tolerance: PERCENT };
    expect(
      say(
        [
          [10, 0.2],
          [20, 0.209],
          [40, 0.3],
        ],
        more,
      ),
    ).toBe(
      "loss stayed within 5 % of its best 0.2 up to 50.0 % sparsity (step 20); it ended 50.0 % above, at 90.0 %.",
    );
  });
  it("names the time where it was well only before pruning", () => {
    expect(
      say([
        [5, 0.989],
        [40, 0.9],
      ]),
    ).toContain("only before pruning (step 5); it ended");
  });
  it("speaks of steps where nothing is pruned", () => {
    const dense = { total: null, prunes: false };
    expect(
      say(
        [
          [10, 0.9],
          [20, 0.8],
        ],
        dense,
      ),
    ).toBe(
      "val_accuracy stayed within 0.5 points of its best 90.00 % until step 10, without pruning; it ended 10.00 points below.",
    );
  });
  it("says so of one value, of none, and of an end that is not finite", () => {
    expect(say([[30, 0.9]])).toBe(
      "val_accuracy has one value: 90.00 % at 83.1 % sparsity (step 30).",
    );
    expect(say([])).toContain("no value yet");
    expect(say([[30, null]])).toContain("no value yet");
    expect(
      say([
        [10, 0.9],
        [20, 0.9],
        [30, null],
      ]),
    ).toContain("Its last value is not finite.");
  });
});

describe("the envelope", () => {
  const trail = join(
    "r",
    points([1, 0.7], [2, 0.9], [3, 0.95], [4, 0.8], [5, 0.85]),
    points([1, 0], [2, 0.2], [3, 0.4], [4, 0.6], [5, 0.8]),
  );
  it("is the best at a sparsity or more", () => {
    const corners = envelope([trail], "higher");
    expect(corners.map(({ sample }) => [sample.sparsity, sample.value])).toEqual([
      [0.4, 0.95],
      [0.8, 0.85],
    ]);
    expect(bestFrom(corners, 0)?.sample.value).toBe(0.95);
    expect(bestFrom(corners, 0.41)?.sample.value).toBe(0.85);
    expect(bestFrom(corners, 0.9)).toBeNull();
  });
  it("agrees with a search through all samples, whichever way is better", () => {
    for (const better of ["higher", "lower"] as const) {
      const corners = envelope([trail], better);
      for (const { sparsity } of trail.samples) {
        const there = trail.samples.filter((s) => s.sparsity >= sparsity).map((s) => s.value);
        const best = better === "higher" ? Math.max(...there) : Math.min(...there);
        expect(bestFrom(corners, sparsity)?.sample.value).toBe(best);
      }
    }
  });
  it("is empty without samples", () => expect(envelope([], "higher")).toEqual([]));
});

describe("the Pareto front", () => {
  const final = (run: string, sparsity: number, value: number): Final => ({ run, sparsity, value });
  const dense = final("dense", 0, 0.99);
  const good = final("good", 0.8, 0.98);
  const bad = final("bad", 0.8, 0.9);
  it("holds the runs that no other beats", () => {
    const all = [bad, dense, good];
    expect(paretoFront(all, "higher")).toEqual(new Set(["dense", "good"]));
    expect(beatenBy(bad, all, "higher")).toBe(good);
    expect(textOf(frontSentence("accuracy", all, (name) => name) ?? [])).toBe(
      "dense and good are on the Pareto front: no run ended both sparser and better.",
    );
  });
  it("takes losses the other way round", () => {
    expect(paretoFront([bad, dense, good], "lower")).toEqual(new Set(["bad"]));
  });
  it("holds both of two equals", () => {
    expect(paretoFront([good, { ...good, run: "twin" }], "higher").size).toBe(2);
  });
  it("takes a hair more sparsity for none", () => {
    expect(paretoFront([good, final("hair", 0.8000001, 0.9)], "higher")).toEqual(new Set(["good"]));
  });
  it("never loses everybody", () => {
    const near = [0, 1, 2, 3].map((i) => final(`r${i}`, 0.8 + i * 4e-4, 0.9 - i * 1e-3));
    expect(paretoFront(near, "higher").size).toBeGreaterThan(0);
  });
  it("needs two runs to speak of", () => {
    expect(frontSentence("accuracy", [good], String)).toBeNull();
    expect(textOf(frontSentence("accuracy", [dense, good], String) ?? [])).toContain("Both runs");
    expect(textOf(frontSentence("accuracy", [good, bad], String) ?? [])).toContain("good alone");
  });
});

describe("the range of values", () => {
  const range = (values: [number, number][]) => {
    const trail = join("r", points(...values), null);
    const verdict = judge(trail, "higher", POINTS);
    return valueRange([trail], envelope([trail], "higher"), [verdict], POINTS);
  };
  it("is everything where that is close together", () => {
    expect(
      range([
        [1, 0.98],
        [2, 0.985],
        [3, 0.99],
      ])?.focus,
    ).toEqual([0.98, 0.99]);
  });
  it("leaves out a start from scratch", () => {
    const { all, focus } =
      range([
        [1, 0.1],
        [2, 0.985],
        [3, 0.99],
      ]) ?? {};
    expect(all).toEqual([0.1, 0.99]);
    expect(focus?.[0]).toBeGreaterThan(0.97);
    expect(focus?.[1]).toBe(0.99);
  });
  it("is unknown without values", () => expect(range([])).toBeNull());
});

it("writes metrics and their differences", () => {
  expect(formatMetric("accuracy", 0.98765)).toBe("98.77\u2009%");
  expect(formatMetric("loss", 0.12345)).toBe("0.1235");
  expect(formatDifference("accuracy", -0.0012)).toBe("\u22120.12");
  expect(formatDifference("accuracy", 0.0012)).toBe("+0.12");
  expect(formatDifference("accuracy", 0.00001)).toBe("0.00");
  expect(formatDifference("loss", 0.5)).toBe("+0.5");
  expect(formatDifference("loss", 0)).toBe("0");
});
