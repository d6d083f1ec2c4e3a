import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { csvTable } from "../data/csv";
import { NONE } from "../data/format";
import { ordered, type Sort, sortAfterClick } from "../data/sorting";
import { Tools } from "./figure-tools";
import { SortHead } from "./sort-head";
import { ROW_HEIGHT, Spacer } from "./spacer";
import { useWindow } from "./use-window";

export interface ReportColumn<Row> {
  name: string;
  head: string;
  /** What it is sorted by, and what a table for other programs holds. */
  key: (row: Row) => number | string | null;
  show: (row: Row) => ComponentChildren;
  /** Of all rows together. */
  total?: (rows: readonly Row[]) => ComponentChildren;
  text?: boolean;
}

interface Props<Row> {
  label: string;
  heading: ComponentChildren;
  columns: readonly [ReportColumn<Row>, ...ReportColumn<Row>[]];
  rows: readonly Row[];
  idOf: (row: Row) => string;
  onPoint?: (row: Row | null) => void;
}

/** A table of weights, of which there may be a thousand; a click on a head sorts it. */
export function ReportTable<Row>({ label, heading, columns, rows, idOf, onPoint }: Props<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const sort = useSignal<Sort<string> | null>(null);
  const by = columns.find(({ name }) => name === sort.value?.column);
  const listed = by ? ordered(rows, by.key, sort.value?.down ?? false) : rows;
  const [first, behind] = useWindow(body, listed.length, ROW_HEIGHT);
  const table = () =>
    csvTable(
      columns.map(({ name }) => name),
      listed.map((row) => columns.map(({ key }) => key(row))),
    );
  const side = ({ text }: ReportColumn<Row>) => (text ? "text" : "number");
  const [name, ...others] = columns;
  return (
    <section class="layers reported">
      <h2>
        {heading}
        <Tools subject={label} table={table} />
      </h2>
      <div class="scrolling">
        <table aria-label={label} aria-rowcount={listed.length + 2}>
          <thead>
            <tr>
              {columns.map((column) => (
                <SortHead
                  key={column.name}
                  column={column.name}
                  sort={sort.value}
                  number={!column.text}
                  onSort={() => {
                    sort.value = sortAfterClick(sort.value, column.name, column.text ?? false);
                  }}
                >
                  {column.head}
                </SortHead>
              ))}
            </tr>
          </thead>
          <tbody ref={body} onPointerLeave={() => onPoint?.(null)}>
            <Spacer rows={first} />
            {listed.slice(first, behind).map((row, i) => (
              <tr
                key={idOf(row)}
                data-report-row={idOf(row)}
                aria-rowindex={first + i + 2}
                onPointerEnter={() => onPoint?.(row)}
              >
                <th scope="row" title={String(name.key(row))}>
                  {name.show(row)}
                </th>
                {others.map((column) => (
                  <td key={column.name} class={side(column)} data-column={column.name}>
                    {column.show(row) ?? <span class="quiet">{NONE}</span>}
                  </td>
                ))}
              </tr>
            ))}
            <Spacer rows={listed.length - behind} />
          </tbody>
          {rows.length > 1 && (
            <tfoot>
              <tr>
                <th scope="row">All of these</th>
                {others.map((column) => (
                  <td key={column.name} class={side(column)} data-total={column.name}>
                    {column.total?.(rows)}
                  </td>
                ))}
              </tr>
            </tfoot>
          )}
        </table>
      </div>
      {rows.length === 0 && <p class="quiet">No weight matches.</p>}
    </section>
  );
}
