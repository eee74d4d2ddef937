"""Tiles are read and encoded several at a time, and come out as if each had been alone."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from made_products.stacks import mintpy_stack

from ssl_insar.archive.cutting import Cut, Cutter, Cutting
from ssl_insar.readers import frames


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


def test_coherence_and_elevation_of_the_tiles_that_are_kept(tmp_path: Path) -> None:
    stack = mintpy_stack(tmp_path / "mintpy", (40, 170))
    with h5py.File(stack, "r+") as file:
        file["unwrapPhase"][:, :, 34:70] = 0  # the second of five tiles goes
    cutter = Cutter(Cutting(32, 32, 0.2))
    cut, frame = cutter.cut(stack).result, frames(stack)[0]
    assert isinstance(cut, Cut)
    assert len(cut.rows) == 4
    for i, row in enumerate(cut.rows):
        patch = frame.window(row["row"], row["col"], 32, 32)
        assert patch.coherence is not None
        assert patch.elevation is not None
        np.testing.assert_array_equal(cut.layers["coherence"][i], np.floor(patch.coherence * 255 + 0.5))
        np.testing.assert_array_equal(cut.layers["elevation"][i], np.rint(patch.elevation))
        assert row["product_coherence"] == pytest.approx(patch.coherence[patch.valid].mean(), abs=1e-6)
        assert row["has_coherence"]
        assert row["has_elevation"]


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
