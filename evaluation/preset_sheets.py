"""A contact sheet of every preset of the simulator, and one of real tiles to hold beside them.

    python -m evaluation.preset_sheets --real ARCHIVE --out sheets

Each sheet shows twelve interferograms; presets that are made on real noise take it from ``--real``, if its
tiles are what they need.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np

from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.errors import UserError
from ssl_insar.maps.contact_sheet import save_sheet
from ssl_insar.synth.archive import simulate_archive
from ssl_insar.synth.preset import load_preset, names
from ssl_insar.synth.preview import save_preview

SHOWN = 12


@click.command(epilog="\b\nExample:\n  python -m evaluation.preset_sheets --real archive --out sheets")
@click.option("--real", type=click.Path(path_type=Path), help="Archive of real tiles.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the pictures.")
@click.option("--presets", multiple=True, metavar="NAME", help="Only these; may be given several times.")
@click.option("--size", default=224, show_default=True, type=click.IntRange(min=32), help="Side, px.")
@click.option("--seed", default=0, show_default=True)
def main(real: Path | None, out: Path, presets: tuple[str, ...], size: int, seed: int) -> None:
    """Draw the sheets."""
    out.mkdir(parents=True, exist_ok=True)
    tiles = Archive.open(real) if real else None
    if tiles is not None:
        rows = np.sort(np.random.default_rng(seed).choice(len(tiles), min(SHOWN, len(tiles)), replace=False))
        titles = [str(name) for name in tiles.catalogue["volcano"].iloc[rows]]
        save_sheet(list(tiles.phasors(rows)), titles, out / "real.png")
        click.echo(f"{out / 'real.png'}")
    for name in presets or names():
        preset = load_preset(name)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                made = simulate_archive(
                    preset,
                    Path(scratch) / "archive",
                    count=4 * SHOWN,
                    size=size,
                    seed=seed,
                    background=tiles if preset.background == "real" else None,
                    progress=False,
                )
            except UserError as error:  # such as unwrapped noise that is not at hand
                click.echo(f"{name}: not drawn: {error}")
                continue
            save_preview(made, out / f"{name}.png", SHOWN)
        click.echo(f"{out / f'{name}.png'}")


if __name__ == "__main__":
    run(main)
