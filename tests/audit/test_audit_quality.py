from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_made import TILE

from ssl_insar.archive import Archive
from ssl_insar.archive.store import part_file
from ssl_insar.audit.quality import NOISE, judge
from ssl_insar.audit.scan import peak_coherence, scan


def _rows(found: Any, kind: str) -> list[str]:
    return found.table.loc[found.table["kind"] == kind, "tile"].tolist()


def test_constant_and_noise_are_found_and_nothing_else(found: Any) -> None:
    assert [tile.split("_")[1] for tile in _rows(found, "constant")] == ["flat"]
    assert [tile.split("_")[1] for tile in _rows(found, "noise")] == ["sea"]
    assert _rows(found, "no-data") == []


def test_tile_without_data_is_found(planted: Archive, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(planted.path, tmp_path / "archive"))
    bits = np.load(part_file(copy, 0, "valid"), mmap_mode="r+")
    bits[5] = 0
    bits.flush()
    quality = judge(scan(Archive.open(copy), progress=False))
    assert np.flatnonzero(quality.empty).tolist() == [5]
    assert not quality.comparable[5]
    assert not quality.noise[5]


def test_what_lies_under_no_data_does_not_count(planted: Archive, tmp_path: Path) -> None:
    """Two tiles with the same data and other values where there is none are the same."""
    copy = Path(shutil.copytree(planted.path, tmp_path / "archive"))
    counts = np.load(part_file(copy, 0, "phase"), mmap_mode="r+")
    bits = np.load(part_file(copy, 0, "valid"), mmap_mode="r+")
    counts[1], bits[0] = counts[0], bits[0] & 0x0F
    bits[1] = bits[0]
    counts[1][np.unpackbits(bits[1], axis=-1, count=TILE) == 0] = 77
    counts.flush(), bits.flush()
    content = scan(Archive.open(copy), progress=False).content
    assert (content[0] == content[1]).all()
    assert (content[0] != content[2]).any()


def _noise(rng: np.random.Generator, side: int = 224) -> np.ndarray:
    return np.exp(1j * rng.uniform(-np.pi, np.pi, (side, side))).astype(np.complex64)


def test_noise_stays_below_the_limit_whatever_the_draw() -> None:
    rng = np.random.default_rng(0)
    peaks = peak_coherence(np.stack([_noise(rng) for _ in range(60)]))
    assert peaks.max() < NOISE
    assert peaks.min() > 0.24  # nine boxes of noise average 0.18; the best of hundreds lies well above


@pytest.mark.parametrize("pixels_a_fringe", [20, 10, 6])
def test_a_small_island_in_noise_is_not_noise(pixels_a_fringe: int) -> None:
    z = _noise(np.random.default_rng(1))
    y, x = np.mgrid[:24, :24]
    z[100:124, 60:84] = np.exp(2j * np.pi * np.hypot(y - 12, x - 12) / pixels_a_fringe)
    assert peak_coherence(z[None])[0] > NOISE


def test_tile_with_gaps_everywhere_is_not_called_noise() -> None:
    z = _noise(np.random.default_rng(2))
    z[::4, ::4] = 0
    assert peak_coherence(z[None])[0] == 1
