/** What the routes answer, under the names they have in the event files. */

export type Category =
  | "sparsity"
  | "threshold"
  | "pruning_step"
  | "mask_churn"
  | "sparsity_total"
  | "metrics";

export interface Run {
  run: string;
  name: string;
  source: string;
  manifest: Manifest | null;
  tags: Partial<Record<Category, string[]>>;
  last_step: number | null;
  last_wall_time: number | null;
  /** When each was made, in seconds since 1970. */
  reports?: Partial<Record<ReportKind, number>>;
}

export type ReportKind = "compression" | "sensitivity";

export interface Manifest {
  format_version: string;
  newer?: boolean;
  writer_version?: string;
  keras_version?: string;
  keras_backend?: string;
  update_freq?: string;
  first_step?: number;
  steps_per_epoch?: number | null;
  total_steps: number | null;
  weights: Weight[];
  schedules: Schedule[];
}

export interface Weight {
  name: string;
  layer: string;
  layer_class?: string;
  shape?: number[];
  size: number;
  dtype?: string;
  pattern?: Pattern;
  /** Index into the manifest's schedules; null: never pruned. */
  schedule: number | null;
}

export type Pattern =
  | { type: "element" }
  | { type: "block"; height: number; width: number; pooling?: string }
  | { type: "n_m"; n: number; m: number }
  | { type: "channel"; count: number };

/** Mask updates at the first step, every `frequency` steps after it, and at the last. */
export interface Phase {
  begin_step: number;
  /** null: no end. */
  end_step: number | null;
  frequency: number;
}

export interface Schedule extends Phase {
  class_name?: string;
  config?: unknown;
  /** Where one begin, end and frequency don't tell all updates: what does, in order and apart. */
  phases?: Phase[] | null;
  target: { step: number[]; value: number[] };
}

/** One tag of one run, in order of steps. A null is a gap: NaN or infinite in the file. */
export interface Points {
  step: number[];
  value: (number | null)[];
}

/** Points as they come from a log. */
export interface Logged extends Points {
  /** When each was written, in seconds since 1970. */
  wall_time: number[];
}

export interface SeriesKey {
  run: string;
  tag: string;
}

export interface SeriesAnswer {
  axes: { step: number[]; wall_time: number[] }[];
  series: (SeriesKey & ({ axis: number; value: (number | null)[] } | { error: string }))[];
}
