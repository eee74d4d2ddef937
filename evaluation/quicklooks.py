"""How well colour quick-looks turn back into phase: on made phase, and on a folder of real ones.

    python -m evaluation.quicklooks FOLDER --out DIR

Writes ``DIR/quicklooks.md``, the tables to read; ``round_trips.csv`` and ``pictures.csv``, the numbers;
and ``contact_sheet.png``, pictures beside the phase read from them. See ``evaluation/README.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from evaluation.quicklook_drawing import DRAWINGS, Image8
from evaluation.quicklook_measures import Cores, closure, independent_kind, round_trip, triplets
from evaluation.running import run
from ssl_insar import phase as ph
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.maps.phase_image import phase_rgb
from ssl_insar.readers.quicklook import Inversion, invert

COHERENCES = (1.0, 0.9, 0.7, 0.5, 0.3, 0.0)
PERIODS = (15, 20, 30, 60, 120, 300)
"""Full-size px a fringe."""


def contact_sheet(pictures: Sequence[tuple[Image8, Inversion]], side: int = 160, columns: int = 5) -> Image8:
    """Pictures, each beside the phase read from it (grey: no data), as one image."""
    rows = math.ceil(len(pictures) / columns)
    sheet = np.full((rows * (side + 4), columns * (2 * side + 12), 3), 40, np.uint8)
    for n, (rgb, found) in enumerate(pictures):
        top, left = n // columns * (side + 4), n % columns * (2 * side + 12)
        for image in (rgb, phase_rgb(ph.phasor(found.phase, found.valid))):
            small = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
            sheet[top : top + side, left : left + side] = np.asarray(small)
            left += side + 2
    return sheet


def open_picture(path: Path) -> tuple[Image8, NDArray[np.bool_]]:
    """Colours (H, W, 3) and opacity (H, W) of a PNG.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with Image.open(path) as opened:
            rgba = np.asarray(opened.convert("RGBA"))
    except OSError as error:
        raise UserError(f"{path}: not a readable PNG ({error}); take it out of the folder") from error
    return rgba[..., :3], rgba[..., 3] > 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--pictures", default=60, show_default=True, help="How many the contact sheet shows.")
def command(folder: Path, out: Path, pictures: int) -> None:
    """Invert every PNG in FOLDER, and made ones, and say how well that went."""
    paths = sorted(folder.rglob("*.png"))
    if not paths:
        raise UserError(f"{folder}: holds no PNG; give the folder of the quick-looks")
    trips = pd.DataFrame(
        [
            round_trip(kind, coherence, period)
            for kind in DRAWINGS
            for coherence in COHERENCES
            for period in PERIODS
        ]
    )
    found = {path.name: open_picture(path) for path in paths}
    inverted = {name: invert(*picture) for name, picture in found.items()}
    lines = []
    counted: dict[str, Cores] = {}
    for name, one in inverted.items():
        colouring = one.fit.colouring or "refused"
        count = Cores.of(one)
        counted[colouring] = counted[colouring] + count if colouring in counted else count
        lines.append(
            {
                "file": name,
                "recognised_as": colouring,
                "by_number_of_colours": independent_kind(*found[name]),
            }
            | asdict(one.fit)
            | {"valid": one.valid.mean(), "core": count.pixels / one.valid.size}
        )
    table = pd.DataFrame(lines)
    closures = {names: closure([inverted[name] for name in names]) for names in triplets(list(inverted))}
    text = report(trips, table, counted, closures)
    chosen = list(inverted)[:: max(len(inverted) // max(pictures, 1), 1)]
    sheet = contact_sheet([(found[name][0], inverted[name]) for name in chosen])
    for name, frame in (("round_trips.csv", trips), ("pictures.csv", table)):
        with replacing(out / name) as scratch:
            frame.to_csv(scratch, index=False)
    with replacing(out / "quicklooks.md") as scratch:
        scratch.write_text(text, encoding="utf-8")
    with replacing(out / "contact_sheet.png") as scratch:
        Image.fromarray(sheet).save(scratch)
    click.echo(text)


def report(
    trips: pd.DataFrame,
    table: pd.DataFrame,
    counted: dict[str, Cores],
    closures: dict[tuple[str, str, str], dict[str, float]],
) -> str:
    """The page to read."""
    parts = ["# Quick-looks back to phase\n"]
    for kind, rows in trips.groupby("picture", sort=False):
        parts.append(f"## Round trip: {kind}\n\nRMS error in rad (share of valid pixels)\n")
        wide = rows.assign(cell=[f"{r.rms:.3f} ({r.valid:.0%})" for r in rows.itertuples()]).pivot(
            index="coherence", columns="px_per_fringe", values="cell"
        )
        parts.append(_markdown(wide.sort_index(ascending=False), "coherence, px a fringe:"))
    goal = trips[
        trips["picture"].isin(["A, shrunk, 3 bits", "A, shrunk, 4 bits"])
        & (trips["coherence"] >= 0.7)
        & (trips["px_per_fringe"] >= 60)
    ]
    parts.append(
        f"Goal, posterised A, coherence 0.7 and more, 60 px a fringe and more: at most 0.12 rad; worst "
        f"{goal['rms'].max():.3f} rad, at least {goal['valid'].min():.1%} valid.\n"
    )
    parts.append("## Recognised\n")
    parts.append(_markdown(pd.crosstab(table["by_number_of_colours"], table["recognised_as"]), "colours"))
    parts.append(f"{(table['recognised_as'] != 'refused').sum()} of {len(table)} recognised.\n")
    parts.append(
        "## Coherent cores\n\n| colouring | pictures | px | red-blue crossings | continuous "
        "(by colour alone) | residues a px | histogram from even |\n|---|---|---|---|---|---|---|"
    )
    sizes = table["recognised_as"].value_counts()
    for name, count in counted.items():
        if count.pixels:
            # Only colouring A has a red and a blue end.
            ends = count.crossings and name.startswith("colouring A")
            crossings = f"{count.crossings:,}" if ends else "-"
            shares = (count.continuous / max(count.crossings, 1), count.by_colour / max(count.crossings, 1))
            continuous = f"{shares[0]:.2%} ({shares[1]:.2%})" if ends else "-"
            parts.append(
                f"| {name} | {sizes[name]} | {count.pixels:,} | {crossings} | {continuous} "
                f"| {count.residues / max(count.loops, 1):.1e} | {count.unevenness:.0%} |"
            )
    if closures:
        parts.append(
            "\n## Closures (a, b) + (b, c) - (a, c)\n\n| first of three | px | length of mean phasor "
            "| its angle, rad | median, rad |\n|---|---|---|---|---|"
        )
        parts += [
            f"| {names[0]} | {c['pixels']:,.0f} | {c['length']:.3f} | {c['offset']:+.3f} "
            f"| {c['median']:.3f} |"
            for names, c in closures.items()
        ]
    return "\n".join(parts) + "\n"


def _markdown(frame: pd.DataFrame, corner: str) -> str:
    head = [
        f"| {corner} | " + " | ".join(map(str, frame.columns)) + " |",
        "|---" * (len(frame.columns) + 1) + "|",
    ]
    body = [
        f"| {index} | " + " | ".join(map(str, row)) + " |"
        for index, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return "\n".join(head + body) + "\n"


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
