"""``ssl-insar synth``: simulated interferograms with known deformation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ssl_insar.archive import Archive

_SHOWN = 24
"""Interferograms on a preview."""


@click.command(
    epilog="""\b
Examples:
  ssl-insar synth --list
  ssl-insar synth --preset gaddes2024 --count 5000 --out simulated
  ssl-insar synth --preset volcanoes --count 200 --out simulated --preview simulated.png
  ssl-insar synth --preset li2024 --background quiet-archive --out injected
  ssl-insar synth --preset my.yaml --seed 7 --out simulated
  ssl-insar synth --preset demo --files --count 100 --out product-files
"""
)
@click.option(
    "--preset",
    default="volcanoes",
    show_default=True,
    metavar="NAME|YAML",
    help="Which laws; --list names those that come along.",
)
@click.option("--list", "listed", is_flag=True, help="List the presets with their sources, and stop.")
@click.option(
    "--out",
    "folder",
    metavar="ARCHIVE",
    type=click.Path(path_type=Path),
    help="Folder to write to: new, empty, or begun by the same command.",
)
@click.option("--count", default=1200, show_default=True, help="Number of interferograms.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives other interferograms.")
@click.option("--size", default=224, show_default=True, help="Side of an interferogram, px.")
@click.option(
    "--background",
    metavar="ARCHIVE",
    type=click.Path(path_type=Path),
    help="Archive of real interferograms: its quiet, coherent tiles stand in for simulated noise.",
)
@click.option(
    "--preview",
    metavar="PNG",
    type=click.Path(path_type=Path),
    help=f"Draw {_SHOWN} of them, half of which deform.",
)
@click.option("--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1.")
@click.option(
    "--files",
    is_flag=True,
    help="Write product files (LiCSAR-like GeoTIFFs, and labels.csv) instead of an archive.",
)
def command(
    preset: str,
    listed: bool,
    folder: Path | None,
    count: int,
    seed: int,
    size: int,
    background: Path | None,
    preview: Path | None,
    device: str,
    files: bool,
) -> None:
    """Simulate interferograms with known deformation, by the recipe of a publication or your own.

    Writes an archive like any other, with the labels 'deformation' and 'source', masks of where it deforms,
    and the whole truth (sources, SNR, components) in columns truth_... of its catalogue. With --files the
    same interferograms are LiCSAR-like GeoTIFFs for ingest: a frame a stack with its truth.csv, and
    labels.csv.

    Interrupted, it goes on where it stopped when given again; an archive is added to with a larger --count.
    """
    from ssl_insar.errors import UserError

    if listed:
        _list()
        return
    if folder is None:
        raise UserError("--out: name the folder to write to, or give --list")
    if files and preview:
        raise UserError("--preview: goes not with --files; ingest them first, or leave --files out")
    laws: dict[str, Any] = {
        "size": size,
        "seed": seed,
        "background": background,
        "device": device,
    }
    try:
        if files:
            from ssl_insar.synth.chunks import Scenes
            from ssl_insar.synth.files import LABELS, simulate_files

            simulate_files(Scenes(preset, **laws), folder, count=count)
            click.echo(f"{count:,} interferograms in {folder}, labels in {folder / LABELS}")
            return
        from ssl_insar.synth.archive import simulate_archive

        archive = simulate_archive(preset, folder, count=count, **laws)
    except KeyboardInterrupt:
        # Not passed on as it is: click would drop the message.
        raise click.Abort("stopped; the same command goes on") from None
    _tell(archive, count)
    if preview:
        from ssl_insar.synth.preview import save_preview

        save_preview(archive, preview, _SHOWN)
        click.echo(f"preview in {preview}")


def _list() -> None:
    from ssl_insar.synth.preset import load_preset, names

    for name in names():
        preset = load_preset(name)
        kinds = ", ".join(preset.deformation.sources) or "no deformation"
        click.echo(f"{name}\n  {' '.join(preset.source.split())}\n  {kinds}; {preset.background} noise")


def _tell(archive: Archive, count: int) -> None:
    table = archive.catalogue
    positive = table[table["label_deformation"] == 1]
    click.echo(f"{archive.path}: {len(table):,} interferograms, {len(positive):,} deform")
    for kind, number in positive["label_source"].value_counts().items():
        click.echo(f"  {number:7,}  {kind}")
    if len(table) > count:
        click.echo(f"  more than the {count:,} asked for: they were there before")
    if len(positive):
        low, middle, high = positive["truth_snr"].quantile([0.1, 0.5, 0.9])
        weak = (positive["truth_snr"] < 5).mean()
        click.echo(f"  SNR {low:.1f} / {middle:.1f} / {high:.1f} (10, 50, 90 %), {weak:.0%} below 5")
