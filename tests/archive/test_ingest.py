from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import fringes, write_frames

from ssl_insar import phase as ph
from ssl_insar.archive import Archive, ingest
from ssl_insar.archive import shards as shards_module
from ssl_insar.errors import UserError
from ssl_insar.readers import read


def same(a: Archive, b: Archive) -> None:
    """Two archives hold the same tiles, whatever their shards."""
    assert list(a.catalogue["id"]) == list(b.catalogue["id"])
    everything = range(len(a))
    np.testing.assert_array_equal(a.phases(everything), b.phases(everything))
    np.testing.assert_array_equal(a.valid_bits(everything), b.valid_bits(everything))


def test_tiles_are_what_the_reader_read(frames: Path, archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    assert len(archive) == 60
    for i in (0, 17, 59):
        frame = read(archive.catalogue["source"][i])
        z = archive.phasors([i])[0]
        off = np.angle(z * np.conj(frame.phasor))[frame.valid]
        assert np.abs(off).max() <= np.pi / 256 + 1e-5
        np.testing.assert_array_equal(z != 0, frame.valid)


def test_catalogue_knows_volcano_frame_dates_and_labels(archive_path: Path) -> None:
    table = Archive.open(archive_path).catalogue
    assert table["volcano"].nunique() == 10
    assert str(table["reference_date"][0]) < str(table["secondary_date"][0])
    assert table["frame"].str.fullmatch(r"\d{3}D_05000_131313").all()
    assert table["label_deformation"].sum() == 20
    assert (table["coherence"] > 0.7).all()


def test_catalogue_opens_with_geopandas_and_has_footprints(tmp_path: Path) -> None:
    import geopandas as gpd
    import rasterio
    from rasterio.transform import from_origin

    path = tmp_path / "in" / "20200101_20200113.geo.diff_pha.tif"
    path.parent.mkdir()
    phase = fringes(64, np.random.default_rng(0), True).astype(np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", height=64, width=64, count=1, dtype="float32",
        crs="EPSG:4326", transform=from_origin(-91.0, -0.8, 0.001, 0.001),
    ) as dataset:  # fmt: skip
        dataset.write(phase, 1)
    ingest(path, tmp_path / "a", tile=32, progress=False)
    table = gpd.read_parquet(tmp_path / "a" / "catalogue.parquet")
    assert table.crs.to_epsg() == 4326
    west, south, east, north = table.total_bounds
    assert (west, south, east, north) == pytest.approx((-91.0, -0.864, -90.936, -0.8))
    assert len(table) == 4


def test_unwrapped_stays_unwrapped(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    phase = (0.4 * x + 0.1 * y - 40).astype(np.float32)
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "20200101_20200113.unw.npy", phase)
    archive = ingest(tmp_path / "in", tmp_path / "a", tile=64, progress=False).archive
    assert not archive.catalogue["wrapped"][0]
    np.testing.assert_allclose(ph.decode(archive.unwrapped([0])[0]), phase, atol=np.pi / 256 + 1e-5)
    np.testing.assert_array_equal(archive.phases([0])[0], ph.encode_wrapped(phase))


def test_unwrapped_beyond_the_codec_is_brought_near_zero_by_whole_cycles(tmp_path: Path) -> None:
    phase = np.full((64, 64), 2000.0, np.float32) + np.linspace(0, 9, 64, dtype=np.float32)
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.unw.npy", phase)
    archive = ingest(tmp_path / "in", tmp_path / "a", tile=64, progress=False).archive
    np.testing.assert_array_equal(archive.phases([0])[0], ph.encode_wrapped(phase))
    stored = ph.decode(archive.unwrapped([0])[0])
    np.testing.assert_allclose(np.diff(stored, axis=1), np.diff(phase, axis=1), atol=2 * np.pi / 256 + 1e-4)


def test_again_adds_only_what_is_new(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 6)
    first = ingest(folder, tmp_path / "a", tile=64, progress=False)
    assert (first.known, first.new_tiles) == (0, 6)
    again = ingest(folder, tmp_path / "a", tile=64, progress=False)
    assert (again.known, again.new_tiles, len(again.archive)) == (6, 0, 6)
    np.save(folder / "new.npy", fringes(64, np.random.default_rng(9), False))
    more = ingest(folder, tmp_path / "a", tile=64, progress=False)
    assert (more.known, more.new_tiles, len(more.archive)) == (6, 1, 7)
    assert list(more.archive.catalogue["id"][:6]) == list(first.archive.catalogue["id"])


def test_labels_survive_a_later_ingest_without_them(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 6)
    ingest(folder, tmp_path / "a", tile=64, labels=folder / "labels.csv", progress=False)
    np.save(folder / "new.npy", fringes(64, np.random.default_rng(9), False))
    table = ingest(folder, tmp_path / "a", tile=64, progress=False).archive.catalogue
    assert table["label_deformation"][:6].tolist() == [1, 0, 0, 1, 0, 0]
    assert pd.isna(table["label_deformation"][6])


def test_the_same_file_in_two_folders_is_taken_once(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 3)
    copy = write_frames(tmp_path / "copy", 3)
    report = ingest([folder, copy], tmp_path / "a", tile=64, progress=False)
    assert len(report.archive) == 3
    assert report.reasons() == {"same name and content as a file already in the archive": 3}


def test_the_same_name_with_other_content_is_another_tile(tmp_path: Path) -> None:
    one = write_frames(tmp_path / "one", 3, seed=0)
    two = write_frames(tmp_path / "two", 3, seed=1)
    table = ingest([one, two], tmp_path / "a", tile=64, progress=False).archive.catalogue
    assert len(table) == 6
    assert table["id"].is_unique


def test_a_name_in_three_folders_twice_with_one_content(tmp_path: Path) -> None:
    """The copy of the *second* owner of a name is a copy too, and a touched file is no new tile."""
    one, two = write_frames(tmp_path / "one", 1, seed=0), write_frames(tmp_path / "two", 1, seed=1)
    three = write_frames(tmp_path / "three", 1, seed=1)
    report = ingest([one, two, three], tmp_path / "a", tile=64, progress=False)
    assert (len(report.archive), len(report.skipped)) == (2, 1)
    for path in two.glob("*.npy"):
        os.utime(path)
    again = ingest([one, two], tmp_path / "a", tile=64, progress=False)
    assert len(again.archive) == 2
    assert again.archive.catalogue["id"].is_unique


def test_scratch_of_a_killed_ingest_is_swept(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 2)
    left = tmp_path / "a" / "parts" / ".00000.phase.4711.npy"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a shard")
    ingest(folder, tmp_path / "a", tile=64, progress=False)
    assert not left.exists()


def test_bad_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 4)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (folder / "empty.tif").write_bytes(b"")
    np.save(folder / "small.npy", np.full((20, 20), -2.5, np.float32))
    np.save(folder / "nothing.npy", np.zeros((64, 64), np.float32))
    report = ingest(folder, tmp_path / "a", tile=64, progress=False)
    assert len(report.archive) == 4
    reasons = {Path(s.source).name: s.reason for s in report.skipped}
    assert "damaged" in reasons["broken.png"]
    assert "empty" in reasons["empty.tif"]
    assert "smaller than a tile" in reasons["small.npy"]
    assert "valid pixels" in reasons["nothing.npy"]
    listed = pd.read_csv(tmp_path / "a" / "skipped.csv")
    assert len(listed) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: ingest(p / "absent", p / "a"), "no such file or folder"),
        (lambda p: ingest(str(p / "*.xyz"), p / "a"), "matches no file"),
        (lambda p: ingest(p, p / "a", tile=8), "16 px"),
        (lambda p: ingest(p, p / "a", min_valid=float("nan")), "is a share"),
        (lambda p: (p / "sub").mkdir() or ingest(p / "sub", p / "a"), "no interferogram in there"),
    ],
)
def test_wrong_sources_are_refused(tmp_path: Path, make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(tmp_path)


def test_nothing_readable_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(UserError, match=r"none of the 1 files could be read; the first: broken.png: damaged"):
        ingest(tmp_path / "in", tmp_path / "a", progress=False)


def test_another_tile_size_needs_another_folder(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 2)
    ingest(folder, tmp_path / "a", tile=64, progress=False)
    with pytest.raises(UserError, match="was cut with --tile 64 --stride 64"):
        ingest(folder, tmp_path / "a", tile=32, progress=False)


def test_a_folder_of_something_else_is_not_written_into(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 2)
    with pytest.raises(UserError, match="no archive"):
        ingest(folder, folder, tile=64, progress=False)


def test_unfinished_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 2)
    out = tmp_path / "a"
    ingest(folder, out, tile=64, progress=False)
    shard = out / "parts" / "00000.phase.npy"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        Archive.open(out)
    shard.write_bytes(whole)
    (out / "archive.json").unlink()
    with pytest.raises(UserError, match="interrupted; run the same command again"):
        Archive.open(out)
    with pytest.raises(UserError, match="no such archive"):
        Archive.open(tmp_path / "absent")


