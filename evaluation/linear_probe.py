"""How much a linear probe reads off an encoder, beside the baselines that see no deformation.

    python -m evaluation.linear_probe --encoder RUN --archive A --labels labels.csv --out R

Writes ``R/linear_probe.md``, a table to read, and appends to ``R/results.csv``, a table to compute
with. See ``evaluation/README.md`` for the protocols.
"""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.running import run
from ssl_insar import __version__
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import PROTOCOLS, groups_holding
from ssl_insar.archive.labels import known
from ssl_insar.atomic import replacing
from ssl_insar.classify import assign_groups, attach, global_statistics, labels_in
from ssl_insar.classify.compare import GLOBAL, Row, compare, markdown
from ssl_insar.classify.nulls import GLOBAL_STATISTICS
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder

_CHUNK = 256
RANDOM = "random weights"


@dataclass(frozen=True)
class Facts:
    """What a row of results must say to be worth keeping.

    Attributes:
        protocol: how the folds were made.
        target: what was predicted.
        tiles: labelled tiles.
        volcanoes: groups.
        positive_volcanoes: groups that hold the rarest class.
        classes: tiles a class, as text.
        encoder_hash: of the encoder evaluated.
        recipe_hash: of the recipe it was trained by, empty if unknown.
        archive_digest: of the archive.
        git_commit: of the checkout, ``-dirty`` when it has changes; empty outside git.
        seed: of folds, draws and bootstrap.
    """

    protocol: str
    target: str
    tiles: int
    volcanoes: int
    positive_volcanoes: int
    classes: str
    encoder_hash: str
    recipe_hash: str
    archive_digest: str
    git_commit: str
    seed: int


def statistics_of(archive: Archive) -> NDArray[np.float32]:
    """Global statistics of every tile of an archive, a chunk at a time.

    Shape:
        archive of n tiles -> (n, 11)
    """
    out = np.empty((len(archive), len(GLOBAL_STATISTICS)), np.float32)
    for start in range(0, len(archive), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, len(archive)))
        out[index] = global_statistics(archive.phasors(index))
    return out


