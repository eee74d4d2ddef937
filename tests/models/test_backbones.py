"""Every architecture of the published work trains, and sizes that one cannot take are refused clearly."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models import backbones as bb

# The side of the recipe for a CPU, but where a network is slow the least that it takes.
REVIEWED = {
    "alexnet": (96, 4096),
    "vgg16": (32, 4096),
    "vgg19": (32, 4096),
    "resnet18": (96, 512),
    "resnet50": (96, 2048),
    "resnetv2_50": (96, 2048),
    "inception_v3": (96, 2048),
    "inception_resnet_v2": (96, 1536),
    "ghostnet_100": (96, 1280),
    "vit_tiny_patch16_224": (96, 192),
    "convnext_atto": (96, 320),
    "swin_tiny_patch4_window7_224": (96, 768),
}
CHANNELS = {2: ("re", "im"), 3: ("cos", "sin", "coherence")}


@pytest.mark.parametrize("name", REVIEWED)
def test_forward_and_backward(name: str) -> None:
    size, dimension = REVIEWED[name]
    channels = 3 if name in ("alexnet", "convnext_atto", "swin_tiny_patch4_window7_224") else 2
    torch.manual_seed(0)
    encoder = Encoder(name, InputSpec(size, CHANNELS[channels])).train()
    features = encoder(torch.randn(2, channels, size, size))
    assert features.shape == (2, dimension)
    assert encoder.dimension == dimension
    features.square().mean().backward()
    gradients = {key: value.grad for key, value in encoder.named_parameters()}
    unused = [key for key, gradient in gradients.items() if gradient is None]
    assert not unused, "DDP stops at parameters without a gradient"
    # A norm is finite only if every element is.
    assert all(bool(gradient.norm().isfinite()) for gradient in gradients.values() if gradient is not None)
    first = next(value for value in gradients.values() if value is not None and value.ndim == 4)
    assert first.shape[1] == channels
    assert first.abs().max() > 0, "the gradient reaches the first layer"


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("inception_v3", 64, r"inception_v3 takes 75 px or more, not 64; set model\.size=75"),
        ("alexnet", 48, r"alexnet takes 63 px or more, not 48"),
        (
            "vit_tiny_patch16_224",
            100,
            r"multiples of its patch of 16 px, not 100; .* 96 or 112",
        ),
        ("swin_tiny_patch4_window7_224", 98, r"multiples of its patch of 4 px, not 98; .* 96 or 100"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_told_with_one_that_it_can(
    name: str, size: int, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        bb.build(name, 2, size)


def test_the_least_size_that_is_told_is_the_least() -> None:
    net, _ = bb.build("inception_v3", 2, 75)
    assert net.eval()(torch.zeros(1, 2, 75, 75)).shape == (1, 2048)
    with pytest.raises(RuntimeError, match=r"[Kk]ernel"):
        net(torch.zeros(1, 2, 74, 74))


def test_a_transformer_is_made_for_the_size_that_is_asked_for() -> None:
    net, dimension = bb.build("vit_tiny_patch16_224", 2, 112)
    assert net.eval()(torch.zeros(1, 2, 112, 112)).shape == (1, dimension)
    assert net.get_parameter("pos_embed").shape[1] == 7 * 7 + 1


def test_finding_the_dimension_leaves_the_network_and_the_generator_alone() -> None:
    torch.manual_seed(3)
    net, _ = bb.build("resnet10t", 2, 64)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    import timm

    plain = timm.create_model("resnet10t", in_chans=2, num_classes=0)
    torch.testing.assert_close(drawn, torch.rand(4))
    assert net.training
    torch.testing.assert_close(net.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_an_unknown_name_is_told_with_what_is_near() -> None:
    with pytest.raises(UserError, match=r"unknown to timm; near it: .*resnet"):
        bb.build("resnet19", 2, 96)
