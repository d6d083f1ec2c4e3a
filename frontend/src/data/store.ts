import { batch, computed, effect, signal } from "@preact/signals";
import { LIMITS, STORAGE_KEYS, TAG_PREFIXES } from "../names";
import { fetchIndex, fetchLatest, fetchReports, fetchSeries } from "./api";
import {
  type Axis,
  type Clock,
  clockFrom,
  clockTag,
  placesOn,
  timeDomain,
  type Zoom,
} from "./axis";
import { assignHues, colorOf, type Hue, isHue, markOf, type Theme } from "./colors";
import { commonEpoch } from "./epochs";
import { AXIS, type Codec, NAMES, type Params, TEXT, WORDS, ZOOM } from "./link";
import { readCompression, readSensitivity } from "./reports";
import {
  changedReports,
  changedRuns,
  chooseMetric,
  chooseRuns,
  matches,
  metricsOf,
  stepDomain,
  weightsOf,
} from "./selection";
import { SeriesCache } from "./series";
import { recall, recallRecord, remember } from "./storage";
import type { Logged, Run, SeriesKey } from "./types";

/** What the page shows, as signals: components read them, the functions below change them. */

export const theme = signal<Theme>("light");
export const page = signal<"loading" | "ready" | "empty" | "error">("loading");
/** Why the last look at the index failed; null if it didn't. */
export const indexError = signal<string | null>(null);
export const reloading = signal(false);
/** When the index was last looked at, in seconds since 1970. */
export const lookedAt = signal(0);

export const runs = signal<readonly Run[]>([]);
const shown = signal<ReadonlySet<string>>(new Set());
const hues = signal<Record<string, Hue>>(recallRecord(STORAGE_KEYS.colors, isHue));
const chosen = signal<Record<string, boolean>>(
  recallRecord(STORAGE_KEYS.runs, (v) => typeof v === "boolean"),
);

export const runFilter = signal("");
export const weightFilter = signal("");
/** By its name; the table of views knows which there are. Null: the first. */
export const view = signal<string | null>(null);
/** The table of layers: which run, whose charts are open, and how it is sorted. */
export const tableRun = signal<string | null>(null);
export const openWeight = signal<string | null>(null);
export const tableSort = signal<string | null>(null);
export const heatColor = signal<string | null>(null);
export const tolerance = signal<string | null>(null);
export const baseline = signal<string | null>(null);
/** What is cut together, in the view of sensitivity. */
export const pattern = signal<string | null>(null);
/** Of the metric's chart; not remembered: a curve that was smoothed last week would mislead. */
export const smooth = signal<string | null>(null);
export const scale = signal<string | null>(null);
/** What the charts' curves are drawn over; the heat map is always over steps. */
export const axis = signal<Axis>("step");
/** Where on the axis the crosshair of every chart stands; null: none, the readouts show the end. */
export const cursor = signal<number | null>(null);
const zoom = signal<Zoom | null>(null);
const metricWish = signal<string | null>(null);

/** Curves on the page. */
export const series = new SeriesCache(LIMITS.pointsPerSeries, fetchSeries);
/** Last values only: for runs that aren't shown, and for weights that are scrolled away. */
export const latest = new SeriesCache(1, fetchLatest);
/** What was said of a run once, under the name of its kind. */
export const compression = new SeriesCache(1, fetchReports("compression", readCompression));
export const sensitivity = new SeriesCache(1, fetchReports("sensitivity", readSensitivity));

export const shownRuns = computed(() => runs.value.filter((run) => shown.value.has(run.run)));
export const weights = computed(() => weightsOf(shownRuns.value));
export const filteredWeights = computed(() =>
  weights.value.filter((weight) => matches(weight.name, weightFilter.value)),
);
export const metrics = computed(() => metricsOf(shownRuns.value));
export const metric = computed(() => chooseMetric(metrics.value, metricWish.value));
export const stepsPerEpoch = computed(() => commonEpoch(shownRuns.value));
export const domain = computed(() => stepDomain(shownRuns.value));
export const stepZoom = computed(() => zoomWithin("step", domain.value));
/** All that the charts' axis shows; null while the runs' times are on their way. */
export const axisDomain = computed(() => {
  if (axis.value === "step") return domain.value;
  const clocks = shownRuns.value.map((run) => ({ run, clock: clockOf(run) }));
  return timeDomain(axis.value, clocks);
});
export const axisZoom = computed(() => zoomWithin(axis.value, axisDomain.value));

