import { effect, useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { sentencesOf, summaryOf } from "../data/sentences";
import { isProblem, type Known, type RunStatus, statusOf } from "../data/status";
import { latest, runColor, series, shownRuns, sparsityTag } from "../data/store";
import type { Run, SeriesKey } from "../data/types";
import { TOTAL_TAGS } from "../names";
import { LineSwatch } from "./swatch";

/** More runs than this are counted until asked for. */
const SAID = 3;

interface Line {
  run: Run;
  status: RunStatus;
}

/** What became of the shown runs, in words, those with a problem first. */
export function Headline() {
  const [all, setAll] = useState(false);
  const lines = useComputed<Line[]>(() => {
    const said = shownRuns.value.map((run) => ({ run, status: statusOf(run, knownOf(run)) }));
    return [...said.filter(hasProblem), ...said.filter((line) => !hasProblem(line))];
  });
  useEffect(() => wantWhileShown(), []);

  if (shownRuns.value.length === 0) return <p class="headline">Choose a run on the left.</p>;
  // One more line takes no more room than the words that would stand for it.
  const fits = all || lines.value.length === SAID + 1;
  const said = fits ? lines.value : lines.value.slice(0, SAID);
  const rest = lines.value.slice(said.length);
  const single = lines.value.length === 1;
  return (
    <div class={single ? "headline" : "headline several"}>
      {!single && <Summary lines={lines.value} />}
      {said.map(({ run, status }) => (
        <p key={run.run} data-headline={run.run}>
          {!single && (
            <>
              <LineSwatch color={runColor(run)} />
              <span class="run-name">{run.name}:</span>{" "}
            </>
          )}
          {sentencesOf(status).map(({ text, kind }, i) => (
            <span key={i} class={kind}>
              {text}
            </span>
          ))}
        </p>
      ))}
      {rest.length > 0 && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          and {rest.length} more{rest.some(hasProblem) ? ", with problems" : ""}
        </button>
      )}
      {shownRuns.value
        .filter((run) => run.manifest?.newer)
        .map((run) => (
          <p key={run.run} class="problem notice">
            <bdi>{run.name}</bdi> was written by a newer version of tb-sparsity (format{" "}
            {run.manifest?.format_version}). It is drawn as far as this version understands it.
          </p>
        ))}
    </div>
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

function knownOf(run: Run): Known {
  return {
    total: latest.get({ run: run.run, tag: TOTAL_TAGS.pruned }),
    latest: (weight) => latest.get({ run: run.run, tag: sparsityTag(weight) }),
    history: (weight) => series.get({ run: run.run, tag: sparsityTag(weight) }),
  };
}

/** The last values of all weights, and the whole curve of those that are off schedule. */
function wantWhileShown(): () => void {
  let releaseLatest = () => {};
  let releaseHistory = () => {};
  const stopLatest = effect(() => {
    const before = releaseLatest;
    releaseLatest = latest.want(shownRuns.value.flatMap(latestKeys));
    before();
  });
  const stopHistory = effect(() => {
    const before = releaseHistory;
    releaseHistory = series.want(shownRuns.value.flatMap(historyKeys));
    before();
  });
  return () => {
    stopLatest();
    stopHistory();
    releaseLatest();
    releaseHistory();
  };
}

function latestKeys(run: Run): SeriesKey[] {
  const tags = [TOTAL_TAGS.pruned, ...(run.tags.sparsity ?? []).map(sparsityTag)];
  return tags.map((tag) => ({ run: run.run, tag }));
}

function historyKeys(run: Run): SeriesKey[] {
  const { off } = statusOf(run, { ...knownOf(run), history: () => undefined });
  return off.slice(0, SAID).map(({ weight }) => ({ run: run.run, tag: sparsityTag(weight) }));
}
