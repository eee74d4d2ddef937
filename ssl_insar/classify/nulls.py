"""Null baselines: what can be scored without looking at the pattern of deformation.

A representation has learnt something about deformation only as far as it beats both.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import Fold, grouped_folds, is_binary
from ssl_insar.phase import local_coherence, renormalise

Complex: TypeAlias = NDArray[np.complex64]

GLOBAL_STATISTICS = (
    "valid_fraction",
    "coherence_mean",
    "coherence_std",
    "coherence_high_share",
    "mean_phasor_length",
    "row_gradient_mean",
    "row_gradient_std",
    "col_gradient_mean",
    "col_gradient_std",
    "row_gradient_phasor_length",
    "col_gradient_phasor_length",
)
"""Names of the columns of `global_statistics`, in order."""

HIGH_COHERENCE = 0.7
_WINDOW = 3
_CHUNK = 64


def global_statistics(phasors: Complex) -> NDArray[np.float32]:
    """Eleven numbers of a whole tile that know nothing of pattern beyond the nearest neighbours.

    A classifier on these tells noisy tiles from smooth ones and steep from flat. A score they reach
    needs no recognition of deformation.

    They do not change with the reference (a constant phase added), with whole cycles, or with a
    swap of the two dates (conjugate). Over valid pixels:

    - share of valid pixels;
    - mean and standard deviation of the local coherence (3 x 3 box), and the share above 0.7;
    - length of the mean phasor of the tile;
    - mean and standard deviation of the absolute wrapped phase gradient, rad per pixel, down the
      rows and along the columns, from ``z[i+1] conj(z[i])``;
    - length of the mean gradient phasor in both directions: 1 for a plain ramp, 0 for noise.

    Args:
        phasors: (n, H, W) complex64, 0 where there is no data; worked through in chunks, so a
            memory-map will do.

    Returns:
        (n, 11) float32, columns as in `GLOBAL_STATISTICS`; all 0 for a tile without data.
    """
    if phasors.ndim != 3:
        raise ValueError(f"phasors are (n, H, W), not {phasors.shape}")
    blocks = [_statistics(np.asarray(phasors[i : i + _CHUNK])) for i in range(0, len(phasors), _CHUNK)]
    return np.concatenate(blocks) if blocks else np.empty((0, len(GLOBAL_STATISTICS)), np.float32)


def volcano_prior(
    y: ArrayLike,
    groups: ArrayLike,
    splits: list[Fold] | None = None,
    folds: int = 5,
    seed: int = 0,
    strength: float = 1.0,
) -> NDArray[np.float64]:
    """Score of a tile without looking at it: how often its volcano was positive in training.

    ``(positives + strength * prevalence) / (tiles + strength)`` over the training tiles of the same
    volcano. Where volcanoes are not torn apart, the volcano of a scored tile was never seen, every
    score is the prevalence and the AUROC is 0.5: a grouped evaluation gives no credit for knowing
    the place. Given splits by file (`splits_by_file`), the same rule shows how much of a published
    score the place alone explains.

    The prevalence is that of all labels: one constant, so that folds cannot be told apart by it.

    Args:
        y: (n,) labels.
        groups: (n,) volcanoes.
        splits: folds to score; None: by volcano.
        folds: number of folds when ``splits`` is None.
        seed: of the folds.
        strength: number of imagined tiles of average kind a volcano.

    Returns:
        (n,) score of class 1 for 0/1 labels, else (n, K).
    """
    labels, names = np.asarray(y), np.asarray(groups)
    splits = grouped_folds(labels, names, folds, seed) if splits is None else splits
    classes, codes = np.unique(labels, return_inverse=True)
    _, place = np.unique(names, return_inverse=True)
    truth = np.eye(len(classes))[codes]
    base = truth.mean(axis=0)
    scores = np.empty_like(truth)
    for train, test in splits:
        hits = np.zeros((place.max() + 1, len(classes)))
        np.add.at(hits, place[train], truth[train])
        rate = (hits + strength * base) / (hits.sum(axis=1, keepdims=True) + strength)
        scores[test] = rate[place[test]]
    return scores[:, 1] if is_binary(labels) else scores


def splits_by_file(y: ArrayLike, files: ArrayLike, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Folds that keep the tiles of a file together and nothing else: the leaky split of the literature.

    Only for showing what leaks; never for a score to report on its own.
    """
    return grouped_folds(y, files, folds, seed)


def _statistics(z: Complex) -> NDArray[np.float32]:
    unit, _ = renormalise(z)
    valid = unit != 0
    coherence = local_coherence(unit.astype(np.complex64), _WINDOW)
    high = (coherence > HIGH_COHERENCE) & valid
    area = np.maximum(valid.sum(axis=(1, 2)), 1)
    columns: list[NDArray[Any]] = [
        valid.mean(axis=(1, 2)),
        *_moments(coherence, valid),
        high.sum(axis=(1, 2)) / area,
        np.abs(unit.sum(axis=(1, 2), dtype=np.complex128)) / area,
    ]
    lengths = []
    for after, before in ((unit[:, 1:], unit[:, :-1]), (unit[:, :, 1:], unit[:, :, :-1])):
        step = after * np.conj(before)
        both = step != 0
        columns += _moments(np.abs(np.angle(step)), both)
        lengths.append(
            np.abs(step.sum(axis=(1, 2), dtype=np.complex128)) / np.maximum(both.sum(axis=(1, 2)), 1)
        )
    return np.stack([*columns, *lengths], axis=1).astype(np.float32)


def _moments(
    values: NDArray[Any], where: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each tile over the pixels in ``where``.

    Shape:
        (n, H, W) -> (n,), (n,)
    """
    count = np.maximum(where.sum(axis=(1, 2)), 1)
    mean = np.where(where, values, 0).sum(axis=(1, 2), dtype=np.float64) / count
    spread = np.where(where, values - mean[:, None, None], 0)
    return mean, np.sqrt((spread.astype(np.float64) ** 2).sum(axis=(1, 2)) / count)
