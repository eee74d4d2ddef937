from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ssl_insar.archive import Archive
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder, InputSpec


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet10t", InputSpec(32)).eval()


def test_load_gives_back_what_was_saved(encoder: Encoder, archive_path: Path, tmp_path: Path) -> None:
    encoder.save(tmp_path / "e")
    again = Encoder.load(tmp_path / "e")
    assert again.hash == encoder.hash
    z = Archive.open(archive_path).phasors(range(5))
    np.testing.assert_array_equal(again.embed_phasors(z), encoder.embed_phasors(z))
    assert set(load_file(tmp_path / "e" / "encoder.safetensors")) == set(encoder.backbone.state_dict())


def test_hash_changes_with_weights_and_input(encoder: Encoder) -> None:
    other = encoder.random_like(5)
    assert other.hash != encoder.hash
    assert Encoder("resnet10t", InputSpec(64)).hash != Encoder("resnet10t", InputSpec(32)).hash


def test_random_like_is_reproducible_and_leaves_the_generator_alone(encoder: Encoder) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    a = encoder.random_like(7)
    torch.testing.assert_close(torch.rand(3), expected)
    assert a.hash == encoder.random_like(7).hash


def test_embedding_tiles_and_phasors_agree(encoder: Encoder, archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    index = np.arange(12)
    np.testing.assert_allclose(
        encoder.embed_tiles(archive, index), encoder.embed_phasors(archive.phasors(index)), atol=2e-2
    )


def test_batch_size_does_not_change_the_embeddings(encoder: Encoder, archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    a = encoder.embed(archive, batch_size=7, progress=False).normalised()
    b = encoder.embed(archive, batch_size=60, progress=False).normalised()
    assert (a * b).sum(1).min() > 0.999


def test_re_im_is_the_phasor_as_long_as_it_is_coherent(archive_path: Path) -> None:
    from ssl_insar import phase as ph
    from ssl_insar.augment import field as fd

    z = Archive.open(archive_path).phasors([0, 1])
    x = InputSpec(32, ("re", "im")).prepare(fd.from_complex(torch.from_numpy(z))).numpy()
    unit, coherence = ph.multilook(z, 2)
    np.testing.assert_allclose(x[:, 0] + 1j * x[:, 1], unit * coherence, atol=1e-4)


def test_a_third_channel_holds_the_local_coherence(archive_path: Path) -> None:
    spec = InputSpec(32, ("cos", "sin", "coherence"))
    tiles = torch.from_numpy(Archive.open(archive_path).phasors([0, 1]))
    from ssl_insar.augment import field as fd

    x = spec.prepare(fd.from_complex(tiles))
    assert x.shape == (2, 3, 32, 32)
    assert x[:, 2].min() >= 0
    assert 0.5 < x[:, 2].mean() <= 1
    with pytest.raises(UserError, match="channels"):
        InputSpec(32, ("sin", "cos"))


def test_embed_saves_and_opens(encoder: Encoder, archive_path: Path, tmp_path: Path) -> None:
    archive = Archive.open(archive_path)
    made = encoder.embed(archive, out=tmp_path / "emb", progress=False)
    opened = Embeddings.open(tmp_path / "emb")
    np.testing.assert_array_equal(opened.matrix, made.matrix)
    assert opened.matrix.dtype == np.float16
    assert opened.ids == list(archive.catalogue["id"])
    assert opened.provenance.encoder_hash == encoder.hash
    assert opened.provenance.archive_digest == archive.digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["emb"], "scratch files are gone"


def test_an_interrupted_embedding_goes_on(
    encoder: Encoder, archive_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssl_insar.models import encoder as module

    archive = Archive.open(archive_path)
    whole = encoder.embed(archive, batch_size=10, progress=False).matrix
    monkeypatch.setattr(module, "_CHUNKS_PER_SAVE", 1)
    real, seen = Encoder.embed_tiles, []

    def dies(self: Encoder, archive: Archive, indices: np.ndarray) -> np.ndarray:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(int(indices[0]))
        return real(self, archive, indices)

    monkeypatch.setattr(Encoder, "embed_tiles", dies)
    with pytest.raises(KeyboardInterrupt):
        encoder.embed(archive, out=tmp_path / "emb", batch_size=10, progress=False)
    assert not (tmp_path / "emb").exists()
    monkeypatch.setattr(Encoder, "embed_tiles", lambda *a: seen.append(int(a[2][0])) or real(*a))
    resumed = encoder.embed(archive, out=tmp_path / "emb", batch_size=10, progress=False)
    assert seen == [0, 10, 20, 30, 40, 50], "nothing is embedded twice"
    np.testing.assert_array_equal(resumed.matrix, whole)


def test_embed_does_not_write_over_something_else(
    encoder: Encoder, archive_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        encoder.embed(Archive.open(archive_path), out=tmp_path / "mine", progress=False)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_damaged_and_absent_encoders_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no encoder here"):
        Encoder.load(tmp_path)
    folder = tmp_path / "e"
    encoder.save(folder)
    weights = (folder / "encoder.safetensors").read_bytes()
    (folder / "encoder.safetensors").write_bytes(weights[:1000])
    with pytest.raises(UserError, match="damaged encoder"):
        Encoder.load(folder)
    flipped = bytearray(weights)
    flipped[-5] ^= 0x40
    (folder / "encoder.safetensors").write_bytes(bytes(flipped))
    with pytest.raises(UserError, match="do not belong together"):
        Encoder.load(folder)
    (folder / "encoder.safetensors").write_bytes(weights)
    card = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps(card | {"format": 99}))
    with pytest.raises(UserError, match="newer ssl_insar"):
        Encoder.load(folder)


def test_unknown_backbone_names_what_is_near() -> None:
    with pytest.raises(UserError, match=r"unknown to timm; near it: .*resnet"):
        Encoder("resnet19")


def test_damaged_embeddings_are_refused(encoder: Encoder, archive_path: Path, tmp_path: Path) -> None:
    encoder.embed(Archive.open(archive_path), out=tmp_path / "emb", progress=False)
    for name in ("embeddings.npy", "catalogue.parquet", "manifest.json"):
        broken = shutil.copytree(tmp_path / "emb", tmp_path / f"broken-{name}")
        data = (broken / name).read_bytes()
        (broken / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(UserError):
            Embeddings.open(broken)
    with pytest.raises(UserError, match="ssl-insar embed RUN ARCHIVE"):
        Embeddings.open(tmp_path / "absent")
