import { batch, computed, effect, signal } from "@preact/signals";
import { LIMITS, STORAGE_KEYS, TAG_PREFIXES } from "../names";
import { fetchIndex } from "./api";
import { assignHues, colorOf, type Theme } from "./colors";
import { FIRST, fromParams, type LinkState, type Params, toParams, type View } from "./link";
import {
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
import type { Run } from "./types";

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
const hues = signal<Record<string, number>>(
  recallRecord(STORAGE_KEYS.colors, (v) => typeof v === "number"),
);
const chosen = signal<Record<string, boolean>>(
  recallRecord(STORAGE_KEYS.runs, (v) => typeof v === "boolean"),
);

export const runFilter = signal("");
export const weightFilter = signal("");
export const view = signal<View>(FIRST.view);
/** The table of layers: which run, whose charts are open, and how it is sorted. */
export const tableRun = signal<string | null>(null);
export const openWeight = signal<string | null>(null);
export const tableSort = signal<string | null>(null);
export const heatColor = signal<string | null>(null);
export const tolerance = signal<string | null>(null);
export const baseline = signal<string | null>(null);
/** Of the metric's chart; not remembered: a curve that was smoothed last week would mislead. */
export const smooth = signal<string | null>(null);
export const scale = signal<string | null>(null);
/** The step that the crosshair of every chart stands on; null: none, the readouts show the end. */
export const cursor = signal<number | null>(null);
export const zoom = signal<readonly [number, number] | null>(recallZoom());
const metricWish = signal<string | null>(recallMetric());

/** Curves on the page. */
export const series = new SeriesCache(LIMITS.pointsPerSeries);
/** More than one, in case the last value is a gap. */
const LATEST_POINTS = 8;
/** Last values only: for runs that aren't shown, and for weights that are scrolled away. */
export const latest = new SeriesCache(LATEST_POINTS);

export const shownRuns = computed(() => runs.value.filter((run) => shown.value.has(run.run)));
export const weights = computed(() => weightsOf(shownRuns.value));
export const filteredWeights = computed(() =>
  weights.value.filter((weight) => matches(weight.name, weightFilter.value)),
);
export const metrics = computed(() => metricsOf(shownRuns.value));
export const metric = computed(() => chooseMetric(metrics.value, metricWish.value));
export const domain = computed(() => stepDomain(shownRuns.value));
/** A remembered zoom may belong to another log. */
export const validZoom = computed(() => {
  const [range, [from, to]] = [zoom.value, domain.value];
  return range && range[0] < to && range[1] > from ? range : null;
});

effect(() => remember(STORAGE_KEYS.colors, hues.value));
effect(() => remember(STORAGE_KEYS.runs, chosen.value));
effect(() => remember(STORAGE_KEYS.metric, metricWish.value));
effect(() => remember(STORAGE_KEYS.zoom, zoom.value));

/** What a link to this view says. */
export function linkParams(): Params {
  // Before the runs are known, nothing can be said of them.
  const all = runs.value.map((run) => run.run);
  const byItself = chooseRuns(runs.value, {}, new Set());
  const same = all.every((run) => byItself.has(run) === shown.value.has(run));
  const state: LinkState = {
    view: view.value,
    runs: linkedRuns.value ?? (same ? null : all.filter((run) => shown.value.has(run))),
    metric: metricWish.value,
    zoom: zoom.value,
    weights: weightFilter.value,
    weight: openWeight.value,
    run: tableRun.value,
    sort: tableSort.value,
    heat: heatColor.value,
    tolerance: tolerance.value,
    baseline: baseline.value,
    smooth: smooth.value,
    scale: scale.value,
  };
  return toParams(state);
}

/** Shows what a link says, and nothing of what was remembered. */
export function acceptLink(params: Params): void {
  const state = fromParams(params);
  batch(() => {
    view.value = state.view;
    metricWish.value = state.metric;
    zoom.value = state.zoom;
    weightFilter.value = state.weights;
    openWeight.value = state.weight;
    tableRun.value = state.run;
    tableSort.value = state.sort;
    heatColor.value = state.heat;
    tolerance.value = state.tolerance;
    baseline.value = state.baseline;
    smooth.value = state.smooth;
    scale.value = state.scale;
    linkedRuns.value = state.runs;
    if (runs.value.length > 0) showLinkedRuns(runs.value);
  });
}

/** Runs of a link wait here until the runs are known. */
const linkedRuns = signal<readonly string[] | null>(null);

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

export function chooseMetricByName(name: string): void {
  metricWish.value = name;
}

export function setZoom(range: readonly [number, number] | null): void {
  zoom.value = range;
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
  const changed = changedRuns(runs.value, answer);
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
}

function recallZoom(): [number, number] | null {
  const stored = recall(STORAGE_KEYS.zoom);
  if (!Array.isArray(stored) || stored.length !== 2) return null;
  const [from, to] = stored;
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
}

function recallMetric(): string | null {
  const stored = recall(STORAGE_KEYS.metric);
  return typeof stored === "string" ? stored : null;
}
