"""Which part of a tile speaks for a class: class activation maps, by captum."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.explain.layers import map_layer, tapped
from ssl_insar.explain.network import Network

Method = Literal["gradcam", "hirescam", "eigencam"]
"""Grad-CAM: maps weighted by the mean gradient of the logit (Selvaraju et al. 2017, eq. 1 and 2). HiResCAM:
by the gradient of each cell (Draelos & Carin 2020, eq. 5). Eigen-CAM: the maps along their first principal
direction, which needs no class and no classifier (Muhammad & Yeasin 2020, section III)."""

METHOD: Method = "hirescam"
"""Cell by cell, so that it shows what the logit was made of (Draelos & Carin 2020). That it points at sources
more often than the others do is not shown; ``evaluation/pointing.py`` measures it."""

STRIDE = 16
"""Side in px of the input of a cell of the maps that are looked at; see `ssl_insar.explain.layers`."""


def saliency(
    network: Network, tiles: Tensor, output: int = 0, method: Method = METHOD, stride: int = STRIDE
) -> Tensor:
    """How much each place of a tile speaks for a logit, relative to the place of it that does most.

    Args:
        network: on the device of the tiles.
        tiles: phasors, 0 = no data.
        output: which logit.
        method: see `Method`.
        stride: px of the input that a cell of the maps stands for, at most.

    Returns:
        0 to 1; 0 where there is no data and where nothing speaks for it, which may be a whole tile.

    Shape:
        (B, 2, T, T) -> (B, T, T) float32
    """
    backbone = network.encoder.backbone
    x = network.encoder.spec.prepare(tiles)
    with tapped(backbone, map_layer(backbone, stride)) as tap:
        maps = _eigen(network, tap, x) if method == "eigencam" else _graded(network, tap, x, output, method)
    fine = F.interpolate(maps.float(), tiles.shape[-2:], mode="bicubic", align_corners=False)
    fine = (fine * fd.validity(tiles)).clamp_min(0)[:, 0]
    most = fine.amax((1, 2), keepdim=True)
    return torch.where(most > 0, fine / most.clamp_min(torch.finfo(fine.dtype).tiny), 0.0)


def _graded(network: Network, tap: torch.nn.Module, x: Tensor, output: int, method: Method) -> Tensor:
    """Signed maps of one logit, (B, 1, h, w)."""
    from captum.attr import LayerGradCam, LayerGradientXActivation

    x = x.detach().requires_grad_()  # the weights need no gradient, so something must
    kind = LayerGradCam if method == "gradcam" else LayerGradientXActivation
    maps: Tensor = kind(network, tap).attribute(x, target=output)
    summed: Tensor = maps.detach().sum(1, keepdim=True)
    return summed


@torch.no_grad()
def _eigen(network: Network, tap: torch.nn.Module, x: Tensor) -> Tensor:
    """Maps projected on their first principal direction, its sign such that their sum is positive."""
    from captum.attr import LayerActivation

    maps: Tensor = LayerActivation(network, tap).attribute(x)
    flat = maps.float().flatten(2)
    _, _, directions = torch.linalg.svd(flat, full_matrices=False)
    first: Tensor = directions[:, 0]  # over places: the principal direction's projection, but for its length
    first = first * torch.where(first.sum(1, keepdim=True) < 0, -1.0, 1.0)
    return first.reshape(len(x), 1, *maps.shape[2:])
