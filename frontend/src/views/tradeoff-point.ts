import type { XyPoint } from "../charts/xy-model";
import type { Sample } from "../data/tradeoff";
import type { Picture, Row } from "./tradeoff-picture";

export interface Here {
  row: Row;
  sample: Sample;
}

/** The point that the readout speaks of; after a reload it may be gone. */
export function pointOf({ rows }: Picture, point: XyPoint | null): Here | null {
  const row = point && rows.find(({ run }) => run.run === point.run);
  const sample = row?.trail.samples.find(({ step }) => step === point?.step);
  return row && sample ? { row, sample } : null;
}
