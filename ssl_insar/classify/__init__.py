"""Classification of frozen embeddings from few labels, and its evaluation by volcano."""

from ssl_insar.archive.groups import assign_groups, groups_of
from ssl_insar.archive.labels import attach, labels_in, read_labels
from ssl_insar.classify.calibration import Calibration, calibrate
from ssl_insar.classify.conformal import ConformalSets
from ssl_insar.classify.cross_validation import Report, evaluate, grouped_scores
from ssl_insar.classify.held_out import HeldOut, LeakError, held_out_scores
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.metrics import Interval, auroc, average_precision, cluster_bootstrap
from ssl_insar.classify.multi_label import MultiLabel
from ssl_insar.classify.neighbours import Neighbours
from ssl_insar.classify.nulls import global_statistics, volcano_prior
from ssl_insar.classify.outliers import OutlierDistance
from ssl_insar.classify.prototypes import Prototypes
from ssl_insar.classify.trusted import TrustedClassifier, fit_trusted

__all__ = [
    "Calibration",
    "ConformalSets",
    "HeldOut",
    "Interval",
    "LeakError",
    "LinearProbe",
    "MultiLabel",
    "Neighbours",
    "OutlierDistance",
    "Prototypes",
    "Report",
    "TrustedClassifier",
    "assign_groups",
    "attach",
    "auroc",
    "average_precision",
    "calibrate",
    "cluster_bootstrap",
    "evaluate",
    "fit_trusted",
    "global_statistics",
    "grouped_scores",
    "groups_of",
    "held_out_scores",
    "labels_in",
    "read_labels",
    "volcano_prior",
]
