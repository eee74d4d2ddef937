from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_made import PLANTED, TILE, dates, file_name, make_archive, turbulence, wrapped

from ssl_insar.archive import Archive
from ssl_insar.audit.copies import find_copies
from ssl_insar.audit.quality import judge
from ssl_insar.audit.scan import scan
from ssl_insar.audit.threshold import FALLBACK
from ssl_insar.audit.verify import compare


def _search(archive: Archive) -> Any:
    measured = scan(archive, progress=False)
    return find_copies(archive, measured, judge(measured).comparable, progress=False)


@pytest.mark.parametrize("kind", list(PLANTED))
def test_each_kind_of_copy_is_found_and_named(found: Any, kind: str) -> None:
    rows = found.table[found.table["kind"] == kind]
    assert len(rows) == 1
    tile, other = rows.iloc[0][["tile", "other"]]
    assert tile.startswith(f"z_{kind}_")
    assert tile.removeprefix(f"z_{kind}_") == other
    assert rows.iloc[0]["value"] > 0.97


def test_nothing_else_is_taken_for_a_copy(found: Any) -> None:
    assert len(found.copies.found) == len(PLANTED)
    groups = np.unique(found.copies.group, return_counts=True)[1]
    assert sorted(groups)[-len(PLANTED) - 1 :] == [1] + [2] * len(PLANTED)


def test_details_tell_swap_and_offset(found: Any) -> None:
    detail = found.table.set_index("kind")["detail"]
    assert "dates swapped" in detail["rotated-180"]
    assert "dates swapped" in detail["date-swapped"]
    assert "offset of 2.00 rad" in detail["rotated-90"]
    assert detail["transposed"] == detail["exact-duplicate"] == "every pixel the same"


def test_planted_check_finds_its_own(found: Any) -> None:
    """71 tiles can be compared, less the one exact duplicate."""
    hits, count = found.copies.planted
    assert count == 70
    assert hits >= 0.95 * count


def test_shifted_copies_are_found(tmp_path: Path) -> None:
    """Crops of a larger frame that start at other pixels, one of them flipped."""
    rng = np.random.default_rng(1)
    large = turbulence(rng, TILE + 4)
    fields = {file_name(f"mt{i}", *dates(i)): turbulence(rng) for i in range(8)}
    fields[file_name("a", *dates(20))] = large[2:-2, 2:-2]
    fields[file_name("b", *dates(21))] = large[1:-3, 4:]
    fields[file_name("c", *dates(22))] = np.ascontiguousarray(large[4:, 2:-2][:, ::-1])
    copies = _search(make_archive(tmp_path, fields))
    kinds = {(copy.kind, copy.detail) for copy in copies.found}
    assert kinds == {
        ("near-duplicate", "shifted by 1 and 2 px"),
        ("flipped-left-right", "shifted by 2 and 0 px"),
    }
    assert all(copy.correlation > 0.999 for copy in copies.found)


def test_several_copies_make_one_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    first = turbulence(rng)
    fields = {file_name(f"mt{i}", *dates(i)): turbulence(rng) for i in range(5)}
    for i, copy in enumerate((first, first, first.T, np.rot90(first), wrapped(first + 1))):
        fields[f"z{i}_" + file_name("same", *dates(30))] = np.ascontiguousarray(copy)
    archive = make_archive(tmp_path, fields)
    copies = _search(archive)
    assert len(copies.found) == 4
    members = np.flatnonzero(copies.group == copies.group[-1])
    assert archive.catalogue["id"].iloc[members].str.startswith("z").tolist() == [True] * 5
    assert copies.group[members[0]] == members[0]


def test_copies_in_a_large_group_do_not_hide_each_other(tmp_path: Path) -> None:
    """24 copies, cut 0, 2 and 4 px down: the nearest of each are those cut at the same place."""
    rng = np.random.default_rng(6)
    large = turbulence(rng, TILE + 4)
    fields = {file_name(f"mt{i}", *dates(i)): turbulence(rng) for i in range(8)}
    for i in range(24):
        cut = large[2 * (i % 3) :][:TILE, :TILE]
        noisy = wrapped(cut + 0.03 * rng.normal(size=cut.shape))
        fields[f"z{i:02d}_" + file_name("same", *dates(30))] = noisy
    copies = _search(make_archive(tmp_path, fields))
    assert np.unique(copies.group[-24:]).tolist() == [8]
    assert len(copies.found) == 23


def test_noisy_copies_alone_are_found(tmp_path: Path) -> None:
    """Nothing but copies, and none of them clean: they are no look-alikes for that."""
    rng = np.random.default_rng(7)
    first = turbulence(rng)
    noisy = [wrapped(first + 0.2 * rng.normal(size=first.shape)) for _ in range(12)]
    fields = {file_name(f"mt{i}", *dates(i)): field for i, field in enumerate(noisy)}
    copies = _search(make_archive(tmp_path, fields))
    assert 0.95 < np.median(copies.correlations) < 0.98
    assert copies.threshold <= FALLBACK
    assert (copies.group == 0).all()


def test_unwrapped_version_is_told_from_an_exact_duplicate(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    frequency = np.hypot(*np.meshgrid(np.arange(TILE), np.arange(TILE)))
    whole = (0.2 * frequency + 0.3 * rng.normal(size=(TILE, TILE))).astype(np.float32)
    fields = {file_name(f"mt{i}", *dates(i)): turbulence(rng) for i in range(4)}
    fields["y_" + file_name("a", *dates(10))] = wrapped(whole)
    fields["z_" + file_name("a", *dates(11))] = whole
    archive = make_archive(tmp_path, fields)
    assert archive.catalogue["wrapped"].tolist() == [True] * 5 + [False]
    (copy,) = _search(archive).found
    assert (copy.kind, copy.detail) == ("exact-duplicate", "the same wrapped phase, one of them unwrapped")


def test_two_flat_tiles_are_not_copies_although_their_phasors_agree() -> None:
    rng = np.random.default_rng(3)
    one, two = (np.exp(1j * 0.2 * rng.normal(size=(64, 64))).astype(np.complex64) for _ in range(2))
    correlation, raw, _, _ = compare(one, two)
    assert raw > 0.95
    assert correlation < 0.1


def test_only_pixels_valid_in_both_count() -> None:
    rng = np.random.default_rng(4)
    one = np.exp(1j * turbulence(rng)).astype(np.complex64)
    two = one * np.exp(1j).astype(np.complex64)
    one[:20], two[:, :20] = 0, 0
    correlation, raw, offset, shift = compare(one, two)
    assert (round(correlation, 5), round(raw, 5), shift) == (1.0, 1.0, (0, 0))
    assert offset == pytest.approx(1.0, abs=1e-5)  # of the second relative to the first


def test_hardly_any_common_pixel_is_no_evidence() -> None:
    z = np.exp(1j * turbulence(np.random.default_rng(5))).astype(np.complex64)
    one, two = z.copy(), z.copy()
    one[:, 34:], two[:, :30] = 0, 0
    assert compare(one, two)[0] == 0


def test_given_threshold_is_kept(planted: Archive) -> None:
    measured = scan(planted, progress=False)
    copies = find_copies(planted, measured, judge(measured).comparable, 0.9999, progress=False)
    # The noisier copy is none any more.
    assert {copy.kind for copy in copies.found} == set(PLANTED) - {"near-duplicate"}
