"""Annotations made to the example in the README of the Hephaestus repository."""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import box

from ssl_insar.archive.labels import attach, check_files, join
from ssl_insar.errors import UserError

FRAME = "124D_05291_081406"
TILE = 100


def made_annotation(first: str = "20181128", second: str = "20181204", **changes: Any) -> dict[str, Any]:
    return {
        "uniqueID": 10478,
        "frameID": FRAME,
        "primary_date": first,
        "secondary_date": second,
        "corrupted": 0,
        "processing_error": 0,
        "glacier_fringes": 0,
        "orbital_fringes": 0,
        "atmospheric_fringes": 2,
        "low_coherence": 0,
        "no_info": 0,
        "image_artifacts": 0,
        "label": ["Non_Deformation"],
        "activity_type": [],
        "intensity_level": ["None"],
        "phase": "Rest",
        "confidence": 0.8,
        "segmentation_mask": [],
        "is_crowd": 0,
        "caption": "No deformation activity can be detected.",
    } | changes


DEFORMING = {
    "label": ["Deformation"],
    "activity_type": ["Mogi", "Dyke"],
    "intensity_level": ["Low", "High"],
    "phase": "Unrest",
    "is_crowd": 1,
    # A square of 60 x 60 px, and a small one of 4 x 4 px, in quick-look pixels: columns then rows.
    "segmentation_mask": [[0, 60, 60, 60, 60, 120, 0, 120], [210, 30, 214, 30, 214, 34, 210, 34]],
}


def made_catalogue(file: str, *, scale: float = 1.0, posting: float | None = None) -> pd.DataFrame:
    """Two interferograms of a frame of 3 x 3 tiles, with footprints if a posting is given."""
    rows = []
    for second in (date(2018, 12, 4), date(2018, 12, 10)):
        for i in range(3):
            for j in range(3):
                row, col = int(i * TILE * scale), int(j * TILE * scale)
                rows.append(
                    {
                        "id": f"t{len(rows)}",
                        "source": f"/d/{second:%Y%m%d}/{file}",
                        "file": file,
                        "frame": FRAME,
                        "reference_date": date(2018, 11, 28),
                        "secondary_date": second,
                        "row": row,
                        "col": col,
                        "height": int(3 * TILE * scale),
                        "width": int(3 * TILE * scale),
                        "volcano": None,
                        "geometry": None
                        if posting is None
                        else box(
                            col * posting,
                            40 - (row + TILE * scale) * posting,
                            (col + TILE * scale) * posting,
                            40 - row * posting,
                        ),
                    }
                )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")


def write(path: Path, held: Any) -> Path:
    path.write_text(json.dumps(held), encoding="utf-8")
    return path


def test_made_quiet_frame_labels_all_its_tiles(tmp_path: Path) -> None:
    path = write(tmp_path / "1.json", made_annotation())
    joined = join(made_catalogue("20181128_20181204.geo.diff.png"), path)
    assert joined["label_deformation"].tolist() == [0] * 9 + [pd.NA] * 9
    assert joined["label_atmospheric_fringes"][0] == 2
    assert joined["label_activity_phase"][0] == "Rest"
    assert joined["label_confidence"][0] == 0.8
    assert joined["label_caption"][0].startswith("No deformation")
    assert "label_intensity" not in joined  # "None" is no intensity
    assert "label_phase" not in joined  # would be taken for the radar's


@pytest.mark.parametrize(
    ("file", "scale", "posting"),
    [
        ("20181128_20181204.geo.diff.png", 1.0, None),
        ("20181128_20181204.geo.diff.full.png", 10 / 3, None),
        ("20181128_20181204.geo.diff_pha.tif", 10 / 3, 0.001),
        ("20181128_20181204.geo.unw.tif", 1 / 0.6, 0.002),  # after two looks
    ],
)
def test_made_polygons_decide_the_tiles_of_a_deforming_frame(
    tmp_path: Path, file: str, scale: float, posting: float | None
) -> None:
    path = write(tmp_path / "1.json", made_annotation(**DEFORMING))
    tile = round(TILE * scale)
    joined = join(made_catalogue(file, scale=scale, posting=posting), path, tile=tile)
    assert joined["label_deformation"].tolist()[:9] == [1, 0, 1, 1, 0, 0, 0, 0, 0]
    types = joined["label_activity_type"].tolist()
    assert (types[0], types[2], types[3]) == ("Mogi", "Dyke", "Mogi")
    assert joined["label_intensity"].tolist()[2:4] == ["High", "Low"]
    # What is said of the deformation is not said of the tiles without it.
    assert pd.isna(types[1])
    assert joined["label_activity_phase"].tolist()[:9] == ["Unrest"] * 9


def test_made_grazed_tile_is_neither(tmp_path: Path) -> None:
    mask = [60, 0, 102, 0, 102, 90, 60, 90]  # 2 px wide in the second tile
    path = write(
        tmp_path / "1.json",
        made_annotation(**DEFORMING | {"segmentation_mask": mask, "activity_type": ["Sill"]}),
    )
    joined = join(made_catalogue("a.geo.diff.png"), path, tile=TILE)
    assert joined["label_deformation"].tolist()[:3] == [1, pd.NA, 0]
    assert joined["label_activity_type"][0] == "Sill"


