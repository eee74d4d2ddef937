"""Options that all protocols share, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from evaluation import records
from evaluation.feature_cache import FeatureCache
from evaluation.labelled import Labelled
from evaluation.leaks import copied_pairs
from evaluation.methods import Method, build_methods, named
from evaluation.running import gathered
from ssl_insar.archive import Archive
from ssl_insar.classify.false_alarms import parse_budget

_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Asked:
    """What is asked on the command line; see `protocol_options`."""

    encoders: tuple[str, ...]
    baselines: tuple[str, ...]
    imagenet: Path | None
    place: Path
    labels: Path | None
    target: str | None
    ignore_absent: bool
    audit: Path | None
    alarms: str
    draws: int
    seed: int
    cache: Path | None
    out: Path

    @property
    def rate(self) -> float:
        """False alarms a frame-year."""
        return parse_budget(self.alarms)

    def labelled(self) -> Labelled:
        """The archive and its labels."""
        pairs = copied_pairs(self.audit)
        return Labelled.of(
            self.place, self.labels, self.target, ignore_absent=self.ignore_absent, pairs=pairs
        )

    def methods(
        self, archive: Archive, baselines: Sequence[str] | None = None, fitted_on: Archive | None = None
    ) -> list[Method]:
        """What is compared; see `build_methods`.

        Args:
            archive: whose tiles.
            baselines: other folders than those of ``--baseline``.
            fitted_on: see there.
        """
        given = named(self.baselines if baselines is None else baselines, "baseline")
        # A baseline that was embedded elsewhere, too, stands in for an encoder of its name.
        encoders = named(self.encoders, "encoder")
        if baselines is not None:
            encoders = {name: places for name, places in encoders.items() if name not in given}
        cache = FeatureCache(self.cache or self.out / "features")
        return build_methods(archive, encoders, given, cache, self.imagenet, self.seed, fitted_on)

    def keep(
        self, protocol: str, lines: Sequence[dict[str, Any]], train: Labelled, test: Labelled | None = None
    ) -> None:
        """Append the lines to the results, and show the main ones.

        Args:
            protocol: name of the module.
            lines: of `scoring.lines_of`, or like them.
            train: tiles that were fitted on.
            test: of another archive, if that was scored.
        """
        about = {
            "protocol": protocol,
            "archive_digest": train.archive.digest,
            "test_digest": test.archive.digest if test else "",
            "seed": self.seed,
            "false_alarms": self.alarms,
        }
        records.append([about | line for line in lines], self.out)
        for line in lines:
            if line["metric"] in ("ap", "auroc"):
                click.echo(
                    f"{protocol}, {line['part']}: {line['method']}: {line['metric']} {line['value']:.3f} "
                    f"[{line['low']:.3f}, {line['high']:.3f}]"
                )
        click.echo(f"{len(lines):,} lines in {self.out / records.RESULTS}; a page: evaluation.results")


def protocol_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every protocol, which reach the command as one `Asked`."""
    command = gathered(Asked, command)
    options = [
        click.option(
            "--encoder", "--embeddings", "encoders", multiple=True, metavar="[NAME=]E[,E2]",
            help="Run, encoder or embeddings; several of one name are its seeds. The first is compared with.",
        ),
        click.option(
            "--baseline", "baselines", multiple=True, metavar="NAME=FOLDER[,FOLDER]",
            help="Embeddings of a baseline, or a CSV of scores out of fold; several are its seeds.",
        ),
        click.option("--imagenet", type=_PATH, help="File of ImageNet weights, for a row of its own."),
        click.option("--archive", "place", required=True, type=_PATH, help="Archive of labelled tiles."),
        click.option("--labels", type=_PATH, help="Table of labels; default: those in the archive."),
        click.option("--target", help="Label column; needed when there are several."),
        click.option("--ignore-absent", is_flag=True, help="Let the table name tiles that are not there."),
        click.option("--audit", type=_PATH, help="What ssl-insar audit wrote: copies stay together."),
        click.option("--false-alarms", "alarms", default="1/frame-year", show_default=True),
        click.option("--bootstrap", "draws", default=1000, show_default=True, type=click.IntRange(1)),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option("--cache", type=_PATH, help="Folder of features; default: OUT/features."),
        click.option("--out", required=True, type=_PATH, help="Folder for the results."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command
