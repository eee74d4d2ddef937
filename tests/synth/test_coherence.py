"""The law of coherence, and the vegetation it depends on."""

from __future__ import annotations

import math

import pytest
import torch
from made_spectra import seeded

from ssl_insar.synth.coherence import CoherenceLaw, coherence_field, vegetation_cover

FLAT = torch.zeros(1, 4, 5)
OPEN = CoherenceLaw(offset=50.0)  # a sigmoid of 1: time alone


def test_time_takes_coherence_down_to_its_floor_each_pair_its_own() -> None:
    days = torch.tensor([0.0, 12.0, 48.0, 1e6])
    field = coherence_field(
        FLAT,
        FLAT,
        FLAT,
        days,
        tau=torch.tensor([40.0, 40, 24, 40]),
        initial=0.9,
        floor=torch.tensor([0.1, 0.1, 0.5, 0.2]),
        law=OPEN,
    )
    assert field.shape == (4, 4, 5)
    expected = [0.9, 0.8 * math.exp(-0.3) + 0.1, 0.4 * math.exp(-2) + 0.5, 0.2]
    torch.testing.assert_close(field[:, 0, 0], torch.tensor(expected))


def test_ground_enters_by_the_sigmoid() -> None:
    law = CoherenceLaw(offset=1.0, texture=0.5, slope=2.0, vegetation=3.0)
    texture, slope, vegetation = torch.tensor([1.0, -1.0]), torch.tensor([0.2, 0.7]), torch.tensor([0.0, 0.9])
    field = coherence_field(
        texture[None], slope[None], vegetation[None], torch.zeros(1), initial=1.0, floor=0.0, law=law
    )
    inside = [1 + 0.5 - 0.4, 1 - 0.5 - 1.4 - 2.7]
    torch.testing.assert_close(field[0, 0], torch.sigmoid(torch.tensor(inside)))


def test_each_interferogram_may_have_its_own_weights() -> None:
    law = CoherenceLaw(offset=torch.tensor([1.0, -1.0]).reshape(2, 1, 1))
    field = coherence_field(FLAT, FLAT, FLAT, torch.zeros(2), initial=1.0, floor=0.0, law=law)
    torch.testing.assert_close(field[:, 0, 0], torch.sigmoid(torch.tensor([1.0, -1.0])))


def test_steep_overgrown_and_old_is_less_coherent_and_all_stays_within_bounds() -> None:
    generator = seeded()
    texture = torch.randn((3, 20, 20), generator=generator)
    bare = coherence_field(texture, 0 * texture, 0 * texture, torch.full((3,), 6.0))
    for slope, vegetation, days in ((0.5, 0.0, 6.0), (0.0, 0.8, 6.0), (0.0, 0.0, 60.0)):
        less = coherence_field(texture, 0 * texture + slope, 0 * texture + vegetation, torch.full((3,), days))
        assert (less < bare).all()
        assert less.min() >= 0
        assert bare.max() <= 1


def test_floor_and_tau_may_be_fields() -> None:
    floor = torch.linspace(0, 0.9, 20).reshape(4, 5)
    field = coherence_field(FLAT, FLAT, FLAT, torch.full((2,), 1e6), floor=floor, law=OPEN)
    torch.testing.assert_close(field, floor.expand(2, 4, 5))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"tau": 0.0}, "tau"),
        ({"floor": 0.99}, "floor"),
        ({"initial": 1.1}, "initial"),
        ({"floor": -0.1}, "floor"),
    ],
)
def test_impossible_levels_are_refused(settings: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        coherence_field(FLAT, FLAT, FLAT, torch.ones(1), **settings)  # type: ignore[arg-type]


def test_negative_baselines_are_refused() -> None:
    with pytest.raises(ValueError, match="baselines"):
        coherence_field(FLAT, FLAT, FLAT, torch.tensor([-1.0]))


def test_vegetation_covers_the_share_asked_smoothly() -> None:
    share = torch.tensor([0.0, 0.2, 0.5, 1.0])
    cover = vegetation_cover(share, (60, 80), (100, 100), generator=seeded())
    assert cover.shape == (4, 60, 80)
    torch.testing.assert_close((cover > 0.5).float().mean((-2, -1)), share, rtol=0, atol=1e-3)
    assert cover.min() >= 0
    assert cover.max() <= 1
    assert cover.diff(dim=-1).abs().max() < 0.2
    assert torch.equal(cover, vegetation_cover(share, (60, 80), (100, 100), generator=seeded()))
    with pytest.raises(ValueError, match="shares"):
        vegetation_cover(torch.tensor([1.2]), (8, 8), (100, 100))
