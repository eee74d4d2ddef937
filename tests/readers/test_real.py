"""Real products: what reads must read right, what is refused must be refused for its reason."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ssl_insar import phase as ph
from ssl_insar.readers import UnreadableError, frames, read

pytestmark = pytest.mark.real

REASONS = ("coherence", "elevation", "int16")


@pytest.fixture(scope="module")
def labels(shared_data: Path) -> dict[str, dict[str, str]]:
    with (shared_data / "volcanoes" / "labels.csv").open(newline="") as handle:
        return {row["file"]: row for row in csv.DictReader(handle)}


def test_volcano_crops(shared_data: Path, labels: dict[str, dict[str, str]]) -> None:
    files = sorted((shared_data / "volcanoes" / "frames").iterdir())[::25]
    assert len(files) > 100
    for path in files:
        frame, row = read(path), labels[path.name]
        assert frame.wrapped
        assert frame.shape == (227, 227)
        assert frame.valid.mean() > 0.5
        assert np.abs(frame.phase).max() <= np.pi + 1e-6
        assert (frame.volcano, frame.frame) == (row["volcano"], row["frame"]), path.name
        assert f"{frame.reference_date:%Y%m%d}" == row["reference_date"], path.name
        assert f"{frame.secondary_date:%Y%m%d}" == row["secondary_date"], path.name
        # Noise alone has a local coherence of 0.18 in a 5 x 5 window.
        assert 0.15 < ph.local_coherence(frame.phasor)[frame.valid].mean() <= 1


def test_every_volcano_crop_is_read(shared_data: Path) -> None:
    refused = []
    files = sorted((shared_data / "volcanoes" / "frames").iterdir())
    for path in files:
        try:
            frames(path)
        except UnreadableError as error:
            refused.append(str(error))
    assert len(files) == 2558
    assert refused == []


def test_products_read_or_are_refused_for_a_reason(shared_data: Path) -> None:
    refused: Counter[str] = Counter()
    unwrapped = 0
    for path in sorted((shared_data / "products").rglob("*.tif")):
        try:
            frame = read(path)
        except UnreadableError as error:
            refused[next((reason for reason in REASONS if reason in str(error)), str(error))] += 1
            continue
        assert not path.name.endswith("_cc.tif")
        assert not frame.wrapped, path
        assert "unw" in path.name or "ifg" in path.name
        unwrapped += 1
    assert unwrapped >= 45
    # 30 coherence layers, two elevation models named so, one that only its data type gives away.
    assert refused == {"coherence": 30, "elevation": 2, "int16": 1}


def test_a_product_without_a_valid_pixel(shared_data: Path) -> None:
    (path,) = (shared_data / "products" / "all_nodata").iterdir()
    frame = read(path)
    assert not frame.valid.any()
    assert (frame.phasor == 0).all()