def test_a_newer_format_is_refused(tmp_path: Path, archive_path: Path) -> None:
    import shutil

    out = shutil.copytree(archive_path, tmp_path / "a")
    manifest = json.loads((out / "archive.json").read_text())
    (out / "archive.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(UserError, match="newer ssl_insar"):
        Archive.open(out)


def test_a_crash_between_catalogue_and_manifest_shows_the_old_archive(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 4)
    out = tmp_path / "a"
    ingest(folder, out, tile=64, progress=False)
    manifest = (out / "archive.json").read_bytes()
    np.save(folder / "new.npy", fringes(64, np.random.default_rng(9), False))
    ingest(folder, out, tile=64, progress=False)
    (out / "archive.json").write_bytes(manifest)  # as if killed before its rename
    assert len(Archive.open(out)) == 4
    assert len(ingest(folder, out, tile=64, progress=False).archive) == 5


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX matter")
def test_kill_9_loses_nothing(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 120)
    script = (
        "import sys, time\n"
        "from ssl_insar.archive import cutting, ingest, shards\n"
        "shards.SHARD_TILES = 10\n"  # so that shards are written often
        "real = cutting.Cutter.cut\n"
        "def slow(*a):\n    time.sleep(0.02); return real(*a)\n"
        "cutting.Cutter.cut = slow\n"
        "ingest(sys.argv[1], sys.argv[2], tile=64, progress=False)\n"
    )
    out = tmp_path / "a"
    rows = out / "parts" / "00002.rows.parquet"
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", script, str(folder), str(out)])
        deadline = time.monotonic() + 60
        while not rows.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(UserError, match="interrupted"):
            Archive.open(out)
        rows = out / "parts" / "00006.rows.parquet"
    resumed = ingest(folder, out, tile=64, progress=False)
    assert resumed.known >= 60
    assert resumed.known + resumed.new_tiles == 120
    same(resumed.archive, ingest(folder, tmp_path / "b", tile=64, progress=False).archive)


def test_shards_do_not_change_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_frames(tmp_path / "in", 12)
    whole = ingest(folder, tmp_path / "a", tile=32, progress=False).archive
    monkeypatch.setattr(shards_module, "SHARD_TILES", 5)
    split = ingest(folder, tmp_path / "b", tile=32, progress=False, workers=3).archive
    assert split.catalogue["part"].nunique() > 3
    assert split.digest == whole.digest
    same(whole, split)


def test_more_shards_than_may_be_mapped_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ssl_insar.archive import store

    folder = write_frames(tmp_path / "in", 12)
    whole = ingest(folder, tmp_path / "a", tile=64, progress=False).archive
    monkeypatch.setattr(shards_module, "SHARD_TILES", 1)
    monkeypatch.setattr(store, "MOST_MAPS", 3)
    split = ingest(folder, tmp_path / "b", tile=64, progress=False).archive
    same(whole, split)
    assert len(split._maps) <= 3


def test_position_of_an_absent_tile(archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    assert archive.position(archive.catalogue["id"][7]) == 7
    with pytest.raises(UserError, match="holds no tile 'nope'"):
        archive.position("nope")


@pytest.mark.real
def test_real_crops(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "volcanoes" / "frames").iterdir())[:60]
    archive = ingest(files, tmp_path / "a", progress=False).archive
    assert len(archive) == 60
    assert archive.catalogue["volcano"].notna().all()


def test_many_npy_headers_at_once(tmp_path: Path) -> None:
    # numpy reads them with `ast`, which is not safe in threads on every Python.
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(300):
        np.save(folder / f"{i}.npy", np.full((16, 16), 0.01 * (i + 1) - 3.5, np.float32))
    report = ingest(folder, tmp_path / "a", tile=16, workers=8, progress=False)
    assert report.skipped == []
    assert len(report.archive) == 300
