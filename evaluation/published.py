"""The published split as it is, with all that it gives away.

    python -m evaluation.published --encoder RUN --archive A --split L.csv:COLUMN --audit AUDIT --out R

AUDIT is what ``ssl-insar audit A --split L.csv:COLUMN --out AUDIT`` wrote: how many held-out tiles share
volcano, acquisition or pixels with training stands beside every score. The volcano prior never looks at a
tile. To be read next to what was published for this split, and not as evidence about another volcano.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from evaluation.labelled import Labelled
from evaluation.measures import Outcome
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, number_line, outcomes_elsewhere
from ssl_insar.audit.leaks import SHARED
from ssl_insar.audit.split import read_split
from ssl_insar.errors import UserError

LEAK = "leak_"
"""What the name of a metric begins with that counts leaked tiles."""
SPLIT = "the split itself"
PAPER = {"found": 31, "positives": 32, "alarms": 4, "negatives": 32}
"""What Bountos et al. report for theirs: "Self-Supervised Contrastive Learning for Volcanic Unrest Detection"
(2021, arXiv; 2022, IEEE GRSL 19), as a review of 2025 tabulates it. Right are 59 of 64."""


def leaks_of(folder: Path, digest: str, part: str) -> list[dict[str, Any]]:
    """What an audit says of a held-out part.

    Args:
        folder: what ``ssl-insar audit --split ... --out`` wrote.
        digest: of the archive.
        part: name of the held-out part.

    Returns:
        one a respect: ``what``, ``tiles`` of which it can be told, ``leaked``.

    Raises:
        UserError: no audit, of another archive, or without this split.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        audited, leaks = summary["digest"], summary["leaks"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{folder}: no audit ({error}); make one with: ssl-insar audit ARCHIVE --split CSV:COLUMN --out"
        ) from error
    if audited != digest:
        raise UserError(f"{folder}: an audit of another archive; audit this one, with --split")
    here = [leak for leak in leaks if leak["part"] == part]
    if not here:
        raise UserError(f"{folder}: an audit without the part '{part}'; audit again with the same --split")
    return here


def counts(test: Labelled, outcome: Outcome) -> dict[str, float]:
    """Found positives, false alarms, and the share that is right, as publications state them."""
    decided, truth = outcome.decided, outcome.positive
    if decided is None:
        raise UserError("the published protocol counts alarms and needs labels 0 and 1")
    return {
        "found": float((decided & truth).sum()),
        "positives": float(truth.sum()),
        "alarms": float((decided & ~truth).sum()),
        "negatives": float((~truth).sum()),
        "accuracy": float((decided == truth).mean()),
    }


@click.command()
@protocol_options
@click.option("--split", "where", required=True, help="CSV:COLUMN, or a column of the archive.")
def command(asked: Asked, where: str) -> None:
    """Score encoders on a published split, beside baselines and nulls, and print what the split leaks."""
    if asked.audit is None:
        raise UserError(
            "a split is not scored without its leaks; give --audit, made with ssl-insar audit --split"
        )
    cases = asked.labelled()
    split = read_split(cases.archive.catalogue, where)
    leaks = {part: leaks_of(asked.audit, cases.archive.digest, part) for part in split.held}
    methods = [method for method in asked.methods(cases.archive) if method.features]
    train = cases.only(split.train[cases.rows])
    lines: list[dict[str, Any]] = []
    for part, held in split.held.items():
        test = cases.only(held[cases.rows])
        for leak in leaks[part]:
            about = {"part": part, "method": SPLIT, "target": cases.target, "tiles": leak["tiles"]}
            metric = LEAK + str(leak["what"])
            lines.append(about | number_line(metric, [leak["leaked"]], (np.nan, np.nan)))
            click.echo(f"{leak['leaked']:,} of {leak['tiles']:,} {part} tiles are {SHARED[leak['what']]}")
        found = outcomes_elsewhere(train, test, methods, asked.rate, asked.seed)
        lines += lines_of(test, found, methods, part=part, draws=asked.draws, seed=asked.seed)
        for name, runs in found.items():
            about = {"part": part, "method": name, "runs": len(runs), "target": cases.target}
            told = [counts(test, one) for one in runs]
            for metric in told[0]:
                each = [one[metric] for one in told]
                lines.append(about | {"tiles": len(test)} | number_line(metric, each, (np.nan, np.nan)))
    asked.keep("published", [line | {"split": where.rpartition(":")[2]} for line in lines], cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
