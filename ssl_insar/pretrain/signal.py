"""How far the known deformation of an archive's tiles stands out of their atmosphere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import TRUTH_PREFIX
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.turbulence import HANSSEN

OWN_RMS = 1.0
"""RMS of the atmosphere of a tile of which nothing is known, rad: that of mid-latitudes at C band."""
HALF_CYCLE = np.pi
"""Peak, rad, of a deformation that somebody outlined without saying how large it is: less than half a
fringe is seldom seen."""

_AIR = ("turbulence", "stratified", "ionosphere", "exponential", "other_motion")
_SPACING = 100.0
_CHUNK = 256


class Signals(NamedTuple):
    """What is known of each tile's deformation, NaN where nothing is.

    Attributes:
        snr: GLS signal-to-noise ratio, (N,) float32.
        own: RMS of the tile's own atmosphere, rad, (N,) float32.
    """

    snr: NDArray[np.float32]
    own: NDArray[np.float32]


def known_signals(archive: Archive) -> Signals | None:
    """Ratios of the tiles that have a mask of their deformation; None where the archive has none.

    Simulated tiles say theirs. Of others the mask alone is known: their ratio is that of a deformation
    of the mask's shape with a peak of half a cycle.
    """
    table = archive.catalogue
    masked = np.flatnonzero(table["has_deformation"].to_numpy(bool))
    if not len(masked):
        return None
    snr = np.full(len(table), np.nan, np.float32)
    own = np.full(len(table), np.nan, np.float32)
    own[masked] = OWN_RMS
    told = [TRUTH_PREFIX + f"rms_{name}" for name in _AIR if TRUTH_PREFIX + f"rms_{name}" in table]
    if TRUTH_PREFIX + "snr" in table and told:
        said = masked[table[TRUTH_PREFIX + "snr"].notna().to_numpy(bool)[masked]]
        snr[said] = table[TRUTH_PREFIX + "snr"].to_numpy(np.float32)[said]
        own[said] = np.linalg.norm(table[told].fillna(0.0).to_numpy(np.float32)[said], axis=1)
    unsaid = masked[np.isnan(snr[masked])]
    spacing = float(table["spacing"].median())
    for start in range(0, len(unsaid), _CHUNK):
        rows = unsaid[start : start + _CHUNK]
        snr[rows] = _of_masks(archive, rows, spacing if np.isfinite(spacing) else _SPACING)
    # An empty mask says that nothing deforms.
    still = snr == 0
    snr[still] = own[still] = np.nan
    return Signals(snr, own)


def _of_masks(archive: Archive, rows: NDArray[np.intp], spacing: float) -> NDArray[np.float32]:
    """Ratios of half a cycle within masks."""
    signal = torch.from_numpy(archive.deformation(rows)).float() * HALF_CYCLE
    valid = torch.from_numpy(archive.valid(rows))
    n = len(rows)
    air = Atmosphere(
        (spacing, spacing), HANSSEN, torch.full((n,), OWN_RMS), torch.zeros(n, 0), torch.zeros(n, 0)
    )
    coherence = torch.full(signal.shape, 0.7)
    ratio: NDArray[np.float32] = gls_snr(signal, air, phase_information(coherence, 5, valid)).float().numpy()
    return ratio
