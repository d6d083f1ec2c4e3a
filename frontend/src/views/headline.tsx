import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import { currentStatus, historyKeys, latestKeys } from "../data/known";
import { problemsOf, stateOf, summaryOf } from "../data/sentences";
import { isProblem, type RunStatus } from "../data/status";
import { latest, metric, series, shownRuns } from "../data/store";
import { totalOf } from "../data/tradeoff";
import type { Run } from "../data/types";
import { firstOf, More, Parts, Who } from "./sentence";
import { costOf, type Picture, paint } from "./tradeoff-picture";
import { useWanted } from "./use-wanted";

/** More runs than this are counted until asked for. */
const SAID = 3;
/** More problems of a run than this are counted until asked for. */
const NAMED = 2;

interface Line {
  run: Run;
  status: RunStatus;
}

/** What became of the shown runs, in words, those with a problem first. */
export function Headline() {
  const [all, setAll] = useState(false);
  const lines = useComputed<Line[]>(() => {
    const said = shownRuns.value.map((run) => ({ run, status: currentStatus(run) }));
    return [...said.filter(hasProblem), ...said.filter((line) => !hasProblem(line))];
  });
  const picture = useComputed(() => paint(metric.value));
  // The last values of all weights, and the whole curves of those with which something is wrong.
  useWanted(latest, true, () => shownRuns.value.flatMap(latestKeys));
  useWanted(series, true, () => shownRuns.value.flatMap(historyKeys));

  if (shownRuns.value.length === 0) return <p class="headline">Choose a run on the left.</p>;
  const said = all ? lines.value : firstOf(lines.value, SAID);
  const rest = lines.value.slice(said.length);
  const single = lines.value.length === 1;
  return (
    <div class={single ? "headline" : "headline several"}>
      {!single && <Summary lines={lines.value} />}
      {said.map(({ run, status }) => (
        <p key={run.run} data-headline={run.run}>
          {!single && <Who run={run} />}
          <Problems status={status} />
          <Parts parts={stateOf(status)} />
          <Cost run={run} status={status} picture={picture.value} />
        </p>
      ))}
      {rest.length > 0 && (
        <More count={rest.length} onShow={() => setAll(true)}>
          {rest.some(hasProblem) && ", with problems"}
        </More>
      )}
    </div>
  );
}

/** A sentence for each problem of a run, the first of them to begin with. */
function Problems({ status }: { status: RunStatus }) {
  const [all, setAll] = useState(false);
  const problems = problemsOf(status);
  const said = all ? problems : firstOf(problems, NAMED);
  return (
    <>
      {said.map((parts, i) => (
        <span key={i} data-problem="">
          <Parts parts={parts} />{" "}
        </span>
      ))}
      {said.length < problems.length && (
        <>
          <More count={problems.length - said.length} onShow={() => setAll(true)}>
            {problems.length - said.length === 1 ? " problem" : " problems"}
          </More>
          {". "}
        </>
      )}
    </>
  );
}

/** What it cost the chosen metric; the charts below have its curve already. */
function Cost({ run, status, picture }: Line & { picture: Picture | null }) {
  const row = picture?.rows.find((one) => one.run === run);
  if (!picture || !row?.verdict || totalOf(run) === "zero") return null;
  const told = status.broken.some((broken) => broken.metric === picture.metric);
  return (
    <span data-cost={run.run}>
      {" "}
      <Parts parts={costOf(row, picture, told)} />
    </span>
  );
}

function Summary({ lines }: { lines: readonly Line[] }) {
  const summary = summaryOf(lines.map((line) => line.status));
  if (summary === null) return null;
  return <p class={`summary ${summary.kind}`}>{summary.text}</p>;
}

function hasProblem({ status }: Line): boolean {
  return isProblem(status);
}
