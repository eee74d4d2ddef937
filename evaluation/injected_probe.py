"""How well a linear probe tells tiles with a simulated source from others, at volcanoes it has not seen.

    python -m evaluation.injected_probe --encoder A=RUN --encoder B=RUN --archive ARCHIVE --out choose

No label is read (``--quiet presumed`` unless told otherwise), so recipes can be chosen by it without looking
at what they will be scored on. Every encoder meets the same tiles, sources and folds; differences are from
the first encoder. Writes ``injected_probe.md`` and ``.csv``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from evaluation.backgrounds import Backgrounds
from evaluation.injected import Injection, draw_sources
from evaluation.injected_options import Asked, common_options
from evaluation.methods import named
from evaluation.running import run
from ssl_insar.augment import field as fd
from ssl_insar.classify import LinearProbe
from ssl_insar.classify.metrics import Interval, auroc, cluster_bootstrap
from ssl_insar.models import Encoder
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.progress import bar

RATIOS = (3.0, 5.0, 8.0, 12.0)
"""GLS signal-to-noise ratios in 1 rad of atmosphere at which sources are injected."""
ALL = "all"
_FOLDS = 4
_SPAN = (0.003, 0.3)
"""Peaks from which signs and sources are drawn, m; `Injection.at_ratio` replaces the peaks themselves."""


@torch.no_grad()
def features(
    encoders: dict[str, Encoder], tiles: Backgrounds, injection: Injection
) -> dict[str, NDArray[np.float32]]:
    """Unit features of each tile as it is, and with its source at each of `RATIOS`.

    Returns:
        encoder -> (n, 1 + len(RATIOS), D)
    """
    device = best_device()
    levels = [injection.at_ratio(ratio) for ratio in RATIOS]
    found = {
        name: np.empty((len(tiles.rows), 1 + len(levels), encoder.dimension), np.float32)
        for name, encoder in encoders.items()
    }
    with bar(len(tiles.rows), "inject and embed", "tile") as progress:
        for chosen in tiles.chunks():
            plain = fd.from_complex(torch.from_numpy(tiles.phasors(chosen))).to(device)
            for level, shown in enumerate([plain, *(each.put(plain, chosen, 0) for each in levels)]):
                for name, encoder in encoders.items():
                    with autocast(device):
                        seen = encoder.to(device)(encoder.spec.prepare(shown))
                    found[name][chosen, level] = unit_rows(seen.float().cpu().numpy())
            progress.update(len(chosen))
    return found


def scores(known: NDArray[np.float32], groups: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Log-odds of a source, from probes fitted at other volcanoes on tiles without and with a source.

    Each fold chooses its own regularisation, and the scale of the log-odds follows that: they are in the
    units of `ssl_insar.classify.linear_probe.spread_units`, in which all tiles can be ranked together.

    Args:
        known: (n, 1 + L, D), see `features`; one of the L strengths of each tile, at random, is fitted on.
        groups: (n,) volcanoes.
        seed: of that choice and of the probes.

    Shape:
        -> (n, 1 + L)
    """
    n, levels, _ = known.shape
    strength = 1 + np.random.default_rng(seed).integers(levels - 1, size=n)
    result = np.empty((n, levels))
    for train, test in GroupKFold(_FOLDS).split(groups, groups=groups):
        x = np.concatenate([known[train, 0], known[train, strength[train]]])
        y = np.repeat([0, 1], len(train))
        probe = LinearProbe(seed=seed).fit(x, y, np.tile(groups[train], 2))
        flat = known[test].reshape(-1, known.shape[2])
        result[test] = probe.comparable(flat).reshape(len(test), levels)
    return result


def compare(
    found: dict[str, NDArray[np.float64]], groups: NDArray[Any], draws: int, seed: int
) -> pd.DataFrame:
    """AUROC of each encoder at each strength and over all, and its difference from the first encoder.

    Args:
        found: encoder -> (n, 1 + L) scores.
        groups: (n,) volcanoes, which are resampled.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        columns ``encoder``, ``snr`` (or `ALL`: all strengths pooled), ``auroc``, ``low``, ``high``,
        ``change``, ``change_low``, ``change_high``.
    """
    first = next(iter(found.values()))
    strengths = {f"{ratio:g}": [level] for level, ratio in enumerate(RATIOS, 1)}
    strengths[ALL] = list(range(1, 1 + len(RATIOS)))
    rows = []
    for snr, levels in strengths.items():
        columns = [0, *levels]
        y = np.tile(np.array(columns) > 0, len(groups)).astype(int)
        names = np.repeat(groups, len(columns))
        reference = first[:, columns].ravel()
        for name, each in found.items():
            score = each[:, columns].ravel()
            itself = cluster_bootstrap(y, score, names, auroc, draws, seed)
            change = Interval(0.0, 0.0, 0.0, 0)
            if each is not first:
                change = cluster_bootstrap(y, score, names, auroc, draws, seed, reference)
            rows.append(
                {"encoder": name, "snr": snr, "auroc": itself.value, "low": itself.low, "high": itself.high}
                | {"change": change.value, "change_low": change.low, "change_high": change.high}
            )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame, facts: list[str]) -> str:
    """A Markdown page."""
    lines = ["# Sources told from none by a linear probe", "", "; ".join(facts) + ".", ""]
    lines += ["AUROC; brackets: 95 %, volcanoes resampled. Changes are from the first row.", ""]
    lines += [f"| encoder | {' | '.join(f'SNR {r:g}' for r in RATIOS)} | all | change |"]
    lines += ["|---" * (len(RATIOS) + 3) + "|"]
    for name, rows in table.groupby("encoder", sort=False):
        one = rows.set_index("snr")
        cells = [f"{value:.3f}" for value in one["auroc"][[f"{r:g}" for r in RATIOS]]]
        whole = one.loc[ALL]
        cells += [f"{whole['auroc']:.3f} [{whole['low']:.3f}, {whole['high']:.3f}]"]
        cells += [f"{whole['change']:+.3f} [{whole['change_low']:+.3f}, {whole['change_high']:+.3f}]"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--encoder", "encoders", multiple=True, required=True, metavar="[NAME=]RUN")
@common_options
def command(asked: Asked, encoders: tuple[str, ...]) -> None:
    """Compare encoders by sources injected into quiet tiles; no label is read."""
    if asked.quiet == "auto":
        asked = dataclasses.replace(asked, quiet="presumed")
    loaded = {
        name if len(places) == 1 else f"{name}-{number}": Encoder.load(place)
        for name, places in named(encoders, "encoder").items()
        for number, place in enumerate(places)
    }
    tiles = asked.backgrounds(least_volcanoes=_FOLDS)
    injection = draw_sources(tiles, asked.preset, asked.sources, _SPAN, 1, asked.seed)
    known = features(loaded, tiles, injection)
    found = {name: scores(each, tiles.groups, asked.seed) for name, each in known.items()}
    table = compare(found, tiles.groups, asked.draws, asked.seed)
    asked.publish("injected_probe", table, page(table, asked.facts(tiles)), {})


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
