import { count, formatDistance, formatShare, formatStep } from "./format";
import { type Part, type Place, plain, problem, strong } from "./parts";
import { beginOf, endOf, finalTarget } from "./schedule";
import {
  type Broken,
  type Deviation,
  differenceAt,
  isOff,
  isProblem,
  type Revival,
  type RunStatus,
  reachedInTime,
} from "./status";
import { type Dead, NEARLY_DEAD } from "./troubles";

const share = (value: number): Part => strong(formatShare(value));

/** What to say of a run, problems first. Parts are joined without further spaces. */
export function sentencesOf(status: RunStatus): Part[] {
  return spaced([...problemsOf(status), stateOf(status)]);
}

/** What is wrong, worst first: a sentence each. How far the schedule came is told by the state. */
export function problemsOf(status: RunStatus): Part[][] {
  const { broken, off, dead } = status;
  return [
    ...broken.map(brokenSentence),
    ...off.map((deviation) => deviationSentence(deviation, causeOf(deviation, status))),
    ...(off.length === 0 ? awayAltogether(status) : []),
    ...unexplained(status).map(revivalSentence),
    ...dead.filter(({ configured }) => !configured).map(deadSentence),
  ];
}

/** What became of the run. */
export function stateOf(status: RunStatus): Part[] {
  switch (status.phase) {
    case "loading":
      return [plain("Reading the log\u2026")];
    case "nothing-logged":
      return [plain("No step has been logged yet.")];
    case "no-schedule":
      // Of a run that was only measured after training there may be nothing else.
      if (status.weights === 0) return [plain("No sparsity over time in this log.")];
      return [...zeros(status, ""), plain("; no schedule in this log.")];
    case "nothing-scheduled":
      return [plain("Not scheduled for pruning; "), ...zeros(status, "its "), plain(".")];
    case "not-begun":
    case "never-begins":
      return beforeBegin(status);
    default:
      return spaced([progress(status), layers(status), emptied(status)]);
  }
}

function spaced(sentences: Part[][]): Part[] {
  return sentences
    .filter((parts) => parts.length > 0)
    .flatMap((parts, i) => (i === 0 ? parts : [plain(" "), ...parts]));
}

/** What is zero in a run that has no schedule to hold it against. */
function zeros({ measured, range, weights }: RunStatus, whose: string): Part[] {
  if (measured !== null) return [share(measured), plain(" of the prunable weights are zero")];
  if (!range) return [plain(whose + count(weights, "weight"))];
  const [low, high] = range;
  const same = formatShare(low) === formatShare(high);
  const much = same ? [share(low)] : [share(low), plain(" to "), share(high)];
  const each =
    weights === 1 ? `${whose || "the "}one weight` : `each of ${whose}${count(weights, "weight")}`;
  return [...much, plain(` of ${each} is zero`)];
}

function beforeBegin({ phase, plan, step, totalSteps, silent }: RunStatus): Part[] {
  if (!plan || step === null) return [];
  const first = formatStep(beginOf(plan));
  if (phase === "not-begun") {
    return [
      plain(`Pruning has not begun: training is at step ${formatStep(step)}, `),
      plain(`and the first mask update comes at step ${first}.`),
    ];
  }
  if (totalSteps === null || totalSteps >= beginOf(plan)) {
    return [
      problem("Nothing was pruned: "),
      problem(`${stopped(step, silent)}, before the first mask update at step ${first}.`),
    ];
  }
  const over = step >= totalSteps;
  return [
    problem(over ? "Nothing was pruned: " : "Nothing will be pruned: "),
    problem(`training ${over ? "stopped" : "stops"} at step ${formatStep(totalSteps)}, `),
    problem(`before the first mask update at step ${first}.`),
  ];
}

