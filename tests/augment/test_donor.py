from __future__ import annotations

import pytest
import torch

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DonorConfig
from ssl_insar.augment.donor import Donor, bank_of
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.turbulence import power_law_fields

CPU = torch.device("cpu")
SIZE = 32


def of_phase(phase: torch.Tensor) -> torch.Tensor:
    return torch.stack([phase.cos(), phase.sin()], 1)


def smooth(n: int, seed: int, rms: float = 0.5) -> torch.Tensor:
    """Smooth phase of mean 0, rad."""
    generator = torch.Generator().manual_seed(seed)
    return rms * power_law_fields(n, (SIZE, SIZE), (100.0, 100.0), generator=generator)


def phase_of(field: torch.Tensor) -> torch.Tensor:
    return torch.atan2(field[:, 1], field[:, 0])


@pytest.fixture
def field() -> torch.Tensor:
    made = of_phase(smooth(40, 0))
    made[:, :, :5, :9] = 0
    return made


def test_nothing_changes_at_p_0_or_without_donors(field: torch.Tensor) -> None:
    bank = of_phase(smooth(3, 1))
    assert torch.equal(Donor(DonorConfig(p=0))(field, bank, Draw(CPU, 0)), field)
    assert torch.equal(Donor(DonorConfig(p=1))(field, bank[:0], Draw(CPU, 0)), field)


def test_the_added_phase_is_a_donor_mirrored_or_not_of_either_sign_and_mean_0() -> None:
    bank = of_phase(smooth(2, 1) + torch.tensor([2.0, -1.0]).view(-1, 1, 1))
    still = of_phase(torch.zeros(200, SIZE, SIZE))
    added = Donor(DonorConfig(p=1))(still, bank, Draw(CPU, 0))
    assert phase_of(added.mean((2, 3))).abs().max() < 1e-5
    turned = phase_of(bank) - phase_of(bank.mean((2, 3))).view(-1, 1, 1)
    turned = torch.atan2(turned.sin(), turned.cos())
    variants = torch.stack(
        [
            sign * turned[which].flip(axes)
            for which in (0, 1)
            for axes in ((), (0,), (1,), (0, 1))
            for sign in (1, -1)
        ]
    )
    error = (phase_of(added)[:, None] - variants).abs().amax((2, 3))
    assert error.amin(1).max() < 1e-4
    assert len(error.argmin(1).unique()) == 16


def test_p_is_the_share_that_is_touched(field: torch.Tensor) -> None:
    many = field.repeat(10, 1, 1, 1)
    out = Donor(DonorConfig(p=0.3))(many, of_phase(smooth(3, 1)), Draw(CPU, 0))
    touched = (out != many).any(3).any(2).any(1).float().mean()
    assert touched == pytest.approx(0.3, abs=0.08)


def test_validity_is_that_of_the_view_whatever_the_donor_lacks(field: torch.Tensor) -> None:
    bank = of_phase(smooth(1, 1))
    bank[:, :, 10:22, 10:22] = 0  # the same however mirrored
    out = Donor(DonorConfig(p=1))(field, bank, Draw(CPU, 0))
    assert torch.equal(fd.validity(out), fd.validity(field))
    assert torch.equal(out[:, :, 10:22, 10:22], field[:, :, 10:22, 10:22])
    assert (out != field)[:, :, 6:10].any()
    torch.testing.assert_close(fd.magnitude(out), fd.magnitude(field))


def test_a_donor_without_data_changes_nothing(field: torch.Tensor) -> None:
    assert torch.equal(Donor(DonorConfig(p=1))(field, torch.zeros(2, 2, SIZE, SIZE), Draw(CPU, 0)), field)


def test_the_same_key_gives_the_same_views(field: torch.Tensor) -> None:
    effect, bank = Donor(DonorConfig(p=1)), of_phase(smooth(3, 1))
    assert torch.equal(effect(field, bank, Draw(CPU, 1)), effect(field, bank, Draw(CPU, 1)))
    assert not torch.equal(effect(field, bank, Draw(CPU, 1)), effect(field, bank, Draw(CPU, 2)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_dtype_is_kept(field: torch.Tensor, dtype: torch.dtype) -> None:
    bank = of_phase(smooth(3, 1))
    out = Donor(DonorConfig(p=1))(field.to(dtype), bank, Draw(CPU, 1))
    assert out.dtype == dtype
    expected = Donor(DonorConfig(p=1))(field, bank, Draw(CPU, 1))
    torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.05)


def test_donors_of_another_size_are_refused(field: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="donors are"):
        Donor(DonorConfig())(field, torch.zeros(2, 2, SIZE, SIZE + 1), Draw(CPU, 0))


def test_a_bank_leaves_out_noise_and_empty_fields() -> None:
    generator = torch.Generator().manual_seed(2)
    noise = 7 * torch.rand(1, SIZE, SIZE, generator=generator)
    phase = torch.cat([smooth(1, 1), noise, smooth(1, 2), smooth(1, 3)])
    fields = of_phase(phase) * 0.5
    fields[2, :, 5:] = 0  # few pixels, and those are good
    fields[3] = 0
    bank, remaining = bank_of(fields, 0.5)
    assert remaining == len(bank) == 2
    torch.testing.assert_close(bank, fd.renormalise(fields[[0, 2]])[0])
    assert bank_of(fields, 0.0)[1] == 3
    none, remaining = bank_of(fields, 1.0)
    assert none.shape == (0, 2, SIZE, SIZE)
    assert remaining == 0
