import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import { sentencesOf, summaryOf } from "../data/sentences";
import { isProblem, type Known, type RunStatus, statusOf } from "../data/status";
import { latest, metric, series, shownRuns, sparsityTag } from "../data/store";
import { totalOf } from "../data/tradeoff";
import type { Run, SeriesKey } from "../data/types";
import { TOTAL_TAGS } from "../names";
import { firstOf, More, Parts, Who } from "./sentence";
import { costOf, type Picture, paint } from "./tradeoff-picture";
import { useWanted } from "./use-wanted";

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
  const picture = useComputed(() => paint(metric.value));
  // The last values of all weights, and the whole curve of those that are off schedule.
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
          <Parts parts={sentencesOf(status)} />
          <Cost run={run} picture={picture.value} />
        </p>
      ))}
      {rest.length > 0 && (
        <More count={rest.length} onShow={() => setAll(true)}>
          {rest.some(hasProblem) && ", with problems"}
        </More>
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

/** What it cost the chosen metric; the charts below have its curve already. */
function Cost({ run, picture }: { run: Run; picture: Picture | null }) {
  const row = picture?.rows.find((one) => one.run === run);
  if (!picture || !row?.verdict || totalOf(run) === "zero") return null;
  return (
    <span data-cost={run.run}>
      {" "}
      <Parts parts={costOf(row, picture)} />
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

function knownOf(run: Run): Known {
  return {
    total: latest.get({ run: run.run, tag: TOTAL_TAGS.pruned }),
    latest: (weight) => latest.get({ run: run.run, tag: sparsityTag(weight) }),
    history: (weight) => series.get({ run: run.run, tag: sparsityTag(weight) }),
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
