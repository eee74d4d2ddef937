"""Weights for colour images in networks that see phasors; all files are made here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import timm
import torch
from made import TINY
from safetensors.torch import save_file
from torch import nn

from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.backbones import build
from ssl_insar.models.pretrained import adapt_first_convolution, load_pretrained

NAME = "resnet10t"


@pytest.fixture(scope="module")
def colour() -> nn.Module:
    """A network for colour images, with a classifier and running statistics of its own."""
    torch.manual_seed(1)
    net: nn.Module = timm.create_model(NAME, num_classes=7)
    for name, buffer in net.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    return net.eval()


@pytest.fixture(scope="module")
def file(colour: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "colour.safetensors"
    save_file(colour.state_dict(), path)
    return path


def test_everything_behind_the_first_convolution_is_taken_over(colour: nn.Module, file: Path) -> None:
    encoder = Encoder(NAME, InputSpec(64), weights=file)
    own, theirs = encoder.backbone.state_dict(), colour.state_dict()
    (first,) = [key for key in own if own[key].shape != theirs[key].shape]
    assert first == "conv1.0.weight"
    assert all(torch.equal(own[key], theirs[key]) for key in own if key != first)
    assert set(theirs) - set(own) == {"fc.weight", "fc.bias"}


def test_a_phasor_gets_the_response_that_grey_gets(colour: nn.Module, file: Path) -> None:
    """Equal parts z, z of a 2-channel input act as sqrt(2) z, and a grey image as the sum over RGB."""
    encoder = Encoder(NAME, InputSpec(64), weights=file).eval()
    torch.manual_seed(2)
    grey = torch.randn(3, 1, 64, 64)
    with torch.no_grad():
        expected = colour.forward_head(colour.forward_features(grey.expand(-1, 3, -1, -1)), pre_logits=True)
        got = encoder(grey.expand(-1, 2, -1, -1) / 2**0.5)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 3])
def test_the_variance_of_the_response_is_kept(channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randn(16, 3, 7, 7, generator=generator)
    grey = torch.randn(8, 1, 64, 64, generator=generator).expand(-1, 3, -1, -1)
    parts = torch.randn(8, channels, 64, 64, generator=generator)  # uncorrelated, unlike colours
    before = nn.functional.conv2d(grey, rgb).var((0, 2, 3))
    after = nn.functional.conv2d(parts, adapt_first_convolution(rgb, channels)).var((0, 2, 3))
    torch.testing.assert_close(after / before, torch.ones(16), rtol=0, atol=0.12)
    assert float((after / before).mean()) == pytest.approx(1, abs=0.03)


def test_a_state_dict_of_torchvision_inside_a_checkpoint(tmp_path: Path) -> None:
    import torchvision

    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=5)
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}
    torch.save(wrapped, tmp_path / "r18.pth")
    net, _ = build("resnet18", 2, 64)
    facts = load_pretrained(net, tmp_path / "r18.pth", "resnet18")
    torch.testing.assert_close(net.state_dict()["layer4.1.conv2.weight"], theirs.layer4[1].conv2.weight.data)
    assert facts["dropped"] == "fc.bias, fc.weight"


def test_names_of_torchvision_for_alexnet_and_vgg(tmp_path: Path) -> None:
    """On the meta device: the classifiers of both have a hundred million weights, which matter not."""
    import torchvision

    from ssl_insar.models.pretrained import _check, _in_names_of, _without_classifier

    with torch.device("meta"):
        for name, theirs in (
            ("alexnet", torchvision.models.alexnet()),
            ("vgg11", torchvision.models.vgg11()),
        ):
            net, _ = build(name, 3, 96)
            state, dropped = _without_classifier(net, _in_names_of(net, theirs.state_dict(), tmp_path, name))
            _check(net.state_dict(), state, tmp_path, name)
            assert len(dropped) == 2


def test_a_transformer_for_another_size_has_its_positions_resampled(tmp_path: Path) -> None:
    theirs = timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=4)
    with torch.no_grad():  # a slope along columns, which resampling keeps
        slope = torch.linspace(-1, 1, 14).repeat(14, 1).reshape(1, 196, 1).expand(-1, -1, 192)
        theirs.pos_embed[:, 1:] = slope
    net = timm.create_model("vit_tiny_patch16_224", depth=1, in_chans=2, num_classes=0, img_size=96)
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    load_pretrained(net, tmp_path / "vit.pth", "vit_tiny_patch16_224")
    row = net.pos_embed[0, 1:, 0].reshape(6, 6)
    assert (row.diff(dim=1) > 0.2).all()
    assert row.diff(dim=0).abs().max() < 1e-4
    assert net.patch_embed.proj.weight.shape == (192, 2, 16, 16)


def test_a_file_of_another_network_is_told_in_one_line(file: Path, colour: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"another network than resnet18: .* missing .* unexpected") as told:
        Encoder("resnet18", InputSpec(64), weights=file)
    assert "\n" not in str(told.value)
    wide = {k: v.repeat(2, *[1] * (v.ndim - 1)) if v.ndim else v for k, v in colour.state_dict().items()}
    save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(UserError, match=r"of another shape \(conv1\.0\.weight \(48, 2, 3, 3\) for \(24, 2"):
        Encoder(NAME, InputSpec(64), weights=tmp_path / "wide.safetensors")
    with pytest.raises(UserError, match="another network than vit_tiny"):
        Encoder("vit_tiny_patch16_224", InputSpec(96), weights=file)


def test_files_that_are_no_weights_are_refused(file: Path, colour: nn.Module, tmp_path: Path) -> None:
    def refused(path: Path, told: str) -> None:
        with pytest.raises(UserError, match=told) as error:
            Encoder(NAME, InputSpec(64), weights=path)
        assert "\n" not in str(error.value)

    refused(tmp_path / "absent.pth", "no such file")
    (tmp_path / "half.safetensors").write_bytes(file.read_bytes()[:5000])
    refused(tmp_path / "half.safetensors", "not readable as a state dict")
    torch.save(colour.state_dict(), tmp_path / "whole.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:5000])
    refused(tmp_path / "half.pth", "not readable as a state dict")
    torch.save(colour, tmp_path / "model.pth")
    refused(tmp_path / "model.pth", "or hold a whole model")
    torch.save([1, 2], tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "not a state dict")
    torch.save({"accuracy": 0.9}, tmp_path / "numbers.pth")
    refused(tmp_path / "numbers.pth", "not a state dict")


def test_an_encoder_of_the_package_may_be_the_beginning_of_another(tmp_path: Path) -> None:
    first = Encoder(NAME, InputSpec(64))
    first.save(tmp_path / "e")
    again = Encoder(NAME, InputSpec(64), weights=tmp_path / "e" / "encoder.safetensors")
    assert again.hash == first.hash
    assert again.card.about["weights"]["adapted"] == "nothing"


def test_pretraining_begins_with_the_file_and_its_hash_is_on_the_card(colour: nn.Module, file: Path) -> None:
    from ssl_insar.pretrain.module import Pretraining
    from ssl_insar.pretrain.recipe import load

    recipe = load(TINY, [f"model.weights={file}"])
    assert recipe.hash != load(TINY).hash
    module = Pretraining(recipe, tile=64, steps_per_epoch=1)
    torch.testing.assert_close(
        module.encoder.backbone.state_dict()["layer4.0.conv1.weight"],
        colour.state_dict()["layer4.0.conv1.weight"],
    )
    told = module.encoder.card.about["weights"]
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["file"] == "colour.safetensors"
