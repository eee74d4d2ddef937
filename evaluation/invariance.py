"""What an embedding ignores, and what it sees: each nuisance beside the removal of the deformation.

    python -m evaluation.invariance --encoder RUN --archive ARCHIVE --out invariance

Puts a simulated source into quiet tiles and takes the cosine of each embedding with that of the same tile
after one nuisance (reference, swapped dates, mirrored, atmosphere, ramp, decorrelation), and after the source
is removed, for the encoder and for random weights. Writes ``invariance.md``, ``.csv`` and ``.png``. See
``evaluation/README.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from evaluation.backgrounds import Backgrounds, spacing_of
from evaluation.injected import Injection, draw_sources
from evaluation.injected_options import Asked, common_options, snr_option
from evaluation.methods import RANDOM
from evaluation.running import run
from evaluation.volcano_bootstrap import resampled, with_interval
from ssl_insar.augment import Views
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, silent
from ssl_insar.augment.config import (
    DecorrelationConfig,
    FlipConfig,
    RampConfig,
    TurbulenceConfig,
    ViewsConfig,
)
from ssl_insar.maps import figures
from ssl_insar.models import Encoder
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.progress import bar

TRAINED = "encoder"
UNTOUCHED, REMOVED, OTHER = "untouched", "source removed", "another tile"
_CAP = 10.0
"""Above the atmosphere that is asked for, so that it is not held down, rad."""


def nuisances(spacing: float) -> dict[str, ViewsConfig]:
    """Views with one effect each, that touches every tile, by name.

    Args:
        spacing: of the tiles' pixels, m.
    """
    base = ViewsConfig(spacing=spacing, cap=_CAP)
    flips = {
        "left-right": FlipConfig(left_right=1, up_down=0),
        "up-down": FlipConfig(left_right=0, up_down=1),
    }
    family = {"another reference phase": alone(base, "offset"), "dates swapped": alone(base, "swap")}
    family |= {
        f"mirrored {name}": silent(base).model_copy(update={"flip": flip}) for name, flip in flips.items()
    }
    for rms in (0.5, 1.0, 2.0):
        air = base.model_copy(update={"turbulence": TurbulenceConfig(rms=(rms, rms))})
        family[f"atmosphere of {rms:g} rad"] = alone(air, "turbulence")
    family["ramp of up to half a fringe"] = alone(base.model_copy(update={"ramp": RampConfig()}), "ramp")
    noisy = DecorrelationConfig(coherence=(0.7, 0.7), looks=(10, 10))
    family["decorrelation to .7, 10 looks"] = alone(
        base.model_copy(update={"decorrelation": noisy}), "decorrelation"
    )
    return family


@torch.no_grad()
def embed(
    encoders: dict[str, Encoder], tiles: Backgrounds, injection: Injection, seed: int
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Features of every tile with its source, of the same after each nuisance, and without the source.

    Returns:
        encoder -> what was done -> (n, D).
    """
    device = best_device()
    first = next(iter(encoders.values()))
    spacing = spacing_of(tiles.archive)
    family = nuisances(spacing)
    whole = silent(ViewsConfig(spacing=spacing))
    views = {
        name: Views(config, tiles.archive.tile, first.spec.size, seed, exact=True).to(device)
        for name, config in {UNTOUCHED: whole, **family}.items()
    }
    found: dict[str, dict[str, list[NDArray[np.float32]]]] = {name: {} for name in encoders}
    with bar(len(tiles.rows), "embed", "tile") as progress:
        for step, chosen in enumerate(tiles.chunks()):
            plain = fd.from_complex(torch.from_numpy(tiles.phasors(chosen))).to(device)
            holding = injection.put(plain, chosen, 0)
            for name, shown in [*((name, holding) for name in views), (REMOVED, plain)]:
                make = views[UNTOUCHED if name == REMOVED else name]
                view = make.one(make.reduced(shown), step, 0)
                x = first.spec.assemble(view.phasor, view.coherence)
                for which, encoder in encoders.items():
                    with autocast(device):
                        features = encoder.to(device)(x)
                    found[which].setdefault(name, []).append(features.float().cpu().numpy())
            progress.update(len(chosen))
    return {
        which: {name: np.concatenate(parts) for name, parts in done.items()} for which, done in found.items()
    }


