"""Phase screens: reference offset, orbital ramp and turbulent troposphere, in rad."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment.config import OffsetConfig, RampConfig, TurbulenceConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.pools import Turbulent
from ssl_insar.augment.screen import GroundScreen
from ssl_insar.synth.turbulence import power_law_fields


class Offset(nn.Module):
    """A constant phase: the choice of the reference pixel is arbitrary.

    Source: Hanssen (2001), "Radar Interferometry", section 3.5: phases are relative. Destroys nothing.
    """

    def __init__(self, config: OffsetConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, n: int, draw: Draw) -> Tensor:
        """Constant screens.

        Shape:
            -> (n, 1, 1), rad in [0, 2 pi)
        """
        on = (draw.uniform(n) < self.config.p).float()
        return draw.to_device(on * draw.uniform(n, 0.0, 2 * torch.pi), n, 1, 1)


class Ramp(nn.Module):
    """A plane: what is left of an orbit error.

    Source: Hanssen (2001), "Radar Interferometry", section 4.6. Destroys the trend of broad signals.
    """

    def __init__(self, config: RampConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("steps", torch.linspace(-0.5, 0.5, size), persistent=False)
        self.steps: Tensor

    def forward(self, n: int, draw: Draw) -> Tensor:
        """Planes of at most ``fringes`` cycles across the view along either axis.

        Shape:
            -> (n, S, S), rad
        """
        across, down = self.lines(n, draw)
        return across + down

    def lines(self, n: int, draw: Draw) -> tuple[Tensor, Tensor]:
        """What the planes gain along the columns, and along the rows.

        Shape:
            -> (n, 1, S), (n, S, 1), rad
        """
        on = (draw.uniform(n) < self.config.p).float() * self.config.fringes * 2 * torch.pi
        along_x = draw.to_device(on * draw.uniform(n, -1, 1), n, 1, 1)
        along_y = draw.to_device(on * draw.uniform(n, -1, 1), n, 1, 1)
        return along_x * self.steps, along_y * self.steps.view(-1, 1)


class Turbulence(GroundScreen[TurbulenceConfig]):
    """Turbulent delay with the spectrum of Hanssen (2001), section 4.7; see `ssl_insar.synth.turbulence`.

    Destroys deformation that is weaker than it at its own wavelengths.
    """

    def forward(self, n: int, draw: Draw, pool: Turbulent | None = None) -> tuple[Tensor, Tensor]:
        """Screens for a random subset of n views.

        Args:
            n: number of views.
            draw: of the views.
            pool: where the screens are cut from; None: each is made anew, which takes many times as
                long and depends on which other views get one.

        Returns:
            which of the n views they are for (k,), and the screens (k, S, S), rad, zero mean.
        """
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        rms = draw.to_device(draw.log_uniform(k, *self.config.rms), k, 1, 1)
        if pool is not None:
            return chosen, pool.windows(k, draw).mul_(rms)
        square = (self.size, self.size)
        screens = power_law_fields(k, square, (self.spacing, self.spacing), generator=draw.fields)
        return chosen, screens * rms
