/** How values read in a link, and where in TensorBoard's hash they stand. */

import { AXES, type Axis, type Zoom } from "./axis";

export type Params = Record<string, string>;

/** A value as text, and back. Null: as it is at first, which a link doesn't speak of. */
export interface Codec<T> {
  print(value: T): string | null;
  /** What can't be read is as it is at first: a link is typed by hand, too. */
  parse(text: string | null): T;
}

export const TEXT: Codec<string | null> = {
  print: (value) => value || null,
  parse: (text) => text,
};

/** A text that is empty at first. */
export const WORDS: Codec<string> = {
  print: (value) => value || null,
  parse: (text) => text ?? "",
};

/** Names may hold anything; encoded they hold no comma. An empty list is not as it is at first. */
export const NAMES: Codec<readonly string[] | null> = {
  print: (names) => names?.map(encodeURIComponent).join(",") ?? null,
  parse: (text) => text?.split(",").flatMap((part) => decode(part) || []) ?? null,
};

export const AXIS: Codec<Axis> = {
  print: (axis) => (axis === "step" ? null : axis),
  parse: (text) => AXES.find((axis) => axis === text) ?? "step",
};

/** `100-200`: steps; `relative:0.5-12`: seconds. */
export const ZOOM: Codec<Zoom | null> = {
  print: (zoom) => {
    if (!zoom) return null;
    const [from, to] = zoom.range.map((x) => String(Number(x.toFixed(6))));
    return `${zoom.axis === "step" ? "" : `${zoom.axis}:`}${from}-${to}`;
  },
  parse: (text) => {
    const found = /^(?:(relative|wall):)?(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text ?? "");
    const axis = (found?.[1] ?? "step") as Axis;
    const range = [Number(found?.[2]), Number(found?.[3])] as const;
    const whole = axis !== "step" || range.every(Number.isInteger);
    return range[0] < range[1] && whole ? { axis, range } : null;
  },
};

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

const PLUGIN = "sparsity";
const PREFIX = `p.${PLUGIN}.`;

/** The tab's parameters in TensorBoard's hash: `#sparsity&p.sparsity.view=layers`. */
export function paramsOf(hash: string): Params {
  const params: Params = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    const key = decode(part.slice(0, Math.max(at, 0)));
    if (key.startsWith(PREFIX)) params[key.slice(PREFIX.length)] = decode(part.slice(at + 1));
  }
  return params;
}

/** The hash with the tab's parameters replaced, all others kept. */
export function withParams(hash: string, params: Params): string {
  const others = hash
    .replace(/^#/, "")
    .split("&")
    .filter((part) => part !== "" && !decode(part.split("=")[0] ?? "").startsWith(PREFIX));
  const own = Object.entries(params).map(
    ([key, value]) => `${PREFIX}${key}=${encodeURIComponent(value)}`,
  );
  return `#${[...(others.length > 0 ? others : [PLUGIN]), ...own].join("&")}`;
}
