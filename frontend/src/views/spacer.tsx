/** Of a row of a long table, in pixels; the stylesheet has the same. */
export const ROW_HEIGHT = 32;

/** Holds the place of rows that aren't there. */
export function Spacer({ rows }: { rows: number }) {
  return rows > 0 ? <tr style={{ height: `${rows * ROW_HEIGHT}px` }} /> : null;
}
