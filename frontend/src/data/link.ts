/** What of the page's state a link carries, as text: only what differs from the beginning. */

export const VIEWS = ["overview", "layers"] as const;
export type View = (typeof VIEWS)[number];
export const VIEW_NAMES: Record<View, string> = { overview: "Overview", layers: "Layers" };

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
};

export type Params = Record<string, string>;

export function toParams(state: LinkState): Params {
  const params: Params = {};
  if (state.view !== FIRST.view) params.view = state.view;
  // Names may hold anything; encoded they hold no comma.
  if (state.runs) params.runs = state.runs.map(encodeURIComponent).join(",");
  if (state.zoom) params.zoom = state.zoom.join("-");
  for (const name of ["metric", "weights", "weight", "run", "sort"] as const) {
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
