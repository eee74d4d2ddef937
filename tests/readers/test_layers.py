"""Planes, grids and coarse lines of sight of array files."""

from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers.layers import Difference, LayeredPhase, Plane, cells, coarse, fits, grid, spread, unit
from ssl_insar.readers.pixels import Window

VALUES = np.random.default_rng(3).normal(0, 4, (9, 12)).astype(np.float32)
WINDOW = Window(2, 3, 4, 5)


def test_windows_of_a_stack_turned_upside_down_count_from_the_north() -> None:
    stack = np.stack([VALUES, VALUES[::-1]])
    np.testing.assert_array_equal(Plane(stack, 0).values(WINDOW), VALUES[2:6, 3:8])
    np.testing.assert_array_equal(Plane(stack, 1, upside_down=True).values(WINDOW), VALUES[2:6, 3:8])


def test_difference_is_no_data_where_either_layer_has_none() -> None:
    earlier, later = VALUES.copy(), VALUES + 1
    earlier[0, 0] = np.nan
    later[0, 1] = np.nan
    earlier[0, 2] = later[0, 2] = 0
    patch = LayeredPhase(Difference(Plane(later), Plane(earlier)), per_unit=-2.0).read(Window(0, 0, 9, 12))
    expected = np.ones((9, 12), bool)
    expected[0, :3] = False
    np.testing.assert_array_equal(patch.valid, expected)
    np.testing.assert_allclose(patch.phase, np.where(expected, -2, 0), atol=1e-5)


@pytest.mark.parametrize(("told", "stored"), [(None, -9999), (None, -32768), (None, 3e38), (77.5, 77.5)])
def test_difference_is_no_data_where_either_layer_holds_a_fill(told: float | None, stored: float) -> None:
    earlier, later = VALUES.copy(), VALUES + 1
    earlier[1, 0] = stored
    later[1, 1] = stored
    earlier[1, 2] = later[1, 2] = stored
    earlier[2, 0] = 0  # as the first date of a time series
    difference = Difference(Plane(later, fill=told), Plane(earlier, fill=told), told)
    patch = LayeredPhase(difference, per_unit=-2.0).read(Window(0, 0, 9, 12))
    expected = np.ones((9, 12), bool)
    expected[1, :3] = False
    np.testing.assert_array_equal(patch.valid, expected)
    np.testing.assert_allclose(patch.phase[2, 0], -2 * later[2, 0], rtol=1e-5)
    np.testing.assert_allclose(patch.phase[3:], -2, atol=1e-4)


def test_no_phase_is_beyond_a_million_radians_in_whatever_unit_it_is_kept() -> None:
    metres = VALUES.copy()
    metres[2, 3:5] = [9e4, -9e5]
    patch = LayeredPhase(Plane(metres), per_unit=200.0).read(WINDOW)
    assert not patch.valid[0, :2].any()
    assert (patch.phase[0, :2] == 0).all()
    assert patch.valid.sum() == 18
    np.testing.assert_allclose(patch.phase[1], 200 * VALUES[3, 3:8])


class TestLayeredPhase:
    def test_a_mask_takes_phase_away(self) -> None:
        mask = np.ones((9, 12), np.uint8)
        mask[3, 4] = 0
        patch = LayeredPhase(Plane(VALUES), mask=(Plane(mask), lambda values: values == 1)).read(WINDOW)
        np.testing.assert_array_equal(patch.valid, mask[2:6, 3:8] == 1)
        np.testing.assert_array_equal(patch.phase, np.where(patch.valid, VALUES[2:6, 3:8], 0))
        assert VALUES[3, 4] != 0, "the file's own values must not be written to"

    @pytest.mark.parametrize(("fill", "stored"), [(None, np.nan), (-1.0, -1.0), (9.97e36, 9.97e36)])
    def test_coherence_is_0_where_unknown_and_never_beyond_1(self, fill: float | None, stored: float) -> None:
        coherence = np.full((9, 12), 0.5, np.float32)
        coherence[2, 3:6] = [stored, 1.02, -0.01]
        patch = LayeredPhase(Plane(VALUES), coherence=Plane(coherence, fill=fill)).read(WINDOW)
        assert patch.coherence is not None
        np.testing.assert_array_equal(patch.coherence[0], np.float32([0, 1, 0, 0.5, 0.5]))

    def test_heights_are_nan_where_unknown_and_the_sea_is_0(self) -> None:
        heights = np.full((9, 12), 1200, np.float32)
        heights[2, 3:7] = [np.nan, -32768, 0, 40000]
        patch = LayeredPhase(Plane(VALUES), elevation=Plane(heights)).read(WINDOW)
        assert patch.elevation is not None
        np.testing.assert_array_equal(patch.elevation[0], np.float32([np.nan, np.nan, 0, np.nan, 1200]))


