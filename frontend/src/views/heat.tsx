import { effect, type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { HeatMap } from "../charts/heat-map";
import { useVisible } from "../charts/use-visible";
import { count, formatPoints, formatShare, formatStep, NONE } from "../data/format";
import {
  cellAt,
  countCells,
  extremes,
  furthest,
  type HeatCell,
  type HeatColor,
  type HeatRow,
  heatRows,
  nameEvery,
  numberIn,
  readCell,
  rowHeightFor,
  type Scale,
  scaleOf,
} from "../data/heat";
import { beginOf, weightPlan } from "../data/schedule";
import { matches, weightsOf } from "../data/selection";
import {
  cursor,
  domain,
  heatColor,
  openWeight,
  series,
  setZoom,
  sparsityTag,
  theme,
  validZoom,
  view,
  weightFilter,
} from "../data/store";
import type { Run } from "../data/types";
import { stepForKey } from "./figure";
import { Name } from "./name";
import { chosenRun, RunChoice } from "./run-choice";

/** Below the rows: the step axis, and some air. */
const BELOW = 48;
/** Rows that the page keys move by. */
const PAGE = 10;

const COLORS: Record<HeatColor, string> = {
  sparsity: "Sparsity",
  difference: "Difference to schedule",
};

function colorChoice(): HeatColor {
  return heatColor.value === "difference" ? "difference" : "sparsity";
}

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
    return `${subject}; ${cell.value ? textOfCell(cell.value) : textOf(summary.value)}`;
  });

  useEffect(() => {
    if (!visible) return;
    let release = () => {};
    const stop = effect(() => {
      const before = release;
      release = series.want(listed.value.map(({ key }) => key));
      before();
    });
    return () => {
      stop();
      release();
    };
  }, [visible, listed]);

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
      onZoom: setZoom,
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
          range: validZoom.value ?? domain.value,
          zoomed: validZoom.value !== null,
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
      setZoom(null);
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
    const step = stepForKey(event.key, source.steps, cursor.value);
    if (down === undefined && step === null) return;
    event.preventDefault();
    // The first key only takes up the first row, at its last step.
    const by = row.value === null ? 0 : (down ?? 0);
    const next = rows.value[Math.min(Math.max(here + by, 0), rows.value.length - 1)] as HeatRow;
    const stays = cursor.value ?? stepForKey("End", next.steps, null);
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
            <Legend scale={scale.value} color={colorChoice()} />
          </div>
          <Readout cell={cell} onOpen={open}>
            {shown === 0 ? (
              "No weight matches."
            ) : missing > 0 ? (
              `Reading ${formatStep(shown - missing)} of ${count(shown, "weight")} …`
            ) : (
              <Sentence parts={summary.value} onOpen={open} />
            )}
          </Readout>
        </div>
        <div
          class="heat-body"
          hidden={shown === 0}
          style={{ "--name-length": longest(weights.value) }}
        >
          <Names
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

function ColorChoice() {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no flex container everywhere
    <div class="segmented" role="group" aria-label="Colours show">
      {(Object.keys(COLORS) as HeatColor[]).map((color) => (
        <button
          key={color}
          type="button"
          aria-pressed={colorChoice() === color}
          onClick={() => {
            heatColor.value = color === "sparsity" ? null : color;
          }}
        >
          {COLORS[color]}
        </button>
      ))}
    </div>
  );
}

/** What the colours mean, in numbers. */
function Legend({ scale, color }: { scale: Scale; color: HeatColor }) {
  const points = `${Math.round(scale.high * 100)} points`;
  const words =
    color === "sparsity"
      ? ["0\u2009% sparse", "50\u2009%", "100\u2009%"]
      : [`${points} below`, "on schedule", `${points} above`];
  return (
    <div class="heat-legend">
      <div>
        <div
          class="heat-scale"
          style={{ background: `linear-gradient(to right, ${scale.stops.join(", ")})` }}
        />
        <div class="heat-scale-words">
          {words.map((word) => (
            <span key={word}>{word}</span>
          ))}
        </div>
      </div>
      <div>
        <div class="heat-scale heat-hatched" />
        <span>{color === "sparsity" ? "no value" : "no target"}</span>
      </div>
    </div>
  );
}

interface ReadoutProps {
  cell: ReadonlySignal<HeatCell | null>;
  onOpen: (weight: string) => void;
  /** What stands there while nothing is pointed at. */
  children: ComponentChildren;
}

