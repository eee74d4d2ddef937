"""The invariants of the phase core: what must hold whatever the phase."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from ssl_insar import phase as ph

TWO_PI = 2 * np.pi
STEP = TWO_PI / 256

# 40 rad is six fringes either way; the cycle counts added to it make it large.
angles = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=1, max_dims=2, max_side=12), elements=st.floats(-40, 40)
)
cycles = st.integers(-100, 100)
factors = st.integers(-6, 6).filter(bool)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def apart(a: Any, b: Any) -> Any:
    """Largest angular distance between two phases, rad."""
    return np.max(np.abs(np.angle(np.exp(1j * (np.asarray(a) - np.asarray(b))))), initial=0.0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240117)


class TestWrap:
    @given(angles, cycles)
    def test_whole_cycles_change_nothing(self, phase: NDArray[np.float64], k: int) -> None:
        assert apart(ph.wrap(phase + k * TWO_PI), ph.wrap(phase)) < 1e-9

    @given(angles)
    def test_stays_in_range_and_is_idempotent(self, phase: NDArray[np.float64]) -> None:
        wrapped = ph.wrap(phase)
        assert (wrapped >= -np.pi).all()
        assert (wrapped < np.pi).all()
        assert apart(wrapped, phase) < 1e-12
        assert apart(ph.wrap(wrapped), wrapped) < 1e-12

    @given(hnp.arrays(np.float32, 8, elements=st.floats(-1000, 1000, width=32)))
    def test_float32_stays_float32_and_in_range(self, phase: NDArray[np.float32]) -> None:
        wrapped = ph.wrap(phase)
        assert wrapped.dtype == np.float32
        assert (np.abs(wrapped) <= np.float32(np.pi)).all()
        assert apart(wrapped.astype(float), phase.astype(float)) < 1e-3

    def test_half_cycle_is_minus_pi_and_tiny_negatives_stay_tiny(self) -> None:
        assert ph.wrap(np.array([np.pi, -np.pi, 3 * np.pi])) == pytest.approx([-np.pi] * 3)
        assert ph.wrap(np.array([-1e-17, -1e-300])) == pytest.approx([0, 0])
        # Just below -pi the remainder rounds up to the modulus: this must not come out as +pi.
        assert ph.wrap(np.array([np.nextafter(-np.pi, -4)])) < np.pi

    def test_not_a_number_stays_and_integers_are_not_truncated(self) -> None:
        assert np.isnan(ph.wrap(np.array([np.nan]))).all()
        assert ph.wrap(np.array([4])) == pytest.approx([4 - TWO_PI])


class TestPhasor:
    @given(angles, cycles)
    def test_whole_cycles_change_nothing(self, phase: NDArray[np.float64], k: int) -> None:
        np.testing.assert_allclose(ph.phasor(phase + k * TWO_PI), ph.phasor(phase), atol=2e-6)

    @given(angles)
    def test_unit_where_valid_and_phase_survives(self, phase: NDArray[np.float64]) -> None:
        z = ph.phasor(phase)
        assert z.dtype == np.complex64
        np.testing.assert_allclose(np.abs(z), 1, atol=1e-6)
        assert apart(ph.phase_of(z), phase) < 1e-6

    @given(angles)
    def test_conjugate_twice_is_identity_and_once_negates(self, phase: NDArray[np.float64]) -> None:
        z = ph.phasor(phase)
        np.testing.assert_array_equal(np.conj(np.conj(z)), z)
        np.testing.assert_allclose(np.conj(z), ph.phasor(-phase), atol=1e-6)

    def test_no_data_and_not_finite_are_zero(self) -> None:
        phase = np.array([1.0, np.nan, np.inf, -np.inf, 2.0])
        valid = np.array([True, True, True, True, False])
        z = ph.phasor(phase, valid)
        np.testing.assert_array_equal(z != 0, [True, False, False, False, False])
        np.testing.assert_array_equal(ph.phasor(phase) != 0, [True, False, False, False, True])
        np.testing.assert_array_equal(np.isnan(ph.phase_of(z)), [False, True, True, True, True])

    def test_a_large_unwrapped_phase_keeps_its_fringe(self) -> None:
        # 1e5 cycles and a quarter: float32 cosines of the raw number would be off by 0.05 rad.
        phase = np.array([1e5 * TWO_PI + np.pi / 2])
        np.testing.assert_allclose(ph.phasor(phase), [1j], atol=1e-5)


class TestCodec:
    @given(angles)
    def test_round_trip_is_within_half_a_step(self, phase: NDArray[np.float64]) -> None:
        half = STEP / 2 + 1e-5  # float32 result
        assert apart(ph.decode(ph.encode_wrapped(phase)), phase) <= half
        assert np.abs(ph.decode(ph.encode_unwrapped(phase)) - phase).max() <= half

    @given(angles, cycles)
    def test_whole_cycles_change_nothing(self, phase: NDArray[np.float64], k: int) -> None:
        fraction = (phase / STEP) % 1
        clear = np.abs(fraction - 0.5) > 1e-6  # a tie between two counts may round either way
        moved, still = ph.encode_wrapped(phase + k * TWO_PI), ph.encode_wrapped(phase)
        np.testing.assert_array_equal(moved[clear], still[clear])

    @given(hnp.arrays(np.float64, 16, elements=st.floats(-5000, 5000)))
    def test_low_byte_of_unwrapped_is_wrapped(self, phase: NDArray[np.float64]) -> None:
        wide = ph.encode_unwrapped(phase)
        np.testing.assert_array_equal(wide.view(np.uint16) & 0xFF, ph.encode_wrapped(phase))

    def test_overflow_wraps_and_is_announced(self) -> None:
        phase = np.array([127.0, 128.0, 300.25]) * TWO_PI
        assert ph.fits_unwrapped(ph.encode_unwrapped_wide(phase[:1]))
        assert not ph.fits_unwrapped(ph.encode_unwrapped_wide(phase[1:2]))
        np.testing.assert_array_equal(ph.encode_unwrapped(phase), [127 * 256, -128 * 256, 44 * 256 + 64])
        np.testing.assert_array_equal(ph.encode_wrapped(phase), [0, 0, 64])

    def test_every_count_comes_back(self) -> None:
        narrow = np.arange(256, dtype=np.uint8)
        np.testing.assert_array_equal(ph.encode_wrapped(ph.decode(narrow)), narrow)
        wide = np.arange(-(2**15), 2**15, 7, dtype=np.int16)
        np.testing.assert_array_equal(ph.encode_unwrapped(ph.decode(wide)), wide)
        decoded = ph.decode(narrow)
        assert decoded.min() == pytest.approx(-np.pi)
        assert decoded.max() < np.pi

    def test_named_points(self) -> None:
        np.testing.assert_array_equal(
            ph.encode_wrapped(np.array([0, np.pi, -np.pi, np.pi / 2, -np.pi / 2])), [0, 128, 128, 64, 192]
        )

    def test_not_finite_becomes_zero_without_a_warning(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            counts = ph.encode_wrapped(np.array([np.nan, np.inf, -np.inf]))
        np.testing.assert_array_equal(counts, 0)
        assert ph.fits_unwrapped(ph.encode_unwrapped_wide(np.array([np.nan, 1.0])))
        assert ph.fits_unwrapped(ph.encode_unwrapped_wide(np.array([])))

    @pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32])
    def test_other_counts_are_refused(self, dtype: Any) -> None:
        with pytest.raises(TypeError, match=r"uint8 .*int16"):
            ph.decode(np.zeros(3, dtype))


class TestRewrap:
    @given(angles, factors)
    def test_commutes_with_wrap(self, phase: NDArray[np.float64], k: int) -> None:
        assert apart(ph.wrap(k * ph.wrap(phase)), ph.wrap(k * phase)) < 1e-9

    @given(angles, factors)
    def test_phasor_agrees_with_the_phase(self, phase: NDArray[np.float64], k: int) -> None:
        assert apart(np.angle(ph.rewrap(ph.phasor(phase), k)), ph.wrap(k * phase)) < 1e-5

    @given(angles, factors, st.floats(0.1, 1))
    def test_magnitude_and_zeros_are_kept(self, phase: NDArray[np.float64], k: int, coherence: float) -> None:
        z = ph.phasor(phase).astype(np.complex128) * coherence
        z.flat[0] = 0
        rewrapped = ph.rewrap(z, k)
        np.testing.assert_allclose(np.abs(rewrapped), np.abs(z), atol=1e-6)
        assert rewrapped.flat[0] == 0

    @pytest.mark.parametrize("factor", [0, 0.5, 1.5])
    def test_a_real_factor_is_refused(self, factor: float) -> None:
        with pytest.raises(ValueError, match="integer"):
            ph.rewrap(np.ones(3, np.complex64), factor)  # type: ignore[arg-type] # the point of the test

    @given(angles, st.floats(-3, 3))
    def test_a_real_factor_is_right_on_unwrapped_phase(
        self, phase: NDArray[np.float64], factor: float
    ) -> None:
        assert apart(ph.rewrap_unwrapped(phase, factor), factor * phase) < 1e-9

    def test_a_real_factor_is_wrong_on_wrapped_phase(self) -> None:
        """Why `rewrap` insists on integers."""
        phase = np.linspace(0, 20, 200)
        assert apart(ph.rewrap_unwrapped(ph.wrap(phase), 1.5), 1.5 * phase) > 3


class TestRenormalise:
    def test_splits_direction_and_length(self) -> None:
        z = np.array([0.5j, 2.0, 0, 1e-9, -0.25], np.complex64)
        unit, coherence = ph.renormalise(z)
        np.testing.assert_allclose(unit, [1j, 1, 0, 0, -1], atol=1e-6)
        np.testing.assert_allclose(coherence, [0.5, 1, 0, 1e-9, 0.25], atol=1e-6)


class TestMultilook:
    @given(st.floats(-10, 10), st.integers(1, 6))
    def test_constant_phase_is_exact(self, phase: float, looks: int) -> None:
        unit, coherence = ph.multilook(ph.phasor(np.full((13, 12), phase)), looks)
        assert unit.shape == (13 // looks, 12 // looks)
        assert apart(np.angle(unit), phase) < 1e-5
        np.testing.assert_allclose(coherence, 1, atol=1e-5)

    @pytest.mark.parametrize("slope", [0.1, 0.5, 1.0])
    @pytest.mark.parametrize("looks", [3, 4, 8])
    def test_ramp_keeps_the_centre_and_loses_coherence_as_a_sinc(self, slope: float, looks: int) -> None:
        columns = np.arange(48) * slope
        unit, coherence = ph.multilook(ph.phasor(np.broadcast_to(columns, (48, 48))), looks)
        centres = columns.reshape(-1, looks).mean(axis=1)
        sinc = abs(np.sin(looks * slope / 2) / (looks * np.sin(slope / 2)))
        sign = np.sign(np.sin(looks * slope / 2))
        assert apart(np.angle(unit * sign), np.broadcast_to(centres, unit.shape)) < 1e-4
        np.testing.assert_allclose(coherence, sinc, atol=1e-4)

    def test_no_data_never_bleeds(self, rng: np.random.Generator) -> None:
        valid = rng.random((40, 40)) < 0.7
        unit, coherence = ph.multilook(ph.phasor(np.full((40, 40), 2.5), valid), 4)
        share = valid.reshape(10, 4, 10, 4).mean(axis=(1, 3))
        np.testing.assert_array_equal(unit != 0, share >= 0.5)
        assert apart(np.angle(unit[unit != 0]), 2.5) < 1e-5
        np.testing.assert_allclose(coherence[unit != 0], 1, atol=1e-5)
        np.testing.assert_array_equal(coherence[unit == 0], 0)

    def test_leading_axes_are_kept(self, rng: np.random.Generator) -> None:
        z = ph.phasor(rng.normal(size=(2, 3, 8, 8)))
        unit, _ = ph.multilook(z, 2)
        np.testing.assert_allclose(unit[1, 2], ph.multilook(z[1, 2], 2)[0])


class TestLocalCoherence:
    @pytest.mark.parametrize("window", [3, 5, 9])
    def test_pure_noise_is_of_the_order_of_one_over_window(
        self, rng: np.random.Generator, window: int
    ) -> None:
        z = ph.phasor(rng.uniform(-np.pi, np.pi, (200, 200)))
        inner = ph.local_coherence(z, window)[window:-window, window:-window]
        # The length of a mean of N unit phasors is Rayleigh: sqrt(pi / 4 N) on average.
        assert inner.mean() == pytest.approx(np.sqrt(np.pi / 4) / window, rel=0.05)

    def test_smooth_phase_is_near_one_up_to_the_edge(self) -> None:
        rows, cols = np.mgrid[:60, :60]
        smooth = ph.local_coherence(ph.phasor(0.05 * rows - 0.08 * cols))
        assert smooth.min() > 0.98
        assert smooth.max() <= 1

    def test_no_data_is_zero_and_does_not_lower_its_neighbours(self) -> None:
        valid = np.ones((30, 30), bool)
        valid[10:20, 10:20] = False
        coherence = ph.local_coherence(ph.phasor(np.full((30, 30), 1.0), valid))
        np.testing.assert_array_equal(coherence[~valid], 0)
        np.testing.assert_allclose(coherence[valid], 1, atol=1e-4)

    @given(st.floats(-4, 4))
    @settings(max_examples=20)
    def test_reference_phase_does_not_matter(self, offset: float) -> None:
        phase = np.random.default_rng(3).normal(0, 0.5, (20, 20))
        np.testing.assert_allclose(
            ph.local_coherence(ph.phasor(phase + offset)), ph.local_coherence(ph.phasor(phase)), atol=1e-4
        )


class TestResample:
    def test_whole_positions_are_identity(self, rng: np.random.Generator) -> None:
        z = ph.phasor(rng.normal(0, 3, (20, 25)), rng.random((20, 25)) < 0.8)
        rows, cols = np.mgrid[:20, :25]
        unit, _ = ph.resample(z, rows, cols)
        np.testing.assert_allclose(unit, z, atol=1e-5)

    def test_right_across_the_jump_where_raw_phase_is_wrong(self) -> None:
        phase = np.broadcast_to(np.linspace(0, 12, 61), (5, 61))
        rows, cols = np.meshgrid(np.arange(4) + 0.5, np.arange(60) + 0.5, indexing="ij")
        truth = 0.2 * cols
        unit, coherence = ph.resample(ph.phasor(phase), rows, cols)
        assert apart(np.angle(unit), truth) < 1e-5
        np.testing.assert_allclose(coherence, np.cos(0.1), atol=1e-5)
        wrapped = ph.wrap(phase)
        naive = (wrapped[:-1, :-1] + wrapped[1:, 1:]) / 2
        assert apart(naive, truth) > 2.5

    def test_no_data_never_bleeds(self) -> None:
        valid = np.ones((20, 20), bool)
        valid[:, 10:] = False
        z = ph.phasor(np.full((20, 20), -2.0), valid)
        rows, cols = np.meshgrid(np.arange(1.0, 19), np.arange(1.0, 18.5, 0.25), indexing="ij")
        unit, coherence = ph.resample(z, rows, cols)
        np.testing.assert_array_equal(unit != 0, cols <= 9.5)
        assert apart(np.angle(unit[unit != 0]), -2.0) < 1e-5
        np.testing.assert_allclose(coherence[unit != 0], 1, atol=1e-5)

    def test_outside_there_is_no_data(self) -> None:
        unit, _ = ph.resample(np.ones((4, 4), np.complex64), np.array([-2.0, 1, 5]), np.array([1.0, 1, 1]))
        np.testing.assert_array_equal(unit != 0, [False, True, False])
