"""Options that several commands of ``ssl-insar classify`` have."""

from __future__ import annotations

import click

from ssl_insar.cli.options import choice_option

method_option = choice_option(
    "--method",
    ["probe", "prototypes", "knn"],
    "Linear probe, nearest class mean, or vote of the nearest labelled tiles.",
)


targets_option = click.option(
    "--target",
    "targets",
    multiple=True,
    help="Label column; needed when there are several. Given more than once: labels of 0 and 1, any of which "
    "a tile may have.",
)
level_option = click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Coverage that conformal sets promise.",
)
quiet_option = click.option(
    "--quiet", metavar="CLASS", help="Label of tiles that do not deform; default: 0 of labels 0/1."
)
prevalence_option = click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of label 1 where the classifier will be used; default: as among the labels.",
)
outliers_option = choice_option(
    "--outliers",
    ["knn", "mahalanobis"],
    "How far out a tile lies: distance to the 5th nearest labelled tile, or from the mean of them all "
    "by their covariance.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds, draws and bootstrap."
)
ignore_absent_option = click.option(
    "--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive."
)
