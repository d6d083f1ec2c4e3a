import type { ReadonlySignal, Signal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useRef } from "preact/hooks";
import { XyCanvas } from "../charts/xy-canvas";
import { nextPoint } from "../charts/xy-layout";
import type { XyModel, XyPoint } from "../charts/xy-model";

interface Props {
  name: string;
  label: string;
  /** How many there are; undefined until all of them have arrived. */
  points: number | undefined;
  model: ReadonlySignal<XyModel>;
  point: Signal<XyPoint | null>;
  legend: ComponentChildren;
  /** The readout. */
  children: ComponentChildren;
  tools?: (figure: RefObject<HTMLElement | null>) => ComponentChildren;
}

/** Curves over sparsity, with the readout of the point that is pointed at, by mouse or keys. */
export function XyFigure({ name, label, points, model, point, legend, children, tools }: Props) {
  const element = useRef<HTMLElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target !== element.current) return;
    if (event.key === "Escape") point.value = null;
    const next = nextPoint(event.key, model.value.curves, point.value);
    if (!next) return;
    event.preventDefault();
    point.value = next;
  };
  return (
    <figure
      ref={element}
      class="figure xy"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
      tabIndex={0}
      aria-label={label}
      data-chart={name}
      data-points={points}
      onKeyDown={onKeyDown}
      onBlur={() => {
        point.value = null;
      }}
    >
      <div class="large">
        <div>
          <XyCanvas model={model} point={point} />
          <p class="key quiet">{legend}</p>
        </div>
        {children}
      </div>
      {tools?.(element)}
    </figure>
  );
}