/** Alone it follows the cursor: the map around it is not rendered again. */
function Readout({ cell, children }: ReadoutProps) {
  if (!cell.value) return <p class="heat-readout words">{children}</p>;
  const { weight } = cell.value.row;
  const { step, off } = readCell(cell.value);
  const { measured, goal, target, difference } = wordsOf(cell.value);
  return (
    <p class="heat-readout heat-reading">
      <b title={weight} data-readout="weight">
        <Name text={weight} />
      </b>
      <span>
        <span class="quiet">step</span> <span data-readout="step">{formatStep(step)}</span>
      </span>
      <span>
        <span class="quiet">measured</span> <span data-readout="measured">{measured}</span>
      </span>
      <span>
        <span class="quiet">{goal}</span> <span data-readout="target">{target}</span>
      </span>
      <span>
        <span class="quiet">diff</span>{" "}
        <span class={off ? "difference off" : "difference"} data-readout="difference">
          {difference}
        </span>
      </span>
    </p>
  );
}

function wordsOf(cell: HeatCell) {
  const { measured, due, difference } = readCell(cell);
  const { plan } = cell.row;
  const begin = plan && `target from ${formatStep(beginOf(plan))}`;
  return {
    measured: measured === null ? "no value" : formatShare(measured),
    goal: due ? `target at ${formatStep(due.step)}` : (begin ?? "no schedule"),
    target: due ? formatShare(due.value) : NONE,
    difference: difference === null ? NONE : `${formatPoints(difference)} points`,
  };
}

function textOfCell(cell: HeatCell): string {
  const { step } = readCell(cell);
  const { measured, goal, target, difference } = wordsOf(cell);
  const compared = target === NONE ? goal : `${goal} ${target}, difference ${difference}`;
  return `${cell.row.weight} at step ${formatStep(step)}: ${measured}, ${compared}`;
}

/** Words, and cells whose weights they name. */
type Part = string | HeatCell;

/** What the map shows, in a sentence. */
function summaryOf(rows: readonly HeatRow[], color: HeatColor): Part[] {
  if (color === "sparsity") {
    const ends = extremes(rows);
    if (!ends) return ["No value was logged."];
    const [low, high] = [formatShare(numberIn(ends.low)), formatShare(numberIn(ends.high))];
    if (low === high) return [`Last values: ${low} in ${allOf(rows)}.`];
    return [`Last values: from ${low} in `, ends.low, ` to ${high} in `, ends.high, "."];
  }
  if (!rows.some(({ plan }) => plan)) return ["None of these weights has a schedule."];
  const worst = furthest(rows);
  if (!worst)
    return [countCells(rows) > 0 ? "On schedule at all steps." : "No update was due yet."];
  const difference = numberIn(worst);
  const points = formatPoints(Math.abs(difference)).replace("+", "");
  const where = `${points} points ${difference < 0 ? "below" : "above"}`;
  const step = formatStep(readCell(worst).step);
  return ["Furthest from its schedule: ", worst, `, ${where} at step ${step}.`];
}

function allOf({ length }: readonly HeatRow[]): string {
  return length === 1 ? "this weight" : `all ${count(length, "weight")}`;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : part.row.weight)).join("");
}

function Sentence({ parts, onOpen }: { parts: readonly Part[]; onOpen: (weight: string) => void }) {
  return parts.map((part) =>
    typeof part === "string" ? (
      part
    ) : (
      <button
        key={part.row.weight}
        type="button"
        class="link"
        onClick={() => onOpen(part.row.weight)}
      >
        {part.row.weight}
      </button>
    ),
  );
}

interface NamesProps {
  names: readonly string[];
  rowHeight: number;
  row: ReadonlySignal<number | null>;
  onOpen: (weight: string) => void;
}

/** Names nearer to each other than this, in pixels, would overlap. */
const NAME_HEIGHT = 12;

/** Beside the rows; of low rows only each so many-th has room for its name. */
function Names({ names, rowHeight, row, onOpen }: NamesProps) {
  const every = nameEvery(rowHeight);
  const pointed = row.value;
  const button = (index: number, name: string, isPointed = false) => (
    // Out of the tab order: the arrow keys and Enter do the same, without a thousand stops.
    <button
      key={name}
      type="button"
      class={isPointed ? "pointed" : undefined}
      tabIndex={-1}
      title={name}
      style={{ top: `${(index + 0.5) * rowHeight}px` }}
      onClick={() => onOpen(name)}
    >
      <Name text={name} />
    </button>
  );
  // The same elements each time: those that don't change cost nothing while the mouse moves.
  const all = useMemo(
    () => names.map((name, index) => (index % every === 0 ? button(index, name) : null)),
    [names, rowHeight],
  );
  return (
    <div class="heat-names">
      {all.map((one, index) => {
        const name = names[index];
        if (pointed === null || name === undefined) return one;
        if (index === pointed) return button(index, name, true);
        // The name that is pointed at displaces those that it would touch.
        const near = every > 1 && Math.abs(index - pointed) * rowHeight < NAME_HEIGHT;
        return near ? null : one;
      })}
    </div>
  );
}
