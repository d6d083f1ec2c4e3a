import { effect, type ReadonlySignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../data/store";
import { XyChart } from "./xy-chart";
import type { XyModel, XyPoint } from "./xy-model";

export interface XyCanvasProps {
  model: ReadonlySignal<XyModel>;
  /** Follows the pointer, and is marked wherever else it is set. */
  point: Signal<XyPoint | null>;
}

/** Puts a chart of a metric over sparsity on the page. */
export function XyCanvas({ model, point }: XyCanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const chart = new XyChart(element, {
      onPoint: (next) => {
        point.value = next;
      },
    });
    const resize = () => chart.resize(element.clientWidth, element.clientHeight);
    const size = new ResizeObserver(resize);
    size.observe(element);
    resize();
    const stops = [
      effect(() => chart.setModel(model.value)),
      effect(() => chart.setPoint(point.value)),
      effect(() => {
        theme.value;
        chart.redraw();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      chart.destroy();
    };
  }, [model, point]);
  return <div class="chart" ref={host} aria-hidden="true" />;
}
