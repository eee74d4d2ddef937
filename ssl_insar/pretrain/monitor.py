"""Looks at the encoder while it trains: collapse, effective rank, grouped kNN score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score
from tqdm import tqdm

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX, label_names
from ssl_insar.archive.groups import groups_of
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.pretrain.health import feature_std, knn_scores, rank_me
from ssl_insar.pretrain.logs import CsvLog
from ssl_insar.pretrain.recipe import MonitorConfig

COLUMNS = ["step", "epoch", "feature_std", "rank_me", "knn_ap", "knn_auroc", "prevalence"]
COLLAPSED = 0.05
"""Feature standard deviation (times sqrt(D)) below which nothing is left to tell tiles apart."""


class Monitor:
    """Embeds a fixed sample of tiles and writes ``monitor.csv``.

    Labels, where the archive has any, are only looked at: they never reach the training.

    Args:
        archive: the tiles.
        config: the ``monitor`` section of the recipe.
        folder: run folder.
        seed: for the choice of tiles.
        shown: print each look.
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
        self._log: CsvLog | None = None

    def open(self, start: int) -> None:
        """Open the log; looks at steps after ``start`` will be made again."""
        self._log = CsvLog(self.folder / "monitor.csv", COLUMNS, start + 1 if start else 0)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    def look(self, encoder: Encoder, step: int, epoch: float) -> dict[str, Any]:
        """Embed the sample, measure, log, print.

        Returns:
            the row that was logged.
        """
        features = self._features(encoder)
        row: dict[str, Any] = {
            "step": step,
            "epoch": round(epoch, 3),
            "feature_std": feature_std(features),
            "rank_me": rank_me(features),
        }
        if self.label is not None:
            table = self.archive.catalogue.iloc[self.sample]
            labels = table[LABEL_PREFIX + self.label]
            known = labels.notna().to_numpy()
            positive = (labels[known].astype(float) > 0).to_numpy()
            if 0 < positive.sum() < len(positive):
                groups = groups_of(table[known])
                scores = knn_scores(features[known], positive, groups, self.config.neighbours)
                row |= {
                    "knn_ap": float(average_precision_score(positive, scores)),
                    "knn_auroc": float(roc_auc_score(positive, scores)),
                    "prevalence": float(positive.mean()),
                }
        if self._log:
            self._log.write(row)
        if self.shown:
            tqdm.write(describe(row))
        if step and row["feature_std"] < COLLAPSED:
            raise UserError(
                f"the features collapsed at step {step} (std {row['feature_std']:.3f}): all tiles embed "
                "alike. Lower optim.lr, raise data.batch_size, or check the archive for empty tiles"
            )
        return row

    def _features(self, encoder: Encoder) -> NDArray[np.float32]:
        """Features of the sample, in eval mode."""
        batches = np.array_split(self.sample, max(1, -(-len(self.sample) // 256)))
        return np.concatenate([encoder.embed_tiles(self.archive, batch) for batch in batches])

    def _choose(self, seed: int) -> NDArray[np.int64]:
        """A fixed sample: labelled tiles first, their shares as in the archive."""
        rng = np.random.default_rng((seed, 7))
        order = rng.permutation(len(self.archive))
        if self.label is not None:
            known = self.archive.catalogue[LABEL_PREFIX + self.label].notna().to_numpy()
            # Stable: within the labelled the order stays random, so the prevalence is the archive's.
            order = order[np.argsort(~known[order], kind="stable")]
        return np.sort(order[: self.config.tiles])


def pick_label(catalogue: pd.DataFrame, wanted: str | None) -> str | None:
    """The label column that the kNN score uses: the one asked for, else the only 0/1 column.

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
    """One line about a look."""
    text = (
        f"epoch {row['epoch']:g}: feature std {row['feature_std']:.2f}, effective rank {row['rank_me']:.0f}"
    )
    if "knn_ap" in row:
        text += f", kNN on other volcanoes: AP {row['knn_ap']:.3f} (chance {row['prevalence']:.3f})"
        text += f", AUROC {row['knn_auroc']:.3f}"
    return text


def _is_binary(values: pd.Series[Any]) -> bool:
    if not pd.api.types.is_numeric_dtype(values):
        return False
    return set(values.dropna().unique().tolist()) == {0, 1}
