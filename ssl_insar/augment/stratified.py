"""Stratified troposphere: delay that follows the terrain, in rad."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.augment.config import StratifiedConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.pools import Terrain
from ssl_insar.augment.screen import GroundScreen
from ssl_insar.synth.stratified import TERRAIN, stratified_delay
from ssl_insar.synth.turbulence import power_law_fields

_TAIL = 1e-6
"""Least and most probability of a drawn gradient: within 4.75 standard deviations."""


class Stratified(GroundScreen[StratifiedConfig]):
    """Delay linear in height, k h with k Gaussian; Hanssen (2001), chapter 4.

    Terrain comes from the tile where it has an elevation model, and is fractal elsewhere
    (`ssl_insar.synth.stratified.TERRAIN`): that has the right texture but is tied to nothing real.
    Destroys the difference between a delay around a summit and deformation of it.
    """

    def forward(
        self, n: int, draw: Draw, height: Tensor | None = None, pool: Terrain | None = None
    ) -> tuple[Tensor, Tensor]:
        """Screens for a random subset of n views.

        Args:
            n: number of views.
            draw: of the views.
            height: (n, 1, S, S), m, on the grids of the views; not finite where unknown, which counts
                as the mean. Views without any height get made terrain, and so do all if None.
            pool: where made terrain is cut from (`ssl_insar.augment.pools.Fields` says which samples
                share some); None: each is made anew, which takes many times as long and depends on which
                other views get one.

        Returns:
            which of the n views they are for (k,), and the screens (k, S, S), rad, zero mean, float32.

        Raises:
            ValueError: ``height`` is not of that shape.
        """
        if height is not None and height.shape != (n, 1, self.size, self.size):
            raise ValueError(f"height is {(n, 1, self.size, self.size)}, not {tuple(height.shape)}")
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        # Gaussian from uniform numbers: `Draw` makes its normal ones on the device, where parameters
        # would not be the same on every kind of device.
        normal = torch.special.ndtri(draw.uniform(k, _TAIL, 1 - _TAIL))
        gradient = draw.to_device(self.config.gradient * normal, k)
        relief = draw.to_device(1000 * draw.log_uniform(k, *self.config.relief), k, 1, 1)
        if height is None:
            return chosen, stratified_delay(self._terrain(torch.arange(k), relief, draw, pool), gradient)
        terrain = height.index_select(0, chosen)[:, 0].float()
        known = terrain.isfinite()
        terrain = torch.where(known, terrain, torch.nan)
        terrain = torch.where(known, terrain, terrain.nanmean((1, 2), keepdim=True))
        # This waits for the device, but making terrain that nobody needs would take longer.
        bare = torch.nonzero(~known.any(2).any(1)).flatten()
        made = self._terrain(bare.cpu(), relief, draw, pool)
        return chosen, stratified_delay(terrain.index_copy(0, bare, made), gradient)

    def _terrain(self, which: Tensor, relief: Tensor, draw: Draw, pool: Terrain | None) -> Tensor:
        """Fractal terrain for some of k views, indices (m,) on the CPU.

        Its highest and lowest points are ``relief`` (k, 1, 1) m apart.

        Shape:
            -> (m, S, S)
        """
        if not len(which):
            return relief.new_zeros(0, self.size, self.size)
        if pool is not None:
            rough = pool.windows(len(relief), draw, which)
        else:
            square, spacing = (self.size, self.size), (self.spacing, self.spacing)
            rough = power_law_fields(len(which), square, spacing, TERRAIN, generator=draw.fields)
        return rough * (relief[which] / (rough.amax((1, 2), True) - rough.amin((1, 2), True)))
