import { LIMITS, ROUTES } from "../names";
import type { Points, Run, SeriesAnswer, SeriesKey } from "./types";

/** A request that failed, in words fit for the page. */
export class ApiError extends Error {
  override name = "ApiError";
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
): Promise<(Points | null)[]> {
  const all: (Points | null)[] = [];
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

export function matchAnswer(keys: readonly SeriesKey[], answer: SeriesAnswer): (Points | null)[] {
  const found = new Map<string, Points>();
  for (const entry of answer.series) {
    if ("error" in entry) continue;
    const axis = answer.axes[entry.axis];
    if (axis) found.set(keyOf(entry), { step: axis.step, value: entry.value });
  }
  return keys.map((key) => found.get(keyOf(key)) ?? null);
}

export function keyOf({ run, tag }: SeriesKey): string {
  return JSON.stringify([run, tag]);
}
