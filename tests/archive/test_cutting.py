"""Tiles are read and encoded several at a time, and come out as if each had been alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssl_insar.archive.cutting import Cut, Cutter, Cutting


@pytest.mark.parametrize("stride", [32, 20])
def test_tiles_of_a_strip_are_those_cut_alone(tmp_path: Path, stride: int) -> None:
    rng = np.random.default_rng(0)
    field = np.exp(1j * rng.uniform(-3, 3, (70, 330))).astype(np.complex64)
    field[:, 40:90] = 0
    np.save(tmp_path / "wide.npy", field)
    cutter = Cutter(Cutting(32, stride, 0.05))
    whole = cutter.cut(tmp_path / "wide.npy").result
    assert isinstance(whole, Cut)
    assert len(whole.rows) > 10
    for i, row in enumerate(whole.rows):
        np.save(tmp_path / "piece.npy", field[row["row"] : row["row"] + 32, row["col"] : row["col"] + 32])
        alone = cutter.cut(tmp_path / "piece.npy").result
        assert isinstance(alone, Cut)
        for name, layer in alone.layers.items():
            np.testing.assert_array_equal(whole.layers[name][i], layer[0])
        told = alone.rows[0]
        assert told["content"] == row["content"]
        for name in ("coherence", "coherent_fraction", "valid_fraction"):
            assert told[name] == pytest.approx(row[name], abs=1e-6)


def test_unwrapped_tiles_beyond_the_codec_come_near_zero_each_by_whole_cycles(tmp_path: Path) -> None:
    y, x = np.mgrid[:32, :128]
    phase = (0.05 * x + 0.03 * y + 1200.0 * (x >= 64)).astype(np.float32)
    phase[5, 5] = 0  # no data
    np.save(tmp_path / "a_unw.npy", phase)
    cut = Cutter(Cutting(32, 32, 0.05)).cut(tmp_path / "a_unw.npy").result
    assert isinstance(cut, Cut)
    counts = cut.layers["phase"].astype(float) * 2 * np.pi / 256
    for i in range(4):
        shift = phase[:, 32 * i : 32 * i + 32] - counts[i]
        shift = shift[phase[:, 32 * i : 32 * i + 32] != 0] / (2 * np.pi)
        np.testing.assert_allclose(shift, np.rint(shift[0]), atol=1 / 256)
    assert np.abs(counts[2:]).max() < 2 * np.pi
    assert cut.layers["phase"][0, 5, 5] == 0
