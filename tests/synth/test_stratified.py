"""Delays that follow the terrain, each at heights where its law can be worked out by hand."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.synth.stratified import (
    exponential_delay,
    power_law_delay,
    quadratic_delay,
    stratified_delay,
    varying_delay,
)

HEIGHT = torch.tensor([[0.0, 1000.0], [2000.0, 3000.0]], dtype=torch.float64)


def above_the_lowest(delay: torch.Tensor) -> torch.Tensor:
    return (delay - delay[:, :1, :1]).flatten(1)


def test_linear() -> None:
    delay = stratified_delay(HEIGHT, torch.tensor([2.0, -1.0]))
    expected = torch.tensor([[0, 2, 4, 6], [0, -1, -2, -3]], dtype=torch.float64)
    torch.testing.assert_close(above_the_lowest(delay), expected)


def test_quadratic() -> None:
    delay = quadratic_delay(HEIGHT, torch.tensor([1.0, 0.0]), torch.tensor([0.5, -2.0]))
    expected = torch.tensor([[0, 1.5, 4, 7.5], [0, -2, -8, -18]], dtype=torch.float64)
    torch.testing.assert_close(above_the_lowest(delay), expected)


def test_power_law() -> None:
    coefficient = torch.tensor([5e-6, -5e-6], dtype=torch.float64)
    delay = power_law_delay(
        HEIGHT, coefficient, exponent=torch.tensor([1.4, 2.0]), top=torch.tensor([7e3, 2e3])
    )
    first = [5e-6 * ((7000 - h) ** 1.4 - 7000**1.4) for h in (0, 1000, 2000, 3000)]
    second = [-5e-6 * (d**2 - 2000**2) for d in (2000, 1000, 0, 0)]  # no difference above the top
    expected = torch.tensor([first, second], dtype=torch.float64)
    torch.testing.assert_close(above_the_lowest(delay), expected, rtol=1e-6, atol=1e-6)


def test_exponential_starts_with_its_gradient_and_levels_off() -> None:
    delay = exponential_delay(torch.tensor([[0.0, 1.0, 5e4]]), torch.tensor([3.0]), scale=2000.0)
    rise = above_the_lowest(delay.double())[0]
    assert float(rise[1]) == pytest.approx(3e-3, rel=1e-2)
    assert float(rise[2]) == pytest.approx(3.0 * 2.0, rel=1e-4)


def test_a_high_scale_or_a_quadratic_of_zero_is_linear() -> None:
    gradient = torch.tensor([1.5, -4.0], dtype=torch.float64)
    linear = stratified_delay(HEIGHT, gradient)
    torch.testing.assert_close(quadratic_delay(HEIGHT, gradient, torch.zeros(2)), linear)
    torch.testing.assert_close(exponential_delay(HEIGHT, gradient, scale=1e10), linear, rtol=1e-5, atol=1e-5)


def test_every_law_is_relative_to_its_mean_with_one_terrain_or_many() -> None:
    heights = torch.rand((3, 9, 11), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2500
    k = torch.tensor([1.0, 2.0, -3.0])

    def laws(height: torch.Tensor, k: torch.Tensor) -> list[torch.Tensor]:
        return [
            stratified_delay(height, k),
            quadratic_delay(height, k, 0.3 * k),
            power_law_delay(height, 1e-6 * k),
            exponential_delay(height, k),
            varying_delay(height, k, k, (100, 100), generator=torch.Generator().manual_seed(1)),
        ]

    for many, one in zip(laws(heights, k), laws(heights[1], k), strict=True):
        assert many.shape == (3, 9, 11)
        torch.testing.assert_close(many.mean((-2, -1)), torch.zeros(3, dtype=torch.float64))
        torch.testing.assert_close(many[1], one[1])
        assert not torch.allclose(many[0], one[0])


def test_gradient_varies_across_the_scene_about_its_mean() -> None:
    """Rows alternate between two heights, so that the gradient can be read off everywhere."""
    height = torch.tensor([0.0, 1000.0]).repeat(32)[:, None].expand(64, 64)
    mean, deviation = torch.tensor([2.0, 2.0, -5.0]), torch.tensor([0.0, 1.0, 0.5])

    def delays(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return varying_delay(height, mean, deviation, (500, 500), patch=1e4, generator=generator)

    one = delays(0)
    gradient = one[:, 1::2] - one[:, ::2]
    torch.testing.assert_close(gradient.mean((-2, -1)), mean, rtol=0, atol=0.06)
    torch.testing.assert_close(gradient.std((-2, -1)), deviation, rtol=0.05, atol=1e-5)
    assert gradient.diff(dim=-1).abs().max() < 0.8  # of a range of 6
    assert torch.equal(one, delays(0))
    assert not torch.equal(one[1], delays(1)[1])
    assert torch.allclose(one[0], stratified_delay(height, mean)[0], atol=1e-5)


def test_a_varying_gradient_gives_no_signal_on_a_plateau() -> None:
    plateau = torch.full((16, 16), 1800.0)
    delay = varying_delay(plateau, torch.ones(2), torch.ones(2), (500, 500))
    assert delay.abs().max() < 1e-4


def test_impossible_scale_heights_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        exponential_delay(HEIGHT, torch.ones(1), scale=0.0)
