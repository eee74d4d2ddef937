"""How well a probe of the past finds deformation later: what an observatory would have had.

    python -m evaluation.forward_in_time --encoder RUN --archive A --labels labels.csv --out R

Fitted on interferograms whose two dates lie before a day, scored on those whose two dates do not; what spans
the day is left out, so that no acquisition, and with it no atmosphere, is on both sides. Volcanoes may be:
a place that deformed before is known to a working observatory, and the volcano prior says what that is
worth. The part ``new volcanoes`` has those only of which the training held no positive.
"""

from __future__ import annotations

from datetime import datetime

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from evaluation.leaks import refuse_leaks
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, outcomes_elsewhere, restricted
from ssl_insar.archive.days import days_of
from ssl_insar.archive.groups import NotEvaluableError
from ssl_insar.classify.held_out import refuse_shared

LATER = 0.3
"""Share of the tiles that a day should leave for scoring."""
NEW = "new volcanoes"


def dates_of(cases: Labelled) -> NDArray[np.int64]:
    """Days of both acquisitions, earlier first; -1 where not known.

    Shape:
        n tiles -> (n, 2)
    """
    days = [days_of(cases.catalogue[name]) for name in ("reference_date", "secondary_date")]
    return np.sort(np.stack(days, axis=1), axis=1)


def sides(dates: NDArray[np.int64], day: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tiles end before a day, and which begin on it or later; undated ones are neither."""
    dated = dates[:, 0] >= 0
    return dated & (dates[:, 1] < day), dated & (dates[:, 0] >= day)


def choose_day(cases: Labelled) -> int:
    """The day that leaves about `LATER` of the tiles for later and all classes on both sides.

    It looks at dates and labels only. Days with every class at two volcanoes or more before them come first,
    because the probe's regularisation can be chosen then.

    Raises:
        NotEvaluableError: there is none.
    """
    dates = dates_of(cases)
    classes = np.unique(cases.y)
    best: tuple[bool, float, int] | None = None
    for day in np.unique(dates[dates[:, 0] >= 0]).tolist():
        past, later = sides(dates, day)
        if any(not (cases.y[side] == value).any() for side in (past, later) for value in classes):
            continue
        places = min(len(np.unique(cases.groups[past & (cases.y == value)])) for value in classes)
        miss = abs(later.sum() / (past.sum() + later.sum()) - LATER)
        best = min(best or (True, np.inf, 0), (places < 2, float(miss), day))
    if best is None:
        raise NotEvaluableError("no day has every class both before and after it; label more dated tiles")
    return best[2]


def split_at(cases: Labelled, day: int) -> tuple[Labelled, Labelled]:
    """Tiles of the past and later ones.

    Raises:
        NotEvaluableError: a side lacks a class.
        LeakError: an acquisition, or a copy of a tile, is on both sides.
    """
    past, later = sides(dates_of(cases), day)
    train, test = cases.only(past), cases.only(later)
    for side, words in ((train, "before"), (test, "after")):
        if len(np.unique(side.y)) < len(np.unique(cases.y)):
            raise NotEvaluableError(f"a class is missing {words} the day; give another --day")
    refuse_acquisitions(train, test)
    rows = np.flatnonzero(past), np.flatnonzero(later)
    # Each tile as its own group: volcanoes may be on both sides here.
    refuse_leaks([rows], "tile", cases.ids, cases.copies, cases.ids)
    return train, test


def refuse_acquisitions(train: Labelled, test: Labelled) -> None:
    """Refuse sides that share a date, of whatever track.

    Raises:
        LeakError: naming the date.
    """
    seen = {str(np.datetime64(int(day), "D")) for day in np.unique(dates_of(train))}
    for column in dates_of(test).T:
        refuse_shared(seen, [str(np.datetime64(int(day), "D")) for day in column], "acquisition")


@click.command()
@protocol_options
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="First day of the test; default: chosen by dates."
)
def command(asked: Asked, day: datetime | None) -> None:
    """Score encoders by a probe of earlier interferograms on later ones, beside baselines and nulls."""
    cases = asked.labelled()
    number = choose_day(cases) if day is None else int(np.datetime64(day.date(), "D").astype(int))
    train, test = split_at(cases, number)
    click.echo(
        f"before {np.datetime64(number, 'D')}: {len(train):,} tiles; since then: {len(test):,}; "
        f"spanning it or undated: {len(cases) - len(train) - len(test):,}",
        err=True,
    )
    methods = [method for method in asked.methods(cases.archive) if method.features]
    found = outcomes_elsewhere(train, test, methods, asked.rate, asked.seed)
    lines = lines_of(test, found, methods, draws=asked.draws, seed=asked.seed)
    known = np.unique(train.groups[train.y != 0]) if cases.binary else np.unique(train.groups)
    new = ~np.isin(test.groups, known)
    if len(np.unique(test.y[new])) == len(np.unique(cases.y)):
        there = test.only(new)
        narrowed = {name: [restricted(one, new) for one in runs] for name, runs in found.items()}
        lines += lines_of(there, narrowed, methods, part=NEW, draws=asked.draws, seed=asked.seed)
    since = {"split": str(np.datetime64(number, "D")), "train_tiles": len(train)}
    asked.keep("forward_in_time", [line | since for line in lines], cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
