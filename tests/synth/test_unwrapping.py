"""Unwrapping errors: whole cycles, connected, of the size asked, along incoherent ground."""

from __future__ import annotations

import math

import pytest
import torch
from made_spectra import seeded
from scipy import ndimage

from ssl_insar.synth.turbulence import smooth_fields
from ssl_insar.synth.unwrapping import unwrapping_errors


def coherences(count: int, seed: int = 0) -> torch.Tensor:
    return torch.sigmoid(1 + 1.5 * smooth_fields(count, (64, 72), (100, 100), 2e3, generator=seeded(seed)))


def test_whole_cycles_on_connected_patches_of_the_area_asked() -> None:
    errors = unwrapping_errors(coherences(24), torch.ones(24, dtype=torch.long), generator=seeded())
    assert errors.shape == (24, 64, 72)
    assert errors.dtype == torch.float32
    cycles = errors / (2 * math.pi)
    seen = set()
    for field in cycles:
        values = set(field.round().unique().int().tolist()) - {0}
        assert len(values) == 1
        seen |= values
        assert 0.01 <= float((field != 0).float().mean()) <= 0.2
        assert ndimage.label(field.numpy() != 0)[1] == 1
    assert seen == {-2, -1, 1, 2}
    torch.testing.assert_close(cycles, cycles.round(), rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.polar(torch.ones_like(errors), errors).real, torch.ones_like(errors))


def test_each_field_has_its_own_number_of_patches() -> None:
    patches = torch.tensor([0, 1, 2, 3] * 8)
    share = (unwrapping_errors(coherences(32), patches, generator=seeded(1)) != 0).float().mean((-2, -1))
    assert (share[patches == 0] == 0).all()
    assert (share[patches > 0] >= 0.01).all()
    assert (share <= 0.2).all()
    assert share[patches == 3].mean() > share[patches == 1].mean()


def test_patches_end_where_coherence_is_low() -> None:
    coherence = coherences(24, seed=2)
    wrong = unwrapping_errors(coherence, torch.full((24,), 2), generator=seeded(2)) != 0
    border = wrong[..., 1:] != wrong[..., :-1]
    along = torch.minimum(coherence[..., 1:], coherence[..., :-1])
    assert along[border].mean() < coherence.mean() - 0.1


def test_no_error_crosses_a_moat() -> None:
    """Each error is on an island or around it, never on both: incoherent ground cuts them apart."""
    coherence = torch.full((12, 60, 60), 0.9)
    coherence[:, 18:42, 18:42] = 0.05
    coherence[:, 20:40, 20:40] = 0.9
    wrong = unwrapping_errors(coherence, torch.ones(12, dtype=torch.long), generator=seeded(5)) != 0
    outside = wrong.clone()
    outside[:, 18:42, 18:42] = False
    inside = wrong[:, 20:40, 20:40].flatten(1).any(1)
    assert wrong.flatten(1).any(1).all()
    assert inside.any()  # the moat draws the errors to itself
    assert not (inside & outside.flatten(1).any(1)).any()


def test_reproducible_from_the_generator() -> None:
    coherence, patches = coherences(4), torch.full((4,), 2)
    one, two, other = (unwrapping_errors(coherence, patches, generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("area", [(0.0, 0.2), (0.3, 0.2), (0.1, 1.5)])
def test_impossible_areas_are_refused(area: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="areas"):
        unwrapping_errors(coherences(1), torch.ones(1), area=area)
