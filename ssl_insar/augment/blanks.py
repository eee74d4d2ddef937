"""No data in the shapes that real products have: boxes, blobs, half-planes, missing bursts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import BlanksConfig
from ssl_insar.augment.cutout import box, within
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
            protect: (B, 1, S, S), not 0 where the view is known to deform: a view of which more than a
                share ``deformation`` would be without data is left alone, whoever blanked it.

        Returns:
            (B, 2, S, S) phasors.
        """
        gone = self._gone(field.shape[0], draw).unsqueeze(1)
        if protect is not None:
            moves = protect != 0
            blank = gone | (fd.validity(field) == 0)
            lost = (moves & blank).sum((1, 2, 3)) > self.deformation * moves.sum((1, 2, 3))
            gone = gone & ~lost.view(-1, 1, 1, 1)
        return torch.where(gone, 0.0, field)

    @abstractmethod
    def _gone(self, n: int, draw: Draw) -> Tensor:
        """Where each of n views loses its data; (n, S, S) bool."""


class _Drawn(NamedTuple):
    """Numbers of k blanks, whichever kind each is of: so what a view gets does not depend on the others'.

    Attributes:
        area: share of the view, (k,).
        share: three uniform numbers each, (3, k).
        heading: of the track from north, clockwise, degrees, (k,).
        noise: of the nodes of a blob, on the device, (k, nodes^2).
    """

    area: Tensor
    share: Tensor
    heading: Tensor
    noise: Tensor

    def of(self, these: Tensor) -> _Drawn:
        """Those of some of the blanks."""
        area, share, heading, noise = self
        return _Drawn(area[these], share[:, these], heading[these], noise[these])


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
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        kinds = draw.pick(k, tuple(range(len(self.config.kinds))))
        drawn = _Drawn(
            draw.uniform(k, *self.config.area),
            torch.stack([draw.uniform(k) for _ in range(3)]),
            draw.uniform(k, *self.config.heading) * draw.sign(k, 0.5),
            draw.normals(k, _NODES**2),
        )
        gone = torch.zeros((n, *self.x.shape), dtype=torch.bool, device=draw.device)
        for number, kind in enumerate(self.config.kinds):
            these = torch.nonzero(kinds == number).flatten()
            if len(these):
                gone.index_copy_(0, chosen[these], shapes[kind](drawn.of(these), draw))
        return gone

    def _boxes(self, drawn: _Drawn, draw: Draw) -> Tensor:
        edges = draw.to_device(box(drawn.area, *drawn.share), 4, -1)
        in_x, in_y = within(edges, self.x[0] + 0.5)
        return in_y.unsqueeze(2) & in_x.unsqueeze(1)

    def _blobs(self, drawn: _Drawn, draw: Draw) -> Tensor:
        noise = drawn.noise.view(-1, 1, _NODES, _NODES)
        smooth = F.interpolate(noise, size=self.x.shape, mode="bicubic", align_corners=True)[:, 0]
        return lowest(smooth, draw.to_device(drawn.area, -1))

    def _half_planes(self, drawn: _Drawn, draw: Draw) -> Tensor:
        azimuth = draw.to_device(360.0 * drawn.share[0], -1, 1, 1)
        return lowest(along(self.x, self.y, azimuth), draw.to_device(drawn.area, -1))

    def _stripes(self, drawn: _Drawn, draw: Draw) -> Tensor:
        # A burst ends at lines of constant azimuth time: it is cut off across the track.
        heading = draw.to_device(drawn.heading, -1, 1, 1)
        middle = draw.to_device(drawn.share[0] - 0.5, -1, 1, 1)
        across = along(self.x, self.y, heading) - middle
        return lowest(across.abs(), draw.to_device(drawn.area, -1))


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