@pytest.mark.parametrize(
    ("file", "tile", "scale"),
    [
        ("europe_etna_124D_05291_081406_etna_20181128_20181204.png", TILE, 1.0),  # a crop: where, nobody says
        ("124D_05291_081406.zarr", TILE, 1.0),  # brings its own mask
        ("20181128_20181204.geo.diff.png", None, 1.0),
        ("20181128_20181204.geo.diff.png", TILE, 0.5),  # smaller than what is drawn in it
        ("20181128_20181204.geo.diff_pha.tif", TILE, 1.0),  # without footprints
    ],
)
def test_made_deformation_of_unknown_place_leaves_tiles_unknown(
    tmp_path: Path, file: str, tile: int | None, scale: float
) -> None:
    path = write(tmp_path / "1.json", made_annotation(**DEFORMING))
    joined = join(made_catalogue(file, scale=scale), path, tile=tile)
    assert joined["label_deformation"].isna().all()
    assert joined["label_confidence"].tolist()[:9] == [0.8] * 9


def test_made_frame_of_one_tile_needs_no_polygons(tmp_path: Path) -> None:
    path = write(tmp_path / "1.json", made_annotation(**DEFORMING | {"segmentation_mask": []}))
    crop = made_catalogue("etna_crop.png").iloc[:1].assign(height=104, width=102)
    assert join(crop, path, tile=TILE)["label_deformation"].tolist() == [1]
    assert join(crop.assign(height=150), path, tile=TILE)["label_deformation"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("changes", "deformation"),
    [
        ({"label": "Non_Deformation"}, 0),
        ({"label": ["Earthquake"], "segmentation_mask": [0, 0, 90, 0, 90, 90, 0, 90]}, 1),
        ({"no_info": 1}, pd.NA),
        ({"corrupted": 1}, pd.NA),
        ({"label": []}, pd.NA),
        ({"label": ["Deformation", "Non_Deformation"]}, pd.NA),
        (DEFORMING | {"segmentation_mask": [[0, 0, 5], "x", [0, 0, 90, 0, 90, 90, 0, 90]]}, 1),
        (DEFORMING | {"segmentation_mask": [0, 0, 90, 0]}, pd.NA),
        # A polygon that crosses itself still covers something.
        (DEFORMING | {"segmentation_mask": [0, 0, 90, 90, 90, 0, 0, 90]}, 1),
    ],
)
def test_made_annotations_say_no_more_than_they_know(
    tmp_path: Path, changes: dict[str, Any], deformation: Any
) -> None:
    path = write(tmp_path / "1.json", made_annotation(**changes))
    joined = join(made_catalogue("a.geo.diff.png"), path, tile=TILE)
    assert joined["label_deformation"].tolist()[0] is deformation or (
        joined["label_deformation"][0] == deformation
    )


def test_made_annotations_come_in_one_file_or_many(tmp_path: Path) -> None:
    held = [made_annotation(), made_annotation("20181210", "20181128", uniqueID=2)]
    folder = tmp_path / "annotations"
    folder.mkdir()
    for number, annotation in enumerate(held):
        write(folder / f"{number}.json", annotation)
    catalogue = made_catalogue("a.geo.diff.png")
    for path in (
        folder,
        write(tmp_path / "list.json", held),
        write(tmp_path / "annotations.json", {"10478": held[0], "2": held[1]}),
    ):
        check_files(path, [Path("whatever.png")])
        assert attach(catalogue, path).tolist() == [0] * 18


def test_made_annotations_leave_what_they_do_not_know(tmp_path: Path) -> None:
    path = write(tmp_path / "1.json", made_annotation(**DEFORMING))
    catalogue = made_catalogue("124D_05291_081406.zarr")
    catalogue["label_deformation"] = pd.array([1, 0, pd.NA] * 6, dtype="Int64")
    joined = join(catalogue, path, tile=TILE)
    assert joined["label_deformation"].tolist() == [1, 0, pd.NA] * 6
    # What sort of deformation the mask shows, only the annotation knows.
    assert joined["label_activity_type"].tolist()[:4] == ["Dyke+Mogi", pd.NA, pd.NA, "Dyke+Mogi"]


def test_made_strangers_and_repeats_are_told(tmp_path: Path) -> None:
    held = [made_annotation(), made_annotation(**DEFORMING), {"epochs": 3}, made_annotation("soon"), 7]
    path = write(tmp_path / "mixed.json", held)
    with pytest.warns(UserWarning, match="of 5 entries 3 are left out as no annotations, and 1 repeat"):
        labels = attach(made_catalogue("a.geo.diff.png"), path, tile=TILE)
    assert labels[0] == 1  # the later one
    with pytest.warns(UserWarning, match="none of its 1 annotations is of a frame and dates"):
        joined = join(
            made_catalogue("a.geo.diff.png").assign(frame=None),
            write(tmp_path / "1.json", made_annotation()),
        )
    assert joined["label_deformation"].isna().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("{}", "holds no Hephaestus annotation; each needs 'frameID'"),
        ('{"type": "FeatureCollection", "features": []}', "is GeoJSON; rename it to .geojson"),
    ],
)
def test_bad_json_says_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as raised:
        check_files(path, [])
    assert str(raised.value).startswith(f"{path}: ")


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.json: no such label file"):
        check_files(tmp_path / "none.json", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no .json file"):
        check_files(tmp_path / "empty", [])


def test_made_large_catalogue_takes_seconds_not_minutes(tmp_path: Path) -> None:
    import time

    catalogue = pd.concat([made_catalogue("a.geo.diff.png")] * 2000, ignore_index=True)
    path = write(tmp_path / "1.json", made_annotation(**DEFORMING))
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert attach(catalogue, path, tile=TILE).sum() == 3 * 2000
    assert time.monotonic() - started < 20
