import type { Points } from "./types";

/**
 * The exponential moving average that TensorBoard draws: each point weighs `weight` times as much
 * as the next one, and the first points aren't drawn towards zero. Gaps stay gaps.
 */
export function smoothed({ step, value }: Points, weight: number): Points {
  if (weight <= 0) return { step, value };
  let [sum, weights] = [0, 0];
  return {
    step,
    value: value.map((v) => {
      if (v === null) return null;
      sum = sum * weight + (1 - weight) * v;
      weights = weights * weight + (1 - weight);
      return sum / weights;
    }),
  };
}

/** What a link or a control says, as a weight: from 0 to below 1. */
export function smoothingWeight(text: string | null): number {
  const weight = Number(text);
  return weight > 0 && weight < 1 ? weight : 0;
}
