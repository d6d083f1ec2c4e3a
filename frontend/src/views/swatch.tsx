/** A piece of a curve, as a key to it. */
export function LineSwatch({ color, dashed = false }: { color: string; dashed?: boolean }) {
  return (
    <span
      class={dashed ? "line-swatch dashed" : "line-swatch"}
      style={{ color }}
      aria-hidden="true"
    />
  );
}
