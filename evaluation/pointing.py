"""Does the saliency point at what deforms? Sources injected into real quiet tiles, whose place is known.

    python -m evaluation.pointing --detector RUN --archive ARCHIVE --exclude-trained RUN --out pointing

Puts a simulated source into each quiet tile, takes those that the detector finds at 1 % false alarms, and
asks whether the largest saliency lies where the ground moves: the pointing game (Zhang et al. 2018, "Top-down
Neural Attention by Excitation Backprop", section 4.2). Beside it stands the detector's own coarse map, where
the recipe trained one: it has learned places, and explains nothing. Writes ``pointing.md`` and
``pointing.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from evaluation.backgrounds import Backgrounds, spacing_of
from evaluation.detection_limit import FALSE_ALARMS, Scores, detections, fold_of
from evaluation.injected import Injection, draw_sources
from evaluation.injected_options import Asked, common_options, snr_option
from evaluation.running import run
from evaluation.volcano_bootstrap import resampled, with_interval
from ssl_insar.augment import field as fd
from ssl_insar.explain.network import Network
from ssl_insar.explain.outline import LEVEL
from ssl_insar.explain.saliency import Method, saliency
from ssl_insar.models.detector import Detector
from ssl_insar.models.precision import best_device
from ssl_insar.progress import bar
from ssl_insar.synth.detectability import deformation_mask

AIM = 0.85
"""Share of detected sources that the saliency should point at."""
CENTRE, CHANCE = "the tile's centre (null)", "a random place (null)"
WHERE = "coarse map (trained head)"
_METHODS: tuple[Method, ...] = ("gradcam", "hirescam", "eigencam")
_SPAN = (0.003, 0.3)
"""Peak displacements, m, drawn before each source is brought to the ratio asked for."""


@dataclass(frozen=True)
class Pointed:
    """Where n tiles with a source are pointed at.

    Attributes:
        hit: by way of pointing, (n,) share of hits, in 0 to 1.
        error: by way of pointing, (n,) distance to the source's peak, km; NaN for `CHANCE`.
        overlap: by way of pointing, (n,) intersection over union of what it outlines and of the ground that
            moves, 0 to 1; NaN for the nulls.
        scores: logits of the tiles without and with the source.
    """

    hit: dict[str, NDArray[np.float64]]
    error: dict[str, NDArray[np.float64]]
    overlap: dict[str, NDArray[np.float64]]
    scores: Scores


def point(detector: Detector, tiles: Backgrounds, injection: Injection, strides: tuple[int, ...]) -> Pointed:
    """Inject the sources, and point by every method at every stride, and by the detector's own map.

    Args:
        detector: to explain.
        tiles: n backgrounds.
        injection: a source for each, at one strength.
        strides: see `ssl_insar.explain.saliency.saliency`.
    """
    device = best_device()
    network = Network.of_detector(detector.to(device))
    n, side = len(tiles.rows), tiles.archive.tile
    kilometres = spacing_of(tiles.archive) / 1000
    ways = [f"{method}, stride {stride}" for method in _METHODS for stride in strides]
    own = [] if detector.where is None else [WHERE]
    hit = {way: np.zeros(n) for way in (*own, *ways, CENTRE, CHANCE)}
    error, overlap = ({way: np.full(n, np.nan) for way in hit} for _ in range(2))
    logits = np.empty((2, n))
    with bar(n, "inject and point", "tile") as progress:
        for chosen in tiles.chunks():
            quiet = fd.from_complex(torch.from_numpy(tiles.phasors(chosen))).to(device)
            shown = injection.put(quiet, chosen, 0)
            pattern = injection.patterns(chosen)
            mask, data = deformation_mask(pattern), fd.validity(quiet)[:, 0].cpu() > 0
            peak = pattern.abs().flatten(1).argmax(1)
            logits[:, chosen] = [network.logits(each)[:, 0].cpu().numpy() for each in (quiet, shown)]
            hit[CHANCE][chosen] = ((mask & data).sum((1, 2)) / data.sum((1, 2)).clamp_min(1)).numpy()
            for way, place, outlined in _places(network, detector, shown, strides):
                inside = mask.flatten(1).gather(1, place[:, None])[:, 0]
                hit[way][chosen] = inside.numpy()
                apart = torch.hypot(
                    (place // side - peak // side).float(), (place % side - peak % side).float()
                )
                error[way][chosen] = apart.numpy() * kilometres
                if outlined is not None:
                    both, either = ((mask & data & outlined), (mask & data) | outlined)
                    ratio = both.sum((1, 2)) / either.sum((1, 2)).clamp_min(1)
                    overlap[way][chosen] = ratio.numpy()
            progress.update(len(chosen))
    return Pointed(hit, error, overlap, Scores(logits[0], logits[1][:, None]))


def _places(
    network: Network, detector: Detector, tiles: torch.Tensor, strides: tuple[int, ...]
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor | None]]:
    """What each way points at, (B,) in a flattened tile, and outlines, (B, T, T); a null outlines nothing."""
    side = tiles.shape[-1]
    yield CENTRE, torch.full((len(tiles),), side // 2 * side + side // 2), None
    if detector.where is not None:
        place = detector.places(tiles).cpu()
        yield WHERE, place[:, 0] * side + place[:, 1], detector.coarse_map(tiles).cpu() > 0
    for method in _METHODS:
        for stride in strides:
            found = saliency(network, tiles, method=method, stride=stride).cpu()
            yield f"{method}, stride {stride}", found.flatten(1).argmax(1), found >= LEVEL


def analyse(
    pointed: Pointed, groups: NDArray[np.str_], folds: NDArray[np.intp], seed: int, draws: int
) -> pd.DataFrame:
    """One row a way of pointing: share of detected sources hit, median error, mean overlap, with intervals.

    Intervals are of 95 %, by resampling volcanoes; the threshold of false alarms is drawn anew, too.
    """
    weights = resampled(groups, draws, seed)
    _, found = detections(pointed.scores, folds, weights)
    counted = weights * found[:, :, 0]
    rows = []
    for way, hit in pointed.hit.items():
        total = counted.sum(1)
        share, iou = (
            np.divide(counted @ each, total, out=np.full(len(total), np.nan), where=total > 0)
            for each in (hit, pointed.overlap[way])
        )
        median = np.array([_weighted_median(pointed.error[way], each) for each in counted])
        row = {"pointed by": way, "detected": int(counted[0].sum()), "injected": len(hit)}
        row |= with_interval("hit", share) | with_interval("error_km", median)
        rows.append(row | with_interval("iou", iou))
    return pd.DataFrame(rows)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    if below[-1] == 0:
        return float("nan")
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def report(table: pd.DataFrame, facts: list[str]) -> str:
    """The page to read."""
    lines = []
    for row in table.to_dict("records"):
        # Blank where nothing was detected, and where a null has no such number.
        cells = [
            f"{row[name]:{form}} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"
            if np.isfinite(row[name])
            else ""
            for name, form in (("hit", ".1%"), ("error_km", ".1f"), ("iou", ".2f"))
        ]
        lines.append("| " + " | ".join([row["pointed by"], *cells]) + " |")
    first = table.iloc[0]
    return (
        "# Does the saliency point at what deforms?\n\n"
        + "\n".join(f"- {fact}" for fact in facts)
        + f"\n- {first['detected']} of {first['injected']} sources detected at {FALSE_ALARMS:.0%} false "
        "alarms; only these count\n\nA hit: the largest saliency lies where the ground moves by a quarter of "
        f"the peak or more; {AIM:.0%} is aimed at. Error: median distance to the peak. IoU: mean "
        "intersection over union of that ground and of what is outlined, where saliency is half the tile's "
        "largest or more, or the coarse map's probability is. Brackets: 95 % interval, by resampling "
        "volcanoes.\n\n"
        "| pointed by | hits | error, km | IoU |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


@click.command()
@click.option("--detector", "of", required=True, metavar="RUN", type=click.Path(path_type=Path))
@snr_option(20.0, "; less where they would exceed nature")
@click.option(
    "--stride", "strides", multiple=True, default=(4, 8, 16, 32), show_default=True, type=click.IntRange(1)
)
@common_options
def command(asked: Asked, of: Path, snr: float, strides: tuple[int, ...]) -> None:
    """Inject sources into quiet tiles, and ask whether the saliency of those found points at them."""
    detector = Detector.load(of)
    chosen = asked.backgrounds(least_volcanoes=4)
    injection = draw_sources(chosen, asked.preset, asked.sources, _SPAN, 1, asked.seed).at_ratio(snr)
    pointed = point(detector, chosen, injection, strides)
    folds = fold_of(chosen.groups, min(10, len(np.unique(chosen.groups)) // 2 * 2), asked.seed)
    table = analyse(pointed, chosen.groups, folds, asked.seed, asked.draws)
    facts = [
        *asked.facts(chosen),
        f"{len(injection.sources):,} sources of preset {asked.preset}, SNR {snr:g}",
        f"detector of encoder {detector.encoder.hash}, {detector.encoder.card.backbone} at "
        f"{detector.encoder.spec.size} px; tiles of {chosen.archive.tile} px, taken as "
        f"{spacing_of(chosen.archive):g} m each",
    ]
    asked.publish("pointing", table, report(table, facts), {})


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
