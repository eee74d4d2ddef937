"""``ssl-insar audit``: what is wrong with an archive, and a clean copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.options import archive_argument, out_option

if TYPE_CHECKING:
    from ssl_insar.archive import Archive
    from ssl_insar.audit import Audit


@click.command(
    "audit",
    epilog="\b\nExamples:\n"
    "  ssl-insar audit archive --out audit\n"
    "  ssl-insar audit archive --out audit --split labels.csv:published_split --label deformation\n"
    "  ssl-insar audit archive --out audit --write curated clean-archive\n"
    "  ssl-insar audit archive --out audit --drop-noise --write mask mask.parquet\n"
    "\b\nDIR gets report.html, findings.csv (a row a finding), summary.json and pictures.",
)
@archive_argument
@out_option("Folder for the report.", metavar="DIR")
@click.option(
    "--split",
    metavar="CSV:COLUMN",
    help="Split to look for leaks in: a column of a CSV keyed by 'file' or 'id', or of the archive's "
    "catalogue. One value is 'train', the others are held out.",
)
@click.option("--label", metavar="NAME", help="Label that the null baselines predict on the split.")
@click.option(
    "--threshold",
    type=click.FloatRange(0.5, 1),
    help="Correlation from which two tiles are copies; by default chosen from the archive.",
)
@click.option(
    "--write",
    "targets",
    nargs=2,
    multiple=True,
    metavar="curated|mask PATH",
    type=(click.Choice(["curated", "mask"]), click.Path(path_type=Path)),
    help="'curated ARCHIVE': write the tiles worth keeping as a new archive. 'mask FILE': write which they "
    "are as .parquet or .csv. May be given twice.",
)
@click.option("--drop-noise", is_flag=True, help="Leave tiles of noise out of what is kept.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds and bootstrap.")
def command(
    archive: Path,
    out: Path,
    split: str | None,
    label: str | None,
    threshold: float | None,
    targets: tuple[tuple[str, Path], ...],
    drop_noise: bool,
    seed: int,
) -> None:
    """Find copies, bad tiles, shared acquisitions and leaks in ARCHIVE.

    Copies are found whether exact, transposed, flipped, rotated, shifted by up to 2 px, offset in
    phase or made with the dates swapped. The archive itself is never changed.
    """
    from ssl_insar.archive import Archive
    from ssl_insar.audit import audit, write
    from ssl_insar.audit.curate import check_mask, write_mask
    from ssl_insar.audit.curated import check_target, write_curated
    from ssl_insar.audit.run import check_out
    from ssl_insar.audit.targets import check_apart
    from ssl_insar.errors import UserError

    if label and not split:
        raise UserError("--label: names what is predicted on a split; give --split, too")
    opened = Archive.open(archive)
    check_out(opened, out)
    for kind, target in targets:
        if kind == "mask":
            check_mask(target)
        else:
            check_target(opened, target)
    places = [(f"--write {kind}", target) for kind, target in targets]
    check_apart([("the archive", archive), ("--out", out), *places])
    written: list[str] = []
    try:
        result = audit(
            opened, split=split, label=label, threshold=threshold, drop_noise=drop_noise, seed=seed
        )
        write(result, out)
        written.append(str(out))
        _tell(result, out)
        for kind, target in targets:
            if kind == "mask":
                write_mask(target, opened.catalogue, result.curation)
                click.echo(f"wrote {target}")
            else:
                _tell_curated(write_curated(opened, result.curation, target), result)
            written.append(str(target))
    except KeyboardInterrupt:
        done = f"{', '.join(written)} had been written; " if written else ""
        rest = "all else is as it was" if written else "what was there before is as it was"
        # Not passed on as it is: click would drop the message.
        raise click.Abort(f"stopped; {done}{rest}") from None


def _tell(result: Audit, out: Path) -> None:
    """What was found, in a few lines."""
    from ssl_insar.audit.findings import counts
    from ssl_insar.audit.leaks import SHARED

    click.echo(f"{result.archive.path}: {len(result.archive):,} tiles")
    for kind, count in counts(result.table).items():
        if not kind.startswith("leak-"):
            click.echo(f"  {count:7,}  {kind}")
    found, planted = result.copies, result.copies.planted
    click.echo(f"copies from a correlation of {found.reason}")
    click.echo(f"check on the search: {planted[0]} of {planted[1]} copies planted for it were found")
    if result.split:
        click.echo(f"\nsplit {result.split.name}")
        for leak in result.leaks:
            share = f"{leak.share:6.0%}" if leak.tiles else "     -"
            click.echo(
                f"  {share}  {leak.leaked:,} of {leak.tiles:,} {leak.part} tiles are {SHARED[leak.what]}"
            )
        for score in result.scores:
            auroc, precision, accuracy = (
                f"{v:.3f} [{low:.3f}, {high:.3f}]"
                for v, low, high in (score.auroc, score.average_precision, score.accuracy)
            )
            click.echo(
                f"  {score.split}, {score.baseline}: AUROC {auroc}, AP {precision} (chance "
                f"{score.chance:.3f}), accuracy {accuracy}"
            )
    for note in result.notes:
        click.echo(f"note: {note}")
    click.echo(f"wrote {out / 'report.html'}")


def _tell_curated(archive: Archive, result: Audit) -> None:
    dropped = ", ".join(f"{count:,} {why}" for why, count in result.curation.counts().items()) or "none"
    click.echo(f"\n{archive.path}: {len(archive):,} tiles kept; left out: {dropped}")
    for rule in result.curation.rules:
        click.echo(f"  - {rule}")
