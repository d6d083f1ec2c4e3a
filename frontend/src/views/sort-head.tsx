import type { ComponentChildren } from "preact";
import type { Sort } from "../data/sorting";

const ARROWS = { ascending: " ↑", descending: " ↓", none: "" };

interface SortHeadProps<Column> {
  column: Column;
  sort: Sort<Column> | null;
  number: boolean;
  onSort: () => void;
  children: ComponentChildren;
}

/** The head of a column that a table can be ordered by. */
export function SortHead<Column>({
  column,
  sort,
  number,
  onSort,
  children,
}: SortHeadProps<Column>) {
  const order = sort?.column === column ? (sort.down ? "descending" : "ascending") : "none";
  return (
    <th scope="col" aria-sort={order} class={number ? "number" : undefined}>
      <button
        type="button"
        title={typeof children === "string" ? children : undefined}
        onClick={onSort}
      >
        {children}
        <span aria-hidden="true">{ARROWS[order]}</span>
      </button>
    </th>
  );
}
