import { useSignal } from "@preact/signals";
import {
  type Column,
  type CompareRow,
  nextSort,
  orderMetrics,
  type Sort,
  sortRows,
} from "../data/compare";
import {
  formatDifference,
  formatMetric,
  formatPoints,
  formatShare,
  formatStep,
  NONE,
} from "../data/format";
import { metrics, runColor, runMark } from "../data/store";
import type { Run } from "../data/types";
import { Name } from "./name";
import { SortHead } from "./sort-head";
import { LineSwatch } from "./swatch";

/** The last values of every run, and how far they are from the baseline's. */
export function CompareTable({ rows, base }: { rows: readonly CompareRow[]; base: Run | null }) {
  const sort = useSignal<Sort | null>(null);
  const names = orderMetrics(metrics.value);
  const listed = sortRows(rows, sort.value, base?.run ?? null);
  const baseRow = rows.find(({ run }) => run === base) ?? null;
  const head = (column: Column, text: string, number = true) => (
    <SortHead
      column={column}
      sort={sort.value}
      number={number}
      onSort={() => {
        sort.value = nextSort(sort.value, column);
      }}
    >
      {text}
    </SortHead>
  );
  return (
    <section>
      <h2>
        Final values
        {base && (
          <span class="quiet">with the difference to the baseline; of shares in points</span>
        )}
      </h2>
      <div class="scrolling">
        <table aria-label="Final values" class={base ? "with-baseline" : undefined}>
          <thead>
            <tr>
              {head("run", "Run", false)}
              {head("sparsity", "Sparsity")}
              {head("target", "Target")}
              {names.map((name) => head(`metric:${name}`, name))}
              {head("step", "Last step")}
              {head("status", "Status", false)}
            </tr>
          </thead>
          <tbody>
            {listed.map((row) => (
              <Row key={row.run.run} row={row} names={names} base={baseRow} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({
  row,
  names,
  base,
}: {
  row: CompareRow;
  names: readonly string[];
  base: CompareRow | null;
}) {
  const { run, status } = row;
  const other = base && base !== row ? base : null;
  return (
    <tr data-compare={run.run} class={base === row ? "base" : undefined}>
      <th scope="row" title={run.name}>
        <span class="run">
          <LineSwatch color={runColor(run)} mark={runMark(run)} />
          <Name text={run.name} />
          {base === row && <span class="quiet">baseline</span>}
        </span>
      </th>
      <Cell
        column="sparsity"
        value={row.sparsity}
        base={other?.sparsity}
        format={formatShare}
        formatDifference={formatPoints}
      />
      <Cell
        column="target"
        value={row.target}
        base={other?.target}
        format={formatShare}
        formatDifference={formatPoints}
      />
      {names.map((name) => {
        const last = row.metrics[name] ?? null;
        return (
          <Cell
            key={name}
            column={name}
            value={last?.value ?? null}
            base={other?.metrics[name]?.value}
            format={(value) => formatMetric(name, value)}
            formatDifference={(value) => formatDifference(name, value)}
            note={last?.stale ? `not finite after step ${formatStep(last.step)}` : null}
          />
        );
      })}
      <Cell
        column="step"
        value={row.step}
        base={other?.step === row.step ? null : other?.step}
        format={formatStep}
        formatDifference={formatSteps}
      />
      <td class={status.trouble ? "problem" : ""}>{status.text}</td>
    </tr>
  );
}

function formatSteps(difference: number): string {
  return `${difference > 0 ? "+" : "\u2212"}${formatStep(Math.abs(difference))}`;
}

interface CellProps {
  column: string;
  value: number | null;
  base: number | null | undefined;
  format: (value: number) => string;
  formatDifference: (difference: number) => string;
  note?: string | null;
}

function Cell({ column, value, base, format, formatDifference, note = null }: CellProps) {
  return (
    <td class="number" data-column={column}>
      {value === null ? (
        <span class="quiet">{NONE}</span>
      ) : (
        <span data-value="">{format(value)}</span>
      )}
      {value !== null && typeof base === "number" ? (
        <span class="by quiet" data-difference="">
          {formatDifference(value - base)}
        </span>
      ) : (
        <span class="by" />
      )}
      {note && <span class="note problem">{note}</span>}
    </td>
  );
}
