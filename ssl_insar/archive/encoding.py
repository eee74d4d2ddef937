"""Neighbouring tiles to what shards hold of them: several at a time, for numpy's calls cost, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive.store import NO_ELEVATION
from ssl_insar.archive.tiling import Strip

Layers = dict[str, NDArray[Any]]
"""``phase`` (n, T, T), ``valid`` (n, T, T / 8), and ``coherence`` and ``elevation`` (n, T, T) where the
product has them."""


def encode(strip: Strip, kept: list[int], valid: NDArray[np.bool_], *, wrapped: bool) -> Layers:
    """Encode some tiles of a strip.

    Args:
        strip: the neighbouring tiles.
        kept: which of them.
        valid: (n, T, T) validity of those.
        wrapped: whether the phase is known only modulo 2 pi.
    """
    patch = strip.patch
    layers: Layers = {
        "phase": _phase(strip, kept, wrapped=wrapped),
        "valid": np.packbits(valid, axis=-1),
    }
    if patch.coherence is not None:
        # Within [0, 1] as readers promise, so adding a half and cutting off rounds.
        layers["coherence"] = strip.stacked(
            (patch.coherence * np.float32(255) + np.float32(0.5)).astype(np.uint8), kept
        )
    if patch.elevation is not None:
        known = np.isfinite(patch.elevation)
        heights = np.where(known, np.rint(patch.elevation), NO_ELEVATION).astype(np.int16)
        layers["elevation"] = strip.stacked(heights, kept)
    return layers


def _phase(strip: Strip, kept: list[int], *, wrapped: bool) -> NDArray[np.integer[Any]]:
    phase = strip.patch.phase
    if wrapped:
        return strip.stacked(ph.encode_wrapped(phase), kept)
    counts = ph.encode_unwrapped_wide(phase)
    if ph.fits_unwrapped(counts):
        return strip.stacked(counts.astype(np.int16), kept)
    # The reference is arbitrary: bring the median of tiles that do not fit near 0 by whole cycles.
    pieces, masks = strip.stacked(counts, kept), strip.stacked(strip.patch.valid, kept)
    for piece, mask in zip(pieces, masks, strict=True):
        if not ph.fits_unwrapped(piece):
            cycles = np.rint(np.median(piece[mask]) / ph.STEPS_PER_CYCLE)
            piece[mask] -= ph.STEPS_PER_CYCLE * int(cycles)
    return pieces.astype(np.int16)
