"""Looks at the encoder while it trains: collapse, rank, views, shortcuts, and scores where labels exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from lightning_fabric.utilities import move_data_to_device
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from tqdm import tqdm

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX, label_names
from ssl_insar.archive.groups import NotEvaluableError, grouped_folds, groups_of
from ssl_insar.augment import Views
from ssl_insar.augment import field as fd
from ssl_insar.classify.linear_probe import FALLBACK_C, LinearProbe, spread_units
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.models.precision import autocast
from ssl_insar.pretrain.data import TileDataset
from ssl_insar.pretrain.health import alignment, feature_std, knn_scores, rank_me, uniformity
from ssl_insar.pretrain.logs import CsvLog, read_rows
from ssl_insar.pretrain.recipe import MonitorConfig
from ssl_insar.pretrain.shortcuts import shortcuts

COLUMNS = [
    *("step", "epoch", "feature_std", "rank_me", "alignment", "uniformity"),
    *("knn_ap", "knn_auroc", "probe_ap", "prevalence"),
    *("volcano", "volcano_chance", "frame", "frame_chance", "coherence_r2"),
]
_FILE = "monitor.csv"
_CHUNK = 256
_FOLDS = 5


class Look(NamedTuple):
    """One look.

    Attributes:
        row: what was logged.
        features: of the sample, (n, D).
    """

    row: dict[str, Any]
    features: NDArray[np.float32]


class Monitor:
    """Embeds a fixed sample of tiles and writes ``monitor.csv``.

    Labels, where the archive has any, are only looked at: they never reach the training.

    Args:
        archive: the tiles.
        config: the ``monitor`` section of the recipe.
        folder: run folder.
        seed: for the choice of tiles.
        shown: print each look.

    Attributes:
        sample: positions of the tiles looked at, ascending.
        label: name of the 0/1 label that is scored; None without one.
    """

    def __init__(
        self, archive: Archive, config: MonitorConfig, folder: Path, seed: int, shown: bool = True
    ) -> None:
        self.archive = archive
        self.config = config
        self.folder = folder
        self.shown = shown
        self.label = pick_label(archive.catalogue, config.label)
        self.sample = self._choose(seed)
        self._seed = seed
        self._log: CsvLog | None = None
        self._tiles: TileDataset | None = None

    def open(self, start: int) -> None:
        """Open the log; looks at steps after ``start`` will be made again."""
        self._log = CsvLog(self.folder / _FILE, COLUMNS, start + 1 if start else 0)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    @property
    def before(self) -> tuple[float, float] | None:
        """Spread and effective rank at the first look of the run, also of one that was resumed."""
        rows = read_rows(self.folder / _FILE)
        return (float(rows[0]["feature_std"]), float(rows[0]["rank_me"])) if rows else None

    @torch.no_grad()
    def look(
        self, encoder: Encoder, step: int, epoch: float, views: Views | None = None, *, probe: bool = True
    ) -> Look:
        """Embed the sample, measure, log, print.

        Args:
            encoder: in eval mode.
            step: of the run.
            epoch: of the run.
            views: that no training step draws from, for alignment and uniformity; None: neither is measured.
            probe: whether to fit the linear probe, too, the dearest of the scores.
        """
        batches = np.array_split(self.sample, -(-len(self.sample) // _CHUNK))
        features = np.concatenate([encoder.embed_tiles(self.archive, batch) for batch in batches])
        row: dict[str, Any] = {
            "step": step,
            "epoch": round(epoch, 3),
            "feature_std": feature_std(features),
            "rank_me": rank_me(features),
        }
        if views is not None and self.config.pairs:
            first, second = self._pairs(encoder, views)
            row["alignment"] = alignment(first, second)
            row["uniformity"] = (uniformity(first) + uniformity(second)) / 2
        table = self.archive.catalogue.iloc[self.sample]
        row |= self._scores(features, table, probe)
        row |= shortcuts(features, table)
        if self._log:
            self._log.write(row)
        if self.shown:
            tqdm.write(describe(row))
        return Look(row, features)

    def _pairs(self, encoder: Encoder, views: Views) -> tuple[Tensor, Tensor]:
        """Features of the two views of some tiles, the same views at every look; each (n, D) on the CPU."""
        if self._tiles is None:
            self._tiles = TileDataset(self.archive, views.config)
        count = min(self.config.pairs, len(self.sample))
        rows = self.sample[np.linspace(0, len(self.sample) - 1, count).round().astype(np.int64)]
        device = next(encoder.parameters()).device
        sides: tuple[list[Tensor], list[Tensor]] = ([], [])
        # Batches no larger than training's are sure to fit.
        for chunk in np.array_split(rows, -(-count // 64)):
            loaded = self._tiles.__getitems__(chunk.tolist())
            counts, bits, positions, extras = move_data_to_device(loaded, device)
            both = views(fd.from_counts(counts, bits), 0, 2, extras, positions.cpu())
            for side, view in zip(sides, both, strict=True):
                x = encoder.spec.assemble(*view).contiguous(memory_format=torch.channels_last)
                with autocast(device):
                    side.append(encoder(x).float().cpu())
        return torch.cat(sides[0]), torch.cat(sides[1])

    def _scores(self, features: NDArray[np.float32], table: pd.DataFrame, probe: bool) -> dict[str, float]:
        """How well other volcanoes' labels tell a tile's; nothing where there are none."""
        if self.label is None:
            return {}
        labels = table[LABEL_PREFIX + self.label]
        known = labels.notna().to_numpy()
        positive = (labels[known].astype(float) > 0).to_numpy()
        if not 0 < positive.sum() < len(positive):
            return {}
        groups = groups_of(table[known])
        scores = knn_scores(features[known], positive, groups, self.config.neighbours)
        found = {
            "knn_ap": float(average_precision_score(positive, scores)),
            "knn_auroc": float(roc_auc_score(positive, scores)),
            "prevalence": float(positive.mean()),
        }
        told = probe_scores(features[known], positive, groups, self._seed) if probe else None
        if told is not None:
            found["probe_ap"] = float(average_precision_score(positive, told))
        return found

    def _choose(self, seed: int) -> NDArray[np.int64]:
        """A fixed sample: labelled tiles first, their shares as in the archive."""
        rng = np.random.default_rng((seed, 7))
        order = rng.permutation(len(self.archive))
        if self.label is not None:
            known = self.archive.catalogue[LABEL_PREFIX + self.label].notna().to_numpy()
            # Stable: within the labelled the order stays random, so the prevalence is the archive's.
            order = order[np.argsort(~known[order], kind="stable")]
        return np.sort(order[: self.config.tiles])


def probe_scores(
    features: NDArray[np.float32], positive: NDArray[np.bool_], groups: NDArray[np.str_], seed: int = 0
) -> NDArray[np.float64] | None:
    """Scores of a linear probe on groups it was not fitted on.

    Its regularisation is `FALLBACK_C`, not chosen: `ssl_insar.classify.grouped_scores` chooses it for
    every fold and takes a hundred times as long.

    Shape:
        (N, D), (N,), (N,) -> (N,) in standard deviations; None where a class is known of one group only
    """
    try:
        folds = grouped_folds(positive, groups, _FOLDS, seed)
    except NotEvaluableError:
        return None
    unit = torch.nn.functional.normalize(torch.from_numpy(features), dim=1).numpy()
    scores = np.empty(len(positive))
    for train, test in folds:
        odds = LinearProbe(FALLBACK_C).fit(unit[train], positive[train], groups[train]).decision_function
        scores[test] = spread_units(odds(unit[test]), odds(unit[train]))
    return scores


def pick_label(catalogue: pd.DataFrame, wanted: str | None) -> str | None:
    """The label column that is scored: the one asked for, else the only 0/1 column.

    Raises:
        UserError: the column asked for is not there or not 0/1.
    """
    binary = [name for name in label_names(catalogue) if _is_binary(catalogue[LABEL_PREFIX + name])]
    if wanted is None:
        return "deformation" if "deformation" in binary else (binary[0] if len(binary) == 1 else None)
    if wanted not in binary:
        there = ", ".join(binary) or "none"
        raise UserError(f"monitor.label={wanted}: not a 0/1 label column of the archive (there: {there})")
    return wanted


def describe(row: dict[str, Any]) -> str:
    """A look in up to three lines."""
    text = (
        f"epoch {row['epoch']:g}: feature std {row['feature_std']:.2f}, effective rank {row['rank_me']:.0f}"
    )
    if "alignment" in row:
        text += f", alignment {row['alignment']:.2f}, uniformity {row['uniformity']:.2f}"
    if "knn_ap" in row:
        text += f"\n  labels, on other volcanoes: kNN AP {row['knn_ap']:.3f}"
        text += f", probe AP {row['probe_ap']:.3f}" if "probe_ap" in row else ""
        text += f" (chance {row['prevalence']:.3f}), kNN AUROC {row['knn_auroc']:.3f}"
    told = [
        f"{kind} {row[kind]:.0%} ({row[kind] / row[f'{kind}_chance']:.0f} x chance)"
        for kind in ("volcano", "frame")
        if kind in row
    ]
    if "coherence_r2" in row:
        told.append(f"coherence R2 {max(row['coherence_r2'], 0.0):.2f}")
    return text + (f"\n  shortcuts told by the features: {', '.join(told)}" if told else "")


def _is_binary(values: pd.Series[Any]) -> bool:
    if not pd.api.types.is_numeric_dtype(values):
        return False
    return set(values.dropna().unique().tolist()) == {0, 1}
