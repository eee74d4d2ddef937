"""How small a deformation is found: sources injected into real quiet tiles, against the optimal filter.

    python -m evaluation.detection_limit --detector RUN --archive ARCHIVE --exclude-trained RUN --out limit

Puts a simulated source into each quiet tile at a series of strengths, and counts what is detected at 1 %
false alarms: by the logit of the run's detector, by a linear probe fitted on other volcanoes, by the
departure of the phase from a plane (null), and by the matched filter that knows the source and the noise
(limit). Writes ``detection_limit.md``, ``.csv`` and two PNG files. See ``evaluation/README.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from evaluation import matched_filter
from evaluation.backgrounds import Backgrounds, spacing_of
from evaluation.injected import Injection, draw_sources, unit_snr
from evaluation.injected_options import Asked, common_options
from evaluation.running import run
from evaluation.volcano_bootstrap import resampled, with_interval
from ssl_insar.augment import field as fd
from ssl_insar.classify import LinearProbe
from ssl_insar.maps import figures
from ssl_insar.models.detector import Detector
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.pretrain.quiet import flatness
from ssl_insar.progress import bar

FALSE_ALARMS = 0.01
LITERATURE = {
    "5.9 cm: operational (Biggs et al. 2022)": 0.059,
    "3.9 cm: signal only (Anantrasirichai et al. 2019)": 0.039,
    "6.3 cm: with atmosphere (Anantrasirichai et al. 2019)": 0.063,
}
"""Peak displacements from which detection was reported, m; of other data and definitions.

Biggs et al. 2022, Bull. Volcanol. 84, "Large-scale demonstration of machine learning for the detection of
volcanic deformation in Sentinel-1 satellite imagery"; Anantrasirichai et al. 2019, GRL 46, "The application
of convolutional neural networks to detect slow, sustained deformation in InSAR time series"."""

LOGIT, PROBE = "detector (no label)", "linear probe on the features"
NULL, LIMIT = "departure from a plane (null)", "matched filter (limit)"
AXES = {
    "displacement_m": "peak displacement along the line of sight (cm)",
    "snr": "GLS signal-to-noise ratio",
}
_SNR_EDGES = np.geomspace(0.25, 256, 21)
_PICTURES = {"displacement_m": "displacement", "snr": "snr"}
_FOLDS = 10
_CHECKED = 64
"""Sources that the theory of the matched filter is checked with."""
_FEWEST = 10
"""Sources that a bin needs."""
_TRAINABLE = 3.0
"""Least ratio of the sources that the probe is fitted on, as in pretraining."""


@dataclass(frozen=True)
class Scores:
    """What one detector says of n tiles without a source, and with it at L strengths.

    Attributes:
        quiet: (n,).
        holding: (n, L).
    """

    quiet: NDArray[np.float64]
    holding: NDArray[np.float64]


def fold_of(groups: NDArray[Any], count: int, seed: int) -> NDArray[np.intp]:
    """Fold of each tile; a group is in one fold, and folds hold like numbers of groups.

    Shape:
        (n,) -> (n,) in 0 .. count - 1
    """
    names, member = np.unique(groups, return_inverse=True)
    folds: NDArray[np.intp] = np.random.default_rng(seed).permutation(len(names))[member] % count
    return folds


