from __future__ import annotations

import numpy as np
import pytest
import torch

from ssl_insar import phase as ph
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import RealFactorConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.unwrapped import BAND_CHANGES, RealFactor, aliased_share, field_of

CPU = torch.device("cpu")
SIZE = 21


def ramp(n: int, step: float) -> torch.Tensor:
    """Counts that gain ``step`` cycles a pixel to the right."""
    return (torch.arange(SIZE) * step * 256).round().to(torch.int16).expand(n, SIZE, SIZE)


def packed(valid: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.packbits(valid, axis=-1))


def factors(counts: torch.Tensor, seed: int = 0, **config: object) -> torch.Tensor:
    effect = RealFactor(RealFactorConfig(**({"p": 1} | config)))
    return effect(counts, torch.ones(len(counts), dtype=torch.bool), Draw(CPU, seed))


@pytest.fixture
def extremes() -> tuple[torch.Tensor, np.ndarray]:
    """Counts over all of int16, and validity with gaps."""
    rng = np.random.default_rng(0)
    counts = rng.integers(-32768, 32768, (6, SIZE, SIZE)).astype(np.int16)
    counts[:, 0, :2] = -32768, 32767
    return torch.from_numpy(counts), rng.random((6, SIZE, SIZE)) < 0.8


def test_all_factors_are_1_at_p_0() -> None:
    assert torch.equal(factors(ramp(20, 0.01), p=0), torch.ones(20))


def test_wrapped_tiles_are_left_alone() -> None:
    unwrapped = torch.arange(200) % 2 == 0
    factor = RealFactor(RealFactorConfig(p=1))(ramp(200, 0.01), unwrapped, Draw(CPU, 0))
    assert torch.equal(factor == 1, ~unwrapped)


def test_factors_are_log_uniform_and_wavelengths_those_of_the_bands() -> None:
    free = factors(ramp(1000, 0.01), wavelength=0)
    assert free.min() > 0.49
    assert free.max() < 3.01
    assert free.median() == pytest.approx(np.sqrt(0.5 * 3), rel=0.07)
    bands = factors(ramp(1000, 0.01), wavelength=1)
    assert sorted({round(float(f), 6) for f in bands}) == pytest.approx([0.232655, 1.785], abs=1e-3)
    assert BAND_CHANGES[0] == pytest.approx(0.232655, abs=1e-6)
    assert (bands < 1).float().mean() == pytest.approx(0.5, abs=0.06)
    mixed = factors(ramp(1000, 0.01), p=0.4, wavelength=0.25)
    assert (mixed != 1).float().mean() == pytest.approx(0.4, abs=0.06)
    assert torch.isin(mixed, torch.tensor(BAND_CHANGES)).float().mean() == pytest.approx(0.1, abs=0.03)


def test_a_factor_that_would_alias_is_not_used() -> None:
    """0.3 cycles a pixel, 77 counts in four steps of five, is half a cycle, 128, at 128 / 77."""
    free = factors(ramp(500, 0.001), wavelength=0)
    held = factors(ramp(500, 0.3), wavelength=0)
    assert torch.equal(held, torch.where(free < 128 / 77, free, 1.0))
    assert torch.equal(factors(ramp(500, 0.3), wavelength=0, aliased=1), free)


def test_steps_are_counted_along_both_axes_without_overflow() -> None:
    counts = torch.zeros(3, 4, 4, dtype=torch.int16)
    counts[0, :, 2:] = 200  # 4 steep steps of 24, from a factor of 0.64 on
    counts[1, 0], counts[1, 1:] = -32768, 32767
    factor = torch.tensor([0.65, 0.01, 3.0])
    assert aliased_share(counts, factor).tolist() == pytest.approx([4 / 24, 4 / 24, 0])
    assert aliased_share(counts, torch.tensor([0.63, 1e-3, 3.0])).tolist() == [0, 0, 0]


def test_steps_to_no_data_do_not_count() -> None:
    counts = ramp(1, 0.01) + 5000
    valid = np.ones((1, SIZE, SIZE), bool)
    valid[:, 5:15:2] = False
    counts = torch.where(torch.from_numpy(valid), counts, 0)
    effect, unwrapped = RealFactor(RealFactorConfig(p=1, wavelength=1)), torch.tensor([True])
    assert effect(counts, unwrapped, Draw(CPU, 0)) == 1
    assert effect(counts, unwrapped, Draw(CPU, 0), packed(valid)) != 1
    nothing = effect(counts, unwrapped, Draw(CPU, 0), torch.zeros_like(packed(valid)))
    assert nothing.isfinite().all()


def test_a_factor_of_1_gives_the_wrapped_field_to_the_bit(
    extremes: tuple[torch.Tensor, np.ndarray],
) -> None:
    counts, valid = extremes
    expected = fd.from_counts(torch.from_numpy(counts.numpy().astype(np.uint8)), packed(valid))
    assert torch.equal(field_of(counts, packed(valid), torch.ones(6)), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fields_are_right_at_the_largest_counts(
    extremes: tuple[torch.Tensor, np.ndarray], dtype: torch.dtype
) -> None:
    counts, valid = extremes
    factor = torch.tensor([1.0, 0.5, 2.9173, *BAND_CHANGES, 1.3], dtype=dtype)
    field = field_of(counts, packed(valid), factor)
    assert field.dtype == torch.float32
    cycles = counts.numpy().astype(float) * factor.double().view(-1, 1, 1).numpy() / 256
    expected = np.exp(2j * np.pi * (cycles % 1)) * valid
    np.testing.assert_allclose((field[:, 0] + 1j * field[:, 1]).numpy(), expected, atol=1e-6)


def test_it_agrees_with_the_numpy_rewrap() -> None:
    counts = ramp(1, 0.05)
    valid = packed(np.ones((1, SIZE, SIZE), bool))
    field = field_of(counts, valid, torch.tensor([1.7]))
    phase = ph.rewrap_unwrapped(ph.decode(counts.numpy()).astype(float), float(np.float32(1.7)))
    np.testing.assert_allclose((field[:, 0] + 1j * field[:, 1]).numpy(), ph.phasor(phase), atol=1e-6)


def test_the_same_key_gives_the_same_factors() -> None:
    assert torch.equal(factors(ramp(20, 0.01), 1), factors(ramp(20, 0.01), 1))
    assert not torch.equal(factors(ramp(20, 0.01), 1), factors(ramp(20, 0.01), 2))
