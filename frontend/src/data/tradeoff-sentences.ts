import {
  count,
  formatDifference,
  formatDistance,
  formatMetric,
  formatNumber,
  formatShare,
  formatStep,
  isShareMetric,
} from "./format";
import { type Part, plain, strong } from "./parts";
import {
  betterOf,
  type Final,
  paretoFront,
  SAME_SPARSITY,
  type Sample,
  type Tolerance,
  type Trail,
  type Verdict,
} from "./tradeoff";

/** What sparsity cost, in words. */

const stop = plain(".");

export function toleranceText({ amount, unit }: Tolerance): string {
  if (unit === "percent") return `${formatNumber(amount)}\u2009%`;
  return amount === 1 ? "1 point" : `${formatNumber(amount)} points`;
}

/** "0.43 points better", "12.5 % better": how far `a` is from `b`, without a sign. */
export function distance(metric: string, a: number, b: number): string {
  const between = Math.abs(a - b);
  if (isShareMetric(metric)) return `${formatDifference(metric, between).replace("+", "")} points`;
  if (b === 0) return formatNumber(between);
  return formatShare(between / Math.abs(b));
}

export interface About {
  metric: string;
  /** Whether the run prunes at all. */
  prunes: boolean;
  /** More steps are planned than there are. */
  training: boolean;
  /** That the last value is not finite was said elsewhere. */
  told?: boolean;
}

/** What became of the metric of one run. Parts are joined without further spaces. */
export function sentenceOf(
  trail: Trail,
  verdict: Verdict | null,
  tolerance: Tolerance,
  about: About,
): Part[] {
  const { metric } = about;
  if (!verdict) return [plain(`${metric} has no value yet that could be held against sparsity.`)];
  const { best, last, left, dipped, end } = verdict;
  const value = (sample: Sample) => strong(formatMetric(metric, sample.value));
  const where = (sample: Sample): Part[] => {
    const step = formatStep(sample.step);
    if (!about.prunes) return [plain(`step ${step}, without pruning`)];
    return [strong(formatShare(sample.sparsity)), plain(` sparsity (step ${step})`)];
  };
  const cut = trail.final === null && !about.told ? [plain(" Its last value is not finite.")] : [];
  if (trail.samples.length === 1) {
    return [
      plain(`${metric} has one value: `),
      value(end),
      plain(" at "),
      ...where(end),
      stop,
      ...cut,
    ];
  }
  if (end.value === best.value) {
    const when = trail.final === null || about.training ? "so far" : "at the end";
    const best = [plain(`${metric} is best ${when}: `), value(end), plain(" at "), ...where(end)];
    return [...best, stop, ...cut];
  }
  const within = [plain(` within ${toleranceText(tolerance)} of its best `), value(best)];
  if (!left) {
    const until = about.training || trail.final === null ? " so far: " : " to the end: ";
    const verb = dipped ? " left, and came back" : " stayed";
    return [
      plain(metric + verb),
      ...within,
      plain(dipped ? ": " : until),
      ...where(last),
      stop,
      ...cut,
    ];
  }
  const verb = dipped ? " was last" : " stayed";
  const preposition = dipped ? " at " : about.prunes ? " up to " : " until ";
  const unpruned = about.prunes && last.sparsity === 0 && end.sparsity > 0;
  const until = unpruned
    ? [plain(` only before pruning (step ${formatStep(last.step)})`)]
    : [plain(preposition), ...where(last)];
  const side = end.value < best.value ? "below" : "above";
  const ended = about.training ? "is now" : "ended";
  const far = distance(metric, end.value, best.value);
  return [
    plain(metric + verb),
    ...within,
    ...until,
    plain(`; it ${ended} `),
    strong(far),
    plain(` ${side}${about.prunes ? `, at ${formatShare(end.sparsity)}` : ""}.`),
    ...cut,
  ];
}

/** More names than this are counted. */
const NAMED = 4;

/** Which runs end on the Pareto front; null with less than two to compare. */
export function frontSentence(
  metric: string,
  finals: readonly Final[],
  nameOf: (run: string) => string,
): Part[] | null {
  if (finals.length < 2) return null;
  const better = betterOf(metric);
  const front = paretoFront(finals, better);
  const on = finals.filter(({ run }) => front.has(run)).sort((a, b) => a.sparsity - b.sparsity);
  const off = finals.filter(({ run }) => !front.has(run));
  if (off.length === 0) {
    const each = finals.length === 2 ? "Both runs are" : `All ${count(finals.length, "run")} are`;
    return [plain(`${each} on the Pareto front: none ended both sparser and better than another.`)];
  }
  const [only] = on;
  if (on.length === 1 && only) {
    return [
      strong(nameOf(only.run)),
      plain(" alone is on the Pareto front: no other run ended sparser"),
      plain(`, or better in ${metric}.`),
    ];
  }
  return [
    ...listed(on.map(({ run }) => nameOf(run))),
    plain(" are on the Pareto front: no run ended both sparser and better."),
  ];
}

/** Why a run isn't on the front. */
export function beatenText(metric: string, one: Final, by: Final, name: string): string {
  const sparser = by.sparsity - one.sparsity;
  const much =
    sparser > SAME_SPARSITY ? `is ${formatDistance(sparser)} points sparser` : "is as sparse";
  const better =
    by.value === one.value ? "no worse" : `${distance(metric, by.value, one.value)} better`;
  return `${name} ${much} and ${better}`;
}

/** "a", "a and b", "a, b and 3 more" */
function listed(names: readonly string[]): Part[] {
  const said = names.length > NAMED + 1 ? names.slice(0, NAMED) : names;
  const rest = names.length - said.length;
  const all = [...said.map(strong), ...(rest > 0 ? [plain(`${rest} more`)] : [])];
  return all.flatMap((part, i) => {
    if (i === 0) return [part];
    return [plain(i === all.length - 1 ? " and " : ", "), part];
  });
}
