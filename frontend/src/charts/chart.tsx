import { effect, type ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { cursor, setZoom, theme, validZoom } from "../data/store";
import type { ChartLook, ChartModel } from "./model";
import { StepChart } from "./step-chart";

export interface ChartProps {
  model: ReadonlySignal<ChartModel>;
  look: ChartLook;
  /** For the figure around it, whose keys move the cursor along the chart's steps. */
  chart: RefObject<StepChart | null>;
}

/** Puts a chart on the page, and ties it to the one cursor and the one zoom of all charts. */
export function Chart({ model, look, chart }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const drawn = new StepChart(element, look, {
      onCursor: (step) => {
        cursor.value = step;
      },
      onZoom: setZoom,
    });
    chart.current = drawn;
    const resize = () => drawn.resize(element.clientWidth, element.clientHeight);
    const size = new ResizeObserver(resize);
    size.observe(element);
    resize();
    const stops = [
      effect(() => drawn.setModel(model.value, validZoom.value)),
      effect(() => drawn.setCursor(cursor.value)),
      effect(() => {
        theme.value;
        drawn.redraw();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      drawn.destroy();
      chart.current = null;
    };
  }, [model, look, chart]);
  return <div class="chart" ref={host} aria-hidden="true" />;
}
