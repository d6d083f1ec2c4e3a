import {
  count,
  formatDifference,
  formatMetric,
  formatShare,
  formatStep,
  NONE,
} from "../data/format";
import { runColor, runMark } from "../data/store";
import { bestFrom } from "../data/tradeoff";
import { Name } from "./name";
import { Pair } from "./pair";
import { LineSwatch } from "./swatch";
import type { Picture, Row } from "./tradeoff-picture";
import type { Here } from "./tradeoff-point";

export function labelOf(picture: Picture, here: Here | null): string {
  const { metric, rows, corners } = picture;
  const runs = count(rows.length, "run");
  const what = `${metric} against total sparsity, ${runs}`;
  if (!here) return `${what}; arrow keys move along the points`;
  const { row, sample } = here;
  const best = bestFrom(corners, sample.sparsity);
  const more = best
    ? `; best at that sparsity or more ${formatMetric(metric, best.sample.value)}`
    : "";
  return `${what}; ${row.run.name} at step ${formatStep(sample.step)}: sparsity ${formatShare(sample.sparsity)}, ${metric} ${formatMetric(metric, sample.value)}${more}`;
}

/** Beside the chart: the point nearest to the cursor, and where each run ended. */
export function TradeOffReadout({ picture, here }: { picture: Picture; here: Here | null }) {
  const { metric, corners, rows } = picture;
  const best = here && bestFrom(corners, here.sample.sparsity);
  const toBest = here?.row.verdict && here.sample.value - here.row.verdict.best.value;
  return (
    <div class="readout">
      <div class="point">
        <div class="name" data-readout="run" title={here?.row.run.name}>
          {here ? (
            <>
              <LineSwatch color={runColor(here.row.run)} mark={runMark(here.row.run)} />
              <Name text={here.row.run.name} />
            </>
          ) : (
            <span class="quiet">Point at the chart, or use ← →</span>
          )}
        </div>
        <Pair kind="step" label="step" value={here && formatStep(here.sample.step)} />
        <Pair kind="sparsity" label="sparsity" value={here && formatShare(here.sample.sparsity)} />
        <Pair
          kind="metric"
          label={metric}
          value={here && formatMetric(metric, here.sample.value)}
        />
        <Pair
          kind="to-best"
          label={"from the run\u2019s best"}
          value={typeof toBest === "number" ? formatDifference(metric, toBest) : null}
        />
        <Pair
          kind="envelope"
          label="best there or sparser"
          value={best ? formatMetric(metric, best.sample.value) : null}
        />
      </div>
      <h3>At the end</h3>
      {rows.map((row) => (
        <End key={row.run.run} row={row} picture={picture} />
      ))}
    </div>
  );
}

function End({
  row: { run, trail },
  picture: { metric, front, finals },
}: {
  row: Row;
  picture: Picture;
}) {
  const { final } = trail;
  const on = front.has(run.run);
  return (
    <div class="end" data-final={run.run}>
      <span class="mark" style={{ color: runColor(run) }} aria-hidden="true">
        {final ? (on ? "◆" : "○") : ""}
      </span>
      <span class="name" title={run.name}>
        <Name text={run.name} />
        {on && finals.length > 1 && <span class="hidden"> (on the Pareto front)</span>}
      </span>
      <span class="value">{final ? formatShare(final.sparsity) : NONE}</span>
      <span class="value">{final ? formatMetric(metric, final.value) : NONE}</span>
    </div>
  );
}
