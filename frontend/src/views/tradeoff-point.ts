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

/** Left and right along a run, up and down to the same step of the next; null: not such a key. */
export function pointForKey(key: string, picture: Picture, from: XyPoint | null): XyPoint | null {
  const rows = picture.rows.filter(({ trail }) => trail.samples.length > 0);
  const [first] = rows;
  if (!first) return null;
  const here = pointOf(picture, from);
  const row = here?.row ?? first;
  const { samples } = row.trail;
  const at = here ? samples.indexOf(here.sample) : samples.length;
  const along = (i: number) => {
    const sample = samples[Math.min(samples.length - 1, Math.max(0, i))] as Sample;
    return { run: row.run.run, step: sample.step };
  };
  const across = (by: number) => {
    const next = rows[(rows.indexOf(row) + by + rows.length) % rows.length] as Row;
    const step = here?.sample.step ?? Number.POSITIVE_INFINITY;
    const { samples } = next.trail;
    const sample = samples.findLast((s) => s.step <= step) ?? (samples[0] as Sample);
    return { run: next.run.run, step: sample.step };
  };
  switch (key) {
    case "ArrowLeft":
      return along(at - 1);
    case "ArrowRight":
      return along(at + 1);
    case "Home":
      return along(0);
    case "End":
      return along(samples.length - 1);
    case "ArrowDown":
      return across(here ? 1 : 0);
    case "ArrowUp":
      return across(-1);
    default:
      return null;
  }
}
