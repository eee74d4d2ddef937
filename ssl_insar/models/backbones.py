"""Backbones by name: a timm model, or AlexNet of torchvision, for any number of channels and any size.

timm: Wightman (2019), "PyTorch Image Models". AlexNet is the one architecture of the published work on
volcanoes (Anantrasirichai et al., 2018, JGR Solid Earth 123, 6592) that timm has not; torchvision's is
that of Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks".
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ssl_insar.errors import UserError

POOLS = {"mean": "avg", "mean+max": "catavgmax"}
"""How feature maps become one vector, and timm's name for it: what deforms is often a small part of a tile,
which a mean over the tile dilutes and a maximum keeps; both make a vector of twice the length."""

_LARGEST = 512
"""Largest side that is tried, px, to tell which sizes a network takes."""


def build(name: str, channels: int, size: int, pool: str = "mean") -> tuple[nn.Module, int]:
    """A backbone with random weights, and the dimension of its features.

    Networks that are made for one size (transformers) are made for ``size``.

    Args:
        name: of a timm model, such as ``resnet18``, or ``alexnet``.
        channels: of the input.
        size: side of the input, px.
        pool: of `POOLS`.

    Returns:
        the network, (B, channels, size, size) -> (B, D), and D.

    Raises:
        UserError: unknown name, or a number of channels, a size or a pooling that the network does not take.
    """
    if pool not in POOLS:
        raise UserError(f"pooling '{pool}' is unknown; set model.pool to {' or '.join(POOLS)}")
    if name == "alexnet":
        if pool != "mean":
            raise UserError("backbone alexnet does not pool its maps; set model.pool to mean")
        net = _alexnet(channels)
    else:
        net = _timm(name, channels, size, pool)
    patch = _patch(net)
    if size % patch:
        below = size // patch * patch
        raise UserError(
            f"backbone {name} takes multiples of its patch of {patch} px, not {size}; "
            f"set model.size to {max(below, patch)} or {below + patch}"
        )
    try:
        shape = _output_shape(net, channels, size)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"backbone {name} {_why_not(net, channels, size, error)}") from error
    if len(shape) != 2:
        raise UserError(f"backbone {name} gives {shape[1:]} instead of one vector an image; choose another")
    return net, shape[1]


def features_and_maps(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features, and the maps they are pooled from.

    Shape:
        (B, C, S, S) -> (B, D), (B, M, h, w)

    Raises:
        UserError: the network has no maps: all but timm's, and those that do not keep rows and columns.
    """
    timms: Any = net
    if not hasattr(timms, "forward_features"):
        raise UserError("this backbone has no feature maps; set heads.where to 0 or take one of timm's")
    maps: Tensor = timms.forward_features(x)
    features: Tensor = timms.forward_head(maps)
    if maps.ndim == 3:  # tokens of a transformer, those that stand for no patch first
        maps = maps[:, int(getattr(net, "num_prefix_tokens", 0)) :].transpose(1, 2)
        side = math.isqrt(maps.shape[2])
        maps = maps.reshape(*maps.shape[:2], side, side)
    elif maps.ndim == 4 and getattr(net, "output_fmt", "NCHW") == "NHWC":
        maps = maps.permute(0, 3, 1, 2)
    return features, maps


def map_channels(net: nn.Module, channels: int, size: int) -> int:
    """M of `features_and_maps`."""
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            first = next(net.parameters())
            images = torch.zeros(1, channels, size, size, device=first.device)
            return int(features_and_maps(net, images)[1].shape[1])
    finally:
        net.train(training)


def _timm(name: str, channels: int, size: int, pool: str) -> nn.Module:
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:6]}*")[:5]) or "see timm.list_models()"
        raise UserError(f"backbone '{name}' is unknown to timm; near it: {near}")
    config = timm.get_pretrained_cfg(name)
    given: dict[str, Any] = {"in_chans": channels, "num_classes": 0}
    if config is not None and config.fixed_input_size:
        given["img_size"] = size
    if pool != "mean":  # the mean, or what a transformer has in its place, is each network's own default
        given["global_pool"] = POOLS[pool]
    try:
        net: nn.Module = timm.create_model(name, pretrained=False, **given)
    except (TypeError, RuntimeError, AssertionError, ValueError) as error:
        raise UserError(
            f"backbone {name} cannot be made for {channels} channels of {size} px pooled by {pool} "
            f"({_first_line(error)}); choose another size, pooling or backbone"
        ) from error
    return net


def _alexnet(channels: int) -> nn.Module:
    from torchvision.models import alexnet

    # No dropout, as in timm's models: it would be noise in the contrast.
    net: nn.Module = alexnet(weights=None, dropout=0.0)
    first = net.get_submodule("features.0")
    assert isinstance(first, nn.Conv2d)
    kernel, stride, padding = (int(pair[0]) for pair in (first.kernel_size, first.stride, first.padding))
    net.set_submodule("features.0", nn.Conv2d(channels, first.out_channels, kernel, stride, padding))
    net.set_submodule("classifier.6", nn.Identity())
    # What timm's models say of themselves; torch's types allow a module tensors and modules only.
    net.__dict__["pretrained_cfg"] = {"first_conv": "features.0", "classifier": "classifier.6"}
    return net


def _patch(net: nn.Module) -> int:
    """Side of the patches that an image is cut into; what is left over would be ignored silently."""
    side: Any = getattr(getattr(net, "patch_embed", None), "patch_size", 1)
    return int(side[0] if isinstance(side, tuple) else side)


def _output_shape(net: nn.Module, channels: int, size: int) -> tuple[int, ...]:
    """Shape of the output for two images, found without computing anything ("meta" tensors)."""
    named = itertools.chain(net.named_parameters(), net.named_buffers())
    state = {name: value.to("meta") for name, value in named}
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            images = torch.empty(2, channels, size, size, device="meta")
            return tuple(functional_call(net, state, (images,)).shape)
    finally:
        net.train(training)


def _why_not(net: nn.Module, channels: int, size: int, error: Exception) -> str:
    """Which size would do, for a network that shrinks its input to nothing; else what torch says."""

    def takes(side: int) -> bool:
        try:
            _output_shape(net, channels, side)
        except (RuntimeError, AssertionError, ValueError):
            return False
        return True

    if size >= _LARGEST or not takes(_LARGEST):
        return f"does not take {size} px ({_first_line(error)}); choose another model.size or backbone"
    low, high = size, _LARGEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(middle) else (middle, high)
    return f"takes {high} px or more, not {size}; set model.size={high} or choose another backbone"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
