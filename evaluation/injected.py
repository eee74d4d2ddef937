"""Simulated sources put into quiet real tiles, and how clear each is there."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluation.backgrounds import Backgrounds, spacing_of
from ssl_insar.augment import field as fd
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.phase import local_coherence
from ssl_insar.pretrain.pairs import Pairs, inject, pattern_of
from ssl_insar.pretrain.quiet import flatness
from ssl_insar.pretrain.sources import Sources, make_sources
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.preset import load_preset
from ssl_insar.synth.turbulence import HANSSEN

_GRID = 28
"""Side of the grid on which the variance of turbulence beside a plane is reckoned, cells."""


class Injection(NamedTuple):
    """Sources for n backgrounds, each at one or more strengths.

    Attributes:
        sources: patterns of a peak of 1 rad, at the full resolution of the tiles.
        pairs: which source each background gets, and how it is mirrored (`ssl_insar.pretrain.pairs`).
        peak: (n, L) rad, with sign.
        displacement: (n, L) peak along the line of sight, m.
        natural: (n, L) whether it neither aliases nor is larger than in nature.
    """

    sources: Sources
    pairs: Pairs
    peak: Tensor
    displacement: NDArray[np.float64]
    natural: NDArray[np.bool_]

    def put(self, tiles: Tensor, chosen: NDArray[np.intp], level: int) -> Tensor:
        """Tiles with their source at one of the strengths.

        Shape:
            (k, 2, T, T), (k,) places -> (k, 2, T, T)
        """
        part = self._part(chosen)
        peak = self.peak[torch.from_numpy(chosen), level].to(tiles.device)
        return inject(tiles, part.to(tiles.device)._replace(peak=peak), self.sources.to(tiles.device))

    def at_ratio(self, snr: float) -> Injection:
        """The same sources, each at the one strength of this GLS ratio in 1 rad of atmosphere.

        Weaker where it would alias or exceed what occurs in nature.
        """
        number = self.pairs.source
        peak = (snr / self.sources.snr[number]).minimum(self.sources.most[number])
        return self._replace(peak=peak[:, None] * self.peak[:, :1].sign())

    def patterns(self, chosen: NDArray[np.intp]) -> Tensor:
        """Their phase at a peak of 1 rad, (k, T, T)."""
        return pattern_of(self._part(chosen), self.sources, torch.arange(len(chosen)))

    def _part(self, chosen: NDArray[np.intp]) -> Pairs:
        rows = torch.from_numpy(chosen)
        return Pairs(*(each[rows] for each in self.pairs))


def draw_sources(
    tiles: Backgrounds, preset: str, count: int, span: tuple[float, float], levels: int, seed: int
) -> Injection:
    """One source a background, by a preset's laws, at strengths spread evenly over a logarithmic span.

    Args:
        tiles: where they will be put.
        preset: of the simulator.
        count: patterns drawn.
        span: least and largest peak displacement, m.
        levels: L, strengths of each.
        seed: of all draws.

    Raises:
        UserError: no such preset, or one without sources.
    """
    archive, n = tiles.archive, len(tiles.rows)
    sources = make_sources(preset, count, archive.tile, spacing_of(archive), seed, shown=True)
    generator = torch.Generator().manual_seed(seed)
    number = torch.randint(len(sources), (n,), generator=generator)
    low, high = (math.log(value) for value in span)
    part = (torch.arange(levels) + torch.rand(n, levels, generator=generator)) / levels
    displacement = torch.exp(low + part * (high - low))
    band = WAVELENGTHS[load_preset(preset).geometry.band]
    wavelength = archive.catalogue["wavelength"].to_numpy(float)[tiles.rows]
    wavelength = np.where(np.isfinite(wavelength), wavelength, band)
    peak = displacement * torch.from_numpy(4 * np.pi / wavelength).float()[:, None]
    sign = torch.where(torch.rand(n, 1, generator=generator) < 0.5, -1.0, 1.0)
    own = torch.arange(n)
    mirror = torch.rand(n, 2, generator=generator) < 0.5
    pairs = Pairs(own, own, number, torch.zeros(n), torch.zeros(n), mirror)
    natural = peak <= sources.most[number, None]
    return Injection(sources, pairs, peak * sign, displacement.double().numpy(), natural.numpy())


def unit_snr(
    tiles: Backgrounds, injection: Injection, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """GLS ratio, at a peak of 1 rad, of the sources in the tiles that they are put into.

    The atmosphere of a tile has Hanssen's spectrum and the RMS that the tile itself shows: its phase
    leaves the best plane by sqrt(-2 ln R), R its `ssl_insar.pretrain.quiet.flatness` (Mardia and Jupp
    2000, "Directional Statistics", eq. 2.3.11), to which the plane's share is added. The noise of a pixel
    has the variance (1 - g^2) / g^2, g its local coherence; where that exceeds 1 rad^2, and where there
    is no data, a pixel says nothing. What is rougher than some 1.8 rad looks no rougher, so that the
    ratio there is too large.

    Shape:
        (k,) places -> ratio (k,), RMS of the atmosphere (k,), rad
    """
    z = tiles.phasors(chosen)
    flat = flatness(fd.from_complex(torch.from_numpy(z))).clamp(1e-3, 1 - 1e-6)
    spacing = spacing_of(tiles.archive)
    rms = (-2 * flat.log()).sqrt() / _share_beside_plane(tiles.archive.tile * spacing / _GRID) ** 0.5
    nothing = torch.zeros(len(z), 0)
    air = Atmosphere((spacing, spacing), HANSSEN, rms, nothing, nothing)
    local = torch.from_numpy(local_coherence(z))
    information = phase_information(local, 0.5, torch.from_numpy(z != 0))
    return gls_snr(injection.patterns(chosen), air, information).numpy(), rms.double().numpy()


def _share_beside_plane(spacing: float) -> float:
    """Share of the variance of turbulence that no plane takes away."""
    one = Atmosphere((spacing, spacing), HANSSEN, torch.ones(1), torch.zeros(1, 0), torch.zeros(1, 0))
    covariance = one.between_cells(torch.zeros(1, dtype=torch.long), (_GRID, _GRID))[0]
    basis, _ = torch.linalg.qr(plane(_GRID))
    return float((covariance.trace() - (basis.T @ covariance @ basis).trace()) / len(basis))


def plane(side: int) -> Tensor:
    """Columns of offset and ramp over a square, (side^2, 3) float64."""
    row, col = torch.meshgrid(*[torch.linspace(-0.5, 0.5, side, dtype=torch.float64)] * 2, indexing="ij")
    return torch.stack([torch.ones(side**2, dtype=torch.float64), row.flatten(), col.flatten()], 1)
