"""A score for every place of a frame: overlapping tiles, mosaicked with a smooth weight, band by band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive.tiling import FrameTooSmallError
from ssl_insar.explain.judge import Judge, Score
from ssl_insar.readers import Frame

MIN_VALID = 0.3
"""Least share of valid pixels of a tile that is scored."""

_EDGE = 1e-3
"""Weight of a tile's outermost pixels; not 0, for at the rim of a frame there is no other tile."""


@dataclass(frozen=True)
class Band:
    """Finished rows of a map.

    Attributes:
        row: the first, in the frame, px.
        scores: (H, W) float32 in 0 to 1; NaN where there is no data or no tile was scored.
    """

    row: int
    scores: NDArray[np.float32]


def sliding_scores(
    judge: Judge,
    score: Score,
    frame: Frame,
    tile: int,
    stride: int,
    min_valid: float = MIN_VALID,
    batch: int = 64,
) -> Iterator[Band]:
    """Scores of a frame, from its first row to its last.

    A pixel's score is the mean of those of the tiles over it, weighted by sin^2 from the rim of a tile to
    its centre, in rows and columns. So it tells of the ground around the pixel: it is as sharp as a tile is
    small.

    Args:
        judge: whose encoder embeds the tiles.
        score: of its features.
        frame: read a row of tiles at a time; no more of the map is held either.
        tile: side of a tile, px.
        stride: step between tiles, px, at most ``tile``; half a tile gives an almost flat sum of weights.
        min_valid: least share of valid pixels of a tile that is scored.
        batch: tiles embedded at a time.

    Raises:
        FrameTooSmallError: the frame is smaller than a tile.
        UnreadableError: on the way, when the file is damaged there.
        ValueError: a stride of 0 or more than a tile.
    """
    height, width = frame.shape
    if not 0 < stride <= tile:
        raise ValueError(f"stride {stride} must be 1 to the tile's {tile} px")
    if min(height, width) < tile:
        raise FrameTooSmallError(
            f"{frame.source}: the frame is {height} x {width} px, smaller than a tile of {tile} px; give a "
            "smaller --tile"
        )
    return _bands(judge, score, frame, tile, stride, min_valid, batch)


def corners(length: int, tile: int, stride: int) -> list[int]:
    """First pixels of tiles that cover a side wholly; the last one lies flush with the end."""
    return [*range(0, length - tile, stride), length - tile]


def window_weight(tile: int) -> NDArray[np.float32]:
    """(T, T) weight of a tile's pixels, largest at its centre."""
    one = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2 + _EDGE
    return np.outer(one, one).astype(np.float32)


def _bands(
    judge: Judge, score: Score, frame: Frame, tile: int, stride: int, min_valid: float, batch: int
) -> Iterator[Band]:
    height, width = frame.shape
    weight = window_weight(tile)
    # The rows that tiles still to come can reach: weighted scores, weights, and where there is data.
    total, mass = np.zeros((2, tile, width), np.float32)
    data = np.zeros((tile, width), bool)
    rows = corners(height, tile, stride)
    columns = corners(width, tile, stride)
    for row, following in zip(rows, [*rows[1:], height], strict=True):
        patch = frame.window(row, 0, tile, width)
        data[:] = patch.valid
        z = ph.phasor(patch.phase, patch.valid)
        kept = [c for c in columns if patch.valid[:, c : c + tile].mean() >= max(min_valid, 1 / tile**2)]
        for start in range(0, len(kept), batch):
            chosen = kept[start : start + batch]
            features = judge.encoder.embed_phasors(np.stack([z[:, c : c + tile] for c in chosen]))
            for col, value in zip(chosen, score(features), strict=True):
                total[:, col : col + tile] += np.float32(value) * weight
                mass[:, col : col + tile] += weight
        done = following - row
        known = data[:done] & (mass[:done] > 0)
        finished = np.full((done, width), np.nan, np.float32)
        np.divide(total[:done], mass[:done], out=finished, where=known)
        yield Band(row, finished)
        for held in (total, mass):
            held[: tile - done] = held[done:]
            held[tile - done :] = 0
