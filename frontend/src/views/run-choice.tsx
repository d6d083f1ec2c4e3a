import { runColor, runMark, shownRuns, tableRun } from "../data/store";
import type { Run } from "../data/types";
import { LineSwatch } from "./swatch";

/** The run that views of one run are about; of the shown ones, if no others are given. */
export function chosenRun(among: readonly Run[] = shownRuns.value): Run | undefined {
  return among.find((run) => run.run === tableRun.value) ?? among[0];
}

interface Props {
  run: Run;
  label: string;
  among?: readonly Run[];
}

export function RunChoice({ run, label, among = shownRuns.value }: Props) {
  return (
    <>
      <LineSwatch color={runColor(run)} mark={runMark(run)} />
      <select
        class="metric-choice"
        aria-label={label}
        value={run.run}
        onChange={(event) => {
          tableRun.value = event.currentTarget.value;
        }}
      >
        {among.map((option) => (
          <option key={option.run} value={option.run}>
            {option.name}
          </option>
        ))}
      </select>
    </>
  );
}
