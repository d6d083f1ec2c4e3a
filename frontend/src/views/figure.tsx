import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import { type ChartLook, type ChartModel, pointsIn } from "../charts/model";
import type { StepChart } from "../charts/step-chart";
import { useVisible } from "../charts/use-visible";
import { count, formatStep } from "../data/format";
import { type Reading, readingAt, textOfReading } from "../data/readout";
import { framesOf, type Plan, targetCurve } from "../data/schedule";
import { smoothed } from "../data/smooth";
import { cursor, domain, runColor, series, shownRuns } from "../data/store";
import type { Run } from "../data/types";
import { FigureTools } from "./figure-tools";
import { moveCursor } from "./step-keys";
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
  /** How much its curves are smoothed; the readout says what was logged. */
  smoothing?: number;
  children: (
    rows: FigureRow[],
    figure: { step: number | null; chart: ComponentChildren },
  ) => ComponentChildren;
}

export interface FigureRow {
  run: Run;
  color: string;
  arrived: boolean;
  reading: Reading;
}

export function StepFigure(props: FigureProps) {
  const { kind, subject, tag, has, planOf, look, weight } = props;
  const element = useRef<HTMLElement>(null);
  const chart = useRef<StepChart | null>(null);
  const visible = useVisible(element);

  const sources = useComputed(() =>
    shownRuns.value.filter(has).map((run) => ({ run, color: runColor(run), plan: planOf(run) })),
  );
  const model = useComputed<ChartModel>(() => {
    const curves: ChartModel["curves"] = [];
    const plans: { plan: Plan; color: string }[] = [];
    for (const { run, color, plan } of sources.value) {
      if (plan) plans.push({ plan, color });
      const points = series.get({ run: run.run, tag });
      if (!points) continue;
      const drawn = smoothed(points, props.smoothing ?? 0);
      curves.push({ run: run.run, color, points, drawn });
    }
    const drawn = kind === "metric" ? [] : plans;
    return {
      curves,
      targets: drawn.map(({ plan, color }) => ({ color, ...targetCurve(plan, domain.value[1]) })),
      frames: plans.flatMap(({ plan }) => framesOf(plan)),
      domain: domain.value,
    };
  });

  useWanted(series, visible, () => sources.value.map(({ run }) => ({ run: run.run, tag })));

  // Only charts on the screen follow the cursor: of a thousand, that is a dozen.
  const at = visible ? cursor.value : null;
  const rows: FigureRow[] = sources.value.map(({ run, color, plan }) => {
    const points = series.get({ run: run.run, tag });
    const reading = readingAt(points, kind === "metric" ? null : plan, at);
    return { run, color, arrived: points !== undefined, reading };
  });
  const ends = rows.flatMap(({ reading }) => reading.point?.step ?? []);
  const step = at ?? (ends.length > 0 ? Math.max(...ends) : null);
  const drawn = visible && rows.length > 0 && rows.every((row) => row.arrived);

  return (
    <figure
      ref={element}
      class={`figure ${kind}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
      tabIndex={0}
      aria-label={labelOf(subject, rows, step, props.format)}
      data-chart={kind}
      data-weight={weight}
      data-points={drawn ? pointsIn(model.value) : undefined}
      data-schedules={drawn ? model.value.targets.length : undefined}
      onKeyDown={(event) => moveCursor(event, chart.current?.steps() ?? [])}
      onBlur={() => {
        cursor.value = null;
      }}
    >
      {props.children(rows, {
        step,
        chart: visible ? <Chart model={model} look={look} chart={chart} /> : <div class="chart" />,
      })}
      {drawn && <FigureTools subject={subject} figure={element} model={model} />}
    </figure>
  );
}

function labelOf(
  subject: string,
  rows: readonly FigureRow[],
  step: number | null,
  format: (value: number) => string,
): string {
  const runs = count(rows.length, "run");
  const schedule = rows.some((row) => row.reading.plan) ? ", schedule shown" : "";
  if (step === null) return `${subject}, ${runs}${schedule}`;
  const said = rows.map(({ run, reading }) => {
    const { measured, target } = textOfReading(reading, format);
    return `${run.name} ${measured}${reading.due ? `, target ${target}` : ""}`;
  });
  return `${subject}, ${runs}${schedule}; at step ${formatStep(step)}: ${said.join("; ")}`;
}
