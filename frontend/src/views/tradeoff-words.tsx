import { useSignal } from "@preact/signals";
import { shownRuns } from "../data/store";
import { beatenBy, betterOf } from "../data/tradeoff";
import { beatenText, frontSentence } from "../data/tradeoff-sentences";
import type { Run } from "../data/types";
import { firstOf, More, Parts, Who } from "./sentence";
import { costOf, type Picture } from "./tradeoff-picture";

/** More runs than this are counted until asked for. */
const SAID = 5;

/** What sparsity cost, in words. */
export function TradeOffWords({ picture }: { picture: Picture }) {
  const all = useSignal(false);
  if (!picture.arrived) return <p class="headline quiet">Reading the log…</p>;
  const { rows, finals, unknown, silent } = picture;
  const single = shownRuns.value.length === 1;
  const said = all.value ? rows : firstOf(rows, SAID);
  const names = new Map(rows.map(({ run }) => [run.run, run.name]));
  const front = frontSentence(picture.metric, finals, (run) => names.get(run) ?? run);
  return (
    <div class={single ? "headline" : "headline several"} data-arrived="">
      {front && (
        <p class="summary" data-front="">
          <Parts parts={front} />
        </p>
      )}
      {said.map((row) => (
        <p key={row.run.run} data-sentence={row.run.run}>
          {!single && <Who run={row.run} />}
          <Parts parts={costOf(row, picture)} />
          <Beaten run={row.run} picture={picture} names={names} />
        </p>
      ))}
      {said.length < rows.length && (
        <More
          count={rows.length - said.length}
          onShow={() => {
            all.value = true;
          }}
        />
      )}
      {unknown.map((run) => (
        <p key={run.run} class="notice quiet">
          <bdi>{run.name}</bdi> is not in the chart: its log holds no total sparsity, only that of
          each weight.
        </p>
      ))}
      {silent.length > 0 && <Silent runs={silent} metric={picture.metric} />}
    </div>
  );
}

function Silent({ runs, metric }: { runs: readonly Run[]; metric: string }) {
  const [first] = runs;
  return (
    <p class="notice quiet">
      {runs.length === 1 ? <bdi>{first?.name}</bdi> : `${runs.length} of the shown runs`}
      {runs.length === 1 ? " does" : " do"} not log {metric}; choose another metric to see
      {runs.length === 1 ? " it" : " them"}.
    </p>
  );
}

function Beaten({
  run,
  picture,
  names,
}: {
  run: Run;
  picture: Picture;
  names: ReadonlyMap<string, string>;
}) {
  const own = picture.finals.find((final) => final.run === run.run);
  const by = own && beatenBy(own, picture.finals, betterOf(picture.metric));
  if (!own || !by) return null;
  return (
    <span class="quiet">
      {" Not on the front: "}
      <span>{beatenText(picture.metric, own, by, names.get(by.run) ?? by.run)}</span>.
    </span>
  );
}
