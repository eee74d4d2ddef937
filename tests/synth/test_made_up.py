"""Made-up volcanoes: names of their own, frames that tell where they are, true distances."""

from __future__ import annotations

import math
import re

import pytest
from made_presets import preset

from ssl_insar.readers.frame import METRES_PER_DEGREE
from ssl_insar.synth.made_up import volcano_name, volcano_of
from ssl_insar.synth.plan import plan_stack


def test_no_two_stacks_share_a_name() -> None:
    assert len({volcano_name(index) for index in range(20_000)}) == 20_000


def test_the_frame_tells_pass_and_latitude_and_another_seed_gives_another_place() -> None:
    law = preset()
    for index in range(30):
        plan = plan_stack(law, index, seed=0, size=32)
        volcano = volcano_of(plan, 0)
        assert volcano == volcano_of(plan, 0)
        told = re.fullmatch(r"(\d{3})([AD])_(\d{5})_131313", volcano.frame)
        assert told is not None
        assert 1 <= int(told[1]) <= 175
        assert (told[2] == "A") == plan.ascending
        assert 90 - int(told[3]) / 100 == pytest.approx(volcano.latitude)
        assert volcano_of(plan, 1).latitude != volcano.latitude


def test_pixels_are_square_on_the_ground_and_the_volcano_is_in_the_middle() -> None:
    volcano = volcano_of(plan_stack(preset(), 5, seed=0, size=64), 0)
    across, _, west, _, down, top = volcano.transform(64, 90.0)
    assert -down * METRES_PER_DEGREE == pytest.approx(90)
    assert across * METRES_PER_DEGREE * math.cos(math.radians(volcano.latitude)) == pytest.approx(90)
    assert (west + 32 * across, top + 32 * down) == pytest.approx((volcano.longitude, volcano.latitude))