def detections(
    scores: Scores, folds: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tiles are above the threshold of 1 % false alarms, for D weightings of the tiles.

    The threshold of a fold is from quiet tiles of the other folds of its half (folds of one parity),
    none of which a probe that scores this half was fitted on.

    Shape:
        scores of n tiles, (n,), (D, n) -> (D, n) without a source, (D, n, L) with
    """
    threshold = np.full(weights.shape, np.inf)
    for fold in np.unique(folds):
        reference = np.flatnonzero((folds % 2 == fold % 2) & (folds != fold))
        order = reference[np.argsort(scores.quiet[reference])]
        below = np.cumsum(weights[:, order], axis=1)
        first = (below < (1 - FALSE_ALARMS) * below[:, -1:] - 1e-9).sum(axis=1)
        found = scores.quiet[order][np.minimum(first, len(order) - 1)]
        # A draw may hold none of these volcanoes.
        threshold[:, folds == fold] = np.where(below[:, -1] > 0, found, np.inf)[:, None]
    return scores.quiet > threshold, scores.holding > threshold[:, :, None]


def probe_scores(
    quiet: NDArray[np.float32],
    holding: NDArray[np.float32],
    usable: NDArray[np.bool_],
    groups: NDArray[Any],
    folds: NDArray[np.intp],
    seed: int,
) -> Scores:
    """Scores of a linear probe fitted on the other half of the volcanoes.

    Args:
        quiet: (n, D) features without a source.
        holding: (n, L, D) with it.
        usable: (n, L) strengths to fit on; one of each tile is taken.
        groups: (n,) volcanoes.
        folds: (n,), see `fold_of`; those of one parity are a half.
        seed: of the choice.
    """
    chosen = np.where(usable, np.random.default_rng(seed).random(usable.shape), -1).argmax(axis=1)
    fit = usable.any(axis=1)
    scores = Scores(np.empty(len(quiet)), np.empty(holding.shape[:2]))
    for half in (0, 1):
        there, here = folds % 2 != half, folds % 2 == half
        strong = np.flatnonzero(there & fit)
        x = np.concatenate([quiet[there], holding[strong, chosen[strong]]])
        y = np.repeat([0, 1], [there.sum(), len(strong)])
        probe = LinearProbe(seed=seed).fit(unit_rows(x), y, np.concatenate([groups[there], groups[strong]]))
        scores.quiet[here] = probe.decision_function(unit_rows(quiet[here]))
        flat = unit_rows(holding[here].reshape(-1, holding.shape[-1]))
        scores.holding[here] = probe.decision_function(flat).reshape(-1, holding.shape[1])
    return scores


@dataclass(frozen=True)
class Measured:
    """Everything that is known of the tiles and their sources.

    Attributes:
        scores: by detector.
        features: (n, D) without a source, and (n, L, D) with it.
        snr: (n, L) GLS ratio.
        rms: (n,) atmosphere of the tiles, rad.
    """

    scores: dict[str, Scores]
    features: tuple[NDArray[np.float32], NDArray[np.float32]]
    snr: NDArray[np.float64]
    rms: NDArray[np.float64]


@torch.no_grad()
def measure(detector: Detector, tiles: Backgrounds, injection: Injection) -> Measured:
    """Show every tile to the detectors, without a source and with it at every strength."""
    n, levels = injection.displacement.shape
    device = best_device()
    detector.to(device)
    encoder = detector.encoder
    features = np.empty((n, levels + 1, encoder.dimension), np.float32)
    logits, rough = np.empty((2, n, levels + 1))
    unit, rms = np.empty((2, n))
    with bar(n, "inject and score", "tile") as progress:
        for chosen in tiles.chunks():
            field = fd.from_complex(torch.from_numpy(tiles.phasors(chosen))).to(device)
            for level in range(levels + 1):
                shown = field if level == levels else injection.put(field, chosen, level)
                with autocast(device):
                    seen = encoder(encoder.spec.prepare(shown)).float()
                features[chosen, level] = seen.cpu().numpy()
                logits[chosen, level] = detector.head(seen)[:, 0].cpu().numpy()
                rough[chosen, level] = -flatness(shown).cpu().numpy()
            unit[chosen], rms[chosen] = unit_snr(tiles, injection, chosen)
            progress.update(len(chosen))
    scores = {
        LOGIT: Scores(logits[:, -1], logits[:, :-1]),
        NULL: Scores(rough[:, -1], rough[:, :-1]),
    }
    snr = unit[:, None] * injection.peak.abs().double().numpy()
    return Measured(scores, (features[:, -1], features[:, :-1]), snr, rms)


def curve(
    found: NDArray[Any], where: NDArray[np.intp], weights: NDArray[np.float64], bins: int
) -> NDArray[np.float64]:
    """Share detected in each bin, for D weightings of the tiles; NaN where a bin is empty.

    Shape:
        (D or 1, n, L) detected or its probability, (n, L) bin or -1, (D, n) -> (D, bins)
    """
    inside = where.ravel() >= 0
    member = np.eye(bins)[where.ravel()[inside]]
    each = np.repeat(weights, where.shape[1], axis=1)[:, inside]
    hit = found.reshape(len(found), -1)[:, inside]
    total = each @ member
    share: NDArray[np.float64] = np.divide(
        (each * hit) @ member, total, out=np.full(total.shape, np.nan), where=total > 0
    )
    return share


def crossing(x: NDArray[np.float64], share: NDArray[np.float64], level: float) -> float:
    """Where a curve first reaches a level, on a logarithmic axis; NaN where it does not.

    Shape:
        (B,), (B,) -> ()
    """
    known = np.isfinite(share)
    x, share = x[known], share[known]
    above = np.flatnonzero(share >= level)
    if not len(above):
        return float("nan")
    first = int(above[0])
    if first == 0:
        return float(x[0])
    part = (level - share[first - 1]) / (share[first] - share[first - 1])
    return float(np.exp(np.log(x[first - 1]) + part * np.log(x[first] / x[first - 1])))


def analyse(
    measured: Measured,
    injection: Injection,
    groups: NDArray[Any],
    seed: int,
    draws: int,
    folds: NDArray[np.intp],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves and thresholds with intervals, by resampling volcanoes (thresholds of false alarms too).

    Returns:
        curves, one row a detector, axis and bin; and one row a detector: 50 and 90 % points, false alarms.
    """
    weights = resampled(groups, draws, seed)
    displacement = injection.displacement
    binned = {
        "displacement_m": _bins(displacement, _displacement_edges(displacement), injection.natural),
        "snr": _bins(measured.snr, _SNR_EDGES, injection.natural),
    }
    limit = matched_filter.probability(measured.snr, FALSE_ALARMS)[None]
    curves, points = [], []
    for name in (*measured.scores, LIMIT):
        point: dict[str, Any] = {"detector": name}
        if name == LIMIT:
            holding: NDArray[Any] = limit
        else:
            quiet, holding = detections(measured.scores[name], folds, weights)
            rate = (quiet * weights).sum(1) / weights.sum(1)
            point |= with_interval("false_alarms", rate)
        for axis, (where, centres) in binned.items():
            share = curve(holding, where, weights, len(centres))
            counts = np.bincount(where[where >= 0], minlength=len(centres))
            for number, centre in enumerate(centres):
                line = {"detector": name, "axis": axis, "centre": centre, "sources": int(counts[number])}
                curves.append(line | with_interval("detected", share[:, number]))
            for level in (0.5, 0.9):
                at = np.array([crossing(centres, each, level) for each in share])
                point |= with_interval(f"{axis}_{level:.0%}", at)
        points.append(point)
    return pd.DataFrame(curves).query("sources > 0"), pd.DataFrame(points)


def _displacement_edges(displacement: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.geomspace(displacement.min(), displacement.max() * (1 + 1e-9), 17)


def _bins(
    values: NDArray[np.float64], edges: NDArray[np.float64], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Bin of each value, -1 where it is in none or too few are with it; and the centres of the bins."""
    where = np.searchsorted(edges, values, side="right") - 1
    where[(where < 0) | (where >= len(edges) - 1) | ~kept] = -1
    few = np.bincount(where[where >= 0], minlength=len(edges) - 1) < _FEWEST
    where[few[where] & (where >= 0)] = -1
    return where, np.sqrt(edges[1:] * edges[:-1])


def draw_curves(curves: pd.DataFrame, axis: str) -> bytes:
    """The figure of one axis, as PNG."""
    figure, axes = figures.new_figure(6.8, 4.2)
    colours = {
        LIMIT: figures.INK, LOGIT: figures.ORANGE, PROBE: figures.BLUE, NULL: figures.GREY,
    }  # fmt: skip
    factor = 100 if axis == "displacement_m" else 1
    for name, colour in colours.items():
        part = curves[(curves["detector"] == name) & (curves["axis"] == axis)]
        axes.plot(
            factor * part["centre"], part["detected"], color=colour, linewidth=1.8, marker="o", markersize=3,
            linestyle="--" if name == LIMIT else "-", label=name,
        )  # fmt: skip
        axes.fill_between(
            factor * part["centre"],
            part["detected_low"],
            part["detected_high"],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.axhline(FALSE_ALARMS, color=figures.GREY, linewidth=0.8, linestyle=":")
    if axis == "displacement_m":
        for place, text in zip(LITERATURE.values(), LITERATURE, strict=True):
            axes.axvline(factor * place, color=figures.GREEN, linewidth=0.9, linestyle="--")
            right = text.startswith("6.3")
            axes.annotate(
                text, (factor * place, 0.9), (3 if right else -3, 0), textcoords="offset points", rotation=90,
                va="top", ha="left" if right else "right", fontsize=6.5, color=figures.GREEN,
            )  # fmt: skip
    axes.set_xscale("log")
    ticks = [0.1, 0.3, 1, 3, 10, 30, 100, 300]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    centres = curves.loc[curves["axis"] == axis, "centre"] * factor
    axes.set_xlim(0.8 * centres.min(), 1.25 * centres.max())
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(AXES[axis], fontsize=9)
    axes.set_ylabel(f"detected, at {FALSE_ALARMS:.0%} false alarms", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figures.png(figure)


def report(points: pd.DataFrame, check: pd.DataFrame, facts: Sequence[str]) -> str:
    """The page to read."""
    rows = []
    for line in points.to_dict("records"):
        cells = [str(line["detector"])]
        for column, factor in (
            ("displacement_m_50%", 100), ("displacement_m_90%", 100), ("snr_50%", 1), ("snr_90%", 1),
        ):  # fmt: skip
            cells.append(_cell(line, column, factor, 1))
        cells.append("by definition" if line["detector"] == LIMIT else _cell(line, "false_alarms", 100, 2))
        rows.append("| " + " | ".join(cells) + " |")
    checks = "\n".join(
        f"| {level:g} | {theory:.3f} | {counted:.3f} |" for level, theory, counted in check.to_numpy()
    )
    return (
        "# The smallest deformation that is found\n\n"
        + "\n".join(f"- {fact}" for fact in facts)
        + "\n\nWhere 50 % and 90 % of the sources are detected. Brackets: 95 % interval, by resampling "
        "volcanoes; >: not reached within the span.\n\n"
        "| | 50 %, cm | 90 %, cm | 50 %, SNR | 90 %, SNR | false alarms, % |\n|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\nReported elsewhere, on other data: "
        + "; ".join(LITERATURE)
        + ".\n\nThe matched filter by theory and by counting, on simulated noise:\n\n"
        "| SNR | theory | counted |\n|---|---|---|\n" + checks + "\n"
    )


def _cell(line: dict[Any, Any], column: str, factor: float, digits: int) -> str:
    value, low, high = (line[column + end] * factor for end in ("", "_low", "_high"))
    if not np.isfinite(value):
        return ">"
    upper = f"{high:.{digits}f}" if np.isfinite(high) else ">"
    return f"{value:.{digits}f} [{low:.{digits}f}, {upper}]"


@click.command()
@click.option("--detector", "of", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option("--levels", default=8, show_default=True, type=click.IntRange(2), help="Strengths a tile.")
@click.option(
    "--span", type=(float, float), default=(0.003, 0.3), show_default=True, help="Peak displacements, m."
)
@common_options
def command(asked: Asked, of: Path, levels: int, span: tuple[float, float]) -> None:
    """Inject sources into quiet tiles, and say how small a one is found."""
    if not 0 < span[0] < span[1]:
        raise click.UsageError("--span: two displacements in m, the smaller first")
    detector = Detector.load(of)
    chosen = asked.backgrounds(least_volcanoes=4)
    injection = draw_sources(chosen, asked.preset, asked.sources, span, levels, asked.seed)
    measured = measure(detector, chosen, injection)
    folds = fold_of(chosen.groups, min(_FOLDS, len(np.unique(chosen.groups)) // 2 * 2), asked.seed)
    usable = injection.natural & (measured.snr >= _TRAINABLE)
    probed = probe_scores(*measured.features, usable, chosen.groups, folds, asked.seed)
    measured = dataclasses.replace(measured, scores=measured.scores | {PROBE: probed})
    curves, points = analyse(measured, injection, chosen.groups, asked.seed, asked.draws, folds)
    trained = detector.training_facts
    first, last = asked.facts(chosen)
    facts = [
        first,
        f"{len(injection.sources):,} sources of preset {asked.preset}, {int(injection.natural.sum()):,} "
        f"injections; {int((~injection.natural).sum()):,} that would alias or exceed nature left out",
        f"atmosphere of the tiles: {np.median(measured.rms):.2f} rad RMS in the median "
        f"({np.quantile(measured.rms, 0.1):.2f} to {np.quantile(measured.rms, 0.9):.2f})",
        f"detector of encoder {detector.encoder.hash}, trained with preset {trained.preset} at SNR "
        f"{trained.snr[0]:g} to {trained.snr[1]:g}; labels that had a part in it: {trained.labels}",
        "the probe was told where sources are, at the other half of the volcanoes",
        last,
    ]
    page = report(points, check_filter(injection, spacing_of(chosen.archive), asked.seed), facts)
    pictures = {f"detection_limit_{name}": draw_curves(curves, axis) for axis, name in _PICTURES.items()}
    asked.publish("detection_limit", curves, page, pictures)


def check_filter(injection: Injection, spacing: float, seed: int) -> pd.DataFrame:
    """The matched filter by theory and by counting: columns ``snr``, ``theory``, ``counted``."""
    ratios = np.arange(6.0)
    patterns = injection.sources.patterns[:_CHECKED].float()
    generator = torch.Generator().manual_seed(seed)
    counted = matched_filter.simulated(patterns, spacing, ratios, FALSE_ALARMS, generator)
    theory = matched_filter.probability(ratios, FALSE_ALARMS)
    return pd.DataFrame({"snr": ratios, "theory": theory, "counted": counted})


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
