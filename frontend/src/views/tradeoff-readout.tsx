import {
  count,
  formatDifference,
  formatMetric,
  formatShare,
  formatStep,
  NONE,
} from "../data/format";
import { runColor } from "../data/store";
import { bestFrom } from "../data/tradeoff";
import { Name } from "./name";
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
  const say = (kind: string, label: string, value: string | null) => (
    <div class="pair">
      <span class="quiet words">{label}</span>
      <span class="value" data-readout={kind}>
        {value ?? NONE}
      </span>
    </div>
  );
  return (
    <div class="readout">
      <div class="point">
        <div class="name" data-readout="run" title={here?.row.run.name}>
          {here ? (
            <>
              <LineSwatch color={runColor(here.row.run)} />
              <Name text={here.row.run.name} />
            </>
          ) : (
            <span class="quiet">Point at the chart, or use ← →</span>
          )}
        </div>
        {say("step", "step", here && formatStep(here.sample.step))}
        {say("sparsity", "sparsity", here && formatShare(here.sample.sparsity))}
        {say("metric", metric, here && formatMetric(metric, here.sample.value))}
        {say(
          "to-best",
          "from the run\u2019s best",
          typeof toBest === "number" ? formatDifference(metric, toBest) : null,
        )}
        {say(
          "envelope",
          "best there or sparser",
          best ? formatMetric(metric, best.sample.value) : null,
        )}
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
