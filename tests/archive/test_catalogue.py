"""Outlines of tiles where the georeference is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS

from ssl_insar.archive.catalogue import footprints
from ssl_insar.readers import Frame

UTM = CRS.from_epsg(32611).to_wkt()


def outlines(crs: str, transform: tuple[float, ...]) -> list[object]:
    phase = np.ones((40, 40), np.float32)
    facts = {"wrapped": True, "source": Path("x"), "family": "made here"}
    frame = Frame.of(phase, phase > 0, crs=crs, transform=transform, **facts)
    return footprints(frame, [(0, 0), (16, 16)], 16)


def test_sound_ones() -> None:
    first, second = outlines("EPSG:4326", (0.001, 0, 13.0, 0, -0.001, 40.0))
    assert first.bounds == pytest.approx((13.0, 39.984, 13.016, 40.0))
    assert second.bounds == pytest.approx((13.016, 39.968, 13.032, 39.984))
    assert outlines(UTM, (80, 0, 4e5, 0, -80, 4.1e6))[0].is_valid


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", (0.001, 0, 13.0, 0, -0.001, 1e30)),
        ("EPSG:4326", (0.001, 0, 4e9, 0, -0.001, 40.0)),
        ("EPSG:4326", (np.nan, 0, 13.0, 0, -0.001, 40.0)),
        (UTM, (8e4, 0, 4e12, 0, -80, 4.1e6)),
        (UTM, (8e7, 0, 4e5, 0, -80, 4.1e6)),
        (UTM.replace("PROJCS", "LOCAL_CS").replace("GEOGCS", "UNKNOWN"), (80, 0, 4e5, 0, -80, 4.1e6)),
        ("EPSG:99999", (80, 0, 4e5, 0, -80, 4.1e6)),
    ],
    ids=["latitude", "longitude", "number", "place", "step", "kind", "code"],
)
def test_a_damaged_georeference_gives_none_and_stops_nothing(crs: str, transform: tuple[float, ...]) -> None:
    assert outlines(crs, transform) == [None, None]
