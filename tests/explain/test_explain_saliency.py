"""Saliency, outlines and evidence: what is known by construction comes out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from shapely.geometry import Polygon, box
from torch import nn

from ssl_insar.classify import LinearProbe
from ssl_insar.errors import UserError
from ssl_insar.explain import Evidence, Network, on_the_map, saliency, salient_part
from ssl_insar.explain.layers import map_layer, tapped
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.backbones import features_and_maps


def tiles(count: int = 2, side: int = 64) -> torch.Tensor:
    angle = torch.rand(count, side, side, generator=torch.Generator().manual_seed(0)) * 6
    return torch.stack([angle.cos(), angle.sin()], 1)


class _Brightness(nn.Module):
    """Maps whose one channel is the input's first; pooled by the mean."""

    feature_info = [{"module": "layer", "reduction": 1}]  # noqa: RUF012 - as timm has it

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 1, 1, bias=False)
        nn.init.constant_(self.layer.weight, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).mean((2, 3))


def planted() -> Network:
    encoder = Encoder("resnet10t", InputSpec(32))
    encoder.backbone = _Brightness()
    return Network(encoder, nn.Linear(1, 1, bias=False).requires_grad_(False))


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "eigencam"])
def test_the_place_that_speaks_for_a_logit_is_found(method: str) -> None:
    network = planted()
    nn.init.constant_(network.head.weight, 1.0)
    field = torch.zeros(2, 2, 64, 64)
    field[:, 0] = 0.05
    field[0, 0, 40:48, 8:16] = 1.0
    field[1, 0, 8:16, 40:48] = 1.0
    field[:, :, :, 60:] = 0  # no data
    found = saliency(network, field, method=method, stride=1)
    assert found.shape == (2, 64, 64)
    assert found.amax((1, 2)).tolist() == [1.0, 1.0]
    for one, (row, col) in zip(found, [(44, 12), (12, 44)], strict=True):
        part = salient_part(one.numpy())
        assert part is not None
        assert abs(part.row - row) <= 4
        assert abs(part.col - col) <= 4
        assert part.outline.intersection(box(col - 4, row - 4, col + 4, row + 4)).area > 40
        assert part.outline.area < 150
    assert (found[..., 60:] == 0).all()


def test_what_speaks_against_a_logit_is_not_salient() -> None:
    network = planted()
    nn.init.constant_(network.head.weight, -1.0)
    found = saliency(network, torch.ones(1, 2, 64, 64) / 2, stride=1)
    assert (found == 0).all()
    assert salient_part(found[0].numpy()) is None


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet10t", 32), ("convnext_atto", 32)],
)
def test_every_family_has_maps(name: str, size: int) -> None:
    check_family(name, size)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("alexnet", 64),
        ("efficientnet_b0", 32),
        ("regnety_002", 32),
        ("vit_tiny_patch16_224", 64),
        ("swin_tiny_patch4_window7_224", 56),
        ("densenet121", 64),
        ("mobilenetv3_small_100", 64),
        ("vgg11", 64),
        ("mixer_s32_224", 224),
        ("maxvit_rmlp_pico_rw_256", 64),
    ],
)
def test_every_other_family_has_maps(name: str, size: int) -> None:
    check_family(name, size)


def check_family(name: str, size: int) -> None:
    torch.manual_seed(0)
    encoder = Encoder(name, InputSpec(size)).eval()
    network = Network(encoder, nn.Linear(encoder.dimension, 3))
    field = tiles()
    before = network.logits(field)
    for method in ("gradcam", "hirescam", "eigencam"):
        # Of both signs of the logit: one of them, at least, is spoken for somewhere.
        found = sum(saliency(network, field, output, method) for output in range(3))
        assert found.shape == (2, 64, 64)
        assert torch.isfinite(found).all()
        assert found.amax() > 0
    torch.testing.assert_close(network.logits(field), before)  # nothing is left behind in the network


