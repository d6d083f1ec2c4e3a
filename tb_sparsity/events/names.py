"""Every name that stands in an event file. The page has the same list in `frontend/src/names.ts`."""

# Kind of series -> prefix of its tags.
TAG_PREFIXES = {
    "sparsity": "sparsity/",
    "threshold": "threshold/",
    "pruning_step": "pruning_step/",
    "mask_churn": "mask_churn/",
    "sparsity_total": "sparsity_total/",
    "metrics": "metrics/",
}
MAGNITUDE_PREFIX = "magnitude/"  # of histograms, which TensorBoard's own tab shows

TOTAL_PRUNED = "pruned"
TOTAL_MODEL = "model"

MANIFEST_TAG = "tb_sparsity/manifest"
MANIFEST_PLUGIN = "sparsity"  # also the plugin whose tab this is
SCALARS_PLUGIN = "scalars"

# A directory of its own: two live writers in one directory lose data under TensorBoard's Python server.
SUBDIRECTORY = "sparsity"

# Reports, as JSON in string tensors of `MANIFEST_PLUGIN`.
REPORTS = ("compression", "sensitivity")
REPORT_PREFIX = "tb_sparsity/"
REPORT_SUBDIRECTORY = "sparsity_report"


def tag(kind: str, name: str) -> str:
    """The tag of a series: `tag("sparsity", "conv2d/kernel") == "sparsity/conv2d/kernel"`."""
    return TAG_PREFIXES[kind] + name


def split_tag(full_tag: str) -> tuple[str, str] | None:
    """`(kind, name)` of a tag, or None if it is none of ours."""
    for kind, prefix in TAG_PREFIXES.items():
        if full_tag.startswith(prefix) and len(full_tag) > len(prefix):
            return kind, full_tag[len(prefix) :]
    return None
