import { count, formatDistance, formatShare, formatStep } from "./format";
import { type Part, plain, problem, strong } from "./parts";
import { beginOf, dueTarget, endOf, finalTarget } from "./schedule";
import { type Deviation, differenceAt, isOff, isProblem, type RunStatus } from "./status";

const share = (value: number): Part => strong(formatShare(value));

/** More deviations than this are counted, not named. */
const NAMED = 2;

/** What to say of a run, problems first. Parts are joined without further spaces. */
export function sentencesOf(status: RunStatus): Part[] {
  switch (status.phase) {
    case "loading":
      return [plain("Reading the log\u2026")];
    case "nothing-logged":
      return [plain("No step has been logged yet.")];
    case "no-schedule":
      return [...zeros(status, ""), plain("; no schedule in this log.")];
    case "nothing-scheduled":
      return [plain("Not scheduled for pruning; "), ...zeros(status, "its "), plain(".")];
    case "not-begun":
    case "never-begins":
      return beforeBegin(status);
    default:
      return spaced([...problems(status), progress(status), layers(status)]);
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

function beforeBegin({ phase, plan, step, totalSteps }: RunStatus): Part[] {
  if (!plan || step === null) return [];
  const first = formatStep(beginOf(plan));
  if (phase === "not-begun" || totalSteps === null) {
    return [
      plain(`Pruning has not begun: training is at step ${formatStep(step)}, `),
      plain(`and the first mask update comes at step ${first}.`),
    ];
  }
  const over = step >= totalSteps;
  return [
    problem(over ? "Nothing was pruned: " : "Nothing will be pruned: "),
    problem(`training ${over ? "stopped" : "stops"} at step ${formatStep(totalSteps)}, `),
    problem(`before the first mask update at step ${first}.`),
  ];
}

function problems(status: RunStatus): Part[][] {
  const { off, plan, step, measured } = status;
  const said = off.slice(0, NAMED).map(deviationSentence);
  const more = off.length - NAMED;
  if (more > 0) {
    said.push([
      problem(`${count(more, "more weight")} ${more === 1 ? "is" : "are"} off schedule.`),
    ]);
  }
  if (off.length === 0 && plan && step !== null && measured !== null) {
    const difference = differenceAt(plan, { step, value: measured });
    if (difference !== null && isOff(plan, difference)) {
      said.push([problem(`The model is ${awayFromSchedule(difference)}.`)]);
    }
  }
  return said;
}

function awayFromSchedule(difference: number): string {
  return `${formatDistance(difference)} points ${difference < 0 ? "below" : "above"} its schedule`;
}

function deviationSentence({ weight, difference, since }: Deviation): Part[] {
  const when = since === null ? "" : ` since step ${formatStep(since)}`;
  // The name is a part of its own: letters that run from right to left must not turn the rest round.
  return [problem(weight), problem(` is ${awayFromSchedule(difference)}${when}.`)];
}

function progress(status: RunStatus): Part[] {
  const { phase, plan, step, measured, totalSteps } = status;
  if (!plan || step === null || measured === null) return [];
  const final = finalTarget(plan);
  const end = endOf(plan);
  if (phase === "ended-short") {
    return [
      problem(`Training stopped at step ${formatStep(step)}, `),
      problem(`before the schedule\u2019s end at ${formatStep(end)}: `),
      share(measured),
      problem(` instead of ${formatShare(final)}.`),
    ];
  }
  const zero = [share(measured), plain(" of the prunable weights are zero")];
  if (phase === "going") {
    if (totalSteps !== null && totalSteps < end) {
      const reached = dueTarget(plan, totalSteps)?.value ?? 0;
      return [
        ...zero,
        problem(`; training ends at step ${formatStep(totalSteps)}, `),
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

function layers({ layers, off }: RunStatus): Part[] {
  if (layers === null || layers === 0) return [];
  const fine = layers - new Set(off.map((deviation) => deviation.layer)).size;
  if (fine === 0) return [];
  if (off.length > 0) {
    const rest = fine === 1 ? "other layer is" : `other ${count(fine, "layer")} are`;
    return [plain(`The ${rest} on schedule.`)];
  }
  if (layers === 1) return [plain("Its one pruned layer is on schedule.")];
  return [plain(`${allOf(layers, "layer")} are on schedule.`)];
}

/** What to say of several runs together; null while there is nothing to say yet. */
export function summaryOf(all: readonly RunStatus[]): Part | null {
  const judged = all.filter(
    ({ plan, phase }) => plan !== null && phase !== "loading" && phase !== "nothing-logged",
  );
  if (judged.length === 0 || judged.some(isUnfinishedReading)) return null;
  const troubled = judged.filter(isProblem).length;
  if (troubled > 0) {
    const verb = troubled === 1 ? "is" : "are";
    return problem(`${troubled} of ${count(all.length, "run")} ${verb} not as configured.`);
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
