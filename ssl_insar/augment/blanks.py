"""No data in the shapes that real products have: boxes, blobs, half-planes, missing bursts."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import BlanksConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.stratified import ground
from ssl_insar.synth.terrain import along

_NODES = 8
"""Independent numbers along a side from which a blob is interpolated: a few blobs a view."""
_PROBES = 32
"""Pixels along a side that tell which threshold leaves a wanted area; all would take long to sort."""


class Blanking(nn.Module, ABC):
    """Sets a part of views to no data (z = 0, never a phase of 0 or -pi); what part, subclasses draw.

    Args:
        deformation: largest share of known deformation that a view may lose.
        size: side of a view, px.
    """

    def __init__(self, deformation: float, size: int) -> None:
        super().__init__()
        self.deformation = deformation
        x, y = ground((size, size), (1 / size, 1 / size))
        # East and North of the pixels from the middle of the view, in sides of it.
        self.register_buffer("x", x.float(), persistent=False)
        self.register_buffer("y", y.float(), persistent=False)
        self.x: Tensor
        self.y: Tensor

    def forward(self, field: Tensor, draw: Draw, protect: Tensor | None = None) -> Tensor:
        """Blank a part of some views.

        Args:
            field: (B, 2, S, S) phasors.
            draw: of the views.
            protect: (B, 1, S, S), not 0 where the view is known to deform: a view that would lose more
                than a share ``deformation`` of those of them that have data is left alone.

        Returns:
            (B, 2, S, S) phasors.
        """
        gone = self._gone(field.shape[0], draw).unsqueeze(1)
        if protect is not None:
            seen = (protect != 0) & (fd.validity(field) > 0)
            lost = (seen & gone).sum((1, 2, 3)) > self.deformation * seen.sum((1, 2, 3))
            gone = gone & ~lost.view(-1, 1, 1, 1)
        return torch.where(gone, 0.0, field)

    @abstractmethod
    def _gone(self, n: int, draw: Draw) -> Tensor:
        """Where each of n views loses its data; (n, S, S) bool."""


class Blanks(Blanking):
    """One shape of no data in some views.

    Boxes are cropped layers, blobs water and forest, half-planes the end of the data, stripes
    missing bursts, tilted as the track is. Source: DeVries and Taylor (2017) for boxes, the others
    are what products show. Destroys whatever lies beneath.

    Args:
        config: how often, how large and of which kinds.
        size: side of a view, px.
    """

    def __init__(self, config: BlanksConfig, size: int) -> None:
        super().__init__(config.deformation, size)
        self.config = config

    def _gone(self, n: int, draw: Draw) -> Tensor:
        shapes = {
            "box": self._boxes,
            "blob": self._blobs,
            "half-plane": self._half_planes,
            "stripe": self._stripes,
        }
        kinds = draw.pick(n, tuple(range(len(self.config.kinds))))
        kinds = torch.where(draw.uniform(n) < self.config.p, kinds, -1)
        area = draw.uniform(n, *self.config.area)
        gone = torch.zeros((n, *self.x.shape), dtype=torch.bool, device=draw.device)
        for number, kind in enumerate(self.config.kinds):
            these = torch.nonzero(kinds == number).flatten()
            if len(these):
                gone.index_copy_(0, draw.to_device(these, -1), shapes[kind](area[these], draw))
        return gone

    def _boxes(self, area: Tensor, draw: Draw) -> Tensor:
        k = len(area)
        stretch = draw.log_uniform(k, 0.5, 2.0).sqrt()
        # No side is longer than the view: a box of much area is nearer to a square.
        wide = (area.sqrt() * stretch).clamp(max=1.0).maximum(area)
        high = area / wide
        right, up = ((draw.uniform(k) - 0.5) * (1 - side) for side in (wide, high))
        in_x = (self.x[0] - draw.to_device(right, k, 1)).abs() < draw.to_device(wide / 2, k, 1)
        in_y = (self.y[:, 0] - draw.to_device(up, k, 1)).abs() < draw.to_device(high / 2, k, 1)
        return in_y.unsqueeze(2) & in_x.unsqueeze(1)

    def _blobs(self, area: Tensor, draw: Draw) -> Tensor:
        noise = draw.normal(len(area), 1, _NODES, _NODES)
        smooth = F.interpolate(noise, size=self.x.shape, mode="bicubic", align_corners=True)[:, 0]
        return lowest(smooth, draw.to_device(area, len(area)))

    def _half_planes(self, area: Tensor, draw: Draw) -> Tensor:
        k = len(area)
        across = along(self.x, self.y, draw.to_device(draw.uniform(k, 0.0, 360.0), k, 1, 1))
        return lowest(across, draw.to_device(area, k))

    def _stripes(self, area: Tensor, draw: Draw) -> Tensor:
        k = len(area)
        # A burst ends at lines of constant azimuth time: it is cut off across the track.
        heading = draw.uniform(k, *self.config.heading) * draw.sign(k, 0.5)
        middle = draw.to_device(draw.uniform(k, -0.5, 0.5), k, 1, 1)
        across = along(self.x, self.y, draw.to_device(heading, k, 1, 1)) - middle
        return lowest(across.abs(), draw.to_device(area, k))


def lowest(score: Tensor, area: Tensor) -> Tensor:
    """The part of each field that has the lowest values and the wanted area.

    Args:
        score: (k, H, W).
        area: share of the pixels, (k,).

    Shape:
        -> (k, H, W) bool
    """
    height, width = score.shape[1:]
    down, right = max(1, height // _PROBES), max(1, width // _PROBES)
    # From the middle of a step, so that the probes are spread evenly.
    values = score[:, down // 2 :: down, right // 2 :: right].flatten(1).sort(dim=1).values
    rank = (area * values.shape[1]).long().clamp_max(values.shape[1] - 1)
    return score < values.gather(1, rank.view(-1, 1)).view(-1, 1, 1)