/** A remembered zoom may be of another axis, or belong to another log. */
function zoomWithin(on: Axis, whole: readonly [number, number] | null) {
  const range = zoom.value?.axis === on ? zoom.value.range : null;
  return range && (!whole || (range[0] < whole[1] && range[1] > whole[0])) ? range : null;
}

/** Runs of a link wait here until the runs are known. */
const linkedRuns = signal<readonly string[] | null>(null);
const sharedRuns = {
  get value() {
    if (linkedRuns.value) return linkedRuns.value;
    // Before the runs are known, nothing can be said of them.
    const byItself = chooseRuns(runs.value, {}, new Set());
    const same = runs.value.every(({ run }) => byItself.has(run) === shown.value.has(run));
    return same ? null : shownRuns.value.map(({ run }) => run);
  },
  set value(names: readonly string[] | null) {
    linkedRuns.value = names;
    if (runs.value.length > 0) showLinkedRuns(runs.value);
    else if (!names) chosen.value = {};
  },
};

/**
 * What a link to this view says: a parameter, its state, and how that reads as text. What is kept
 * comes back also where the tab is opened without a link.
 */
const LINK = [
  param("view", view, TEXT, "kept"),
  param("runs", sharedRuns, NAMES),
  param("axis", axis, AXIS, "kept"),
  param("zoom", zoom, ZOOM, "kept"),
  param("metric", metricWish, TEXT, "kept"),
  param("weights", weightFilter, WORDS),
  param("weight", openWeight, TEXT),
  param("run", tableRun, TEXT),
  param("sort", tableSort, TEXT, "kept"),
  param("heat", heatColor, TEXT, "kept"),
  param("tolerance", tolerance, TEXT, "kept"),
  param("baseline", baseline, TEXT),
  param("pattern", pattern, TEXT),
  param("smooth", smooth, TEXT),
  param("scale", scale, TEXT),
];

function param<T>(name: string, state: { value: T }, { print, parse }: Codec<T>, kept?: "kept") {
  const read = () => print(state.value);
  const write = (text: string | null) => {
    state.value = parse(text);
  };
  if (kept) {
    const stored = recall(STORAGE_KEYS.link + name);
    if (typeof stored === "string") write(stored);
    effect(() => remember(STORAGE_KEYS.link + name, read()));
  }
  return { name, read, write };
}

effect(() => remember(STORAGE_KEYS.colors, hues.value));
effect(() => remember(STORAGE_KEYS.runs, chosen.value));

export function linkParams(): Params {
  const said = LINK.flatMap(({ name, read }) => {
    const text = read();
    return text === null ? [] : [[name, text] as const];
  });
  return Object.fromEntries(said);
}

/** Shows what a link says, and nothing of what was remembered. */
export function acceptLink(params: Params): void {
  batch(() => {
    for (const { name, write } of LINK) write(params[name] ?? null);
  });
}

function showLinkedRuns(known: readonly Run[]): void {
  const wanted = linkedRuns.value;
  linkedRuns.value = null;
  shown.value = wanted
    ? new Set(known.map((run) => run.run).filter((run) => wanted.includes(run)))
    : chooseRuns(known, {}, new Set());
  chosen.value = wanted
    ? {
        ...chosen.value,
        ...Object.fromEntries(known.map(({ run }) => [run, wanted.includes(run)])),
      }
    : {};
}

export function isShown(run: string): boolean {
  return shown.value.has(run);
}

export function runColor(run: Run): string {
  return colorOf(hues.value[run.name] ?? 0, theme.value);
}

export function runMark(run: Run): number {
  return markOf(hues.value[run.name] ?? 0);
}

/** Whether the run's colour is one that the user gave it. */
export function hasOwnColor(run: Run): boolean {
  return typeof hues.value[run.name] === "string";
}

