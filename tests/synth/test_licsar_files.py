"""Layers as LiCSAR writes them: 0 is no data and nothing else, and what is there is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio

from ssl_insar.synth.licsar import layer_path, write_interferogram, write_metadata

TRANSFORM = (0.001, 0.0, 10.0, 0.0, -0.001, 20.0)


def layers(folder: Path) -> dict[str, np.ndarray]:
    """Write one small pair, and read it back with plain rasterio."""
    phase = np.array([[0.0, 1e-5, -1e-5], [1.0, -2.0, 3.0]])
    valid = np.array([[True, True, True], [True, True, False]])
    coherence = np.array([[0.0, 1e-4, 0.5], [1.0, 0.25, 0.9]])
    base = folder / "20200101_20200113"
    write_interferogram(
        base, TRANSFORM, wrapped=phase, unwrapped=phase + 40, coherence=coherence, valid=valid
    )
    height = np.array([[0.0, 0.2, 10.4], [1.6, 900.0, 3000.0]])
    write_metadata(folder / "F", TRANSFORM, (-0.6, -0.1, 0.79), height, (2, 3))
    held = {}
    for path in folder.glob("*.tif"):
        with rasterio.open(path) as dataset:
            assert dataset.nodata is None
            assert dataset.crs.to_epsg() == 4326
            assert tuple(dataset.transform)[:6] == TRANSFORM
            held[path.name.split(".geo.")[1].removesuffix(".tif")] = dataset.read(1)
    return held


def test_what_is_honestly_zero_is_not_written_as_no_data(tmp_path: Path) -> None:
    held = layers(tmp_path)
    valid = np.array([[True, True, True], [True, True, False]])
    for name in ("diff_pha", "unw", "cc"):
        np.testing.assert_array_equal(held[name] != 0, valid)
    assert (held["hgt"] > 0).all()


def test_values_are_those_given_but_for_rounding(tmp_path: Path) -> None:
    held = layers(tmp_path)
    assert {name: values.dtype.name for name, values in held.items()} == {
        "diff_pha": "float32",
        "unw": "float32",
        "cc": "uint8",
        "hgt": "float32",
        **dict.fromkeys("ENU", "float32"),
    }
    np.testing.assert_allclose(held["diff_pha"][1], [1, -2, 0], atol=3e-3)
    np.testing.assert_allclose(held["unw"][1], [41, 38, 0], atol=3e-3)
    np.testing.assert_array_equal(held["cc"], [[1, 1, 128], [255, 64, 0]])
    np.testing.assert_array_equal(held["hgt"], [[1, 1, 10], [2, 900, 3000]])
    assert [float(held[axis][0, 0]) for axis in "ENU"] == [
        np.float32(-0.6),
        np.float32(-0.1),
        np.float32(0.79),
    ]


def test_a_layer_that_is_there_is_kept(tmp_path: Path) -> None:
    layers(tmp_path)
    kept = layer_path(tmp_path / "20200101_20200113", "unw")
    before = kept.stat().st_mtime_ns
    layer_path(tmp_path / "20200101_20200113", "cc").unlink()
    assert "cc" in layers(tmp_path)
    assert kept.stat().st_mtime_ns == before