def test_maps_of_the_last_layer_are_those_that_features_are_pooled_from() -> None:
    encoder = Encoder("resnet10t", InputSpec(64)).eval()
    x = encoder.spec.prepare(tiles())
    seen = []
    with tapped(encoder.backbone, map_layer(encoder.backbone, 32)) as tap, torch.no_grad():
        tap.register_forward_hook(lambda _module, _inputs, maps: seen.append(maps))
        encoder(x)
    with torch.no_grad():
        torch.testing.assert_close(seen[0], features_and_maps(encoder.backbone, x)[1])
    assert [map_layer(encoder.backbone, s) for s in (8, 15, 16)] == [
        encoder.backbone.get_submodule(f"layer{i}") for i in (2, 2, 3)
    ]


def test_grad_cam_of_the_last_maps_is_the_weighted_sum_by_hand() -> None:
    torch.manual_seed(1)
    encoder = Encoder("resnet10t", InputSpec(64)).eval()
    network = Network(encoder, nn.Linear(encoder.dimension, 1))
    x = encoder.spec.prepare(tiles())
    with torch.no_grad():
        maps = features_and_maps(encoder.backbone, x)[1]
    cam = torch.einsum("bchw,c->bhw", maps, network.head.weight[0]).clamp_min(0)
    fine = torch.nn.functional.interpolate(cam[:, None], (64, 64), mode="bicubic").clamp_min(0)[:, 0]
    expected = fine / fine.amax((1, 2), keepdim=True).clamp_min(1e-30)
    torch.testing.assert_close(
        saliency(network, tiles(), method="gradcam", stride=32), expected, atol=1e-4, rtol=1e-3
    )


def test_a_linear_probe_gives_its_log_odds() -> None:
    encoder = Encoder("resnet10t", InputSpec(32)).eval()
    field = tiles(24, 32)
    with torch.no_grad():
        features = encoder(encoder.spec.prepare(field)).numpy()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    probe = LinearProbe(1.0).fit(unit, np.arange(24) % 2)
    logits = Network.of_probe(encoder, probe).logits(field)[:, 0].numpy()
    np.testing.assert_allclose(logits, probe.decision_function(unit), atol=1e-3)


def test_a_backbone_without_layers_is_refused() -> None:
    with pytest.raises(UserError, match="does not tell its layers"):
        map_layer(nn.Linear(2, 2), 16)


def test_an_outline_lies_where_the_footprint_is() -> None:
    # North up, 0.001 degrees a pixel: upper left, upper right, lower right, lower left.
    footprint = Polygon([(10, 50), (10.1, 50), (10.1, 49.9), (10, 49.9)])
    placed = on_the_map(box(20, 40, 30, 60), footprint, 100)
    assert placed is not None
    np.testing.assert_allclose(placed.bounds, (10.02, 49.94, 10.03, 49.96))
    assert on_the_map(box(0, 0, 1, 1), None, 100) is None


def test_evidence_is_near_labelled_and_of_several_places() -> None:
    angle = np.deg2rad([0, 1, 2, 3, 4, 50, 1])
    unit = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    catalogue = pd.DataFrame(
        {
            "volcano": ["a", "b", "b", "b", "c", "d", "e"],
            "content": ["x", "y", "z", "u", "v", "w", "x"],  # the last is a copy of the first
            "source": list("1234567"),
        }
    )
    labels = pd.Series([1, 0, 1, 1, pd.NA, 0, 1], dtype="Int64", name="deformation")
    evidence = Evidence(unit, labels, catalogue)
    near = evidence.nearest(0, count=3, per_place=2)
    assert [(n.position, n.label, n.same_place) for n in near] == [
        (1, "0", False), (2, "1", False), (5, "0", False)
    ]  # fmt: skip
    assert near[0].cosine == pytest.approx(np.cos(angle[1]), abs=1e-6)
    assert evidence.target == "deformation"
    assert evidence.nearest(1, 1)[0].same_place is False
