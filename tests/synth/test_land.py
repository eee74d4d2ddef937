"""The ground of stacks: its relief, and its cone where the plan puts it."""

from __future__ import annotations

import math

import pytest
import torch
from made_presets import preset

from ssl_insar.synth.land import heights
from ssl_insar.synth.layout import Layout
from ssl_insar.synth.plan import Plan, plan_stack
from ssl_insar.synth.stratified import ground

SIZE, SPACING = 96, (100.0, 100.0)


def ground_of(terrain: dict[str, float]) -> tuple[list[Plan], torch.Tensor]:
    law = preset(terrain=terrain)
    plans = [plan_stack(law, index, 0, SIZE) for index in range(3)]
    return plans, heights(Layout(plans, SIZE, SPACING, 0.055, torch.Generator().manual_seed(2)))


def test_terrain_has_its_relief_above_its_lowest_point() -> None:
    _, height = ground_of({"relief": 700.0})
    assert height.shape == (3, SIZE, SIZE)
    assert (height.amin((1, 2)) == 0).all()
    torch.testing.assert_close(height.amax((1, 2)), torch.full((3,), 700.0), rtol=1e-4, atol=0)


def test_the_cone_stands_where_the_plan_says() -> None:
    plans, height = ground_of({"relief": 200.0, "edifice": 2000.0, "edifice_radius": 1500.0})
    east, north = ground((SIZE, SIZE), SPACING)
    for plan, field in zip(plans, height, strict=True):
        row, col = divmod(int(field.argmax()), SIZE)
        off = math.hypot(east[row, col] - plan.land.centre[0], north[row, col] - plan.land.centre[1])
        assert off < 400
        assert field.max().item() == pytest.approx(2000, abs=250)