/** Gives a run a colour, in place of the one that it has by itself; null takes it back. */
export function setRunColor(run: Run, color: string | null): void {
  const { [run.name]: _, ...others } = hues.value;
  const names = runs.value.map(({ name }) => name);
  hues.value =
    color === null ? { ...others, ...assignHues(names, others) } : { ...others, [run.name]: color };
}

export function toggleRun(run: string): void {
  const next = new Set(shown.value);
  if (!next.delete(run)) next.add(run);
  batch(() => {
    shown.value = next;
    chosen.value = { ...chosen.value, [run]: next.has(run) };
  });
}

/** Shows one run alone, or all of them again if it is alone already. */
export function soloRun(run: string): void {
  const alone = shown.value.size === 1 && shown.value.has(run);
  const next = new Set(alone ? runs.value.map((r) => r.run) : [run]);
  batch(() => {
    shown.value = next;
    chosen.value = {
      ...chosen.value,
      ...Object.fromEntries(runs.value.map((r) => [r.run, next.has(r.run)])),
    };
  });
}

/** The metric of this choice, among others than those that are logged; or the first. */
export function metricAmong(names: readonly string[]): string | null {
  return names.find((name) => name === metricWish.value) ?? names[0] ?? null;
}

export function chooseMetricByName(name: string): void {
  metricWish.value = name;
}

export function setZoom(range: readonly [number, number] | null, on: Axis = axis.value): void {
  zoom.value = range && { axis: on, range };
}

export function chooseAxis(chosen: Axis): void {
  batch(() => {
    axis.value = chosen;
    // The same number is another place there.
    cursor.value = null;
  });
}

/** The series that tell the runs' times, where the axis needs them. */
export function clockKeys(runs: readonly Run[]): SeriesKey[] {
  if (axis.value === "step") return [];
  return runs.flatMap((run) => clockTag(run).map((tag) => ({ run: run.run, tag })));
}

/** When a run was where; undefined: on its way, null: it can't be told. */
export function clockOf(run: Run): Clock | null | undefined {
  const [key] = clockKeys([run]);
  const points = key ? series.get(key) : null;
  return points ? clockFrom(axis.value, points) : points;
}

/** Where points of a run lie on the charts' axis; undefined while its times are on their way. */
export function placesOf(run: Run, points: Logged): number[] | undefined {
  if (axis.value === "step") return points.step;
  const clock = clockOf(run);
  return clock === undefined ? undefined : placesOn(axis.value, points, clock?.start);
}

export function sparsityTag(weight: string): string {
  return TAG_PREFIXES.sparsity + weight;
}

export function metricTag(name: string): string {
  return TAG_PREFIXES.metrics + name;
}

let request: AbortController | null = null;

/** Looks at the index, and lets go of the series of runs that have changed since. */
export async function reload(): Promise<void> {
  request?.abort();
  const mine = new AbortController();
  request = mine;
  reloading.value = true;
  try {
    const answer = await fetchIndex(mine.signal);
    if (request === mine) accept(answer);
  } catch (error) {
    if (request !== mine) return;
    batch(() => {
      indexError.value = error instanceof Error ? error.message : String(error);
      if (page.value !== "ready") page.value = "error";
    });
  } finally {
    if (request === mine) {
      request = null;
      reloading.value = false;
    }
  }
}

function accept(answer: Run[]): void {
  const before = runs.value;
  const changed = changedRuns(before, answer);
  const news = JSON.stringify(answer) !== JSON.stringify(runs.value);
  batch(() => {
    indexError.value = null;
    lookedAt.value = Date.now() / 1000;
    page.value = answer.length > 0 ? "ready" : "empty";
    // Without news nothing is drawn again.
    if (!news) return;
    runs.value = answer;
    const names = answer.map((run) => run.name);
    hues.value = { ...hues.value, ...assignHues(names, hues.value) };
    if (linkedRuns.value) showLinkedRuns(answer);
    else shown.value = chooseRuns(answer, chosen.value, shown.value);
  });
  for (const cache of [series, latest]) {
    cache.invalidate(changed);
    cache.retry();
  }
  for (const [kind, cache] of [
    ["compression", compression],
    ["sensitivity", sensitivity],
  ] as const) {
    cache.invalidate(changedReports(kind, before, answer));
    cache.retry();
  }
}
