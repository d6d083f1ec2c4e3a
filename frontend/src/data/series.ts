import { type Signal, signal, batch as together } from "@preact/signals";
import { fetchSeries, keyOf } from "./api";
import type { Points, SeriesKey } from "./types";

/** undefined: on its way; null: not in the log. */
export type Loaded = Points | null | undefined;

interface Entry {
  key: SeriesKey;
  loaded: Signal<Loaded>;
  /** How many places on the page show it now. */
  wanted: number;
  fresh: boolean;
  batch: Batch | null;
}

interface Batch {
  entries: Entry[];
  abort: AbortController;
}

type Fetch = typeof fetchSeries;

/** Series in one request: small enough that the first charts stand early. */
const BATCH = 400;
/** Entries kept beyond those on the page, so that scrolling back costs nothing. */
const KEPT = 1500;

/**
 * Series that are fetched while something on the page wants them: requests that are made within
 * one frame travel together, and are aborted when nobody wants their answer any more.
 */
export class SeriesCache {
  readonly error = signal<string | null>(null);
  private entries = new Map<string, Entry>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly points: number,
    private readonly fetch: Fetch = fetchSeries,
  ) {}

  /** Reading it inside a component or an effect subscribes to the arrival. */
  get(key: SeriesKey): Loaded {
    return this.entry(key).loaded.value;
  }

  /** Wants the series until the returned function is called. */
  want(keys: readonly SeriesKey[]): () => void {
    const entries = keys.map((key) => this.entry(key));
    for (const entry of entries) entry.wanted++;
    this.schedule();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const entry of entries) entry.wanted--;
      this.abortUnwanted(entries);
      this.evict();
    };
  }

  /** Marks these runs' series as outdated; those on the page are fetched again. */
  invalidate(runs: ReadonlySet<string>): void {
    for (const entry of this.entries.values()) {
      if (!runs.has(entry.key.run)) continue;
      entry.fresh = false;
      entry.batch = null;
    }
    this.schedule();
  }

  /** Asks again for what failed. */
  retry(): void {
    this.error.value = null;
    this.schedule();
  }

  private entry(key: SeriesKey): Entry {
    const id = keyOf(key);
    let entry = this.entries.get(id);
    if (!entry) {
      entry = { key, loaded: signal(undefined), wanted: 0, fresh: false, batch: null };
      this.entries.set(id, entry);
    }
    return entry;
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.send();
    }, 16);
  }

  private send(): void {
    const waiting = [...this.entries.values()].filter((e) => e.wanted > 0 && !e.fresh && !e.batch);
    for (let i = 0; i < waiting.length; i += BATCH) void this.run(waiting.slice(i, i + BATCH));
  }

  private async run(entries: Entry[]): Promise<void> {
    const batch: Batch = { entries, abort: new AbortController() };
    for (const entry of entries) entry.batch = batch;
    const keys = entries.map((entry) => entry.key);
    try {
      const answers = await this.fetch(keys, this.points, batch.abort.signal);
      together(() => {
        entries.forEach((entry, i) => {
          // A newer request has taken over: its answer is the one to show.
          if (entry.batch !== batch) return;
          entry.batch = null;
          entry.fresh = true;
          entry.loaded.value = answers[i] ?? null;
        });
        this.error.value = null;
      });
    } catch (error) {
      for (const entry of entries) if (entry.batch === batch) entry.batch = null;
      if (batch.abort.signal.aborted) {
        if (entries.some((entry) => entry.wanted > 0 && !entry.fresh)) this.schedule();
      } else this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  private abortUnwanted(released: readonly Entry[]): void {
    for (const batch of new Set(released.map((entry) => entry.batch))) {
      if (batch?.entries.every((entry) => entry.wanted === 0)) batch.abort.abort();
    }
  }

  private evict(): void {
    if (this.entries.size <= KEPT) return;
    for (const [id, entry] of this.entries) {
      if (this.entries.size <= KEPT) return;
      if (entry.wanted === 0) this.entries.delete(id);
    }
  }
}
