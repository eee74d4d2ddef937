"""Neighbouring tiles to what shards hold of them: several at a time, for numpy's calls cost, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive.kernels import cut_counts, cut_shares
from ssl_insar.archive.store import NO_ELEVATION
from ssl_insar.archive.tiling import Strip

Layers = dict[str, NDArray[Any]]
"""``phase`` (n, T, T), ``valid`` (n, T, T / 8), and ``coherence`` and ``elevation`` (n, T, T) where the
product has them."""

_MOST_WRAPPED = 2.0**30 * ph.TWO_PI / ph.STEPS_PER_CYCLE
_MOST_UNWRAPPED = (2**15 - 1) * ph.TWO_PI / ph.STEPS_PER_CYCLE
"""rad; below it, counts can do without 64 bits, and unwrapped ones fit 16."""


def encode(
    strip: Strip, kept: list[int], valid: NDArray[np.bool_], *, wrapped: bool
) -> tuple[Layers, NDArray[np.float64] | None]:
    """Encode some tiles of a strip.

    Args:
        strip: the neighbouring tiles.
        kept: which of them.
        valid: (n, T, T) validity of those.
        wrapped: whether the phase is known only modulo 2 pi.

    Returns:
        the layers, and, (n,), the sum of the delivered coherence over the valid pixels of each; or None.
    """
    patch = strip.patch
    layers: Layers = {
        "phase": _phase(strip, kept, wrapped=wrapped),
        "valid": np.packbits(valid, axis=-1),
    }
    sums = None
    if patch.coherence is not None:
        layers["coherence"], sums = np.empty(valid.shape, np.uint8), np.empty(len(kept))
        shares = np.ascontiguousarray(patch.coherence, np.float32)
        cut_shares(shares, valid.view(np.uint8), strip.firsts(kept), layers["coherence"], sums)
    if patch.elevation is not None:
        known = np.isfinite(patch.elevation)
        heights = np.where(known, np.rint(patch.elevation), NO_ELEVATION).astype(np.int16)
        layers["elevation"] = strip.stacked(heights, kept)
    return layers, sums


def _phase(strip: Strip, kept: list[int], *, wrapped: bool) -> NDArray[np.integer[Any]]:
    phase = np.ascontiguousarray(strip.patch.phase, np.float32)
    kind, most = (np.uint8, _MOST_WRAPPED) if wrapped else (np.int16, _MOST_UNWRAPPED)
    if max(phase.max(), -phase.min()) < most:  # also false for NaN
        quick: NDArray[np.integer[Any]] = np.empty((len(kept), strip.tile, strip.tile), kind)
        cut_counts(phase, strip.firsts(kept), quick)
        return quick
    if wrapped:
        return strip.stacked(ph.encode_wrapped(phase), kept)
    # The reference is arbitrary: bring the median of tiles that do not fit near 0 by whole cycles.
    counts = ph.encode_unwrapped_wide(phase)
    pieces, masks = strip.stacked(counts, kept), strip.stacked(strip.patch.valid, kept)
    for piece, mask in zip(pieces, masks, strict=True):
        if not ph.fits_unwrapped(piece):
            cycles = np.rint(np.median(piece[mask]) / ph.STEPS_PER_CYCLE)
            piece[mask] -= ph.STEPS_PER_CYCLE * int(cycles)
    return pieces.astype(np.int16)
