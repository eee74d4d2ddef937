"""Multilooking to a spacing: on the phasor, with cycles kept, whatever the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.archive.spacing import SpacingError, at_spacing, multilooked
from ssl_insar.readers import Frame

RNG = np.random.default_rng(4)
UTM = {"crs": "EPSG:32633", "transform": (30.0, 0.0, 5e5, 0.0, -15.0, 4e6)}


def frame(phase: np.ndarray, *, wrapped: bool, valid: np.ndarray | None = None, **facts: Any) -> Frame:
    valid = np.ones(phase.shape, bool) if valid is None else valid
    return Frame.of(
        np.where(valid, phase, 0).astype(np.float32),
        valid,
        wrapped=wrapped,
        source=Path("made.tif"),
        family="made",
        **facts,
    )


def test_wrapped_phase_is_averaged_as_a_phasor_across_the_wrap() -> None:
    phase = np.full((4, 6), np.pi - 0.1, np.float32)
    phase[:, ::2] = -np.pi + 0.1  # the plain mean would be 0
    looked = multilooked(frame(phase, wrapped=True), (2, 2))
    assert looked.shape == (2, 3)
    np.testing.assert_allclose(np.abs(looked.phase), np.pi, atol=1e-5)


def test_unwrapped_phase_keeps_its_cycles() -> None:
    y, x = np.mgrid[:40, :60]
    phase = 0.3 * x - 0.2 * y + 50
    looked = multilooked(frame(phase, wrapped=False), (4, 3))
    expected = phase.reshape(10, 4, 20, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(looked.phase, expected, atol=1e-3)


def test_a_window_is_a_piece_of_the_whole() -> None:
    phase = RNG.uniform(-3, 3, (61, 47))
    valid = RNG.random(phase.shape) < 0.7
    layers = {
        "coherence": RNG.random(phase.shape).astype(np.float32),
        "elevation": np.where(RNG.random(phase.shape) < 0.2, np.nan, 100.0).astype(np.float32),
    }
    looked = multilooked(frame(phase, wrapped=True, valid=valid, **layers), (3, 2))
    assert looked.shape == (20, 23)
    patch = looked.window(5, 7, 6, 9)
    for name in ("phase", "valid", "coherence", "elevation"):
        np.testing.assert_array_equal(getattr(patch, name), getattr(looked, name)[5:11, 7:16], err_msg=name)


def test_blocks_need_half_their_pixels_and_layers_count_only_data() -> None:
    valid = np.array([[1, 0, 1, 0], [0, 0, 1, 0]], bool)
    coherence = np.array([[0.5, 0, 0.2, 0], [0, 0, 0.4, 0]], np.float32)
    elevation = np.array([[10, np.nan, np.nan, np.nan], [20, np.nan, np.nan, np.nan]], np.float32)
    looked = multilooked(
        frame(np.ones((2, 4)), wrapped=True, valid=valid, coherence=coherence, elevation=elevation), (2, 2)
    )
    np.testing.assert_array_equal(looked.valid, [[False, True]])
    assert looked.coherence is not None
    assert looked.elevation is not None
    np.testing.assert_allclose(looked.coherence, [[0.5, 0.3]])
    np.testing.assert_allclose(looked.elevation, [[15, np.nan]])


def test_looks_follow_the_spacing_of_rows_and_columns() -> None:
    looked = at_spacing(frame(np.ones((64, 64)), wrapped=True, **UTM), 60)
    assert looked.shape == (16, 32)
    assert looked.transform == (60.0, 0.0, 5e5, 0.0, -60.0, 4e6)
    assert looked.spacing == pytest.approx((60, 60))
    assert looked.provenance == "4 x 2 looks"


def test_the_sign_of_a_reversed_frame_is_kept() -> None:
    once = frame(np.full((4, 4), 1.0), wrapped=True, **UTM)
    np.testing.assert_allclose(multilooked(once.reversed(), (2, 2)).phase, -1, atol=1e-6)
    np.testing.assert_allclose(multilooked(once, (2, 2)).reversed().phase, -1, atol=1e-6)


def test_native_spacing_is_left_alone() -> None:
    native = frame(np.ones((8, 8)), wrapped=True, **UTM)
    assert at_spacing(native, 15) is native


def test_unknown_and_coarser_spacings_are_refused() -> None:
    with pytest.raises(SpacingError, match="does not tell its pixel spacing"):
        at_spacing(frame(np.ones((8, 8)), wrapped=True), 100)
    with pytest.raises(SpacingError, match="15 x 30 m are coarser"):
        at_spacing(frame(np.ones((8, 8)), wrapped=True, **UTM), 5)


def test_steep_unwrapped_phase_keeps_its_mean() -> None:
    # 6 rad over a block: its phasors cancel and say nothing.
    x = np.arange(100) * 0.6
    phase = np.broadcast_to(x, (100, 100)) + np.random.default_rng(0).normal(0, 0.3, (100, 100))
    looked = multilooked(frame(phase, wrapped=False), (10, 10))
    expected = phase.reshape(10, 10, 10, 10).mean(axis=(1, 3))
    np.testing.assert_allclose(looked.phase, expected, atol=0.3)


def test_an_unwrapping_error_in_a_block_does_not_pull_it_off() -> None:
    phase = np.full((4, 4), 1.0)
    phase[0, 0] += 2 * np.pi
    np.testing.assert_allclose(multilooked(frame(phase, wrapped=False), (4, 4)).phase, 1.0, atol=1e-5)
