import { TAG_PREFIXES, TOTAL_TAGS } from "../names";
import { type Known, type RunStatus, statusOf, suspects } from "./status";
import { latest, lookedAt, metricTag, series, sparsityTag } from "./store";
import type { Run, SeriesKey } from "./types";

/** What became of a run, as far as what is asked for below has arrived. */
export function currentStatus(run: Run): RunStatus {
  const known = knownOf(run);
  const asked = new Set(suspects(run, known));
  // Curves that only happen to be there must not change what is said, nor have it worked out anew.
  const history: Known["history"] = (weight) =>
    asked.has(weight) ? known.history(weight) : undefined;
  return statusOf(run, { ...known, history }, lookedAt.value);
}

/** The last values of all weights and metrics: of `latest`. */
export function latestKeys(run: Run): SeriesKey[] {
  const tags = [
    TOTAL_TAGS.pruned,
    ...(run.tags.sparsity ?? []).map(sparsityTag),
    ...(run.tags.metrics ?? []).map(metricTag),
  ];
  return tags.map((tag) => ({ run: run.run, tag }));
}

/** The whole curves of the total, and of weights with which something is wrong: of `series`. */
export function historyKeys(run: Run): SeriesKey[] {
  const total = totalTag(run.tags);
  const tags = suspects(run, knownOf(run)).map(sparsityTag);
  return [...(total ? [total] : []), ...tags].map((tag) => ({ run: run.run, tag }));
}

function knownOf({ run, tags }: Run): Known {
  const total = totalTag(tags);
  return {
    total: latest.get({ run, tag: TOTAL_TAGS.pruned }),
    totalHistory: total ? series.get({ run, tag: total }) : null,
    latest: (weight) => latest.get({ run, tag: sparsityTag(weight) }),
    history: (weight) => series.get({ run, tag: sparsityTag(weight) }),
    metric: (name) => latest.get({ run, tag: metricTag(name) }),
  };
}

/** A run that prunes nothing logs no total of what it pruned. */
function totalTag(tags: Run["tags"]): string | null {
  const prefix = TAG_PREFIXES.sparsity_total;
  const names = (tags.sparsity_total ?? []).map((name) => prefix + name);
  return [TOTAL_TAGS.pruned, TOTAL_TAGS.model].find((tag) => names.includes(tag)) ?? null;
}
