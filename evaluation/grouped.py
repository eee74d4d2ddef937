"""Folds grouped by volcano, as several protocols have them."""

from __future__ import annotations

from evaluation.labelled import Labelled
from evaluation.measures import Outcome
from evaluation.methods import Method
from evaluation.protocol_options import Asked
from evaluation.scoring import Make, outcomes_over
from ssl_insar.archive.groups import grouped_folds


def grouped_outcomes(asked: Asked, make: Make) -> tuple[Labelled, list[Method], dict[str, list[Outcome]]]:
    """What is asked for, over five folds (fewer where a class occurs at fewer volcanoes).

    Args:
        asked: on the command line.
        make: gives a classifier that is not fitted yet.

    Returns:
        the labelled tiles, what is compared, and an outcome a run of it and of the volcano prior.

    Raises:
        LeakError: copies of a tile at two volcanoes.
    """
    cases = asked.labelled()
    splits = grouped_folds(cases.y, cases.groups, seed=asked.seed)
    cases.refuse_torn(splits)
    methods = asked.methods(cases.archive)
    return cases, methods, outcomes_over(cases, methods, splits, make, asked.rate)
