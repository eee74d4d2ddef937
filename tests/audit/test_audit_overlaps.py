from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audit_made import TILE, dates, file_name, make_archive, turbulence
from shapely import box

from ssl_insar.archive import Archive
from ssl_insar.audit import overlaps
from ssl_insar.audit.acquisitions import find_acquisitions
from ssl_insar.audit.overlaps import Overlaps, find_overlaps
from ssl_insar.audit.scan import scan


def _search(archive: Archive) -> Overlaps:
    measured = scan(archive, progress=False)
    everything = np.ones(len(archive), bool)
    return find_overlaps(archive, measured, everything, np.arange(len(archive)), 0.95, progress=False)


def test_tiles_of_one_file_overlap_by_their_rows_and_columns(tmp_path: Path) -> None:
    """Tiles at 0 and 32: neighbours share a half, those across the corner a quarter."""
    frame = turbulence(np.random.default_rng(0), 96)
    archive = make_archive(tmp_path, {file_name("a", *dates(0)): frame}, stride=32)
    found = _search(archive)
    assert len(archive) == 4
    assert sorted(pair.share for pair in found.found) == [0.25, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert found.tiles == 4
    rows = list(found.findings(archive.catalogue))
    assert [(row.kind, row.value) for row in rows] == [("overlap", 0.5)]  # a row a file, not a pair
    assert rows[0].detail.startswith("6 pairs of tiles")


def test_neighbours_that_only_touch_do_not_overlap(tmp_path: Path) -> None:
    frame = turbulence(np.random.default_rng(0), 2 * TILE)
    archive = make_archive(tmp_path, {file_name("a", *dates(0)): frame})
    assert len(archive) == 4
    assert _search(archive).found == []


def _cut(
    tmp_path: Path, second: Any, *, later: bool = False, tracks: tuple[str | None, ...] = ()
) -> tuple[Archive, Overlaps]:
    """Two crops of one frame around two volcanoes: 24 px down and 8 px across apart."""
    large = turbulence(np.random.default_rng(1), 120)
    fields = {
        file_name("a", *dates(0)): large[:TILE, :TILE],
        file_name("b", *dates(1 if later else 0)): np.ascontiguousarray(
            second(large[24 : 24 + TILE, 8 : 8 + TILE])
        ),
    }
    archive = make_archive(tmp_path, fields)
    if tracks:
        archive.catalogue["track"] = list(tracks)
    return archive, _search(archive)


@pytest.mark.parametrize(
    ("kind", "turn"), [("", np.asarray), ("transposed", np.transpose), ("rotated-90", np.rot90)]
)
def test_crops_of_one_interferogram_overlap_by_their_pixels(tmp_path: Path, kind: str, turn: Any) -> None:
    archive, found = _cut(tmp_path, turn)
    (pair,) = found.found
    assert pair.share == pytest.approx(40 * 56 / 64**2)
    assert pair.correlation == pytest.approx(1, abs=1e-6)
    assert pair.turn.kind == (kind or "near-duplicate")
    (row,) = found.findings(archive.catalogue)
    assert kind in row.detail
    assert "by their pixels" in row.detail


def test_the_same_ground_at_other_dates_is_no_overlap(tmp_path: Path) -> None:
    _, found = _cut(tmp_path, np.asarray, later=True)
    assert found.found == []


@pytest.mark.parametrize(
    ("tracks", "pairs"),
    [(("010D", None), 1), ((None, None), 1), (("010D", "010D"), 1), (("010D", "099A"), 0)],
)
def test_only_tracks_that_are_known_to_differ_rule_an_overlap_out(
    tmp_path: Path, tracks: tuple[str | None, ...], pairs: int
) -> None:
    _, found = _cut(tmp_path, np.asarray, tracks=tracks)
    assert len(found.found) == pairs


def test_footprints_of_two_tracks_do_not_overlap(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    names = [file_name(name, *dates(0)) for name in "abc"]
    archive = make_archive(tmp_path, {name: turbulence(rng) for name in names})
    archive.catalogue["geometry"] = [box(0, 0, 1, 1)] * 3
    archive.catalogue["track"] = ["010D", "099A", None]
    assert [(pair.first, pair.second) for pair in _search(archive).found] == [(0, 2), (1, 2)]


def test_crops_that_share_nothing_do_not_overlap(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    fields = {file_name(name, *dates(0)): turbulence(rng) for name in "abcdef"}
    assert _search(make_archive(tmp_path, fields)).found == []


def test_footprints_decide_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of one date pair; the pixels are not asked, and a third date pair does not matter."""
    rng = np.random.default_rng(3)
    names = [file_name("a", *dates(0)), file_name("b", *dates(0)), file_name("c", *dates(1))]
    archive = make_archive(tmp_path, {name: turbulence(rng) for name in names})
    archive.catalogue["geometry"] = [box(0, 0, 1, 1), box(0.75, 0, 1.75, 1), box(0, 0, 1, 1)]
    monkeypatch.setattr(overlaps, "align", None)
    (pair,) = _search(archive).found
    assert (pair.first, pair.second) == (0, 1)
    assert pair.share == pytest.approx(0.25)


def test_too_many_pairs_are_left_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    fields = {file_name(name, *dates(0)): turbulence(rng) for name in "abcd"}
    archive = make_archive(tmp_path, fields)
    monkeypatch.setattr(overlaps, "MOST_PAIRS", 4)
    found = _search(archive)
    assert found.untold == 2
    assert found.told.tolist() == [True, False, False, False]  # ab, ac, ad, bc; not bd
    monkeypatch.setattr(overlaps, "MOST_PAIRS", 6)
    found = _search(archive)
    assert found.untold == 0
    assert found.told.all()


def test_overlap_cannot_be_told_of_all_tiles(tmp_path: Path) -> None:
    """Two of noise at one date pair, of which one has a place; one alone at its dates; one without dates."""
    rng = np.random.default_rng(5)
    fields = {file_name(name, *dates(i > 1)): turbulence(rng) for i, name in enumerate("abc")}
    archive = make_archive(tmp_path, {**fields, "undated.npy": turbulence(rng)})
    archive.catalogue["geometry"] = [box(0, 0, 1, 1), None, None, None]
    measured = scan(archive, progress=False)
    nothing, group = np.zeros(4, bool), np.arange(4)
    found = find_overlaps(archive, measured, nothing, group, 0.95, progress=False)
    assert found.told.tolist() == [True, False, True, False]


def test_tiles_of_one_file_are_told_without_dates(tmp_path: Path) -> None:
    frame = turbulence(np.random.default_rng(0), 2 * TILE)
    assert _search(make_archive(tmp_path, {"undated.npy": frame})).told.tolist() == [True] * 4


def _catalogue(*rows: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["track", "reference_date", "secondary_date"])
    return table.assign(id=[f"t{i}" for i in range(len(table))], frame="f")


def test_acquisitions_are_counted_by_track() -> None:
    """Two tiles of a pair, one of the next; the same date on another track is another acquisition."""
    found = find_acquisitions(
        _catalogue(
            ("010D", "2020-01-01", "2020-01-13"),
            ("010D", "2020-01-01", "2020-01-13"),
            ("010D", "2020-01-13", "2020-01-25"),
            ("099A", "2020-01-13", "2020-02-06"),
            ("099A", None, "2020-02-06"),
        )  # type: ignore[arg-type]
    )
    (row,) = found.findings()
    assert row.kind == "shared-acquisition"
    assert row.value == 3
    assert row.detail == "2020-01-13, track 010D: 3 tiles of 2 date pairs"
    assert found.pairs == 2  # each tile of the first pair with the one of the second
    assert found.undated == 1
