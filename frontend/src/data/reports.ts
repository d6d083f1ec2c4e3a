/** Reports of a run, as the files hold them: whoever wrote them, they are read with care. */

/** A file that one of the models was made into. */
export interface Variant {
  model: string;
  file: string;
  bytes: number | null;
  gzip_bytes: number | null;
  /** How many times smaller than the dense Keras file, both after gzip. */
  ratio: number | null;
  metrics: ReadonlyMap<string, number | null>;
  /** Of one sample, as a share of what the dense float32 file takes. */
  latency: number | null;
  problem: string | null;
}

/** A weight, and what it takes in sparse formats. */
export interface LayerSize {
  name: string;
  shape: number[];
  zeros: number;
  dense_bytes: number;
  csr_bytes: number;
  bitmask_bytes: number;
}

export interface Compression {
  variants: Variant[];
  layers: LayerSize[];
  samples: number;
  lower: ReadonlySet<string>;
}

/** What pruning one weight alone does to the metrics. */
export interface Curve {
  weight: string;
  layer: string;
  size: number;
  pattern: string;
  /** Sparsities that were asked for, ascending. */
  target: number[];
  /** What came out, as near as the pattern gets. */
  sparsity: number[];
  metrics: ReadonlyMap<string, (number | null)[]>;
}

export interface Sensitivity {
  curves: Curve[];
  baseline: ReadonlyMap<string, number | null>;
  samples: number;
  /** Metrics that are better the lower they are. */
  lower: ReadonlySet<string>;
}

/** In place of a report: why there is none to show. */
export interface Unreadable {
  unreadable: string;
}

export function isUnreadable(report: object): report is Unreadable {
  return "unreadable" in report;
}

export function readCompression(answer: unknown): Compression | Unreadable {
  return reading(answer, (report) => ({
    variants: list(report.variants).map((entry) => {
      const one = object(entry);
      return {
        model: text(one.model),
        file: text(one.file),
        bytes: maybe(one.bytes),
        gzip_bytes: maybe(one.gzip_bytes),
        ratio: maybe(one.ratio),
        metrics: one.metrics === null ? new Map() : entries(one.metrics, maybe),
        latency: maybe(one.latency),
        problem: one.problem === null ? null : text(one.problem),
      };
    }),
    layers: list(report.layers).map((entry) => {
      const one = object(entry);
      return {
        name: text(one.name),
        shape: list(one.shape).map(number),
        zeros: number(one.zeros),
        dense_bytes: number(one.dense_bytes),
        csr_bytes: number(one.csr_bytes),
        bitmask_bytes: number(one.bitmask_bytes),
      };
    }),
    samples: number(report.samples),
    lower: new Set(list(report.lower_is_better).map(text)),
  }));
}

export function readSensitivity(answer: unknown): Sensitivity | Unreadable {
  return reading(answer, (report) => ({
    curves: list(report.curves).map((entry) => {
      const one = object(entry);
      const target = list(one.target).map(number);
      const long = (values: unknown) =>
        check(list(values), ({ length }) => length === target.length);
      return {
        weight: text(one.weight),
        layer: text(one.layer),
        size: number(one.size),
        pattern: text(one.pattern),
        target,
        sparsity: long(one.sparsity).map(number),
        metrics: entries(one.metrics, (values) => long(values).map(maybe)),
      };
    }),
    baseline: check(entries(report.baseline, maybe), ({ size }) => size > 0),
    samples: number(report.samples),
    lower: new Set(list(report.lower_is_better).map(text)),
  }));
}

class Malformed extends Error {}

function reading<T>(answer: unknown, read: (report: Fields) => T): T | Unreadable {
  try {
    const report = object(answer);
    if (number(report.format) > 1) return { unreadable: "a later version of tb-sparsity made it." };
    return read(report);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { unreadable: "it is damaged." };
  }
}

type Fields = Record<string, unknown>;

function check<T>(value: T, holds: (value: T) => boolean): T {
  if (!holds(value)) throw new Malformed();
  return value;
}

function object(value: unknown): Fields {
  return check(value as Fields, (v) => typeof v === "object" && v !== null && !Array.isArray(v));
}

function list(value: unknown): unknown[] {
  return check(value as unknown[], Array.isArray);
}

function text(value: unknown): string {
  return check(value as string, (v) => typeof v === "string");
}

function number(value: unknown): number {
  return check(value as number, Number.isFinite);
}

function maybe(value: unknown): number | null {
  return value === null ? null : number(value);
}

/** A map, not an object: a metric may be called "__proto__". */
function entries<T>(value: unknown, read: (value: unknown) => T): ReadonlyMap<string, T> {
  return new Map(Object.entries(object(value)).map(([name, one]) => [name, read(one)]));
}
