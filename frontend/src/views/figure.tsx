import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import type { ChartLook, ChartModel } from "../charts/model";
import type { StepChart } from "../charts/step-chart";
import { useSight } from "../charts/use-visible";
import { count } from "../data/format";
import { type Reading, textOfReading } from "../data/readout";
import type { Plan } from "../data/schedule";
import { smoothed } from "../data/smooth";
import {
  axis,
  clockKeys,
  cursor,
  placesOf,
  runColor,
  runMark,
  series,
  shownRuns,
} from "../data/store";
import { placeWords } from "../data/time";
import type { Run } from "../data/types";
import { axisParts, endOf, rowAt, scheduleParts, targetParts } from "./chart-parts";
import { FigureTools } from "./figure-tools";
import { FocusNote, useFocus } from "./focus";
import { CHART_HELP } from "./help";
import { leaveCursor, moveCursor } from "./step-keys";
import { useWanted } from "./use-wanted";

/** One chart with its readout: a tag of every shown run that has it. Another tag needs another key. */
export interface FigureProps {
  kind: "total" | "metric" | "weight";
  /** What the chart is of, for the label: "Sparsity of dense/kernel". */
  subject: string;
  tag: string;
  has: (run: Run) => boolean;
  /** The schedule to hold the curve against; null where there is none. */
  planOf: (run: Run) => Plan | null;
  look: ChartLook;
  /** How its values read in words. */
  format: (value: number) => string;
  weight?: string;
  /** How much its curves are smoothed, in [0, 1); the readout says what was logged. */
  smoothing?: () => number;
  children: (
    rows: FigureRow[],
    figure: { at: number | null; chart: ComponentChildren; visible: boolean },
  ) => ComponentChildren;
}

export interface FigureRow {
  run: Run;
  color: string;
  arrived: boolean;
  reading: Reading;
  /** Where on the axis its point is. */
  place: number | null;
}

export function StepFigure(props: FigureProps) {
  const { kind, subject, tag, has, planOf, look, weight } = props;
  const element = useRef<HTMLElement>(null);
  const chart = useRef<StepChart | null>(null);
  const { near: visible, seen } = useSight(element);

  const sources = useComputed(() =>
    shownRuns.value.filter(has).map((run) => ({ run, color: runColor(run), plan: planOf(run) })),
  );
  // Apart from what follows the zoom.
  const placed = useComputed(() => {
    const curves: ChartModel["curves"] = [];
    let complete = sources.value.length > 0;
    for (const { run, color } of sources.value) {
      const points = series.get({ run: run.run, tag });
      const places = points && placesOf(run, points);
      if (!points || !places) {
        complete &&= points === null;
        continue;
      }
      const drawn = smoothed(points, props.smoothing?.() ?? 0);
      curves.push({ run: run.run, color, mark: runMark(run), points, places, drawn });
    }
    return { curves, complete };
  });
  const plotted = useComputed(() =>
    kind === "metric"
      ? placed.value.curves.map(({ places, points, drawn = points }) => ({
          ...drawn,
          step: places,
        }))
      : [],
  );
  const focus = useFocus(plotted);
  const model = useComputed<ChartModel>(() => ({
    ...placed.value,
    targets: kind === "metric" ? [] : sources.value.flatMap(targetParts),
    schedules: sources.value.flatMap(scheduleParts),
    ...axisParts(),
    range: look.log ? undefined : focus.range.value,
  }));

  useWanted(series, visible, () => {
    const all = sources.value.map(({ run }) => run);
    return [...all.map(({ run }) => ({ run, tag })), ...clockKeys(all)];
  });

  // Only charts on the screen follow the cursor: of a thousand, that is a dozen.
  const at = seen.value ? cursor.value : null;
  const rows = sources.value.map((source) => {
    const plan = kind === "metric" ? null : source.plan;
    return rowAt({ ...source, plan }, series.get({ run: source.run.run, tag }), at);
  });
  const end = endOf(rows);
  const drawn = visible && rows.length > 0 && rows.every((row) => row.arrived);

  const drawing = visible ? (
    <Chart model={model} look={look} chart={chart} seen={seen} />
  ) : (
    <div class="chart" />
  );
  return (
    <figure
      ref={element}
      class={visible ? `figure ${kind}` : `figure ${kind} away`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
      tabIndex={0}
      aria-describedby={CHART_HELP}
      aria-label={labelOf(subject, rows, at ?? end, props.format)}
      data-chart={kind}
      data-weight={weight}
      onKeyDown={(event) => moveCursor(event, chart.current?.places() ?? [])}
      onFocusOut={leaveCursor}
    >
      {props.children(rows, {
        at: at ?? end,
        visible,
        chart:
          kind === "metric" ? (
            <div>
              {drawing}
              {!look.log && <FocusNote focus={focus} />}
            </div>
          ) : (
            drawing
          ),
      })}
      {drawn && <FigureTools subject={subject} figure={element} model={model} />}
    </figure>
  );
}

function labelOf(
  subject: string,
  rows: readonly FigureRow[],
  at: number | null,
  format: (value: number) => string,
): string {
  const runs = count(rows.length, "run");
  const schedule = rows.some((row) => row.reading.plan) ? ", schedule shown" : "";
  if (at === null) return `${subject}, ${runs}${schedule}`;
  const said = rows.map(({ run, reading }) => {
    const { measured, target } = textOfReading(reading, format);
    return `${run.name} ${measured}${reading.due ? `, target ${target}` : ""}`;
  });
  const where = placeWords(axis.value, at);
  return `${subject}, ${runs}${schedule}; at ${where}: ${said.join("; ")}`;
}
