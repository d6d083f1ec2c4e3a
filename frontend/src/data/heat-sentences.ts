import { count, formatDistance, formatPoints, formatShare, formatStep, NONE } from "./format";
import {
  countCells,
  extremes,
  furthest,
  type HeatCell,
  type HeatColor,
  type HeatRow,
  numberIn,
  readCell,
} from "./heat";
import { beginOf } from "./schedule";

/** What the heat map shows, in words. */

/** A cell's numbers as the readout has them. */
export function wordsOf(cell: HeatCell) {
  const { measured, due, difference } = readCell(cell);
  const { plan } = cell.row;
  const begin = plan && `target from ${formatStep(beginOf(plan))}`;
  return {
    measured: measured === null ? "no value" : formatShare(measured),
    goal: due ? `target at ${formatStep(due.step)}` : (begin ?? "no schedule"),
    target: due ? formatShare(due.value) : NONE,
    difference: difference === null ? NONE : `${formatPoints(difference)} points`,
  };
}

export function textOfCell(cell: HeatCell): string {
  const { step } = readCell(cell);
  const { measured, goal, target, difference } = wordsOf(cell);
  const compared = target === NONE ? goal : `${goal} ${target}, difference ${difference}`;
  return `${cell.row.weight} at step ${formatStep(step)}: ${measured}, ${compared}`;
}

/** Words, and cells whose weights they name. */
export type HeatPart = string | HeatCell;

/** What the map shows, in a sentence. */
export function summaryOf(rows: readonly HeatRow[], color: HeatColor): HeatPart[] {
  if (color === "sparsity") {
    const ends = extremes(rows);
    if (!ends) return ["No value was logged."];
    const [low, high] = [formatShare(numberIn(ends.low)), formatShare(numberIn(ends.high))];
    if (low === high) return [`Last values: ${low} in ${allOf(rows)}.`];
    return [`Last values: from ${low} in `, ends.low, ` to ${high} in `, ends.high, "."];
  }
  if (!rows.some(({ plan }) => plan)) return ["None of these weights has a schedule."];
  const worst = furthest(rows);
  if (!worst)
    return [countCells(rows) > 0 ? "On schedule at all steps." : "No update was due yet."];
  const difference = numberIn(worst);
  const where = `${formatDistance(difference)} points ${difference < 0 ? "below" : "above"}`;
  const step = formatStep(readCell(worst).step);
  return ["Furthest from its schedule: ", worst, `, ${where} at step ${step}.`];
}

function allOf({ length }: readonly HeatRow[]): string {
  return length === 1 ? "this weight" : `all ${count(length, "weight")}`;
}

export function textOfSummary(parts: readonly HeatPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : part.row.weight)).join("");
}
