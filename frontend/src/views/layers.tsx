import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber, formatPoints, formatShare, formatStep, NONE } from "../data/format";
import {
  type Column,
  type LayerRow,
  layerRow,
  nextSort,
  parseSort,
  sortRows,
  totals,
} from "../data/layers";
import { targetCurve } from "../data/schedule";
import { matches } from "../data/selection";
import {
  domain,
  latest,
  openWeight,
  runColor,
  series,
  sparsityTag,
  tableSort,
  weightFilter,
} from "../data/store";
import type { Run, SeriesKey } from "../data/types";
import { TAG_PREFIXES } from "../names";
import { WeightChart } from "./charts";
import { Name } from "./name";
import { chosenRun, RunChoice } from "./run-choice";
import { SortHead } from "./sort-head";
import { ROW_HEIGHT, Spacer } from "./spacer";
import { Sparkline } from "./sparkline";
import { useWindow } from "./use-window";

const HEADS: Record<Column, string> = {
  weight: "Weight",
  layerClass: "Layer",
  shape: "Shape",
  size: "Size",
  pattern: "Pattern",
  target: "Target",
  measured: "Measured",
  difference: "Diff",
  threshold: "Threshold",
  churn: "Churn",
  update: "Updated at",
  status: "Status",
};
const NUMBERS = new Set<Column>([
  "size",
  "target",
  "measured",
  "difference",
  "threshold",
  "churn",
  "update",
]);

export function Layers() {
  const run = chosenRun();
  if (!run) return <p class="headline">Choose a run on the left.</p>;
  return <LayerTable key={run.run} run={run} />;
}

function keysOf(run: Run): SeriesKey[] {
  const { sparsity, threshold, mask_churn: churn } = TAG_PREFIXES;
  const tags = (names: string[] | undefined, prefix: string) =>
    (names ?? []).map((name) => ({ run: run.run, tag: prefix + name }));
  return [
    ...tags(run.tags.sparsity, sparsity),
    ...tags(run.tags.threshold, threshold),
    ...tags(run.tags.mask_churn, churn),
  ];
}

function LayerTable({ run }: { run: Run }) {
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => latest.want(keysOf(run)), [run]);
  const rows = useComputed(() => {
    const name = (prefix: string, weight: string) => ({ run: run.run, tag: prefix + weight });
    return (run.tags.sparsity ?? []).map((weight) =>
      layerRow(run, weight, {
        sparsity: latest.get(name(TAG_PREFIXES.sparsity, weight)),
        threshold: latest.get(name(TAG_PREFIXES.threshold, weight)),
        churn: latest.get(name(TAG_PREFIXES.mask_churn, weight)),
      }),
    );
  });
  const sort = parseSort(tableSort.value);
  const filtered = rows.value.filter((row) => matches(row.weight, weightFilter.value));
  const listed = sortRows(filtered, sort);
  const [first, behind] = useWindow(body, listed.length, ROW_HEIGHT);
  return (
    <section class="layers">
      <h2>
        <RunChoice run={run} label="Run of the table" />
        <span class="quiet">
          {filtered.length < rows.value.length && `${formatStep(filtered.length)} of `}
          {formatStep(rows.value.length)} weights
        </span>
      </h2>
      {openWeight.value !== null && <OpenWeight key={openWeight.value} name={openWeight.value} />}
      <div class="scrolling">
        <table aria-label={`Weights of ${run.name}`} aria-rowcount={listed.length + 2}>
          <thead>
            <tr>
              {(Object.keys(HEADS) as Column[]).map((column) => (
                <SortHead
                  key={column}
                  column={column}
                  sort={sort}
                  number={NUMBERS.has(column)}
                  onSort={() => {
                    tableSort.value = nextSort(tableSort.value, column);
                  }}
                >
                  {HEADS[column]}
                </SortHead>
              ))}
              <th scope="col">
                <span class="hidden">Sparsity over time</span>
              </th>
            </tr>
          </thead>
          <tbody ref={body}>
            <Spacer rows={first} />
            {listed.slice(first, behind).map((row, i) => (
              <Row key={row.weight} run={run} row={row} index={first + i} />
            ))}
            <Spacer rows={listed.length - behind} />
          </tbody>
          <Totals rows={filtered} />
        </table>
      </div>
      {listed.length === 0 && <p class="quiet">No weight matches.</p>}
    </section>
  );
}

function show<T>(value: T | null, format: (value: T) => ComponentChildren): ComponentChildren {
  return value === null ? <span class="quiet">{NONE}</span> : format(value);
}

function Row({ run, row, index }: { run: Run; row: LayerRow; index: number }) {
  const key = { run: run.run, tag: sparsityTag(row.weight) };
  useEffect(() => series.want([key]), [key.run, key.tag]);
  const open = openWeight.value === row.weight;
  const toggle = () => {
    openWeight.value = open ? null : row.weight;
  };
  const target = row.plan && targetCurve(row.plan, domain.value[1]);
  return (
    // The name is the button; the rest of the row only makes it easier to hit.
    <tr data-row={row.weight} aria-rowindex={index + 2} class={open ? "open" : ""} onClick={toggle}>
      <th scope="row">
        <button type="button" class="link" aria-expanded={open} title={row.weight}>
          <Name text={row.weight} />
        </button>
      </th>
      <td class="text" title={row.layerClass ?? undefined}>
        {show(row.layerClass, (text) => text)}
      </td>
      <td class="text">{show(row.shape, (text) => text)}</td>
      <td class="number">{show(row.size, formatStep)}</td>
      <td class="text">{show(row.pattern, (text) => text)}</td>
      <td class="number">{show(row.target, formatShare)}</td>
      <td class="number">{show(row.measured, formatShare)}</td>
      <td class={row.status.trouble ? "number problem" : "number"}>
        {show(row.difference, formatPoints)}
      </td>
      <td class="number">{show(row.threshold, formatNumber)}</td>
      <td class="number">{show(row.churn, formatShare)}</td>
      <td class="number">{show(row.update, formatStep)}</td>
      <td class={row.status.trouble ? "problem" : ""}>{row.status.text}</td>
      <td>
        <Sparkline
          points={series.get(key)}
          target={target}
          color={runColor(run)}
          domain={domain.value}
        />
      </td>
    </tr>
  );
}

function Totals({ rows }: { rows: readonly LayerRow[] }) {
  const { size, zeros, target } = totals(rows);
  return (
    <tfoot>
      <tr>
        <th scope="row">All of these</th>
        <td colSpan={2} />
        <td class="number">{formatStep(size)}</td>
        <td />
        <td class="number">{show(target, formatShare)}</td>
        <td class="number">{show(zeros, formatShare)}</td>
        <td colSpan={6} />
      </tr>
    </tfoot>
  );
}

/** The charts of one weight, large, for all shown runs. */
function OpenWeight({ name }: { name: string }) {
  return (
    <div class="opened">
      <WeightChart weight={name} large />
      <button
        type="button"
        class="button"
        onClick={() => {
          // Not lost with the button: back to where it was opened.
          document.querySelector<HTMLElement>("tr.open button")?.focus();
          openWeight.value = null;
        }}
      >
        Close
      </button>
    </div>
  );
}
