/**
 * Every name the page shares with the Python side or with the browser's storage.
 * A Python test compares the routes and tags with `tb_sparsity`'s own.
 */

/** Relative to the tab's base (`<base href="plugin/sparsity/">`), so that `--path_prefix` works. */
export const ROUTES = { index: "index", series: "series", report: "report" } as const;

export const TAG_PREFIXES = {
  sparsity: "sparsity/",
  threshold: "threshold/",
  pruning_step: "pruning_step/",
  mask_churn: "mask_churn/",
  sparsity_total: "sparsity_total/",
  metrics: "metrics/",
} as const;

export const TOTAL_TAGS = {
  pruned: "sparsity_total/pruned",
  model: "sparsity_total/model",
} as const;

export const LIMITS = { seriesPerRequest: 2000, pointsPerSeries: 1000 } as const;

export const STORAGE_KEYS = {
  colors: "tb-sparsity.colors",
  runs: "tb-sparsity.runs",
  /** Followed by the name of a link's parameter. */
  link: "tb-sparsity.",
} as const;

/** The message channel of TensorBoard's dynamic plugins. */
export const HOST_MESSAGES = {
  bootstrap: "experimental.bootstrap",
  dataReloaded: "experimental.DataReloaded",
} as const;

/** The class TensorBoard puts on its own body; it tells the theme in no other way. */
export const HOST_DARK_CLASS = "dark-mode";