def git_commit(folder: Path) -> str:
    """Commit of the checkout that holds ``folder``; empty where there is none."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def records(rows: Iterable[Row], facts: Facts, when: datetime.datetime) -> pd.DataFrame:
    """The rows of a comparison as a flat table, one line each, with all facts."""
    lines = []
    for row in rows:
        line: dict[str, Any] = {"date": when.isoformat(timespec="seconds"), "features": row.name}
        named = {"ap": row.ap, "auroc": row.auroc, "ap_gain": row.gain}
        named |= {f"auroc_{count}_shot": interval for count, interval in row.few_shot.items()}
        for name, interval in named.items():
            if interval is not None:
                line |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        lines.append(line | vars(facts) | {"ssl_insar": __version__})
    return pd.DataFrame(lines)


def append(table: pd.DataFrame, path: Path) -> None:
    """Add lines to a CSV, atomically; columns that one side lacks stay blank.

    Raises:
        UserError: the file there is not a table of results.
    """
    if path.exists():
        try:
            old = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a readable CSV ({error}); move it away") from error
        if "features" not in old:
            raise UserError(f"{path}: not a table of results; give another --out")
        new = table.astype(object).where(table.notna(), "")
        table = pd.concat([old, new], ignore_index=True).fillna("")
    with replacing(path) as scratch:
        table.to_csv(scratch, index=False)


def report(rows: list[Row], facts: Facts, prevalence: float) -> str:
    """The page to read: what was measured, the table, and how to read it."""
    return (
        f"# Linear probe: {facts.target}\n\n"
        f"{facts.tiles:,} labelled tiles at {facts.volcanoes:,} volcanoes ({facts.classes}); the rarest "
        f"class occurs at {facts.positive_volcanoes}. Protocol: {facts.protocol}; no volcano is fitted on "
        f"and scored at once, unless a row says leaky. Encoder {facts.encoder_hash}, seed {facts.seed}.\n\n"
        + markdown(rows)
        + f"\nChance: average precision {prevalence:.3f}, AUROC 0.5. Brackets: 95 % interval, by resampling "
        "volcanoes (1,000 times); for few labels, the spread over random choices of labels and volcanoes. "
        "The volcano prior never looks at a tile: what it scores when files of one volcano lie on both sides "
        "of the split is what a split by file gives away.\n"
    )


@click.command()
@click.option("--encoder", type=click.Path(path_type=Path), help="Run or encoder folder.")
@click.option(
    "--embeddings", type=click.Path(path_type=Path), help="Embeddings made earlier; saves embedding."
)
@click.option("--archive", required=True, type=click.Path(path_type=Path), help="Archive of labelled tiles.")
@click.option(
    "--labels", type=click.Path(path_type=Path), help="CSV of labels; default: those in the archive."
)
@click.option("--target", help="Label column; needed when there are several.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--protocol", type=click.Choice(PROTOCOLS), default=PROTOCOLS[0], show_default=True)
@click.option("--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive.")
def command(
    encoder: Path | None,
    embeddings: Path | None,
    archive: Path,
    labels: Path | None,
    target: str | None,
    out: Path,
    seed: int,
    protocol: str,
    ignore_absent: bool,
) -> None:
    """Score an encoder by a linear probe, beside random weights and the null baselines."""
    if encoder is None and embeddings is None:
        raise UserError("nothing to evaluate; give --encoder RUN or --embeddings EMB")
    tiles = Archive.open(archive)
    series = (
        attach(tiles.catalogue, labels, target, ignore_absent=ignore_absent, tile=tiles.tile)
        if labels
        else labels_in(tiles.catalogue, target)
    )
    mask, y = known(series)
    groups = assign_groups(tiles.catalogue)
    if groups.fallbacks:
        click.echo(
            f"note: {groups.fallbacks:,} tiles of no known volcano: {groups.describe_fallbacks()}", err=True
        )
    held = Encoder.load(encoder) if encoder else None
    embedded = _embedded(held, embeddings, tiles)
    features: dict[str, NDArray[Any]] = {"encoder": embedded.normalised()}
    if held:
        features[RANDOM] = held.random_like(seed).embed(tiles).normalised()
    features[GLOBAL] = statistics_of(tiles)
    rows = compare(features, tiles.catalogue, series, groups.names, seed, protocol)
    values, counts = np.unique(y, return_counts=True)
    facts = Facts(
        protocol=protocol,
        target=str(series.name),
        tiles=len(y),
        volcanoes=len(np.unique(groups.names[mask])),
        positive_volcanoes=min(len(where) for where in groups_holding(y, groups.names[mask]).values()),
        classes=", ".join(f"{value}: {count:,}" for value, count in zip(values, counts, strict=True)),
        encoder_hash=embedded.provenance.encoder_hash,
        recipe_hash=str(held.card.about.get("recipe_hash", "")) if held else "",
        archive_digest=tiles.digest,
        git_commit=git_commit(Path(__file__).parent),
        seed=seed,
    )
    binary = values.tolist() == [0, 1]
    page = report(rows, facts, float(counts[1] / len(y)) if binary else 1 / len(values))
    append(records(rows, facts, datetime.datetime.now(datetime.timezone.utc)), out / "results.csv")
    with replacing(out / "linear_probe.md") as scratch:
        scratch.write_text(page, encoding="utf-8")
    click.echo(page)


def _embedded(held: Encoder | None, embeddings: Path | None, tiles: Archive) -> Embeddings:
    """The embeddings asked for, checked against archive and encoder."""
    if embeddings is None:
        assert held is not None
        return held.embed(tiles)
    opened = Embeddings.open(embeddings)
    if opened.provenance.archive_digest != tiles.digest:
        raise UserError(f"{embeddings}: embeddings of another archive than {tiles.path}; embed that one")
    if held and opened.provenance.encoder_hash != held.hash:
        raise UserError(
            f"{embeddings}: embeddings of another encoder than --encoder; embed again or leave one out"
        )
    return opened


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
