/** How the tables are ordered. */

/** A column, and whether the highest comes first. */
export interface Sort<Column> {
  column: Column;
  down: boolean;
}

/** What a click on a head leads to: names rise first, numbers fall; the third click undoes. */
export function sortAfterClick<Column>(
  sort: Sort<Column> | null,
  column: Column,
  isText: boolean,
): Sort<Column> | null {
  if (sort?.column !== column) return { column, down: !isText };
  return sort.down === isText ? null : { column, down: isText };
}

/** Rows in order, those without a value last either way. */
export function ordered<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => number | string | null,
  down: boolean,
): Row[] {
  return [...rows].sort((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const order =
      typeof x === "number" && typeof y === "number"
        ? x - y
        : String(x).localeCompare(String(y), "en", { numeric: true });
    return down ? -order : order;
  });
}
