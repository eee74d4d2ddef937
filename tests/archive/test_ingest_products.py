"""What an archive keeps of whole products: layers, geometry, baselines, members, places, labels."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
from made_rasters import write_tiff
from shapely import box

from ssl_insar import phase as ph
from ssl_insar.archive import Archive, cutting, ingest, shards
from ssl_insar.errors import UserError

FRAME = "079D_07894_131313"
PAIRS = ("20190105_20190117", "20190117_20190129")
SHAPE = (64, 96)
RNG = np.random.default_rng(8)


@pytest.fixture(scope="module")
def licsar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made LiCSAR frame with coherence, unwrapped phase, heights and look vectors."""
    root = tmp_path_factory.mktemp("licsar") / FRAME
    phase = RNG.normal(0, 4, SHAPE).astype(np.float32)
    for pair in PAIRS:
        folder = root / "interferograms" / pair
        write_tiff(folder / f"{pair}.geo.unw.tif", phase)
        write_tiff(folder / f"{pair}.geo.diff_pha.tif", ph.wrap(phase).astype(np.float32))
        write_tiff(folder / f"{pair}.geo.cc.tif", np.full(SHAPE, 51, np.uint8))
    for name, value in (("E", 0.6), ("N", 0.0), ("U", 0.8), ("hgt", 1234.0)):
        write_tiff(root / "metadata" / f"{FRAME}.geo.{name}.tif", np.full(SHAPE, value, np.float32))
    (root / "metadata" / "baselines").write_text(
        "20190105 20190105 0.0 0\n20190105 20190117 40.0 12\n20190105 20190129 -25.0 24\n"
    )
    return root


