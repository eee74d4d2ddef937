"""How feature maps become one vector: the mean, or the mean and the maximum."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.backbones import features_and_maps

SPEC = InputSpec(32)


def test_mean_and_maximum_of_the_same_maps() -> None:
    encoder = Encoder("resnet10t", SPEC, pool="mean+max").eval()
    with torch.no_grad():
        features, maps = features_and_maps(encoder.backbone, torch.randn(3, 2, 32, 32))
    assert features.shape == (3, encoder.dimension)
    assert encoder.dimension == 2 * Encoder("resnet10t", SPEC).dimension
    torch.testing.assert_close(features, torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))


def test_an_encoder_keeps_its_pooling(tmp_path: Path) -> None:
    encoder = Encoder("resnet10t", SPEC, pool="mean+max").eval()
    encoder.save(tmp_path / "e")
    again = Encoder.load(tmp_path / "e")
    assert (again.hash, again.dimension, again.card.pool) == (encoder.hash, 1024, "mean+max")
    assert encoder.random_like(1).dimension == 1024
    other = Encoder("resnet10t", SPEC)
    other.backbone.load_state_dict(encoder.backbone.state_dict())
    assert other.hash != encoder.hash, "the same weights pooled otherwise embed otherwise"


def test_a_card_of_format_1_is_pooled_by_the_mean(tmp_path: Path) -> None:
    encoder = Encoder("resnet10t", SPEC)
    encoder.save(tmp_path / "e")
    path = tmp_path / "e" / "encoder.json"
    card = json.loads(path.read_text()) | {"format": 1}
    del card["pool"]
    path.write_text(json.dumps(card))
    assert Encoder.load(tmp_path / "e").card.pool == "mean"


@pytest.mark.parametrize(
    ("name", "pool", "told"),
    [
        ("resnet10t", "median", r"pooling 'median' is unknown; set model\.pool to mean or mean\+max"),
        ("alexnet", "mean+max", r"alexnet does not pool its maps; set model\.pool to mean"),
        ("vit_tiny_patch16_224", "mean+max", r"pooled by mean\+max .* choose another size, pooling"),
        ("convnext_atto", "mean+max", r"pooled by mean\+max .* choose another size, pooling"),
    ],
)
def test_what_cannot_pool_so_is_refused(name: str, pool: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Encoder(name, InputSpec(96), pool=pool)
