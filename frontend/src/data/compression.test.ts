import { describe, expect, it } from "vitest";
import {
  compressionSentence,
  denseBytes,
  fileGroups,
  isAsLarge,
  smallestSentence,
} from "./compression";
import { run } from "./fixtures";
import { textOf } from "./parts";
import type { Compression, Variant } from "./reports";

function variant(model: string, file: string, gzip: number | null, parts: Partial<Variant> = {}) {
  const bytes = gzip === null ? null : 1_000_000;
  const ratio = gzip === null ? null : 900_000 / gzip;
  const problem = gzip === null ? "RuntimeError: no" : null;
  const rest = { metrics: new Map(), latency: null, problem, ...parts };
  return { model, file, bytes, gzip_bytes: gzip, ratio, ...rest };
}

function report(...variants: Variant[]): Compression {
  return { variants, layers: [], samples: 10, lower: new Set() };
}

const accuracy = (value: number) => ({ metrics: new Map([["accuracy", value]]) });
const said = (one: Compression) => textOf(compressionSentence(one)).replaceAll("\u2009", " ");

describe("the sentence on sizes", () => {
  const dense = variant("dense", "Keras", 900_000, accuracy(0.9907));
  it("tells of the smallest file of the pruned model, and what it cost", () => {
    const one = report(
      dense,
      variant("dense", "TFLite int8", 200_000),
      variant("pruned", "Keras", 150_000, accuracy(0.9915)),
      variant("pruned", "TFLite int8", 50_000, accuracy(0.9887)),
    );
    expect(said(one)).toBe(
      "Pruned and quantised to int8, the file is 18.0× smaller than the dense one after gzip: " +
        "50.0 kB instead of 900 kB; accuracy 98.87 %, 0.20 points below.",
    );
    expect(isAsLarge(one)).toBe(true);
    expect(denseBytes(one)).toBeCloseTo(900_000);
  });
  it("says so where the file grew, nothing was lost, or files are missing", () => {
    const one = report(
      dense,
      variant("pruned", "Keras", 1_000_000, accuracy(0.99071)),
      variant("pruned", "TFLite int8", null),
    );
    expect(said(one)).toBe(
      "Pruned, the Keras file is 1.11× larger than the dense one after gzip: 1.00 MB instead of 900 kB; " +
        "accuracy 99.07 %, as before. 1 of 3 files could not be made.",
    );
  });
  it("compares nothing without a dense model, and holds where there is no file at all", () => {
    const alone = report(variant("pruned", "constructor", 5_000, { ratio: null }));
    expect(said(alone)).toBe("Pruned, the file constructor takes 5.00 kB after gzip.");
    expect(denseBytes(alone)).toBeNull();
    expect(isAsLarge(alone)).toBe(false);
    expect(said(report(variant("pruned", "Keras", null)))).toContain("None of the pruned model");
    expect(said(report())).toContain("None");
  });
});

describe("several runs", () => {
  const [a, b] = [run("a"), run("b")];
  const dense = (gzip: number) => variant("dense", "Keras", gzip);
  it("share the line of a dense file that they have in common", () => {
    const groups = fileGroups([
      { run: a, report: report(dense(900_000), variant("pruned", "Keras", 100_000)) },
      { run: b, report: report(dense(900_001), variant("pruned", "Keras", 90_000)) },
    ]);
    expect(groups.map(({ file }) => file)).toEqual(["Keras"]);
    const rows = groups[0]?.rows.map(({ variant, runs }) => [variant.model, ...runs]);
    expect(rows).toEqual([
      ["dense", a, b],
      ["pruned", a],
      ["pruned", b],
    ]);
  });
  it("keep those that differ apart", () => {
    const [group] = fileGroups([
      { run: a, report: report(dense(900_000)) },
      { run: b, report: report(dense(700_000)) },
    ]);
    expect(group?.rows.map(({ runs }) => runs)).toEqual([[a], [b]]);
  });
  it("are told which of them has the smallest file", () => {
    const reports = [100_000, 90_000].map((bytes, i) => ({
      run: [a, b][i] as typeof a,
      report: report(variant("pruned", "TFLite int8", bytes)),
    }));
    expect(textOf(smallestSentence(reports) ?? [])).toBe(
      "b has the smallest file: 90.0\u2009kB after gzip, as TFLite int8.",
    );
    expect(smallestSentence(reports.slice(1))).toBeNull();
  });
});
