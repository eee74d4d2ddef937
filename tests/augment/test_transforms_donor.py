"""The albumentations transform that lays other interferograms' atmosphere over an image."""

from __future__ import annotations

from pathlib import Path

import albumentations as A
import numpy as np
import pytest

from ssl_insar.archive import Archive
from ssl_insar.augment import transforms as T
from ssl_insar.augment.config import DonorConfig
from ssl_insar.errors import UserError
from ssl_insar.pretrain.bank import donor_bank

FLAT = np.ones((64, 64), np.complex64)


def test_what_is_added_is_a_donor_of_the_archive(archive_path: Path) -> None:
    bank = donor_bank(Archive.open(archive_path), 64, DonorConfig(quiet="labelled", coherence=0.0), 0)
    fields = bank.permute(0, 2, 3, 1).numpy()
    known = fields[..., 0] + 1j * fields[..., 1]
    compose = A.Compose([T.Donor(p=1.0, archive=archive_path, quiet="labelled", coherence=0.0)], seed=0)
    for _ in range(4):
        seen = compose(image=FLAT)["image"]
        np.testing.assert_allclose(np.abs(seen), 1, atol=1e-4)
        likeness = [
            np.abs((turned * sign.conj()).mean())
            for turned in (seen, seen[::-1], seen[:, ::-1], seen[::-1, ::-1])
            for donor in known
            for sign in (np.where(donor == 0, 1, donor), np.where(donor == 0, 1, donor.conj()))
        ]
        assert max(likeness) > 0.99


def test_donors_come_in_the_size_of_the_image(archive_path: Path) -> None:
    effect = T.Donor(p=1.0, archive=archive_path, coherence=0.0)
    for shape in ((32, 32), (48, 20)):
        assert effect(image=np.ones(shape, np.complex64))["image"].shape == shape


def test_an_archive_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=str(tmp_path)) as error:
        T.Donor(p=1.0, archive=tmp_path / "none")(image=FLAT)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"Donor: archive: .*required"):
        T.Donor()
