import { runColor, shownRuns, tableRun } from "../data/store";
import type { Run } from "../data/types";

/** The run that views of one run are about. */
export function chosenRun(): Run | undefined {
  return shownRuns.value.find((run) => run.run === tableRun.value) ?? shownRuns.value[0];
}

export function RunChoice({ run, label }: { run: Run; label: string }) {
  return (
    <select
      class="metric-choice"
      aria-label={label}
      value={run.run}
      style={{ color: runColor(run) }}
      onChange={(event) => {
        tableRun.value = event.currentTarget.value;
      }}
    >
      {shownRuns.value.map((option) => (
        <option key={option.run} value={option.run}>
          {option.name}
        </option>
      ))}
    </select>
  );
}