def cosines(features: dict[str, NDArray[np.float32]]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Cosine of each tile's embedding with that of the untouched tile, raw and centred.

    Embeddings that all point in nearly one direction have cosines near 1 whatever is done to them, so
    they are also taken from the mean of the embeddings of all tiles, with and without their source.

    Args:
        features: what was done -> (n, D).

    Returns:
        what was done -> ``raw`` and ``centred``, (n,); `OTHER` is the cosine with the tile half
        the list further on.
    """
    mean = (features[UNTOUCHED].mean(0) + features[REMOVED].mean(0)) / 2
    out: dict[str, dict[str, NDArray[np.float64]]] = {}
    others = features | {OTHER: np.roll(features[UNTOUCHED], len(features[UNTOUCHED]) // 2, axis=0)}
    for name, values in others.items():
        if name != UNTOUCHED:
            out[name] = {
                kind: np.einsum(
                    "nd,nd->n", unit_rows(features[UNTOUCHED] - centre), unit_rows(values - centre)
                ).astype(np.float64)
                for kind, centre in (("raw", np.zeros_like(mean)), ("centred", mean))
            }
    return out


def summary(
    of: dict[str, dict[str, dict[str, NDArray[np.float64]]]], groups: NDArray[Any], draws: int, seed: int
) -> pd.DataFrame:
    """One row an encoder and nuisance.

    Columns ``raw`` and ``centred``: mean cosine; ``kept``: share of the tiles that the nuisance moves less
    than the removal of the source does (centred); each with its interval, by resampling volcanoes.
    """
    weights = resampled(groups, draws, seed)
    rows = []
    for which, done in of.items():
        removed = done[REMOVED]["centred"]
        for name, each in done.items():
            line: dict[str, Any] = {"encoder": which, "nuisance": name}
            told = each | ({} if name == REMOVED else {"kept": each["centred"] > removed})
            for column, values in told.items():
                line |= with_interval(column, weights @ values / weights.sum(1))
            rows.append(line)
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> bytes:
    """The figure, as PNG: centred cosines, the removal of the source as a line to compare with."""
    names = list(dict.fromkeys(table["nuisance"]))
    figure, axes = figures.new_figure(6.8, 0.36 * len(names) + 1.3)
    styles = {TRAINED: (figures.ORANGE, "o", -0.12), RANDOM: (figures.GREY, "s", 0.12)}
    for which, (colour, marker, shift) in styles.items():
        part = table[table["encoder"] == which].set_index("nuisance").loc[names]
        at = np.arange(len(names)) + shift
        axes.hlines(at, part["centred_low"], part["centred_high"], color=colour, linewidth=1.6)
        axes.plot(part["centred"], at, marker, color=colour, markersize=5, linestyle="none", label=which)
        axes.axvline(float(part["centred"][REMOVED]), color=colour, linewidth=0.9, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(
        "cosine with the same tile untouched, mean embedding subtracted\n"
        "(dotted: the source is removed; to the right of it: ignored more than that)",
        fontsize=9,
    )
    axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figures.png(figure)


def report(table: pd.DataFrame, facts: list[str]) -> str:
    """The page to read."""
    lines = []
    for name in dict.fromkeys(table["nuisance"]):
        cells = [name]
        for which in (TRAINED, RANDOM):
            line = table[(table["encoder"] == which) & (table["nuisance"] == name)].iloc[0]
            cells += [f"{line['raw']:.3f}", _interval(line, "centred")]
            cells.append("" if name == REMOVED else _interval(line, "kept"))
        lines.append("| " + " | ".join(cells) + " |")
    heads = [f"{which}: {what}" for which in (TRAINED, RANDOM) for what in ("raw", "centred", "keeps")]
    return (
        "# What an embedding ignores, and what it sees\n\n"
        + "\n".join(f"- {fact}" for fact in facts)
        + "\n\nCosine of a tile's embedding with itself after each nuisance: raw, and with the mean "
        "embedding subtracted. *Keeps*: share of the tiles that the nuisance moves less than the removal "
        "of the source does. Brackets: 95 % interval, by resampling volcanoes.\n\n"
        "| | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 1) + "|\n" + "\n".join(lines) + "\n"
    )


def _interval(line: pd.Series[Any], column: str) -> str:
    return f"{line[column]:.3f} [{line[f'{column}_low']:.3f}, {line[f'{column}_high']:.3f}]"


@click.command()
@click.option("--encoder", "of", required=True, metavar="RUN", type=click.Path(path_type=Path))
@snr_option(10.0)
@common_options
def command(asked: Asked, of: Path, snr: float) -> None:
    """Take the cosine of tiles with themselves under each nuisance, and without their source."""
    encoder = Encoder.load(of)
    chosen = asked.backgrounds(least_volcanoes=2)
    injection = draw_sources(chosen, asked.preset, asked.sources, (0.01, 0.1), 1, asked.seed).at_ratio(snr)
    encoders = {TRAINED: encoder, RANDOM: encoder.random_like(asked.seed)}
    features = embed(encoders, chosen, injection, asked.seed)
    found = {which: cosines(done) for which, done in features.items()}
    table = summary(found, chosen.groups, asked.draws, asked.seed)
    facts = [
        *asked.facts(chosen),
        f"sources of preset {asked.preset}: SNR {snr:g} in 1 rad of atmosphere, or what does not alias",
        f"encoder {encoder.hash}",
    ]
    asked.publish("invariance", table, report(table, facts), {"invariance": draw(table)})


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
