import { useRef } from "preact/hooks";

/** What mouse and keys do to the charts. */

const HELP = [
  ["Drag", "zooms all charts to what was dragged over."],
  ["Ctrl, Alt or \u2318 and scroll", "zooms around the pointer. Scrolling alone moves the page."],
  ["Shift and drag", "moves along while zoomed."],
  ["Double-click", "shows all again."],
  ["\u2190 \u2192 Home End", "move the crosshair of a focused chart from point to point."],
  ["+ \u2212", "zoom around the crosshair; Esc shows all again."],
  ["Click on a run", "shows or hides it. With Alt it is shown alone, and then all again."],
] as const;

/** What a chart says of itself to those who listen. */
export const CHART_HELP = "chart-help";

export function Help() {
  const details = useRef<HTMLDetailsElement>(null);
  return (
    <details
      ref={details}
      class="help"
      onKeyDown={(event) => {
        if (event.key === "Escape") details.current?.removeAttribute("open");
      }}
    >
      <summary class="button">Help</summary>
      <dl>
        {HELP.map(([keys, does]) => (
          <div key={keys}>
            <dt>{keys}</dt> <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p id={CHART_HELP} hidden>
        Arrow keys move along the points, plus and minus zoom, Escape shows all.
      </p>
    </details>
  );
}
