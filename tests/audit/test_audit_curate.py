from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audit_made import PLANTED, TILE

from ssl_insar.archive import Archive, ingest
from ssl_insar.archive.store import part_file
from ssl_insar.audit.copies import Copies, Copy
from ssl_insar.audit.curate import curate, write_mask
from ssl_insar.audit.curated import write_curated
from ssl_insar.audit.quality import Quality
from ssl_insar.audit.transforms import TRANSFORMS
from ssl_insar.errors import UserError


def test_rules_keep_one_of_each_group_and_drop_the_constant(found: Any) -> None:
    reasons = dict(zip(found.archive.catalogue["id"], found.curation.reason, strict=True))
    gone = {tile: reason for tile, reason in reasons.items() if reason}
    # Of number 4 the copy alone has a label, so the original goes; of the others the copy.
    copies = [tile for tile in gone if tile.startswith("z_")]
    (flat,) = (tile for tile in gone if "_flat_" in tile)
    (original,) = set(gone) - {*copies, flat}
    assert len(copies) == len(PLANTED) - 1
    assert gone[flat] == "constant"
    assert gone[original] == f"anti-transposed of z_anti-transposed_{original}"
    assert found.curation.counts()["constant"] == 1
    assert sum(found.curation.counts().values()) == len(gone) == len(PLANTED) + 1


def test_noise_goes_only_when_asked(found: Any) -> None:
    catalogue = found.archive.catalogue
    noisy = catalogue["id"].str.contains("_sea_").to_numpy()
    assert found.curation.keep[noisy].all()
    strict = curate(catalogue, found.quality, found.copies, drop_noise=True)
    assert strict.reason[noisy].tolist() == ["noise"]
    assert strict.keep.sum() == found.curation.keep.sum() - 1


def test_curated_archive_holds_the_kept_tiles(found: Any, tmp_path: Path) -> None:
    archive, keep = found.archive, found.curation.keep
    clean = write_curated(archive, found.curation, tmp_path / "clean", progress=False)
    kept = archive.catalogue[keep].reset_index(drop=True)
    columns = [name for name in kept if name not in ("part", "slot", "geometry", "label_deformation")]
    pd.testing.assert_frame_equal(
        pd.DataFrame(clean.catalogue[columns]), pd.DataFrame(kept[columns]), check_dtype=False
    )
    rows = np.flatnonzero(keep)
    np.testing.assert_array_equal(clean.phases(range(len(clean))), archive.phases(rows))
    np.testing.assert_array_equal(clean.valid_bits(range(len(clean))), archive.valid_bits(rows))
    assert clean.digest != archive.digest
    facts = json.loads((clean.path / "archive.json").read_text())["curation"]
    assert facts["digest"] == archive.digest
    assert facts["kept"] == len(clean)
    assert facts["rules"] == found.curation.rules
    dropped = pd.read_csv(clean.path / "dropped.csv")
    assert set(dropped["id"]) == set(archive.catalogue["id"][~keep])


def test_label_that_copies_contradict_becomes_unknown(found: Any, tmp_path: Path) -> None:
    """Number 3 and its transposed copy are labelled differently; all other labels stay as they are."""
    archive, keep = found.archive, found.curation.keep
    clean = write_curated(archive, found.curation, tmp_path / "clean", progress=False)
    before, after = archive.catalogue["label_deformation"][keep], clean.catalogue["label_deformation"]
    differs = before.isna().to_numpy() != after.isna().to_numpy()
    assert [tile.split("_")[1] for tile in clean.catalogue["id"][differs]] == ["mt03"]
    assert after.isna().to_numpy()[differs].all()
    assert (before.to_numpy()[after.notna()] == after.dropna().to_numpy()).all()
    assert found.curation.labels_made_unknown() == {"deformation": 1}
    facts = json.loads((clean.path / "curation.json").read_text())
    assert facts["labels_made_unknown"] == {"deformation": 1}
    assert any("becomes unknown" in rule for rule in facts["rules"])


def _three(labels: list[Any], wrapped: list[bool] | None = None) -> pd.DataFrame:
    wrapped = wrapped or [True] * len(labels)
    return pd.DataFrame({"id": list("abcd")[: len(labels)], "label_x": labels, "wrapped": wrapped})


def _curate(catalogue: pd.DataFrame, *found: Copy) -> list[str]:
    """Reasons of tiles of one group whose first is row 0."""
    none = np.zeros(len(catalogue), bool)
    group = np.zeros(len(catalogue), np.int64)
    copies = Copies(list(found), group, 0.95, "", np.empty(0), [], True, (0, 0))
    return curate(catalogue, Quality(none, none, none), copies).reason.tolist()