class TestGrid:
    def test_coordinates_are_centres_and_the_corner_is_half_a_step_away(self) -> None:
        transform, upside_down = grid(np.array([10.5, 11.5, 12.5]), np.array([40.0, 39.5, 39.0, 38.5]))
        assert transform == pytest.approx((1, 0, 10, 0, -0.5, 40.25))
        assert not upside_down

    def test_rows_that_run_north_are_turned(self) -> None:
        transform, upside_down = grid(np.array([10.5, 11.5]), np.array([38.5, 39.0, 39.5, 40.0]))
        assert transform == pytest.approx((1, 0, 10, 0, -0.5, 40.25))
        assert upside_down

    @pytest.mark.parametrize(
        "x", [None, np.array([3.0]), np.array([1.0, 2, 4]), np.array([1.0, 1, 1]), np.array([1, np.nan, 3])]
    )
    def test_what_is_no_even_grid_is_no_georeference(self, x: np.ndarray | None) -> None:
        assert grid(x, np.array([2.0, 1.0])) == (None, False)

    def test_single_precision_coordinates_are_even_enough(self) -> None:
        x = (130.8 + np.arange(3000) / 1200).astype(np.float32)
        transform, _ = grid(x, np.array([2.0, 1.0]))
        assert transform is not None
        assert transform[0] == pytest.approx(1 / 1200, rel=1e-4)


class TestCoarse:
    def test_values_at_the_centres_of_cells(self) -> None:
        values = np.arange(128 * 100, dtype=np.float32).reshape(128, 100)
        found = coarse(Plane(values))
        assert found.shape == (64, 64)
        np.testing.assert_array_equal(found, values[1::2][:, cells(100).astype(int)])

    def test_the_fill_is_unknown(self) -> None:
        assert np.isnan(coarse(Plane(np.full((4, 4), -9, np.float32), fill=-9))).all()


class TestSpread:
    def test_vectors_of_a_coarser_grid_are_found_at_the_cells_of_the_frame(self) -> None:
        x, y = np.linspace(9, 13, 5), np.linspace(41, 37, 9)
        incidence = 30 + np.add.outer(2 * (41 - y), 3 * (x - 9))
        vectors = np.moveaxis(line_of_sight(-12, incidence), -1, 0)
        los = spread(vectors, x, y, (30, 20), (0.1, 0, 10.0, 0, -0.1, 40.0))
        assert los is not None
        assert los.shape == (3, 30, 20)
        # The centre of the first pixel is at 10.05 E, 39.95 N.
        expected = line_of_sight(-12, 30 + 2 * 1.05 + 3 * 1.05)
        np.testing.assert_allclose(los[:, 0, 0], expected, atol=2e-4)
        np.testing.assert_allclose(np.linalg.norm(los, axis=0), 1)

    def test_nothing_is_known_outside(self) -> None:
        vectors = np.moveaxis(line_of_sight(-12, np.full((3, 3), 35.0)), -1, 0)
        x, y = np.array([9.0, 10.05, 10.2]), np.array([40.0, 39.0, 38.0])
        los = spread(vectors, x, y, (10, 10), (0.1, 0, 10.0, 0, -0.1, 40.0))
        assert los is not None
        assert np.isfinite(los[0, :, :2]).all()
        assert np.isnan(los[:, :, 2:]).all()

    def test_without_a_transform_there_is_no_place_for_it(self) -> None:
        assert spread(np.ones((3, 2, 2)), np.arange(2.0), np.arange(2.0), (4, 4), None) is None

    def test_coordinates_that_repeat_are_no_grid(self) -> None:
        x = np.array([1.0, 1.0])
        assert spread(np.ones((3, 2, 2)), x, np.arange(2.0), (4, 4), (1, 0, 0, 0, -1, 4)) is None


def test_unit_vectors_point_up_or_are_unknown() -> None:
    vectors = np.array([[2.0, 0, np.nan, 0.5], [0, 0, 1, 0], [2.0, 0, 1, -0.5]])
    found = unit(vectors)
    assert found is not None
    np.testing.assert_allclose(found[:, 0], [0.5**0.5, 0, 0.5**0.5])
    assert np.isnan(found[:, 1:]).all()
    assert unit(np.zeros((3, 2, 2))) is None


def test_a_layer_of_another_size_does_not_fit() -> None:
    phase = Plane(VALUES)
    assert fits(Plane(VALUES), phase) is not None
    assert fits(Plane(VALUES[1:]), phase) is None
    assert fits(None, phase) is None