/** Where training stopped, or where its log ends. */
function stopped(step: number, silent: number | null): string {
  if (silent === null) return `training stopped at step ${formatStep(step)}`;
  return `training seems to have stopped at step ${formatStep(step)} (nothing was logged for ${duration(silent)})`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function duration(seconds: number): string {
  const hours = Math.round(seconds / 3600);
  return hours < 48 ? count(hours, "hour") : count(Math.round(hours / 24), "day");
}

function brokenSentence({ metric, since: step }: Broken): Part[] {
  const since = formatStep(step);
  return [
    problem(metric, { metric, step }),
    problem(` is not a finite number (NaN or infinite) since step ${since}.`),
  ];
}

/** Each weight may be within its tolerance while all of them together are not. */
function awayAltogether({ plan, step, measured }: RunStatus): Part[][] {
  if (!plan || step === null || measured === null) return [];
  const difference = differenceAt(plan, { step, value: measured });
  if (difference === null || !isOff(plan, difference)) return [];
  return [[problem(`The model is ${awayFromSchedule(difference)}.`)]];
}

function awayFromSchedule(difference: number): string {
  return `${formatDistance(difference)} points ${difference < 0 ? "below" : "above"} its schedule`;
}

/**
 * The name of a weight, leading to its curve. It is a part of its own: letters that run from right
 * to left must not turn the rest round.
 */
function named(weight: string, step: number | null): Part {
  const to: Place = { weight, step };
  return problem(weight, to);
}

function deviationSentence(
  { weight, difference, since }: Deviation,
  cause: Revival | null,
): Part[] {
  const when = since === null ? "" : ` since step ${formatStep(since)}`;
  const { step, value } = cause?.from ?? { step: 0, value: 0 };
  const before = `, ${formatShare(value)} were zero at step ${formatStep(step)}`;
  const why = cause ? `: weights revived${before}${resumption(cause)}` : "";
  return [named(weight, since), problem(` is ${awayFromSchedule(difference)}${when}${why}.`)];
}

/** The fall that brought a weight below its schedule. */
function causeOf({ weight, difference }: Deviation, { revived }: RunStatus): Revival | null {
  if (difference > 0) return null;
  return revived.find((one) => one.weight === weight && !one.recovered) ?? null;
}

/** Falls that no deviation tells of; the total's only if there are any of weights left. */
function unexplained(status: RunStatus): Revival[] {
  const { off, revived } = status;
  const told = new Set(off.map((deviation) => causeOf(deviation, status)));
  const rest = revived.filter((one) => !told.has(one));
  const all = revived.every(({ weight }) => weight === null);
  return all || rest.some(({ weight }) => weight !== null) ? rest : [];
}

function resumption({ resumed }: Revival): string {
  return resumed ? " (before training was resumed)" : "";
}

function revivalSentence(revival: Revival): Part[] {
  const { weight, from, to, recovered } = revival;
  const where = weight === null ? [] : [problem(" in "), named(weight, to.step)];
  const what = weight === null ? "total sparsity" : "sparsity";
  const fell = `from ${formatShare(from.value)} ${what} at step ${formatStep(from.step)}`;
  const down = ` to ${formatShare(to.value)} at step ${formatStep(to.step)}`;
  const after = recovered ? "; since then they were pruned again" : "";
  return [
    problem("Weights revived"),
    ...where,
    problem(`, ${fell}${resumption(revival)}${down}${after}.`),
  ];
}

function deadSentence({ weight, point, size }: Dead): Part[] {
  const left = size === null ? null : Math.round(size * (1 - point.value));
  const at = `at step ${formatStep(point.step)}`;
  const dead = left === 0 ? " is dead" : " is nearly dead";
  if (size === null || left === null) {
    return [named(weight, point.step), problem(`${dead}: ${nearlyAll(point.value)} zero ${at}.`)];
  }
  const what = left === 0 ? `none of its ${formatStep(size)} weights is` : leftOf(left, size);
  return [named(weight, point.step), problem(`${dead}: ${what} left ${at}.`)];
}

function leftOf(left: number, size: number): string {
  return `${formatStep(left)} of its ${formatStep(size)} weights ${left === 1 ? "is" : "are"}`;
}

/** A share that is not all, with as many digits as it takes to see that. */
function nearlyAll(value: number): string {
  return formatShare(value, value < 1 && value > 0.9994 ? 3 : 1);
}

/** Weights of which next to nothing is left, because the schedule wants it so. */
function emptied({ dead }: RunStatus): Part[] {
  const all = dead.filter(({ configured }) => configured);
  const [first] = all;
  if (!first) return [];
  const { weight, point } = first;
  const others = all.length > 1 ? ` and ${count(all.length - 1, "more weight")}` : "";
  const left = `more than ${formatShare(NEARLY_DEAD)} zero`;
  return [
    { ...plain(weight), to: { weight, step: point.step } },
    plain(`${others} ${all.length > 1 ? "are" : "is"} nearly dead, as configured: ${left}.`),
  ];
}

function progress(status: RunStatus): Part[] {
  const { phase, plan, step, measured, totalSteps, silent } = status;
  if (!plan || step === null || measured === null) return [];
  const final = finalTarget(plan);
  const end = endOf(plan);
  if (phase === "ended-short") {
    return [
      problem(`${capital(stopped(step, silent))}, `),
      problem(`before the schedule\u2019s end at ${formatStep(end)}: `),
      share(measured),
      problem(` instead of ${formatShare(final)}.`),
    ];
  }
  const zero = [share(measured), plain(" of the prunable weights are zero")];
  if (phase === "going") {
    const reached = reachedInTime(status);
    if (reached !== null) {
      return [
        ...zero,
        problem(`; training ends at step ${formatStep(totalSteps ?? step)}, `),
        problem(`before the schedule\u2019s end at ${formatStep(end)}: `),
        problem(`it will reach ${formatShare(reached)} of ${formatShare(final)}.`),
      ];
    }
    return [
      ...zero,
      plain(`, of ${formatShare(final)} at the schedule\u2019s end, step ${formatStep(end)}.`),
    ];
  }
  if (Math.abs(measured - final) <= plan.tolerance + 1e-6)
    return [...zero, plain(", as configured.")];
  return [...zero, problem(` instead of ${formatShare(final)}.`)];
}

/** Which layers are on schedule, and how sparse each of them really became. */
function layers(status: RunStatus): Part[] {
  const { layers, off } = status;
  if (layers === null || layers === 0) return [];
  const fine = layers - new Set(off.map((deviation) => deviation.layer)).size;
  const ends = spread(status);
  if (off.length > 0) {
    const rest = fine === 1 ? "other layer is" : `other ${count(fine, "layer")} are`;
    const others = fine > 0 ? [plain(`The ${rest} on schedule. `)] : [];
    return ends.length > 0 ? [...others, plain("Layers range "), ...ends, plain(".")] : others;
  }
  const all = layers === 1 ? "Its one pruned layer is" : `${allOf(layers, "layer")} are`;
  const each = ends.length > 0 ? [plain(", "), ...ends] : eachOf(status);
  return [plain(`${all} on schedule`), ...each, plain(".")];
}

function eachOf({ ends, layers }: RunStatus): Part[] {
  if (!ends || layers === 1) return [];
  return [plain(", each "), share(ends[0].value), plain(" zero")];
}

/** From the least to the most sparse; nothing where they read the same. */
function spread({ ends }: RunStatus): Part[] {
  if (!ends) return [];
  const [low, high] = ends;
  if (formatShare(low.value) === formatShare(high.value)) return [];
  const leading = (weight: string): Part => ({ ...plain(weight), to: { weight, step: null } });
  return [
    plain("from "),
    share(low.value),
    plain(" in "),
    leading(low.weight),
    plain(" to "),
    share(high.value),
    plain(" in "),
    leading(high.weight),
  ];
}

/** What to say of several runs together; null while there is nothing to say yet. */
export function summaryOf(all: readonly RunStatus[]): Part | null {
  const judged = all.filter(
    (status) =>
      isProblem(status) ||
      (status.plan !== null && status.phase !== "loading" && status.phase !== "nothing-logged"),
  );
  if (judged.length === 0 || judged.some(isUnfinishedReading)) return null;
  const troubled = judged.filter(isProblem).length;
  if (troubled > 0) {
    if (troubled > 1 && troubled === all.length)
      return problem(`${allOf(troubled, "run")} have problems.`);
    const has = troubled === 1 ? "has a problem" : "have problems";
    return problem(`${troubled} of ${count(all.length, "run")} ${has}.`);
  }
  const done = judged.every(({ phase }) => phase === "done");
  const fine = done ? "pruned as configured." : "on schedule.";
  if (judged.length === all.length) return plain(`${allOf(all.length, "run")} are ${fine}`);
  const which = judged.length === 1 ? "The run with a schedule is" : "All runs with a schedule are";
  return plain(`${which} ${fine}`);
}

/** "Both layers", "All 4 layers" */
function allOf(n: number, noun: string): string {
  return n === 2 ? `Both ${noun}s` : `All ${count(n, noun)}`;
}

function isUnfinishedReading({ phase, layers }: RunStatus): boolean {
  return layers === null && (phase === "done" || phase === "going");
}
