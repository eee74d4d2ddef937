"""Which feature maps of a backbone are looked at, and their rows and columns whatever its layout.

A layer is chosen by its stride, the side in px of the input that one cell of its map stands for: deep
layers know what they see, early ones where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ssl_insar.errors import UserError

_BEFORE_LAST = 2
"""The last block of a transformer that is read at its class token leaves its patches without gradient."""


def map_layer(backbone: nn.Module, stride: int) -> nn.Module:
    """The deepest layer whose maps have cells of at most ``stride`` px.

    Args:
        backbone: from `ssl_insar.models.backbones.build`.
        stride: px of the input; less than the network's finest map: that one.

    Raises:
        UserError: a network that does not tell its layers.
    """
    if hasattr(backbone, "features") and not hasattr(backbone, "feature_info"):  # AlexNet
        return backbone.get_submodule("features.11" if stride >= 16 else "features.4")
    told: Any = getattr(backbone, "feature_info", None)
    if not told:
        raise UserError("this backbone does not tell its layers, so there are no maps; choose another")
    layers = [(int(entry["reduction"]), str(entry["module"])) for entry in told]
    if len({reduction for reduction, _ in layers}) == 1 and len(layers) >= _BEFORE_LAST:
        return backbone.get_submodule(layers[-_BEFORE_LAST][1])
    fine = [name for reduction, name in layers if reduction <= stride]
    return backbone.get_submodule(fine[-1] if fine else layers[0][1])


@contextmanager
def tapped(backbone: nn.Module, layer: nn.Module) -> Iterator[nn.Module]:
    """A module through which the layer's maps pass as (B, M, h, w) while the context lasts.

    For libraries that look at the output of a module and take it to be channels, rows, columns.

    Raises:
        UserError: on the way, where the layer's output has no rows and columns.
    """
    tap = nn.Identity()
    prefix = int(getattr(backbone, "num_prefix_tokens", 0))
    channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"

    def through(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if isinstance(output, Tensor) and output.ndim == 4:
            if not channels_last:
                return _checked(tap(output))
            return _checked(tap(output.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        if not isinstance(output, Tensor) or output.ndim != 3:
            raise UserError("this backbone's layers give no maps; choose another")
        import torch

        patches = output[:, prefix:].transpose(1, 2)
        side = math.isqrt(patches.shape[2])
        if side**2 != patches.shape[2]:
            raise UserError(f"{patches.shape[2]} tokens are no square map; choose another backbone")
        maps = _checked(tap(patches.reshape(*patches.shape[:2], side, side)))
        return torch.cat([output[:, :prefix], maps.flatten(2).transpose(1, 2)], 1)

    handle = layer.register_forward_hook(through)
    try:
        yield tap
    finally:
        handle.remove()


def _checked(maps: Any) -> Tensor:
    assert isinstance(maps, Tensor)
    return maps
