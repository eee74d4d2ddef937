"""What is learned on one archive, scored on another: other processing, other colours, other places.

    python -m evaluation.transfer --encoder RUN --archive A --test B --out R

The probe is fitted on A, its regularisation chosen at A's own volcanoes (or on a third archive,
``--choose-on``), and B is only scored. Volcanoes in both are refused unless ``--drop-shared`` says on which
side to leave them out. A baseline given as embeddings is given for B, too: ``--test-baseline NAME=FOLDER``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from evaluation.leaks import refuse_choice_on_test
from evaluation.measures import Outcome
from evaluation.methods import Method
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, outcome_elsewhere, over_runs, prior_outcome
from ssl_insar.classify.compare import PRIOR
from ssl_insar.classify.held_out import LeakError, refuse_shared
from ssl_insar.classify.linear_probe import C_GRID, LinearProbe
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError

_PATH = click.Path(path_type=Path)


def without_shared(train: Labelled, test: Labelled, drop: str | None) -> tuple[Labelled, Labelled]:
    """Both archives without the volcanoes that they share, which one of them loses.

    Args:
        train: fitted on.
        test: scored.
        drop: ``train`` or ``test``; None: shared volcanoes are refused.

    Raises:
        LeakError: they share a volcano, or a tile.
        UserError: nothing to fit on or to score is left.
    """
    if train.archive.digest == test.archive.digest:
        raise LeakError("leak: --test is the archive that is learned from; give another")
    if drop == "train":
        train = train.only(~np.isin(train.groups, test.groups))
    if drop == "test":
        test = test.only(~np.isin(test.groups, train.groups))
    try:
        refuse_shared(set(train.groups.tolist()), test.groups, "volcano")
    except LeakError as error:
        raise LeakError(f"{error}; here: --drop-shared train, or test") from error
    refuse_shared(set(_contents(train)), test.catalogue["content"], "copied tile", test.ids)
    for side, name in ((train, "learn from"), (test, "score")):
        if len(np.unique(side.y)) < 2:
            raise UserError(f"too few labels to {name} are left without the shared volcanoes")
    return train, test


def chosen_c(train: Labelled, here: NDArray[Any], other: Labelled, there: NDArray[Any], seed: int) -> float:
    """Strength of regularisation by the average precision on a third archive, the stronger at a tie."""
    probes = [LinearProbe(c, seed).fit(here, train.y, train.groups) for c in C_GRID]
    scores = [average_precision(other.codes, probe.scores(there)) for probe in probes]
    return C_GRID[int(np.argmax(scores))]


def paired(train: list[Method], test: list[Method]) -> list[tuple[Method, Method]]:
    """The same method on both archives; what is there for one only, or is not the same, is told of.

    Raises:
        UserError: one name has features of another encoder on the other side.
    """
    by_name = {method.name: method for method in test}
    pairs = []
    for method in train:
        other = by_name.get(method.name)
        if not method.features or other is None or not other.features:
            click.echo(f"note: {method.name} is left out: no features of both archives", err=True)
            continue
        if method.hashes != other.hashes:
            raise UserError(f"{method.name}: embeddings of the two archives are of different encoders")
        pairs.append((method, other))
    return pairs


@click.command()
@protocol_options
@click.option("--test", "test_place", required=True, type=_PATH, help="Archive to score.")
@click.option("--test-labels", type=_PATH, help="Table of its labels; default: those in it.")
@click.option(
    "--test-baseline", "elsewhere", multiple=True, metavar="NAME=FOLDER", help="As --baseline, of it."
)
@click.option("--drop-shared", "drop", type=click.Choice(["train", "test"]), help="Side that loses them.")
@click.option("--choose-on", type=_PATH, help="Third archive, with labels, that chooses the regularisation.")
def command(
    asked: Asked,
    test_place: Path,
    test_labels: Path | None,
    elsewhere: tuple[str, ...],
    drop: str | None,
    choose_on: Path | None,
) -> None:
    """Score encoders by a probe of one archive on another, beside baselines and nulls."""
    test = Labelled.of(test_place, test_labels, asked.target, ignore_absent=asked.ignore_absent)
    train, test = without_shared(asked.labelled(), test, drop)
    if train.y.dtype.kind != test.y.dtype.kind or set(train.y.tolist()) != set(test.y.tolist()):
        raise UserError("the labels of the two archives hold different classes")
    chooser = None
    if choose_on is not None:
        chooser = Labelled.of(choose_on, None, asked.target)
        refuse_choice_on_test(_known(chooser), _known(test))
    here = asked.methods(train.archive)
    pairs = paired(here, asked.methods(test.archive, elsewhere, train.archive))
    choosers = asked.methods(chooser.archive, (), train.archive) if chooser else []
    third = {method.name: method.features for method in choosers}
    elsewhere_of = {method.name: other for method, other in pairs}

    def outcome(method: Method, number: int) -> Outcome:
        near, far = (one.features[number] for one in (method, elsewhere_of[method.name]))
        c = None
        if chooser and method.name in third:
            there = third[method.name][number][chooser.rows]
            c = chosen_c(train, near[train.rows], chooser, there, asked.seed)
        return outcome_elsewhere(train, test, (near[train.rows], far[test.rows]), asked.rate, asked.seed, c)

    found = over_runs([method for method, _ in pairs], outcome)
    found[PRIOR] = [prior_outcome(train, test, asked.rate)]
    lines = lines_of(test, found, here, draws=asked.draws, seed=asked.seed)
    asked.keep("transfer", [line | {"train_tiles": len(train)} for line in lines], train, test)


def _contents(cases: Labelled) -> list[Any]:
    return cases.catalogue["content"].dropna().tolist()


def _known(cases: Labelled) -> dict[str, set[str]]:
    return {
        "archive": {cases.archive.digest},
        "volcano": set(cases.groups.tolist()),
        "tile": set(_contents(cases)),
    }


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
