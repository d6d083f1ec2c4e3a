import { type Signal, signal, batch as together } from "@preact/signals";
import { keyOf } from "./api";
import type { Logged, SeriesKey } from "./types";

/** undefined: on its way; null: not in the log. */
export type Loaded<T = Logged> = T | null | undefined;

interface Entry<T> {
  key: SeriesKey;
  loaded: Signal<Loaded<T>>;
  /** How many places on the page show it now. */
  wanted: number;
  fresh: boolean;
  batch: Batch<T> | null;
}

interface Batch<T> {
  entries: Entry<T>[];
  abort: AbortController;
}

/** An answer for each key in the same order; null where there is none (any more). */
type Fetch<T> = (
  keys: readonly SeriesKey[],
  points: number,
  signal: AbortSignal,
) => Promise<(T | null)[]>;

/** Series in one request: small enough that the first charts stand early. */
const BATCH = 400;
/** Series with points that are kept, so that scrolling back costs nothing. */
const KEPT = 1500;

/**
 * Series, or whatever else a run has under a name, that are fetched while something on the page
 * wants them: requests that are made within one frame travel together, and are aborted when nobody
 * wants their answer any more.
 */
export class SeriesCache<T = Logged> {
  readonly error = signal<string | null>(null);
  private entries = new Map<string, Entry<T>>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly points: number,
    private readonly fetch: Fetch<T>,
  ) {}

  /** Reading it inside a component or an effect subscribes to the arrival. */
  get(key: SeriesKey): Loaded<T> {
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
      abortUnneeded(new Set(entries.map((entry) => entry.batch)));
      this.evict();
    };
  }

  /** Marks these runs' series as outdated; those on the page are fetched again. */
  invalidate(runs: ReadonlySet<string>): void {
    const stale = new Set<Batch<T> | null>();
    for (const entry of this.entries.values()) {
      if (!runs.has(entry.key.run)) continue;
      stale.add(entry.batch);
      entry.fresh = false;
      entry.batch = null;
    }
    abortUnneeded(stale);
    this.schedule();
  }

  /** Asks again for what failed. */
  retry(): void {
    this.error.value = null;
    this.schedule();
  }

  private entry(key: SeriesKey): Entry<T> {
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

  private async run(entries: Entry<T>[]): Promise<void> {
    const batch: Batch<T> = { entries, abort: new AbortController() };
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
      });
    } catch (error) {
      for (const entry of entries) if (entry.batch === batch) entry.batch = null;
      if (batch.abort.signal.aborted) {
        if (entries.some((entry) => entry.wanted > 0 && !entry.fresh)) this.schedule();
      } else this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  /** Lets go of points, not of entries: what shows them is told by the entry's signal alone. */
  private evict(): void {
    const held = [...this.entries.values()].filter(({ loaded }) => loaded.peek());
    const spare = held.filter(({ wanted }) => wanted === 0);
    together(() => {
      for (const entry of spare.slice(0, Math.max(0, held.length - KEPT))) {
        entry.fresh = false;
        entry.loaded.value = undefined;
      }
    });
  }
}

/** Ends the requests whose answer nobody wants, or a newer one will give. */
function abortUnneeded<T>(batches: ReadonlySet<Batch<T> | null>): void {
  for (const batch of batches) {
    const needed = batch?.entries.some((entry) => entry.batch === batch && entry.wanted > 0);
    if (needed === false) batch?.abort.abort();
  }
}
