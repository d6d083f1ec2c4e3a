/** Small runs for the tests. */
import type { Logged, Manifest, Points, Run, Schedule, Weight } from "./types";

/** A straight ramp from 0 to `final` between begin and end, so that targets are easy to name. */
export function ramp(begin: number, end: number, final: number, frequency = 10): Schedule {
  return {
    begin_step: begin,
    end_step: end,
    frequency,
    target: { step: [begin, end], value: [0, final] },
  };
}

export function constant(begin: number, end: number | null, value: number): Schedule {
  return {
    begin_step: begin,
    end_step: end,
    frequency: 10,
    target: { step: [begin], value: [value] },
  };
}

export function weight(name: string, size: number, schedule: number | null = 0): Weight {
  return {
    name,
    layer: name.replace(/\/[^/]*$/, ""),
    size,
    schedule,
    pattern: { type: "element" },
  };
}

export function manifest(
  weights: Weight[],
  schedules: Schedule[],
  totalSteps: number | null = null,
): Manifest {
  return { format_version: "1.0", total_steps: totalSteps, weights, schedules };
}

export function run(name: string, parts: Partial<Run> = {}): Run {
  const weights = parts.manifest?.weights.map((w) => w.name) ?? [];
  return {
    run: `${name}/sparsity`,
    name,
    source: "tb_sparsity",
    manifest: null,
    tags: { sparsity: weights, sparsity_total: ["pruned", "model"] },
    last_step: 100,
    last_wall_time: 0,
    ...parts,
  };
}

export function points(...pairs: [number, number | null][]): Points {
  return { step: pairs.map(([step]) => step), value: pairs.map(([, value]) => value) };
}

/** Points that were written at these times. */
export function logged(...triples: [number, number | null, number][]): Logged {
  const wall_time = triples.map(([, , time]) => time);
  return {
    ...points(...triples.map(([step, value]): [number, number | null] => [step, value])),
    wall_time,
  };
}
