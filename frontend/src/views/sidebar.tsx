import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatShare, formatStep } from "../data/format";
import { matches } from "../data/selection";
import { isLive, lastPoint } from "../data/status";
import {
  filteredWeights,
  isShown,
  latest,
  lookedAt,
  runColor,
  runFilter,
  runMark,
  runs,
  soloRun,
  weightFilter,
  weights,
} from "../data/store";
import type { Run } from "../data/types";
import { TOTAL_TAGS } from "../names";
import { Name } from "./name";
import { runActions } from "./run-actions";
import { showWeight } from "./show-curve";
import { Mark, RunColor } from "./swatch";

/** Fewer entries than this are found at a glance. */
const FILTER_FROM = 9;

export function Sidebar() {
  return (
    <aside class="sidebar">
      <RunList />
      <WeightList />
    </aside>
  );
}

function RunList() {
  const all = runs.value;
  useEffect(() => latest.want(all.map((run) => ({ run: run.run, tag: TOTAL_TAGS.pruned }))), [all]);
  if (all.length === 0) return null;
  const listed = all.filter((run) => matches(run.name, runFilter.value));
  return (
    <nav aria-label="Runs">
      <h3>Runs</h3>
      {all.length >= FILTER_FROM && <Filter label="Filter runs" text={runFilter} />}
      <ul class="list">
        {listed.map((run) => (
          <RunRow key={run.run} run={run} />
        ))}
      </ul>
      {listed.length === 0 && <p class="quiet">No run matches.</p>}
    </nav>
  );
}

function RunRow({ run }: { run: Run }) {
  const points = latest.get({ run: run.run, tag: TOTAL_TAGS.pruned });
  const point = points && lastPoint(points);
  const on = isShown(run.run);
  return (
    <li>
      <button
        type="button"
        class="row"
        data-run-toggle={run.run}
        aria-pressed={on}
        title={`${run.run}\nDouble-click or Alt-click shows it alone.`}
        {...runActions(run)}
        onDblClick={() => soloRun(run.run)}
      >
        <span class={on ? "swatch on" : "swatch"} style={{ color: runColor(run) }}>
          {runMark(run) > 0 && <Mark mark={runMark(run)} />}
        </span>
        <Name text={run.name} />
        {isLive(run, lookedAt.value) && <span class="live">live</span>}
        <span class="quiet">{point ? formatShare(point.value) : ""}</span>
      </button>
      <RunColor run={run} />
    </li>
  );
}

function WeightList() {
  const listed = filteredWeights.value;
  if (weights.value.length === 0) return null;
  return (
    <nav aria-label="Weights">
      <h3>Weights</h3>
      <Filter label="Filter weights" text={weightFilter} />
      <ul class="list">
        {listed.map(({ name, size }) => (
          <li key={name}>
            <button type="button" class="row" title={name} onClick={() => showWeight(name)}>
              <Name text={name} />
              <span class="quiet">{size === null ? "" : formatStep(size)}</span>
            </button>
          </li>
        ))}
      </ul>
      {listed.length === 0 && <p class="quiet">No weight matches.</p>}
    </nav>
  );
}

function Filter({ label, text }: { label: string; text: Signal<string> }) {
  return (
    <input
      type="search"
      class="filter"
      placeholder={label}
      aria-label={label}
      value={text.value}
      onInput={(event) => {
        text.value = event.currentTarget.value;
      }}
    />
  );
}
