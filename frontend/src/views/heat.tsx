import { effect, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { HeatMap } from "../charts/heat-map";
import { useVisible } from "../charts/use-visible";
import { count, formatStep } from "../data/format";
import { cellAt, countCells, type HeatRow, heatRows, rowHeightFor, scaleOf } from "../data/heat";
import { summaryOf, textOfCell, textOfSummary } from "../data/heat-sentences";
import { weightPlan } from "../data/schedule";
import { matches, weightsOf } from "../data/selection";
import {
  cursor,
  domain,
  openWeight,
  series,
  setZoom,
  sparsityTag,
  stepZoom,
  theme,
  view,
  weightFilter,
} from "../data/store";
import type { Run } from "../data/types";
import { COLORS, ColorChoice, colorChoice, HeatLegend } from "./heat-legend";
import { HeatNames } from "./heat-names";
import { HeatReadout, HeatSentence } from "./heat-readout";
import { chosenRun, RunChoice } from "./run-choice";
import { placeForKey } from "./step-keys";
import { useWanted } from "./use-wanted";

/** Below the rows: the step axis, and some air. */
const BELOW = 48;
/** Rows that the page keys move by. */
const PAGE = 10;

export function HeatView() {
  const run = chosenRun();
  if (!run) return <p class="headline">Choose a run on the left.</p>;
  if (!run.tags.sparsity?.length)
    return (
      <section class="heat-view">
        <h2>
          <RunChoice run={run} label="Run of the heat map" />
        </h2>
        <p class="quiet">This run has logged no sparsity of its weights.</p>
      </section>
    );
  return <Heat run={run} />;
}

function Heat({ run }: { run: Run }) {
  const element = useRef<HTMLElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const axis = useRef<HTMLDivElement>(null);
  const map = useRef<HeatMap | null>(null);
  const visible = useVisible(element);
  /** The weight under the mouse or the arrow keys; its step is the cursor of all charts. */
  const pointed = useSignal<string | null>(null);
  /** From the first row to the bottom of the screen, in pixels. */
  const room = useSignal(480);

  // Apart from the cells: neither colours nor arriving values change the plans.
  const weights = useComputed(() => {
    const now = chosenRun();
    if (!now) return [];
    return weightsOf([now]).map(({ name }) => ({
      weight: name,
      plan: weightPlan(now.manifest, name),
      key: { run: now.run, tag: sparsityTag(name) },
    }));
  });
  const listed = useComputed(() =>
    weights.value.filter(({ weight }) => matches(weight, weightFilter.value)),
  );
  const rows = useComputed(() =>
    heatRows(
      listed.value.map(({ weight, plan, key }) => ({ weight, plan, points: series.get(key) })),
      colorChoice(),
    ),
  );
  const scale = useComputed(() => scaleOf(colorChoice(), rows.value, theme.value));
  const rowHeight = useComputed(() => rowHeightFor(listed.value.length, room.value));
  const row = useComputed(() => {
    const index = rows.value.findIndex(({ weight }) => weight === pointed.value);
    return index < 0 ? null : index;
  });
  const cell = useComputed(() => {
    const source = row.value === null ? undefined : rows.value[row.value];
    return source ? cellAt(source, cursor.value) : null;
  });
  const summary = useComputed(() => summaryOf(rows.value, colorChoice()));
  const label = useComputed(() => {
    const subject = `${COLORS[colorChoice()]} of ${count(rows.value.length, "weight")} over steps`;
    return `${subject}; ${cell.value ? textOfCell(cell.value) : textOfSummary(summary.value)}`;
  });

  useWanted(series, visible, () => listed.value.map(({ key }) => key));

  const point = (weight: string | null, step: number | null) => {
    pointed.value = weight;
    cursor.value = step;
  };
  const open = (weight: string) => {
    openWeight.value = weight;
    view.value = "layers";
    window.scrollTo(0, 0);
  };

  useEffect(() => {
    const place = plot.current;
    if (!place || !axis.current) return;
    const drawn = new HeatMap(place, axis.current, {
      onCursor: (index, step) =>
        point(index === null ? null : (rows.peek()[index]?.weight ?? null), step),
      onZoom: (range) => setZoom(range, "step"),
      onOpen: (index) => {
        const weight = rows.peek()[index]?.weight;
        if (weight !== undefined) open(weight);
      },
    });
    map.current = drawn;
    const resize = () => {
      if (place.clientWidth === 0) return;
      drawn.resize(place.clientWidth);
      const top = place.getBoundingClientRect().top + window.scrollY;
      // A height of 0 means that TensorBoard shows another tab.
      if (window.innerHeight > 0) room.value = Math.max(0, window.innerHeight - top - BELOW);
    };
    const size = new ResizeObserver(resize);
    size.observe(place);
    window.addEventListener("resize", resize);
    resize();
    const stops = [
      effect(() =>
        drawn.setModel({
          rows: rows.value,
          rowHeight: rowHeight.value,
          scale: scale.value,
          range: stepZoom.value ?? domain.value,
          whole: domain.value,
          zoomed: stepZoom.value !== null,
        }),
      ),
      effect(() => drawn.setCursor(row.value, cursor.value)),
    ];
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      window.removeEventListener("resize", resize);
      drawn.destroy();
      map.current = null;
      point(null, null);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    // The choices in it have arrow keys of their own.
    if (event.target !== element.current) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      point(null, null);
      setZoom(null, "step");
      return;
    }
    const here = row.value ?? 0;
    const source = rows.value[here];
    if (!source) return;
    if (event.key === "Enter") {
      if (row.value !== null) open(source.weight);
      return;
    }
    const down = { ArrowUp: -1, ArrowDown: 1, PageUp: -PAGE, PageDown: PAGE }[event.key];
    const step = placeForKey(event.key, source.steps, cursor.value, stepZoom.value);
    if (down === undefined && step === null) return;
    event.preventDefault();
    // The first key only takes up the first row, at its last step.
    const by = row.value === null ? 0 : (down ?? 0);
    const next = rows.value[Math.min(Math.max(here + by, 0), rows.value.length - 1)] as HeatRow;
    const stays = cursor.value ?? placeForKey("End", next.steps, null, stepZoom.value);
    point(next.weight, step ?? stays);
    map.current?.reveal();
  };

  const missing = rows.value.filter(({ points }) => points === undefined).length;
  const total = weights.value.length;
  const shown = rows.value.length;
  return (
    <section class="heat-view">
      <figure
        ref={element}
        class="figure heat"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
        tabIndex={0}
        aria-label={label}
        data-chart="heat"
        data-rows={shown}
        data-points={missing === 0 ? countCells(rows.value) : undefined}
        onKeyDown={onKeyDown}
        onBlur={() => point(null, null)}
      >
        <div class="heat-head">
          <div class="heat-controls">
            <h2>
              <RunChoice run={run} label="Run of the heat map" />
              <span class="quiet">
                {shown < total && `${formatStep(shown)} of `}
                {count(total, "weight")}
              </span>
            </h2>
            <ColorChoice />
            <HeatLegend scale={scale.value} color={colorChoice()} />
          </div>
          <HeatReadout cell={cell}>
            {shown === 0 ? (
              "No weight matches."
            ) : missing > 0 ? (
              `Reading ${formatStep(shown - missing)} of ${count(shown, "weight")} …`
            ) : (
              <HeatSentence parts={summary.value} onOpen={open} />
            )}
          </HeatReadout>
        </div>
        <div
          class="heat-body"
          hidden={shown === 0}
          style={{ "--name-length": longest(weights.value) }}
        >
          <HeatNames
            names={listed.value.map(({ weight }) => weight)}
            rowHeight={rowHeight.value}
            row={row}
            onOpen={open}
          />
          <div class="heat-plot" ref={plot} aria-hidden="true" />
          <div class="heat-axis" ref={axis} aria-hidden="true" />
        </div>
      </figure>
    </section>
  );
}

/** Of all weights, so that the map keeps its place while the filter is typed. */
function longest(weights: readonly { weight: string }[]): number {
  return Math.max(0, ...weights.map(({ weight }) => weight.length));
}
