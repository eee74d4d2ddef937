"""Classification of frozen embeddings from few labels, and its evaluation by volcano."""

from ssl_insar.archive.groups import assign_groups, groups_of
from ssl_insar.archive.labels import attach, labels_in, read_labels
from ssl_insar.classify.cross_validation import Report, evaluate, grouped_scores
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.metrics import Interval, auroc, average_precision, cluster_bootstrap
from ssl_insar.classify.nulls import global_statistics, volcano_prior

__all__ = [
    "Interval",
    "LinearProbe",
    "Report",
    "assign_groups",
    "attach",
    "auroc",
    "average_precision",
    "cluster_bootstrap",
    "evaluate",
    "global_statistics",
    "grouped_scores",
    "groups_of",
    "labels_in",
    "read_labels",
    "volcano_prior",
]
