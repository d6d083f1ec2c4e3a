import type { Points } from "../data/types";

const WIDTH = 80;
const HEIGHT = 18;
/** More corners than pixels can't be seen. */
const CORNERS = WIDTH;

interface Props {
  points: Points | null | undefined;
  target: Points | null;
  color: string;
  domain: readonly [number, number];
}

/** A weight's sparsity in a line of text, over its schedule. */
export function Sparkline({ points, target, color, domain }: Props) {
  return (
    <svg class="sparkline" width={WIDTH} height={HEIGHT} aria-hidden="true" style={{ color }}>
      {target && <path class="goal" d={pathOf(target, domain)} />}
      {points && <path d={pathOf(points, domain)} />}
    </svg>
  );
}

export function pathOf({ step, value }: Points, [from, to]: readonly [number, number]): string {
  const every = Math.max(1, Math.ceil(step.length / CORNERS));
  let path = "";
  let open = false;
  step.forEach((s, i) => {
    // The last point is where training stands.
    if (i % every !== 0 && i !== step.length - 1) return;
    const v = value[i];
    if (v === null || v === undefined) {
      open = false;
      return;
    }
    const x = (((s - from) / Math.max(1, to - from)) * WIDTH).toFixed(1);
    const y = (HEIGHT - 1 - v * (HEIGHT - 2)).toFixed(1);
    path += `${open ? "L" : "M"}${x} ${y}`;
    open = true;
  });
  return path;
}
