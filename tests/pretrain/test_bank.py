from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made import TINY, write_frames
from made_presets import lively

from ssl_insar.archive import Archive, ingest
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DonorConfig
from ssl_insar.errors import UserError
from ssl_insar.pretrain import bank as module
from ssl_insar.pretrain import pretrain
from ssl_insar.pretrain.bank import donor_bank
from ssl_insar.synth.archive import simulate_archive


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return simulate_archive(
        lively(), tmp_path_factory.mktemp("bank") / "a", count=48, size=64, progress=False
    )


def test_donors_are_quiet_tiles_at_the_size_of_views(
    simulated: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = donor_bank(simulated, 32, DonorConfig(coherence=0.3, quiet="labelled"), 0)
    quiet = int((simulated.catalogue["label_deformation"] == 0).sum())
    assert 0 < len(bank) <= quiet
    assert bank.shape[1:] == (2, 32, 32)
    length = fd.magnitude(bank)
    torch.testing.assert_close(length, (length > 0).float(), atol=1e-5, rtol=0)
    monkeypatch.setattr(module, "MOST", 5)
    assert len(donor_bank(simulated, 32, DonorConfig(coherence=0.0, quiet="labelled"), 0)) == 5


def test_none_is_quiet_enough(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "in", 6)
    archive = ingest(frames, tmp_path / "a", tile=64, progress=False).archive
    for quiet in ("labelled", "presumed"):
        with pytest.raises(UserError, match=r"views\.donor\.p=0"):
            donor_bank(archive, 32, DonorConfig(coherence=0.9999, quiet=quiet), 0)


def test_a_run_with_every_effect_on_archives_with_every_layer(simulated: Archive, tmp_path: Path) -> None:
    names = ("stratified", "ionosphere", "donor", "multilook", "blanks", "frame_edge")
    effects = [f"views.{name}.p=1" for name in names] + ["optim.epochs=1", "views.donor.coherence=0.3"]
    encoder = pretrain(TINY, simulated, tmp_path / "run", overrides=effects, progress=False)
    assert encoder.hash
