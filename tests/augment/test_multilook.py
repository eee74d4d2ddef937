from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ssl_insar import phase as ph
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import MultilookConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.multilook import Multilook, looked

CPU = torch.device("cpu")


def of_phase(phase: torch.Tensor) -> torch.Tensor:
    return torch.stack([phase.cos(), phase.sin()], 1)


def bowl(n: int, size: int, steepest: float = 0.6) -> torch.Tensor:
    """Round fringes around the middle, rad; ``steepest`` rad a pixel at the edges."""
    steps = torch.arange(size) - (size - 1) / 2
    surface = (steps.square() + steps.square().view(-1, 1)) * (steepest / size)
    return surface + 0.7 * torch.arange(n).view(-1, 1, 1)


def ones(field: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(field[:, :1])


def wrapped_error(field: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    angle = torch.atan2(field[:, 1], field[:, 0]) - truth
    return torch.atan2(angle.sin(), angle.cos())


def test_nothing_changes_at_p_0() -> None:
    field = of_phase(bowl(4, 24))
    local = torch.rand(4, 1, 24, 24)
    out, coherence = Multilook(MultilookConfig(p=0))(field, local, Draw(CPU, 0))
    assert torch.equal(out, field)
    assert torch.equal(coherence, local)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("size", [24, 26])
def test_on_the_phasor_it_beats_multilooking_the_raw_phase(n: int, size: int) -> None:
    truth = bowl(3, size)

    first = np.arange(0, size, n)
    middles = (first + np.minimum(first + n, size) - 1) / 2

    def finer(blocks: np.ndarray) -> np.ndarray:
        return np.interp(np.arange(size), middles, blocks)

    def plain(phase: torch.Tensor) -> torch.Tensor:
        blocks = F.avg_pool2d(phase.unsqueeze(1), n, ceil_mode=True)[:, 0].numpy()
        return torch.from_numpy(np.apply_along_axis(finer, 1, np.apply_along_axis(finer, 2, blocks)))

    unit, _ = looked(of_phase(truth), torch.ones(3, 1, size, size), n)
    wrapped = torch.remainder(truth + np.pi, 2 * np.pi) - np.pi
    raw = of_phase(plain(wrapped))
    rms = wrapped_error(unit, plain(truth)).square().mean().sqrt()
    assert rms < 0.1 * wrapped_error(raw, plain(truth)).square().mean().sqrt()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_blocks_agree_with_the_numpy_multilook(n: int) -> None:
    """Interpolation leaves the middle of a block of odd side as it is."""
    generator = torch.Generator().manual_seed(0)
    field = of_phase(bowl(2, 12) + 0.5 * torch.randn(2, 12, 12, generator=generator))
    unit, length = looked(field, torch.ones(2, 1, 12, 12), n)
    z, coherence = ph.multilook((field[:, 0] + 1j * field[:, 1]).numpy(), n)
    if n == 3:
        middle = unit[:, :, 1::3, 1::3]
        np.testing.assert_allclose((middle[:, 0] + 1j * middle[:, 1]).numpy(), z, atol=1e-5)
        np.testing.assert_allclose(length[:, 0, 1::3, 1::3].numpy(), coherence, atol=1e-5)
    else:
        corner = unit[:, :, 0, 0]  # nothing to interpolate with
        np.testing.assert_allclose((corner[:, 0] + 1j * corner[:, 1]).numpy(), z[:, 0, 0], atol=1e-5)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [23, 24, 25, 26])
def test_fringes_stay_where_they_are_also_at_the_edges(n: int, size: int) -> None:
    step = 0.05
    truth = step * torch.arange(float(size)).expand(1, size, size)
    unit, _ = looked(of_phase(truth), torch.ones(1, 1, size, size), n)
    # Between the middles of the first and the last block; beyond, there is nothing to interpolate with.
    left = size % n or n
    within = slice((n - 1) // 2 + 1, size - left + (left - 1) // 2)
    moved = wrapped_error(unit, truth)[..., within] / step
    assert moved.abs().max() < 0.02, "px"


def test_only_pixels_with_data_count_and_none_is_lost_or_won() -> None:
    field = torch.zeros(1, 2, 10, 10)
    field[:, 0] = 1
    gap = torch.zeros(10, 10, dtype=torch.bool)
    gap[2:7, 1:8] = True
    gap[4, 4] = False  # a lone pixel in a block without any other
    field[..., gap] = 0
    unit, length = looked(field, ones(field), 2)
    torch.testing.assert_close(unit, field, rtol=0, atol=1e-6)
    torch.testing.assert_close(length, fd.validity(field), rtol=0, atol=1e-6)


def test_narrow_fringes_are_left_alone() -> None:
    x = torch.arange(40.0).expand(40, 40)
    field = of_phase(torch.stack([0.9 * x, 1.2 * x]))  # pi / 3 is 1.05
    out, _ = Multilook(MultilookConfig(p=1, factors=(3,)))(field, ones(field), Draw(CPU, 0))
    assert not torch.equal(out[0], field[0])
    assert torch.equal(out[1], field[1])
    bound, _ = Multilook(MultilookConfig(p=1, factors=(3,), aliased=1))(field, ones(field), Draw(CPU, 0))
    assert not torch.equal(bound[1], field[1])


def test_noise_falls_and_the_local_coherence_tells_how_much_there_was() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.randn(8, 32, 32, generator=generator)
    field = of_phase(noise)
    out, length = Multilook(MultilookConfig(p=1, factors=(4,)))(field, 0.9 * ones(field), Draw(CPU, 0))
    assert wrapped_error(out, torch.zeros(())).std() < 0.3 * noise.std()
    # The mean of cos of a Gaussian angle, and what there was before.
    assert length.mean() == pytest.approx(0.9 * np.exp(-0.02), rel=0.005)
    assert length.max() <= 1


def test_factors_are_drawn_a_view_and_repeat_with_the_key() -> None:
    generator = torch.Generator().manual_seed(0)
    field = of_phase(0.2 * torch.randn(1, 24, 24, generator=generator).expand(300, -1, -1))
    effect = Multilook(MultilookConfig(p=0.5))
    out, length = effect(field, ones(field), Draw(CPU, 1))
    alone = [looked(field[:1], ones(field[:1]), n)[0] for n in (2, 3, 4)]
    same = torch.stack([(out - one).abs().amax((1, 2, 3)) < 1e-6 for one in (field[:1], *alone)])
    assert torch.equal(same.sum(0), torch.ones(300, dtype=torch.long))
    assert same.float().mean(1).tolist() == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6], abs=0.08)
    again, again_length = effect(field, ones(field), Draw(CPU, 1))
    assert torch.equal(out, again)
    assert torch.equal(length, again_length)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_dtype_is_kept_and_no_data_stays(dtype: torch.dtype) -> None:
    field = of_phase(bowl(4, 21)).to(dtype)
    field[:, :, 3:12, 4:9] = 0
    out, length = Multilook(MultilookConfig(p=1))(field, ones(field), Draw(CPU, 0))
    assert out.dtype == length.dtype == dtype
    assert torch.equal(fd.validity(out), fd.validity(field))
    assert not length[fd.validity(field) == 0].any()
