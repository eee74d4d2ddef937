"""Frame edge: the data end along or across the track."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.augment.blanks import Blanking, lowest
from ssl_insar.augment.config import FrameEdgeConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.terrain import along


class FrameEdge(Blanking):
    """No data on one side of some views, beyond a line tilted as the track is.

    A frame of a near-polar satellite ends on four sides, 8 to 14 degrees away from those of a map
    (Sentinel-1 at the latitudes of most volcanoes), clockwise or anticlockwise with the pass.
    Destroys whatever lies beyond.

    Args:
        config: how often and how large.
        size: side of a view, px.
    """

    def __init__(self, config: FrameEdgeConfig, size: int) -> None:
        super().__init__(config.deformation, size)
        self.config = config

    def _gone(self, n: int, draw: Draw) -> Tensor:
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        tilt = draw.uniform(k, *self.config.heading) * draw.sign(k, 0.5)
        # The normal of the edge points away from the lost side: north, east, south or west, and the tilt.
        azimuth = draw.to_device(tilt + 90.0 * draw.pick(k, (0, 1, 2, 3)), k, 1, 1)
        area = draw.to_device(draw.uniform(k, *self.config.area), k)
        gone = torch.zeros((n, *self.x.shape), dtype=torch.bool, device=draw.device)
        return gone.index_copy_(0, chosen, lowest(along(self.x, self.y, azimuth), area))