def stack(path: Path, count: int) -> Path:
    """A made MintPy stack of unwrapped interferograms, one value each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "FILE_TYPE": "ifgramStack",
                "WIDTH": "32",
                "LENGTH": "32",
                "WAVELENGTH": "0.056",
                "UNIT": "radian",
            }
        )
        days = np.datetime64("2020-01-01") + 12 * np.arange(count + 1)
        names = [str(day).replace("-", "").encode() for day in days]
        file["date"] = np.array(list(itertools.pairwise(names)))
        file["bperp"] = np.arange(count, dtype=np.float32)
        file["dropIfgram"] = np.ones(count, bool)
        file["unwrapPhase"] = np.broadcast_to(
            np.arange(1, count + 1, dtype=np.float32)[:, None, None], (count, 32, 32)
        )
    return path


def test_a_licsar_frame_gives_one_tile_set_a_pair_with_all_it_knows(licsar: Path, tmp_path: Path) -> None:
    report = ingest(licsar, tmp_path / "a", tile=32, progress=False)
    table = report.archive.catalogue
    assert report.left == 2, "the unwrapped copies"
    assert not report.skipped, "coherence and metadata are no sources"
    assert len(table) == 2 * 6
    assert table["wrapped"].all()
    first = table[table["reference_date"].astype(str) == "2019-01-05"].iloc[0]
    assert (first["frame"], first["track"], first["pass"]) == (FRAME, "079D", "descending")
    assert first["temporal_baseline"] == 12
    assert first["perpendicular_baseline"] == pytest.approx(40)
    assert table["perpendicular_baseline"].iloc[-1] == pytest.approx(-65)
    assert first["incidence"] == pytest.approx(np.degrees(np.arccos(0.8)), abs=1e-3)
    assert first["product_coherence"] == pytest.approx(0.2)
    # A degree of latitude is 111.32 km here, one of longitude cos(13.47 deg) of that.
    assert first["spacing"] == pytest.approx(111.32 * np.sqrt(np.cos(np.deg2rad(13.468))), rel=1e-4)
    np.testing.assert_allclose(report.archive.coherence([0, 11]), 0.2, atol=1e-6)
    np.testing.assert_array_equal(report.archive.elevation([5]), 1234)


def test_unwrapped_representation_by_preference(licsar: Path, tmp_path: Path) -> None:
    archive = ingest(licsar, tmp_path / "a", tile=32, prefer="unwrapped", progress=False).archive
    assert not archive.catalogue["wrapped"].any()
    assert len(archive) == 12
    both = ingest(licsar, tmp_path / "b", tile=32, prefer="all", progress=False).archive
    assert both.catalogue["wrapped"].sum() == 12
    assert len(both) == 24
    # The low byte of an unwrapped count is the wrapped one (up to a tie in rounding).
    table = both.catalogue
    wrapped, unwrapped = (np.flatnonzero(table["wrapped"] == w) for w in (True, False))
    apart = both.phases(wrapped).astype(int) - both.phases(unwrapped)
    assert set(np.unique(apart % 256)) <= {0, 1, 255}


def test_archives_mix_tiles_with_and_without_layers(licsar: Path, tmp_path: Path) -> None:
    plain = tmp_path / "20200101_20200113.npy"
    np.save(plain, np.linspace(-3, 3, 32 * 32, dtype=np.float32).reshape(32, 32))
    archive = ingest([licsar, plain], tmp_path / "a", tile=32, progress=False).archive
    assert len(archive) == 13
    (alone,) = np.flatnonzero(~archive.catalogue["has_coherence"])
    assert np.isnan(archive.coherence([alone])).all()
    assert np.isnan(archive.elevation([alone])).all()
    assert not np.isnan(archive.coherence(np.arange(13))).all()


def test_spacing_multilooks_and_is_kept(licsar: Path, tmp_path: Path) -> None:
    archive = ingest(licsar, tmp_path / "a", tile=16, spacing=220, progress=False).archive
    assert archive.catalogue["height"].iloc[0] == SHAPE[0] // 2
    assert archive.catalogue["spacing"].iloc[0] == pytest.approx(219.6, rel=1e-2)
    assert archive.catalogue["provenance"].str.contains("2 x 2 looks").all()
    with pytest.raises(
        UserError, match=r"was cut with --tile 16 --stride 16 --min-valid 0\.05 --spacing 220"
    ):
        ingest(licsar, tmp_path / "a", tile=16, progress=False)


def test_a_stack_gives_tiles_of_every_interferogram(tmp_path: Path) -> None:
    archive = ingest(stack(tmp_path / "ifgramStack.h5", 5), tmp_path / "a", tile=32, progress=False).archive
    table = archive.catalogue
    assert table["member"].iloc[0] == "20200101_20200113"
    assert table["member"].iloc[-1] == "20200218_20200301"
    assert table["id"].is_unique
    for i in range(5):
        np.testing.assert_allclose(ph.decode(archive.unwrapped([i])), i + 1, atol=np.pi / 256 + 1e-5)
    assert list(table["perpendicular_baseline"]) == [0, 1, 2, 3, 4]


def test_a_half_read_stack_is_finished_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stack(tmp_path / "ifgramStack.h5", 40)
    monkeypatch.setattr(shards, "SHARD_TILES", 1)
    real, calls = cutting.Cutter._tiles, []

    def stops(self: cutting.Cutter, frame, path):  # type: ignore[no-untyped-def]
        calls.append(frame.member)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return real(self, frame, path)

    with monkeypatch.context() as patch:
        patch.setattr(cutting.Cutter, "_tiles", stops)
        with pytest.raises(KeyboardInterrupt):
            ingest(source, tmp_path / "a", tile=32, workers=1, progress=False)
    held = len(shards.finished(tmp_path / "a"))
    assert 0 < held < 40
    report = ingest(source, tmp_path / "a", tile=32, progress=False)
    assert report.new_tiles == 40 - held
    assert len(report.archive) == 40
    again = ingest(source, tmp_path / "a", tile=32, progress=False)
    assert (again.known, again.new_tiles) == (1, 0)
    whole = ingest(source, tmp_path / "b", tile=32, progress=False).archive
    assert whole.digest == again.archive.digest


def test_places_name_the_volcano(licsar: Path, tmp_path: Path) -> None:
    places = tmp_path / "volcanoes.csv"
    places.write_text("name,latitude,longitude\nFar Away,-40,10\nClose By,13.45,40.55\n")
    archive = ingest(licsar, tmp_path / "a", tile=32, places=places, progress=False).archive
    assert set(archive.catalogue["volcano"]) == {"Close By"}
    assert archive.catalogue["place_distance"].between(0, 10).all()
    again = ingest(licsar, tmp_path / "a", tile=32, progress=False).archive
    assert set(again.catalogue["volcano"]) == {"Close By"}, "kept by a later ingest without the table"
    none = ingest(licsar, tmp_path / "b", tile=32, places=places, place_radius=0.1, progress=False).archive
    assert none.catalogue["volcano"].isna().all()


def test_an_absent_table_is_refused_before_the_work(licsar: Path, tmp_path: Path) -> None:
    for table in ({"places": tmp_path / "no.csv"}, {"labels": tmp_path / "no.gpkg"}):
        with pytest.raises(UserError, match="no such"):
            ingest(licsar, tmp_path / "a", tile=32, progress=False, **table)
        assert not (tmp_path / "a").exists()


def test_polygons_label_the_tiles_they_cover(licsar: Path, tmp_path: Path) -> None:
    # The first tile, 32 px of 0.001 degree from (40.5, 13.5), deforms; the second was looked at.
    shapes = [box(40.5, 13.468, 40.532, 13.5), box(40.532, 13.468, 40.564, 13.5)]
    path = tmp_path / "deformation.gpkg"
    gpd.GeoDataFrame({"deformation": [1, 0]}, geometry=shapes, crs="EPSG:4326").to_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = ingest(licsar, tmp_path / "a", tile=32, labels=path, progress=False).archive.catalogue
    labels = table[["row", "col", "label_deformation"]].drop_duplicates()
    known = {(row, col): value for row, col, value in labels.itertuples(index=False) if pd.notna(value)}
    assert known == {(0, 0): 1, (0, 32): 0}
    assert Archive.open(tmp_path / "a").catalogue["label_deformation"].notna().sum() == 4


def test_a_stack_that_grew_gives_only_what_is_new(tmp_path: Path) -> None:
    source = stack(tmp_path / "ifgramStack.h5", 2)
    ingest(source, tmp_path / "a", tile=32, progress=False)
    stack(source, 3)
    report = ingest(source, tmp_path / "a", tile=32, progress=False)
    assert (report.new_tiles, report.replaced, report.skipped) == (1, 0, [])
    assert report.archive.catalogue["content"].is_unique
    again = ingest(source, tmp_path / "a", tile=32, progress=False)
    assert (again.known, again.new_tiles) == (1, 0)


def test_a_changed_file_takes_the_place_of_its_former_state(tmp_path: Path) -> None:
    path = tmp_path / "20200101_20200113.npy"
    labels = tmp_path / "labels.csv"
    labels.write_text(f"file,deformation\n{path.name},1\n")
    ramp = np.linspace(-3, 3, 64 * 64, dtype=np.float32).reshape(64, 64)
    np.save(path, ramp)
    before = ingest(path, tmp_path / "a", tile=32, labels=labels, progress=False).archive
    np.save(path, ramp[::-1])
    report = ingest(path, tmp_path / "a", tile=32, progress=False)
    assert (report.new_tiles, report.replaced) == (4, 4)
    assert list(report.archive.catalogue["id"]) == list(before.catalogue["id"])
    assert (report.archive.catalogue["label_deformation"] == 1).all(), "labels stay with the tiles' names"
    np.testing.assert_array_equal(report.archive.phases([0])[0], ph.encode_wrapped(ramp[::-1][:32, :32]))


def test_a_touched_file_is_read_once_more_and_then_known(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.linspace(-3, 3, 32 * 32, dtype=np.float32).reshape(32, 32))
    ingest(path, tmp_path / "a", tile=32, progress=False)
    path.touch()
    touched = ingest(path, tmp_path / "a", tile=32, progress=False)
    assert (touched.known, touched.new_tiles, touched.skipped) == (0, 0, [])
    assert ingest(path, tmp_path / "a", tile=32, progress=False).known == 1
    assert len(touched.archive) == 1


def test_settings_of_a_failed_ingest_do_not_bind(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.linspace(-3, 3, 32 * 32, dtype=np.float32).reshape(32, 32))
    with pytest.raises(UserError, match="--tile 32 or less"):
        ingest(tmp_path / "a.npy", tmp_path / "a", tile=64, progress=False)
    assert len(ingest(tmp_path / "a.npy", tmp_path / "a", tile=32, progress=False).archive) == 1


def test_an_unreadable_representation_gives_way_to_the_next(tmp_path: Path) -> None:
    phase = RNG.normal(0, 4, SHAPE).astype(np.float32)
    folder = tmp_path / "20190105_20190117"
    write_tiff(folder / "20190105_20190117.geo.unw.tif", phase)
    whole = write_tiff(folder / "20190105_20190117.geo.diff_pha.tif", ph.wrap(phase).astype(np.float32))
    whole.write_bytes(whole.read_bytes()[:300])
    report = ingest(folder, tmp_path / "a", tile=32, progress=False)
    assert not report.archive.catalogue["wrapped"].any()
    assert [Path(s.source).name for s in report.skipped] == ["20190105_20190117.geo.diff_pha.tif"]
    assert report.left == 0


def test_links_keep_their_names(tmp_path: Path) -> None:
    store = write_tiff(
        tmp_path / "store" / "sha256-aaa.tif", ph.wrap(RNG.normal(0, 4, SHAPE)).astype(np.float32)
    )
    link = tmp_path / "in" / "20190105_20190117.geo.diff_pha.tif"
    link.parent.mkdir()
    link.symlink_to(store)
    table = ingest(link.parent, tmp_path / "a", tile=32, progress=False).archive.catalogue
    assert set(table["family"]) == {"LiCSAR GeoTIFF"}
    assert table["id"].str.startswith("20190105_20190117").all()
