import { count, formatBytes, formatMetric, formatRatio, formatStep } from "./format";
import { type Part, plain, strong } from "./parts";
import type { Compression, LayerSize, Variant } from "./reports";
import { distance } from "./tradeoff-sentences";
import type { Run } from "./types";

/** What pruning bought in bytes, and what it cost. */

export interface Reported<Report> {
  run: Run;
  report: Report;
}

/** Bytes of the dense Keras file after gzip: what all ratios are of. Null without a baseline. */
export function denseBytes({ variants }: Compression): number | null {
  const one = variants.find(({ ratio, gzip_bytes }) => ratio !== null && gzip_bytes !== null);
  return one ? (one.ratio as number) * (one.gzip_bytes as number) : null;
}

/** What the metrics are held against: those of the dense model's first file that was run. */
export function denseMetrics({ variants }: Compression): Variant["metrics"] {
  const one = variants.find(({ model, metrics }) => model === "dense" && metrics.size > 0);
  return one?.metrics ?? new Map();
}

export function metricNames(reports: readonly Compression[]): string[] {
  const all = reports.flatMap(({ variants }) => variants.flatMap((v) => [...v.metrics.keys()]));
  return [...new Set(all)];
}

/** A line of the table: a file, and the runs that have it. */
export interface FileRow {
  variant: Variant;
  runs: readonly [Run, ...Run[]];
  report: Compression;
}

export interface FileGroup {
  file: string;
  rows: FileRow[];
}

/** The files of all runs by their kind, in each the dense ones first. */
export function fileGroups(reports: readonly Reported<Compression>[]): FileGroup[] {
  const rows = reports.flatMap(({ run, report }) =>
    report.variants.map((variant): FileRow => ({ variant, runs: [run], report })),
  );
  return [...new Set(rows.map(({ variant }) => variant.file))].map((file) => {
    const own = rows.filter(({ variant }) => variant.file === file);
    const dense = own.filter(({ variant }) => variant.model === "dense");
    const others = own.filter((row) => !dense.includes(row));
    return { file, rows: [...common(dense), ...others] };
  });
}

/** Runs that began as the same model have one line for it. */
function common(dense: readonly FileRow[]): FileRow[] {
  const found = new Map<string, FileRow>();
  for (const row of dense) {
    const { bytes, problem, metrics, gzip_bytes } = row.variant;
    // Compressed, the same model differs by a few bytes: its file holds the time.
    const mark = JSON.stringify([bytes, problem, ...metrics, formatBytes(gzip_bytes ?? 0)]);
    const same = found.get(mark);
    found.set(mark, same ? { ...same, runs: [...same.runs, ...row.runs] } : row);
  }
  return [...found.values()];
}

const MADE: Record<string, string> = {
  Keras: "Pruned, the Keras file",
  "TFLite float32": "Pruned and converted to TFLite, the file",
  "TFLite float16": "Pruned and quantised to float16, the file",
  "TFLite dynamic int8": "Pruned and with weights in int8, the file",
  "TFLite dynamic int8 per tensor": "Pruned and with weights in int8 per tensor, the file",
  "TFLite int8": "Pruned and quantised to int8, the file",
};

function smallest({ variants }: Compression): Variant | null {
  const made = variants.filter((v) => v.model === "pruned" && v.gzip_bytes !== null);
  const bytes = (v: Variant) => v.gzip_bytes as number;
  return made.reduce<Variant | null>((a, b) => (a && bytes(a) <= bytes(b) ? a : b), null);
}

/** What pruning bought, in words. Parts are joined without further spaces. */
export function compressionSentence(report: Compression): Part[] {
  const best = smallest(report);
  if (!best) return [plain("None of the pruned model\u2019s files could be made.")];
  const made = Object.hasOwn(MADE, best.file) ? MADE[best.file] : `Pruned, the file ${best.file}`;
  return [
    plain(`${made} `),
    ...sizeParts(best, denseBytes(report)),
    ...metricParts(best, report),
    plain("."),
    ...failedParts(report),
  ];
}

function sizeParts({ gzip_bytes, ratio }: Variant, dense: number | null): Part[] {
  const bytes = formatBytes(gzip_bytes ?? 0);
  if (ratio === null || dense === null)
    return [plain("takes "), strong(bytes), plain(" after gzip")];
  const [times, than] = ratio >= 1 ? [ratio, "smaller"] : [1 / ratio, "larger"];
  return [
    plain("is "),
    strong(formatRatio(times)),
    plain(` ${than} than the dense one after gzip: ${bytes} instead of ${formatBytes(dense)}`),
  ];
}

function metricParts({ metrics }: Variant, report: Compression): Part[] {
  const [name] = metricNames([report]);
  const value = name === undefined ? null : (metrics.get(name) ?? null);
  if (name === undefined || value === null) return [];
  const before = denseMetrics(report).get(name) ?? null;
  const said = [plain(`; ${name} `), strong(formatMetric(name, value))];
  if (before === null) return said;
  if (formatMetric(name, before) === formatMetric(name, value))
    return [...said, plain(", as before")];
  const side = value < before ? "below" : "above";
  return [...said, plain(`, ${distance(name, value, before)} ${side}`)];
}

function failedParts({ variants }: Compression): Part[] {
  const failed = variants.filter(({ bytes }) => bytes === null).length;
  if (failed === 0) return [];
  return [plain(` ${formatStep(failed)} of ${count(variants.length, "file")} could not be made.`)];
}

/** Files this near in size are as large as each other. */
const AS_LARGE = 0.02;

/** Whether pruning left the uncompressed file as large as it was, as it does. */
export function isAsLarge({ variants }: Compression): boolean {
  const keras = (model: string) => variants.find((v) => v.model === model && v.file === "Keras");
  const [before, after] = [keras("dense")?.bytes, keras("pruned")?.bytes];
  return !!before && !!after && Math.abs(after / before - 1) <= AS_LARGE;
}

/** Which run has the smallest file; null with less than two. */
export function smallestSentence(reports: readonly Reported<Compression>[]): Part[] | null {
  const found = reports.flatMap(({ run, report }) => {
    const variant = smallest(report);
    return variant ? [{ run, file: variant.file, bytes: variant.gzip_bytes ?? 0 }] : [];
  });
  const [first] = found;
  if (!first || found.length < 2) return null;
  const least = found.reduce((a, b) => (b.bytes < a.bytes ? b : a), first);
  const bytes = [strong(formatBytes(least.bytes)), plain(` after gzip, as ${least.file}.`)];
  return [strong(least.run.name), plain(" has the smallest file: "), ...bytes];
}

export function sizeOf({ shape }: LayerSize): number {
  return shape.reduce((product, n) => product * n, 1);
}
