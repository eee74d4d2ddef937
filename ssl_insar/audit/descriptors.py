"""A small picture and a short vector of each tile, by which copies are found among millions of pairs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssl_insar.audit.transforms import Transform, turn_gradients
from ssl_insar.phase import ComplexArray, FloatArray

SIDE = 28
"""Cells of a sketch along a side: 8 px each for a tile of 224 px, so that 2 px of shift matter little."""

_CELL, _FEWEST = 8, 7

_COARSE = SIDE // 2
_LAG = 2
"""Cells between the two ends of a gradient, on the sketch of half the side."""

_BLOCKS = 6
WIDTH = 2 * 2 * _BLOCKS * _BLOCKS
"""Length of a descriptor: real and imaginary part of two gradients in each block."""

_LEVELS = 127


@lru_cache
def averaging(length: int, cells: int) -> NDArray[np.float32]:
    """Weights that average pixels into cells of equal width; a pixel on a border is shared.

    Shape:
        -> (cells, length)
    """
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: NDArray[np.float32] = (np.clip(shared, 0, None) * cells / length).astype(np.float32)
    return weights


def sketch(z: ComplexArray) -> NDArray[np.int8]:
    """Mean phasor of each cell; its length falls with noise, steep fringes and missing pixels.

    Shape:
        (n, T, T) -> (n, 2, SIDE, SIDE), real and imaginary part in 1/127
    """
    weights = averaging(z.shape[-1], SIDE)
    parts = [weights @ part @ weights.T for part in (z.real, z.imag)]
    return np.rint(np.stack(parts, axis=1) * _LEVELS).astype(np.int8)


def as_field(sketches: NDArray[np.int8]) -> NDArray[np.complex64]:
    """Sketches as complex fields.

    Shape:
        (n, 2, SIDE, SIDE) -> (n, SIDE, SIDE)
    """
    field = np.empty((len(sketches), *sketches.shape[2:]), np.complex64)
    field.real, field.imag = sketches[:, 0], sketches[:, 1]
    field /= np.float32(_LEVELS)
    return field


def coarser(field: ComplexArray, tile: int) -> ComplexArray:
    """Sketches of small tiles with fewer cells, so that a shift of 2 px matters as little as in large ones.

    Shape:
        (n, SIDE, SIDE) -> (n, S, S), cells of 8 px or, in the smallest tiles, seven a side
    """
    cells = max(tile // _CELL, _FEWEST)
    if cells >= SIDE:
        return field
    weights = averaging(SIDE, cells)
    pooled: ComplexArray = weights @ field @ weights.T
    return pooled


def gradients(field: ComplexArray) -> ComplexArray:
    """Gradient phasors of a sketch, averaged in blocks.

    The product of a cell with the conjugate of its neighbour does not know the constant phase of
    the tile. It is weighted by the root of its length, so that blocks of low coherence are heard
    too. The mean over the tile is taken away: it is much the same in most tiles, and would drown
    what tells them apart.

    Shape:
        (n, SIDE, SIDE) -> (n, 2, B, B); first along the rows, then down the columns
    """
    half = averaging(SIDE, _COARSE)
    coarse = half @ field @ half.T
    whole, short = averaging(_COARSE, _BLOCKS), averaging(_COARSE - _LAG, _BLOCKS)
    along = _rooted(coarse[:, :, _LAG:] * np.conj(coarse[:, :, :-_LAG]))
    down = _rooted(coarse[:, _LAG:] * np.conj(coarse[:, :-_LAG]))
    blocks = np.stack([whole @ along @ short.T, short @ down @ whole.T], axis=1)
    centred: ComplexArray = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    return centred


def vectors(blocks: ComplexArray, transform: Transform) -> NDArray[np.float32]:
    """Unit vectors of the transformed tiles; the cosine of two says how alike they are.

    Shape:
        (n, 2, B, B) -> (n, WIDTH); zero for a tile without any gradient
    """
    turned = turn_gradients(blocks, transform).reshape(len(blocks), -1)
    flat = np.concatenate([turned.real, turned.imag], axis=1).astype(np.float32)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(flat, length, out=np.zeros_like(flat), where=length > 1e-12)
    return unit


def sketch_correlation(first: ComplexArray, second: ComplexArray) -> FloatArray:
    """Correlation coefficient of sketches, the mean of each taken away; its length only.

    Shape:
        (n, SIDE, SIDE) twice -> (n,), in [0, 1]
    """
    one, two = (f - f.mean(axis=(1, 2), keepdims=True) for f in (first, second))
    product = np.abs(np.einsum("nij,nij->n", one, np.conj(two)))
    power = np.sqrt(np.einsum("nij,nij->n", np.abs(one), np.abs(one)))
    power = power * np.sqrt(np.einsum("nij,nij->n", np.abs(two), np.abs(two)))
    alike: FloatArray = product / np.maximum(power, 1e-9)
    return alike


def noise_share(field: ComplexArray, tile: int) -> FloatArray:
    """Share of noise in what a sketch varies by: independent phases leave a cell ``1 / pixels`` of power.

    Shape:
        (n, S, S) -> (n,), in [0, 1]
    """
    power = np.mean(np.abs(field - field.mean(axis=(1, 2), keepdims=True)) ** 2, axis=(1, 2))
    share: FloatArray = np.minimum((field.shape[-1] / tile) ** 2 / np.maximum(power, 1e-9), 1.0)
    return share


def _rooted(product: ComplexArray) -> ComplexArray:
    length = np.abs(product)
    rooted: ComplexArray = product / np.sqrt(np.maximum(length, 1e-12))
    return rooted
