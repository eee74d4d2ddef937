"""Real quiet interferograms as the noise of simulated ones: real noise with a known signal in it."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssl_insar import phase as ph
from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.archive.groups import groups_of
from ssl_insar.errors import UserError
from ssl_insar.synth.covariance import covariance, variance_within
from ssl_insar.synth.filtering import mean_phasor
from ssl_insar.synth.scene import Scene, aliased
from ssl_insar.synth.turbulence import PowerLaw

LEAST_COHERENT = 0.5
"""Share of coherent pixels that a background needs: there is nothing to see of a source in noise."""

_LAG = 16
"""Pixels over which the roughness of a background is measured."""

_CHANCE = 0.3
"""Local coherence that noise alone exceeds once in a hundred pixels."""

_RADIUS = 2.0
"""Standard deviation of the Gaussian that local coherence is estimated with, pixels."""


class Backgrounds:
    """Tiles of an archive that are known not to deform.

    Attributes:
        archive: where they are from.
        rows: which tiles.
        places: group of each tile of the archive, see `ssl_insar.archive.groups`.
    """

    def __init__(
        self, archive: Archive, size: int, *, wrapped: bool = True, label: str = "deformation"
    ) -> None:
        """Choose the tiles.

        Args:
            archive: any, of tiles of the side of the scenes.
            size: side of the scenes, px.
            wrapped: whether wrapped products are wanted; others need tiles that are unwrapped themselves.
            label: tiles have to be labelled 0 under this name; those without a label may deform.

        Raises:
            UserError: the tiles are of another size or have no such label, or none is quiet and coherent.
        """
        if archive.tile != size:
            raise UserError(
                f"{archive.path}: its tiles have {archive.tile} px and not {size}; give --size {archive.tile}"
            )
        table = archive.catalogue
        if LABEL_PREFIX + label not in table:
            raise UserError(
                f"{archive.path}: has no label '{label}', so nothing says which of its tiles are quiet; "
                "ingest it with --labels"
            )
        # What is not labelled is unknown, and may deform.
        negative = (table[LABEL_PREFIX + label] == 0).fillna(False).to_numpy(bool)
        quiet = negative & (table["coherent_fraction"] >= LEAST_COHERENT).to_numpy(bool)
        if not wrapped:
            quiet = quiet & ~table["wrapped"].to_numpy(bool)
        self.archive = archive
        self._wrapped = wrapped
        self.places = groups_of(table)
        self.rows: NDArray[np.int64] = np.flatnonzero(quiet)
        if not len(self.rows):
            raise UserError(
                f"{archive.path}: holds no {'' if wrapped else 'unwrapped '}tile labelled 0 for '{label}' "
                f"that is coherent in {LEAST_COHERENT:.0%} of its area"
            )

    def check_fits(self, wavelength: float, spacing: float) -> None:
        """Refuse tiles of another radar or pixel spacing than the preset's, as far as they tell.

        Raises:
            UserError: they differ by more than a fifth.
        """
        for name, wanted, unit in (("wavelength", wavelength, "m"), ("spacing", spacing, "m")):
            told = self.archive.catalogue[name].iloc[self.rows].dropna()
            if len(told) and not 0.8 < told.median() / wanted < 1.25:
                raise UserError(
                    f"{self.archive.path}: its tiles have a {name} of {told.median():g} {unit}, the preset "
                    f"{wanted:g} {unit}; change the preset's geometry or take another archive"
                )

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows of the archive, all of one place, none twice unless the place has too few, (count,)."""
        place = self.places[self.rows[rng.integers(len(self.rows))]]
        here = self.rows[self.places[self.rows] == place]
        drawn: NDArray[np.int64] = rng.choice(here, count, replace=len(here) < count)
        return drawn

    def inject(
        self,
        rows: NDArray[np.int64],
        displacement: Tensor,
        other: Tensor | None,
        wavelength: float,
        generator: torch.Generator,
    ) -> Scene:
        """Add deformation to backgrounds, on the phasor, which needs no unwrapping.

        Args:
            rows: of the archive, (N,).
            displacement: along the line of sight, m, positive toward the satellite.
            other: of what moves besides, alike, or None.
            wavelength: m.
            generator: source of randomness, for fringes too dense to be resolved.

        Shape:
            displacement, other (N, H, W)
        """
        background = torch.from_numpy(self.archive.phasors(rows)).to(displacement.device)
        total = displacement if other is None else displacement + other
        lost = aliased(total, wavelength) & (background != 0)
        signal = (total.to(torch.float64) * (-4 * math.pi / wavelength)).remainder(2 * math.pi)
        drawn = torch.rand(signal.shape, generator=generator, device=signal.device) * 2 * math.pi
        phase = torch.where(lost, drawn, signal.to(torch.float32))
        phasor = background * torch.polar(torch.ones_like(phase), phase)
        coherence = mean_phasor(background, _RADIUS).abs() * ~lost
        whole = torch.angle(phasor)
        if not self._wrapped:
            below = torch.from_numpy(ph.decode(self.archive.unwrapped(rows))).to(phase)
            whole = below + (total * (-4 * math.pi / wavelength)).to(torch.float32)
        return Scene(phasor, whole, displacement, {}, coherence)

    def rms(self, rows: NDArray[np.int64], spacing: tuple[float, float], law: PowerLaw) -> Tensor:
        """RMS of the atmosphere in backgrounds, rad, from how the phase decorrelates with distance.

        Of Gaussian phase ``E exp(i (phi(x + r) - phi(x))) = exp(-D(r) / 2)``, whatever is wrapped; the
        structure function D of the law at the same lag gives the scale. The lag of a pixel, where it is
        white noise for the most part, is taken off.

        Shape:
            (N,) -> (N,)
        """
        z = torch.from_numpy(self.archive.phasors(rows))
        shape = (self.archive.tile, self.archive.tile)
        measured = _structure(z, _LAG) - _structure(z, 1)
        unit = _law_structure(law, shape, spacing, _LAG) - _law_structure(law, shape, spacing, 1)
        return (measured.clamp_min(0) / unit).sqrt()


def phasor_information(coherence: Tensor) -> Tensor:
    """Inverse variance of the phase of a pixel, 1/rad^2, from the local coherence of the phasor.

    Of Gaussian phase noise the mean phasor has the length exp(-variance / 2). Noise alone reaches some
    length by chance: below `_CHANCE` there is no information.

    Shape:
        any -> the same
    """
    variance = -2 * coherence.clamp(_CHANCE, 1 - 1e-4).log()
    return torch.where(coherence > _CHANCE, 1 / variance, 0.0)


def _structure(z: Tensor, lag: int) -> Tensor:
    """Structure function of the phase at a lag in columns and rows, rad^2, (N,)."""
    total = torch.zeros(len(z))
    for first, second in ((z[..., lag:], z[..., :-lag]), (z[..., lag:, :], z[..., :-lag, :])):
        product = first * second.conj()
        count = (product != 0).sum(dim=(-2, -1)).clamp_min(1)
        total += -2 * (product.sum(dim=(-2, -1)).abs() / count).clamp(1e-3, 1).log()
    return total / 2


def _law_structure(law: PowerLaw, shape: tuple[int, int], spacing: tuple[float, float], lag: int) -> float:
    """The same of a law whose fields have an RMS of 1 over the scene."""
    field = covariance(law, shape, spacing)
    drop = field[0, 0] - (field[lag, 0] + field[0, lag]) / 2
    return float(2 * drop / variance_within(field, shape))
