/** What of the page's state a link carries, as text: only what differs from the beginning. */

export const VIEWS = ["overview", "layers", "heat", "tradeoff", "compare"] as const;
export type View = (typeof VIEWS)[number];
export const VIEW_NAMES: Record<View, string> = {
  overview: "Overview",
  layers: "Layers",
  heat: "Heat map",
  tradeoff: "Trade-off",
  compare: "Compare",
};

export interface LinkState {
  view: View;
  /** The shown runs; null: those that the page shows by itself. */
  runs: readonly string[] | null;
  metric: string | null;
  zoom: readonly [number, number] | null;
  weights: string;
  /** The weight whose charts are open in the table, and the run that it is about. */
  weight: string | null;
  run: string | null;
  /** The table's order: a column, with a minus for the highest first. */
  sort: string | null;
  /** What the heat map's colours say: `sparsity`, or the `difference` to the schedule. */
  heat: string | null;
  /** How far a metric may be from its best, in points for shares: as the user typed it. */
  tolerance: string | null;
  /** The run that others are compared with. */
  baseline: string | null;
  /** How much the metric's curve is smoothed, and `log` for its axis. */
  smooth: string | null;
  scale: string | null;
}

export const FIRST: LinkState = {
  view: "overview",
  runs: null,
  metric: null,
  zoom: null,
  weights: "",
  weight: null,
  run: null,
  sort: null,
  heat: null,
  tolerance: null,
  baseline: null,
  smooth: null,
  scale: null,
};

export type Params = Record<string, string>;

const TEXTS = [
  "metric",
  "weights",
  "weight",
  "run",
  "sort",
  "heat",
  "tolerance",
  "baseline",
  "smooth",
  "scale",
] as const;

export function toParams(state: LinkState): Params {
  const params: Params = {};
  if (state.view !== FIRST.view) params.view = state.view;
  // Names may hold anything; encoded they hold no comma.
  if (state.runs) params.runs = state.runs.map(encodeURIComponent).join(",");
  if (state.zoom) params.zoom = state.zoom.join("-");
  for (const name of TEXTS) {
    const value = state[name];
    if (value) params[name] = value;
  }
  return params;
}

/** The state of a link. What can't be read is as it is at first: a link is typed by hand, too. */
export function fromParams(params: Params): LinkState {
  const view = VIEWS.find((name) => name === params.view) ?? FIRST.view;
  const zoom = /^(\d+)-(\d+)$/.exec(params.zoom ?? "");
  const [from, to] = [Number(zoom?.[1]), Number(zoom?.[2])];
  return {
    view,
    runs: params.runs === undefined ? null : decodeList(params.runs),
    metric: params.metric ?? null,
    zoom: from < to ? [from, to] : null,
    weights: params.weights ?? "",
    weight: params.weight ?? null,
    run: params.run ?? null,
    sort: params.sort ?? null,
    heat: params.heat ?? null,
    tolerance: params.tolerance ?? null,
    baseline: params.baseline ?? null,
    smooth: params.smooth ?? null,
    scale: params.scale ?? null,
  };
}

function decodeList(text: string): string[] {
  return text.split(",").flatMap((part) => {
    const name = decode(part);
    return name ? [name] : [];
  });
}

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
