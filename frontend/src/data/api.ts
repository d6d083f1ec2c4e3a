import { LIMITS, ROUTES } from "../names";
import type { Unreadable } from "./reports";
import type { Logged, ReportKind, Run, SeriesAnswer, SeriesKey } from "./types";

/** A request that failed, in words fit for the page. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    message: string,
    readonly status: number | null = null,
  ) {
    super(message);
  }
}

async function ask(route: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(route, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("TensorBoard does not answer.");
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const said = (body as { error?: unknown } | null)?.error;
    throw new ApiError(
      typeof said === "string" ? said : `TensorBoard answered with status ${response.status}.`,
      response.status,
    );
  }
  if (body === null) throw new ApiError("TensorBoard's answer is not JSON.");
  return body;
}

export async function fetchIndex(signal: AbortSignal): Promise<Run[]> {
  const answer = (await ask(ROUTES.index, { signal })) as { runs?: unknown };
  if (!Array.isArray(answer.runs)) throw new ApiError("The list of runs has an unknown form.");
  return answer.runs as Run[];
}

/** Points of each key in the same order; null where the run or tag is not there (any more). */
export async function fetchSeries(
  keys: readonly SeriesKey[],
  points: number,
  signal: AbortSignal,
): Promise<(Logged | null)[]> {
  const all: (Logged | null)[] = [];
  for (let i = 0; i < keys.length; i += LIMITS.seriesPerRequest) {
    const chunk = keys.slice(i, i + LIMITS.seriesPerRequest);
    const answer = (await ask(ROUTES.series, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ series: chunk, points }),
      signal,
    })) as SeriesAnswer;
    all.push(...matchAnswer(chunk, answer));
  }
  return all;
}

/** The last points alone; where one is a gap the whole curve, which tells what came before. */
export async function fetchLatest(
  keys: readonly SeriesKey[],
  _points: number,
  signal: AbortSignal,
): Promise<(Logged | null)[]> {
  const last = await fetchSeries(keys, 1, signal);
  const isGap = (i: number) => last[i]?.value.at(-1) === null;
  const gaps = [...last.keys()].filter(isGap);
  const whole = await fetchSeries(
    gaps.map((i) => keys[i] as SeriesKey),
    LIMITS.pointsPerSeries,
    signal,
  );
  gaps.forEach((i, at) => {
    last[i] = whole[at] ?? null;
  });
  return last;
}

export function matchAnswer(keys: readonly SeriesKey[], answer: SeriesAnswer): (Logged | null)[] {
  const found = new Map<string, Logged>();
  for (const entry of answer.series) {
    if ("error" in entry) continue;
    const axis = answer.axes[entry.axis];
    if (axis) found.set(keyOf(entry), { ...axis, value: entry.value });
  }
  return keys.map((key) => found.get(keyOf(key)) ?? null);
}

/** The reports of a kind, each as `read` takes it, or why there is none to show. */
export function fetchReports<T>(kind: ReportKind, read: (answer: unknown) => T | Unreadable) {
  return (keys: readonly SeriesKey[], _points: number, signal: AbortSignal) =>
    Promise.all(
      keys.map(async ({ run }): Promise<T | Unreadable> => {
        try {
          const query = new URLSearchParams({ run, kind });
          return read(await ask(`${ROUTES.report}?${query}`, { signal }));
        } catch (error) {
          // What is refused once is refused again; a failure on the way may pass.
          const isRefused =
            error instanceof ApiError && error.status !== null && error.status < 500;
          if (!isRefused) throw error;
          return { unreadable: error.message };
        }
      }),
    );
}

export function keyOf({ run, tag }: SeriesKey): string {
  return `${run.length} ${run}${tag}`;
}
