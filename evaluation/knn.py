"""What the nearest labelled tiles at other volcanoes say: nothing is trained on top of the encoder.

    python -m evaluation.knn --encoder RUN --archive A --labels labels.csv --out R

The folds of the linear probe; k is chosen inside the training volcanoes, every tile without its own volcano,
and at most five tiles of one volcano vote (`ssl_insar.classify.Neighbours`).
"""

from __future__ import annotations

import click

from evaluation.grouped import grouped_outcomes
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of
from ssl_insar.classify.neighbours import Neighbours


@click.command()
@protocol_options
def command(asked: Asked) -> None:
    """Score encoders by their nearest labelled neighbours, beside baselines and nulls."""
    cases, methods, found = grouped_outcomes(asked, Neighbours)
    asked.keep("knn", lines_of(cases, found, methods, draws=asked.draws, seed=asked.seed), cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