def _turned(tile: int, other: int, kind: str) -> Copy:
    transform = next(t for t in TRANSFORMS if t.kind == kind and not t.swapped)
    return Copy(tile, other, kind, 0.99, "", transform)


def test_reason_tells_what_a_tile_is_of_the_one_kept() -> None:
    """b is a transposed, c is a; b alone is labelled and stays."""
    exact = Copy(2, 0, "exact-duplicate", 1.0, "")
    reasons = _curate(_three([None, 1, None]), _turned(1, 0, "transposed"), exact)
    assert reasons == ["transposed of b", "", "transposed of b"]


def test_reason_of_a_copy_of_a_copy_puts_the_turns_together() -> None:
    """b is a rotated by 90 degrees, c is b rotated by 90 degrees."""
    turns = _turned(1, 0, "rotated-90"), _turned(2, 1, "rotated-90")
    assert _curate(_three([1, None, None]), *turns) == ["", "rotated-90 of a", "rotated-180 of a"]
    assert _curate(_three([None, None, 1]), *turns) == ["rotated-180 of c", "rotated-270 of c", ""]


def test_reason_of_exact_duplicates_of_a_tile_that_goes() -> None:
    exact = [Copy(row, 0, "exact-duplicate", 1.0, "") for row in (1, 2)]
    reasons = _curate(_three([None, None, 1]), *exact)
    assert reasons == ["exact-duplicate of c", "exact-duplicate of c", ""]


def test_of_equals_the_unwrapped_one_stays_but_labels_count_more() -> None:
    exact = [Copy(row, 0, "exact-duplicate", 1.0, "") for row in (1, 2)]
    wrapped = [True, True, False]
    assert _curate(_three([None, None, None], wrapped), *exact)[2] == ""
    assert _curate(_three([None, 1, None], wrapped), *exact)[1] == ""


def test_unwrapped_tiles_and_other_layers_come_along(found: Any, tmp_path: Path) -> None:
    """A layer that only the store knows is copied with the rest, in its own type."""
    source = Path(shutil.copytree(found.archive.path, tmp_path / "archive"))
    path = part_file(source, 0, "phase")
    counts = np.load(path).astype(np.int16) - 300
    np.save(path, counts)
    np.save(path.with_name("00000.extra.npy"), counts[:, 0])
    clean = write_curated(Archive.open(source), found.curation, tmp_path / "clean", progress=False)
    wanted = counts[found.curation.keep]
    np.testing.assert_array_equal(clean.unwrapped(range(len(clean))), wanted)
    np.testing.assert_array_equal(np.load(clean.path / "parts" / "00000.extra.npy"), wanted[:, 0])


def test_ingest_into_a_curated_archive_is_refused(found: Any, tmp_path: Path) -> None:
    """It would bring back what was dropped."""
    clean = write_curated(found.archive, found.curation, tmp_path / "clean", progress=False)
    frames = Path(found.archive.catalogue["source"][0]).parent
    with pytest.raises(UserError, match="curated"):
        ingest(frames, clean.path, tile=TILE, stride=TILE, min_valid=0, progress=False)
    assert len(Archive.open(clean.path)) == len(clean)


def test_curated_archive_is_replaced_but_nothing_else(found: Any, tmp_path: Path) -> None:
    target = tmp_path / "clean"
    write_curated(found.archive, found.curation, target, progress=False)
    write_curated(found.archive, found.curation, target, progress=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    for taken in (other, found.archive.path, found.archive.path / "clean", found.archive.path.parent):
        with pytest.raises(UserError):
            write_curated(found.archive, found.curation, taken, progress=False)
    assert (other / "precious.txt").read_text() == "mine"


def test_nothing_left_is_refused(found: Any, tmp_path: Path) -> None:
    import dataclasses

    nothing = dataclasses.replace(found.curation, keep=np.zeros(len(found.archive), bool))
    with pytest.raises(UserError, match="leave no tile"):
        write_curated(found.archive, nothing, tmp_path / "clean", progress=False)
    assert not (tmp_path / "clean").exists()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_mask_has_a_row_a_tile(found: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask{suffix}"
    write_mask(path, found.archive.catalogue, found.curation)
    table = pd.read_csv(path, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(path)
    assert table["id"].tolist() == found.archive.catalogue["id"].tolist()
    assert table["curated"].tolist() == found.curation.keep.tolist()
    assert table["curation"].tolist() == found.curation.reason.tolist()


def test_mask_of_another_kind_is_refused(found: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.parquet or \.csv"):
        write_mask(tmp_path / "mask.txt", found.archive.catalogue, found.curation)
