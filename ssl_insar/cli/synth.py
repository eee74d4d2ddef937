"""``ssl-insar synth``: simulated product files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  ssl-insar synth --out simulated
  ssl-insar synth --out small --count 100 --size 128 --seed 7
  ssl-insar ingest simulated --out archive --labels simulated/labels.csv
"""
)
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write to: new, empty, or begun by the same command.",
)
@click.option("--count", default=1200, show_default=True, help="Number of interferograms.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives another collection.")
@click.option(
    "--size", default=224, show_default=True, help="Side of an interferogram, pixels of 0.001 degree."
)
@click.option("--volcanoes", default=40, show_default=True, help="Number of places; half of them deform.")
@click.option("--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1.")
def command(folder: Path, count: int, seed: int, size: int, volcanoes: int, device: str) -> None:
    """Simulate wrapped interferograms with known deformation.

    Writes GeoTIFFs laid out and named like crops of LiCSAR products (float32 radians, 0 where there is
    no data, EPSG:4326), and labels.csv. About one in five deforms: magma chamber, sill, dyke or
    earthquake, under turbulent and stratified atmosphere, orbital ramp and decorrelation.

    Interrupted, it goes on where it stopped when given again.
    """
    from ssl_insar.synth.collection import LABELS, simulate_collection

    simulate_collection(folder, count=count, size=size, volcanoes=volcanoes, seed=seed, device=device)
    click.echo(f"{count} interferograms in {folder}, labels in {folder / LABELS}")
