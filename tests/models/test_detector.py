"""The detector: what it scores, what it is saved with, what it refuses to be loaded with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.coarse_map import largest
from ssl_insar.models.detector import Detector, Training, label_use, share_below
from ssl_insar.models.precision import autocast
from ssl_insar.pretrain.recipe import Recipe

TRAINING = Training("simclr-cpu", "abc", "volcanoes", (3.0, 30.0), "none")


def _made(seed: int, channels: tuple[str, ...] = ("re", "im"), size: int = 32) -> Detector:
    torch.manual_seed(seed)
    encoder = Encoder("resnet10t", InputSpec(size, channels)).eval()
    head = nn.Linear(encoder.dimension, 1)
    head.weight.data.mul_(50)  # untrained features hardly differ from tile to tile
    return Detector(encoder, head, TRAINING)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return _made(0)


@pytest.fixture
def run(detector: Detector, tmp_path: Path) -> Path:
    detector.encoder.save(tmp_path / "run" / "encoder")
    detector.save(tmp_path / "run" / "detector")
    return tmp_path / "run"


def _tiles(archive_path: Path, count: int = 6) -> torch.Tensor:
    return fd.from_complex(torch.from_numpy(Archive.open(archive_path).phasors(range(count))))


def test_load_gives_back_what_was_saved(
    detector: Detector, run: Path, archive_path: Path, monkeypatch
) -> None:
    tiles = _tiles(archive_path)
    for given in (run, run / "detector"):
        again = Detector.load(given)
        assert again.hash == detector.hash
        assert again.training_facts == TRAINING
        torch.testing.assert_close(again.logits(tiles), detector.logits(tiles), rtol=0, atol=1e-6)
    monkeypatch.chdir(run / "detector")
    assert Detector.load(".").hash == detector.hash
    card = json.loads((run / "detector" / "detector.json").read_text())
    assert card["encoder_hash"] == detector.encoder.hash
    assert card["training"]["labels"] == "none"


def test_a_coarse_map_is_kept_and_points_where_it_is_largest(archive_path: Path, tmp_path: Path) -> None:
    made = _made(0, size=96)
    where = nn.Conv2d(made.encoder.map_channels, 1, 1)
    where.weight.data.mul_(10)
    detector = Detector(made.encoder, made.head, TRAINING, where)
    assert detector.hash != made.hash
    detector.encoder.save(tmp_path / "encoder")
    detector.save(tmp_path / "detector")
    assert json.loads((tmp_path / "detector" / "detector.json").read_text())["format"] == 2
    again = Detector.load(tmp_path)
    assert again.hash == detector.hash
    tiles = _tiles(archive_path)
    torch.testing.assert_close(again.logits(tiles), made.logits(tiles), rtol=0, atol=1e-5)
    tiles[0, :, :, :40] = 0
    tiles[1] = 0
    fine = again.coarse_map(tiles)
    assert fine.shape == tiles[:, 0].shape
    assert fine[0, :, :40].isneginf().all()
    assert fine[1].isneginf().all()
    assert fine[2:].isfinite().all()
    # The cells themselves, as pretraining has them before its loss.
    again.encoder.keep_maps = True
    with torch.no_grad(), autocast(tiles.device):
        again.encoder(again.encoder.spec.prepare(tiles).contiguous(memory_format=torch.channels_last))
    cells = again.where(again.encoder.maps.float())
    wanted = torch.nn.functional.interpolate(cells, fine.shape[-2:], mode="bicubic")[2:, 0]
    torch.testing.assert_close(fine[2:], wanted, rtol=0, atol=1e-3)
    found = again.survey(Archive.open(archive_path), batch_size=4, progress=False)
    rows = np.arange(2, 6)
    place, most = largest(fine[2:], 3)
    assert (most - fine[2:].amin((1, 2)) > 0.1).all()
    at = fine[rows, found.place[rows, 0], found.place[rows, 1]]
    torch.testing.assert_close(at, most, rtol=0, atol=0.01)  # half precision, other batches
    np.testing.assert_allclose(found.peak[rows], most, atol=0.01)
    assert torch.equal(again.places(tiles)[2:], place)


def test_a_detector_of_the_first_format_is_read(detector: Detector, run: Path, archive_path: Path) -> None:
    card = run / "detector" / "detector.json"
    values = json.loads(card.read_text())
    assert "where" not in values["training"]
    card.write_text(json.dumps(values | {"format": 1}))
    again = Detector.load(run)
    assert again.where is None
    assert again.hash == detector.hash
    found = again.survey(Archive.open(archive_path), progress=False)
    assert found.place is None
    with pytest.raises(UserError, match=r"no coarse map.*heads\.where=1"):
        again.coarse_map(_tiles(archive_path))


def test_it_refuses_another_encoder(run: Path, tmp_path: Path) -> None:
    other = _made(1).encoder
    with pytest.raises(UserError, match="detector of another encoder"):
        Detector.load(run, other)
    other.save(run / "encoder")
    with pytest.raises(UserError, match="detector of another encoder"):
        Detector.load(run)


def test_it_says_what_is_missing_or_damaged(run: Path, tmp_path: Path) -> None:
    _made(1).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "detector.safetensors", run / "detector")
    with pytest.raises(UserError, match="weights and card do not belong together"):
        Detector.load(run)
    (run / "detector" / "detector.safetensors").write_bytes(b"half")
    with pytest.raises(UserError, match="damaged detector"):
        Detector.load(run)
    card = run / "detector" / "detector.json"
    values = json.loads(card.read_text())
    card.write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(UserError, match="newer ssl_insar"):
        Detector.load(run)
    del values["training"]
    card.write_text(json.dumps(values))
    with pytest.raises(UserError, match="no 'training'"):
        Detector.load(run)
    shutil.rmtree(run / "detector")
    with pytest.raises(UserError, match=r"heads\.presence=1"):
        Detector.load(run)


def test_a_head_must_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Detector(Encoder("resnet10t", InputSpec(32)), nn.Linear(7, 1), TRAINING)
    made = _made(0)
    with pytest.raises(ValueError, match="does not fit maps of 512 channels"):
        Detector(made.encoder, made.head, TRAINING, nn.Conv2d(7, 1, 1))


def test_scores_are_logits_in_the_order_of_the_archive(detector: Detector, archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    scores = detector.score(archive, batch_size=17, progress=False)
    assert scores.shape == (len(archive),)
    expected = detector.encoder.embed(archive, progress=False).matrix.astype(np.float32)
    weight, bias = (value.detach().cpu().numpy() for value in detector.head.parameters())
    # The embedding is rounded to half precision.
    np.testing.assert_allclose(scores, expected @ weight[0] + bias, atol=0.02)
    assert scores.std() > 0.1


@pytest.mark.parametrize("channels", [("re", "im"), ("cos", "sin", "coherence")])
def test_an_averaged_score_does_not_depend_on_what_it_is_averaged_over(
    channels: tuple[str, ...], archive_path: Path
) -> None:
    detector, tiles = _made(0, channels), _tiles(archive_path)
    conjugate = tiles * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
    turned = fd.rotate(tiles, torch.tensor(np.pi / 2))
    plain = detector.logits(tiles, "none")
    for picture in (tiles.flip(-1), conjugate, turned):
        assert (detector.logits(picture, "none") - plain).abs().max() > 1e-3
    for averaging, pictures in {"exact": (tiles.flip(-1), conjugate), "offsets": (conjugate, turned)}.items():
        expected = detector.logits(tiles, averaging)
        for picture in pictures:
            torch.testing.assert_close(detector.logits(picture, averaging), expected, rtol=0, atol=1e-4)


def test_the_card_says_when_labels_chose_the_tiles(detector: Detector) -> None:
    head = detector.head
    recipe = Recipe.model_validate({"positives": {"injected": 1, "snr": [4, 20]}})
    facts = Detector.trained_by(recipe, detector.encoder, head).training_facts
    assert (facts.labels, facts.snr, facts.recipe_hash) == ("none", (4.0, 20.0), recipe.hash)
    where = nn.Conv2d(detector.encoder.map_channels, 1, 1)
    assert Detector.trained_by(recipe, detector.encoder, head, where).where is where
    told = Recipe.model_validate({"positives": {"injected": 1, "quiet": "labelled"}})
    facts = Detector.trained_by(told, detector.encoder, head).training_facts
    assert facts.labels == "label 0 chose the tiles that got a source"
    # Labels that choose nothing have no part in it.
    unused = {"positives": {"quiet": "labelled"}, "views": {"donor": {"quiet": "labelled"}}}
    assert label_use(Recipe.model_validate(unused)) == "none"
    both = unused | {
        "positives": {"quiet": "labelled", "injected": 1},
        "views": {"donor": {"quiet": "labelled", "p": 1}},
    }
    said = "label 0 chose the tiles that got a source and the donors of atmosphere"
    assert label_use(Recipe.model_validate(both)) == said


def test_share_of_quiet_tiles_below() -> None:
    np.testing.assert_array_equal(share_below([0.0, 2.0, 5.0], [4.0, 1.0, 2.0, 3.0]), [0.0, 0.25, 1.0])
    assert np.isnan(share_below([1.0], [])).all()
