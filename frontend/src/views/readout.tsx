import { epochOf } from "../data/epochs";
import { formatStep, NONE } from "../data/format";
import { textOfReading } from "../data/readout";
import { axis, runMark, stepsPerEpoch } from "../data/store";
import { formatPlace } from "../data/time";
import type { FigureRow } from "./figure";
import { Name } from "./name";
import { runActions } from "./run-actions";
import { LineSwatch } from "./swatch";

export interface ReadoutProps {
  rows: readonly FigureRow[];
  /** The place on the axis. */
  at: number | null;
  format: (value: number) => string;
}

/** Beside a large chart: two lines for each run, the measured value above its target. */
export function ScheduleReadout({ rows, at, format }: ReadoutProps) {
  return (
    <div class="readout">
      <PlaceLine at={at} compared={rows.some((row) => row.reading.plan)} />
      {rows.map((row) => {
        const text = textOfReading(row.reading, format);
        return (
          <div class="reading" key={row.run.run}>
            <RunName row={row} />
            <Measured row={row} format={format} />
            <Difference row={row} format={format} />
            <span class="target">
              <LineSwatch color={row.color} dashed />
              <span class="words">
                {text.label} <DueStep row={row} due={text.due} />
              </span>
            </span>
            <span class="value quiet" data-readout="target" data-run={row.run.run}>
              {text.target}
            </span>
            <StepReached row={row} />
          </div>
        );
      })}
    </div>
  );
}

/** Beside the metric chart: one line for each run. */
export function ValueReadout({ rows, at, format }: ReadoutProps) {
  return (
    <div class="readout">
      <PlaceLine at={at} />
      {rows.map((row) => (
        <div class="reading" key={row.run.run}>
          <RunName row={row} />
          <Measured row={row} format={format} />
          <StepReached row={row} />
        </div>
      ))}
    </div>
  );
}

/**
 * Under a small chart's title: one line for each run. Where they are many, only a deviation from
 * the schedule is worth the room; the figure's label says the rest.
 */
export function SmallReadout({ rows, format }: Omit<ReadoutProps, "at">) {
  const dense = rows.length > 2;
  return (
    <div class={dense ? "small-readout dense" : "small-readout"}>
      {rows.map((row) => (
        <div key={row.run.run} title={row.run.name}>
          <LineSwatch color={row.color} mark={runMark(row.run)} dashed={rows.length === 1} />
          {rows.length > 1 && <Measured row={row} format={format} />}
          {!dense && <Goal row={row} format={format} />}
          {(!dense || row.reading.off) && <Difference row={row} format={format} />}
        </div>
      ))}
    </div>
  );
}

/** In a small chart's title: the one run's sparsity, or the runs' lowest and highest. */
export function SmallSummary({ rows, format }: Omit<ReadoutProps, "at">) {
  const [first] = rows;
  if (first && rows.length === 1) return <Measured row={first} format={format} />;
  const values = rows.flatMap(({ reading }) => reading.point?.value ?? []);
  if (values.length === 0) return null;
  const [low, high] = [format(Math.min(...values)), format(Math.max(...values))];
  return <span class="quiet">{low === high ? low : `${low} \u2013 ${high}`}</span>;
}

interface RowProps {
  row: FigureRow;
  format: (value: number) => string;
}

function Measured({ row, format }: RowProps) {
  return (
    <span class="value" data-readout="measured" data-run={row.run.run}>
      {textOfReading(row.reading, format).measured}
    </span>
  );
}

function Goal({ row, format }: RowProps) {
  const text = textOfReading(row.reading, format);
  return (
    <span class="quiet goal">
      {row.reading.due ? "target " : `${text.label} `}
      {row.reading.due && (
        <>
          <span data-readout="target" data-run={row.run.run}>
            {text.target}
          </span>
          {" at "}
        </>
      )}
      <DueStep row={row} due={text.due} />
    </span>
  );
}

/** Where on the axis the readout stands. */
function PlaceLine({ at, compared = false }: { at: number | null; compared?: boolean }) {
  return axis.value === "step" ? (
    <StepLine step={at} compared={compared} />
  ) : (
    <div class="reading quiet">
      <span class="moment">
        {axis.value === "relative" ? "after the first point" : "time"}
        <span data-readout="time">{at === null ? NONE : formatPlace(axis.value, at)}</span>
      </span>
      {compared && <span class="difference">diff</span>}
    </div>
  );
}

/** On an axis of time each run has come to a step of its own. */
function StepReached({ row }: { row: FigureRow }) {
  if (axis.value === "step") return null;
  const step = row.reading.point?.step ?? null;
  return (
    <>
      <span class="target">
        <span>
          <Epoch step={step} />
          step
        </span>
      </span>
      <span class="value quiet" data-readout="step" data-run={row.run.run}>
        {step === null ? NONE : formatStep(step)}
      </span>
    </>
  );
}

function StepLine({ step, compared }: { step: number | null; compared: boolean }) {
  return (
    <div class="reading quiet">
      <span>
        <Epoch step={step} />
        step
      </span>
      <span class="value" data-readout="step">
        {step === null ? NONE : formatStep(step)}
      </span>
      {compared && <span class="difference">diff</span>}
    </div>
  );
}

function Epoch({ step }: { step: number | null }) {
  const perEpoch = stepsPerEpoch.value;
  if (step === null || perEpoch === null) return null;
  return (
    <span data-readout="epoch">
      epoch {formatStep(epochOf(step, perEpoch))}
      {" \u00b7 "}
    </span>
  );
}

/** The run's name in the legend hides the run, or shows it alone. */
function RunName({ row }: { row: FigureRow }) {
  const actions = runActions(row.run);
  return (
    <button
      type="button"
      class="name"
      title={`${row.run.name}\nClick hides it, Alt-click shows it alone.`}
      {...actions}
      onClick={(event) => {
        // The button goes with its run; the focus stays at the chart.
        event.currentTarget.closest("figure")?.focus({ preventScroll: true });
        actions.onClick(event);
      }}
    >
      <LineSwatch color={row.color} mark={runMark(row.run)} />
      <Name text={row.run.name} />
    </button>
  );
}

function DueStep({ row, due }: { row: FigureRow; due: string }) {
  if (due === "") return null;
  return (
    <span data-readout="due" data-run={row.run.run}>
      {due}
    </span>
  );
}

function Difference({ row, format }: RowProps) {
  if (row.reading.plan === null) return null;
  return (
    <span
      class={row.reading.off ? "difference off" : "difference"}
      title="Measured minus target, in points"
      data-readout="difference"
      data-run={row.run.run}
    >
      {textOfReading(row.reading, format).difference}
    </span>
  );
}
