"""Phase screens: reference offset, orbital ramp and turbulent troposphere, in rad."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment.config import OffsetConfig, RampConfig, TurbulenceConfig
from ssl_insar.augment.draw import Draw

BREAK = 1500.0
"""m; scale at which turbulence turns from three- to two-dimensional (Hanssen 2001, eq. 4.7.28)."""
OUTER = 50_000.0
"""m; outer scale, beyond which there is no more power."""
SLOPES = (8 / 3, 11 / 3)
"""Exponents of the 2-D power spectrum above and below `BREAK`: the 1-D exponents 5/3 and 8/3
of Hanssen (2001) plus 1."""


class Offset(nn.Module):
    """A constant phase: the choice of the reference pixel is arbitrary."""

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
    """A plane: what is left of an orbit error."""

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
        on = (draw.uniform(n) < self.config.p).float() * self.config.fringes * 2 * torch.pi
        along_x = draw.to_device(on * draw.uniform(n, -1, 1), n, 1, 1)
        along_y = draw.to_device(on * draw.uniform(n, -1, 1), n, 1, 1)
        return along_x * self.steps + along_y * self.steps.view(-1, 1)


class Turbulence(nn.Module):
    """Turbulent delay with Hanssen's two-regime spectrum, drawn by FFT.

    The domain is twice the view and cropped, so that a screen does not repeat at its edges.

    Args:
        config: how often and how strong.
        size: side of a view, px.
        spacing: ground distance of the view's pixels, m.
    """

    def __init__(self, config: TurbulenceConfig, size: int, spacing: float) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.register_buffer("filter", spectrum_root(2 * size, spacing), persistent=False)
        self.filter: Tensor

    def forward(self, n: int, draw: Draw) -> tuple[Tensor, Tensor]:
        """Screens for a random subset of n views.

        Returns:
            which of the n views they are for (k,), and the screens (k, S, S), rad, zero mean.
        """
        chosen = draw.choose(n, self.config.p)
        k = len(chosen)
        rms = draw.to_device(draw.log_uniform(k, *self.config.rms), k, 1, 1)
        # Real and imaginary part of one complex transform are two independent screens.
        pairs = (k + 1) // 2
        noise = torch.view_as_complex(draw.normal(pairs, 2 * self.size, 2 * self.size, 2))
        both = torch.view_as_real(torch.fft.ifft2(noise * self.filter))[:, : self.size, : self.size]
        screens = torch.cat([both[..., 0], both[..., 1]])[:k]
        screens = screens - screens.mean(dim=(1, 2), keepdim=True)
        scale = screens.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-12)
        return chosen, screens * (rms / scale)


def spectrum_root(size: int, spacing: float) -> Tensor:
    """Square root of the 2-D turbulence spectrum on an FFT grid, up to a factor.

    Args:
        size: side of the grid, px.
        spacing: m a pixel.

    Shape:
        -> (size, size) float32; 0 at zero frequency
    """
    f = torch.fft.fftfreq(size, spacing, dtype=torch.float64)
    squared = f.square() + f.square().view(-1, 1)
    frequency = (squared + OUTER**-2).sqrt()  # flattens at the outer scale
    knee = 1.0 / BREAK
    large, small = SLOPES
    power = torch.where(frequency < knee, (frequency / knee) ** -large, (frequency / knee) ** -small)
    power[0, 0] = 0.0
    root = power.sqrt()
    return (root / root.max()).to(torch.float32)
