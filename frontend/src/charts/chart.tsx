import { effect, type ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { axisZoom, cursor, setZoom, theme } from "../data/store";
import { type ChartLook, type ChartModel, pointsIn } from "./model";
import { StepChart } from "./step-chart";

export interface ChartProps {
  model: ReadonlySignal<ChartModel>;
  look: ChartLook;
  /** For the figure around it, whose keys move the cursor along the chart's steps. */
  chart: RefObject<StepChart | null>;
  /** Whether it is on the screen: else it needs not follow the cursor. */
  seen: ReadonlySignal<boolean>;
}

/** Puts a chart on the page, and ties it to the one cursor and the one zoom of all charts. */
export function Chart({ model, look, chart, seen }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const drawn = StepChart.place(element, look, {
      onCursor: (place) => {
        cursor.value = place;
      },
      onZoom: (range) => setZoom(range),
      onDrawn: (model) => tell(model),
    });
    chart.current = drawn;
    // What the figure says of its chart is what stands on the canvas.
    const said = element.closest("figure")?.dataset ?? {};
    const tell = ({ complete, targets, ...model }: ChartModel) => {
      if (!complete) return silence();
      said.points = String(pointsIn(model));
      said.schedules = String(targets.length);
    };
    const silence = () => {
      delete said.points;
      delete said.schedules;
    };
    const resize = () => drawn.resize(element.clientWidth, element.clientHeight);
    const size = new ResizeObserver(resize);
    size.observe(element);
    resize();
    const stops = [
      effect(() => drawn.setModel(model.value)),
      effect(() => drawn.setZoom(axisZoom.value)),
      effect(() => drawn.setCursor(seen.value ? cursor.value : null)),
      effect(() => {
        theme.value;
        drawn.redraw();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      drawn.leave();
      silence();
      chart.current = null;
    };
  }, [model, look, chart, seen]);
  return <div class="chart" ref={host} aria-hidden="true" />;
}
