import { formatStep, NONE } from "../data/format";
import { textOfReading } from "../data/readout";
import type { FigureRow } from "./figure";
import { Name } from "./name";
import { LineSwatch } from "./swatch";

export interface ReadoutProps {
  rows: readonly FigureRow[];
  step: number | null;
  format: (value: number) => string;
}

/** Beside a large chart: two lines for each run, the measured value above its target. */
export function ScheduleReadout({ rows, step, format }: ReadoutProps) {
  return (
    <div class="readout">
      <StepLine step={step} compared={rows.some((row) => row.reading.plan)} />
      {rows.map((row) => {
        const text = textOfReading(row.reading, format);
        return (
          <div class="reading" key={row.run.run}>
            <RunName row={row} />
            <Measured row={row} format={format} />
            <Difference row={row} difference={text.difference} />
            <span class="target">
              <LineSwatch color={row.color} dashed />
              <span class="words">
                {text.label} <DueStep row={row} due={text.due} />
              </span>
            </span>
            <span class="value quiet" data-readout="target" data-run={row.run.run}>
              {text.target}
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** Beside the metric chart: one line for each run. */
export function ValueReadout({ rows, step, format }: ReadoutProps) {
  return (
    <div class="readout">
      <StepLine step={step} />
      {rows.map((row) => (
        <div class="reading" key={row.run.run}>
          <RunName row={row} />
          <Measured row={row} format={format} />
        </div>
      ))}
    </div>
  );
}

/** Under a small chart's title: one line for each run. */
export function SmallReadout({ rows, format }: Omit<ReadoutProps, "step">) {
  return (
    <div class={rows.length > 2 ? "small-readout dense" : "small-readout"}>
      {rows.map((row) => (
        <div key={row.run.run} title={row.run.name}>
          <LineSwatch color={row.color} dashed={rows.length === 1} />
          {rows.length > 1 && <Measured row={row} format={format} />}
          <Goal row={row} format={format} />
        </div>
      ))}
    </div>
  );
}

/** In a small chart's title: the one run's sparsity, or the runs' lowest and highest. */
export function SmallSummary({ rows, format }: Omit<ReadoutProps, "step">) {
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
    <>
      <span class="quiet goal">
        {row.reading.due ? (
          <>
            target{" "}
            <span data-readout="target" data-run={row.run.run}>
              {text.target}
            </span>{" "}
            at <DueStep row={row} due={text.due} />
          </>
        ) : (
          <>
            {text.label} <DueStep row={row} due={text.due} />
          </>
        )}
      </span>
      <Difference row={row} difference={text.difference} />
    </>
  );
}

function StepLine({ step, compared = false }: { step: number | null; compared?: boolean }) {
  return (
    <div class="reading quiet">
      <span>step</span>
      <span class="value" data-readout="step">
        {step === null ? NONE : formatStep(step)}
      </span>
      {compared && <span class="difference">diff</span>}
    </div>
  );
}

function RunName({ row }: { row: FigureRow }) {
  return (
    <span class="name" title={row.run.name}>
      <LineSwatch color={row.color} />
      <Name text={row.run.name} />
    </span>
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

function Difference({ row, difference }: { row: FigureRow; difference: string }) {
  if (row.reading.plan === null) return null;
  return (
    <span
      class={row.reading.off ? "difference off" : "difference"}
      title="Measured minus target, in points"
      data-readout="difference"
      data-run={row.run.run}
    >
      {difference}
    </span>
  );
}
