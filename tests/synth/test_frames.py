"""Frame edges, missing bursts and seams."""

from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.frames import burst_seams, frame_edge, missing_burst

SHAPE, SPACING = (200, 240), (100.0, 100.0)


def test_frame_ends_at_its_distance_on_its_side() -> None:
    distance = torch.tensor([5000.0, 5000.0, -2000.0, 1e6])
    azimuth = torch.tensor([90.0, 0.0, 270.0, 33.0])
    inside = frame_edge(distance, azimuth, SHAPE, SPACING)
    assert inside.shape == (4, *SHAPE)
    assert inside[0].any(0).nonzero().max() == 120 + 49  # east edge 5 km east of the middle
    assert inside[1].any(1).nonzero().min() == 100 - 50  # north edge 5 km north
    assert inside[2].float().mean() == pytest.approx(10 / 24, abs=0.005)  # the east half less 2 km
    assert inside[3].all()


def test_edge_is_tilted_by_the_heading() -> None:
    inside = frame_edge(torch.tensor([0.0]), -12.0 + 90, SHAPE, SPACING)[0]
    edge = inside.sum(1).double()  # columns inside, from north to south
    lean = (edge[-1] - edge[0]) * SPACING[1] / ((SHAPE[0] - 1) * SPACING[0])
    # The track runs to the north-north-west, and so does the edge.
    assert float(lean) == pytest.approx(math.tan(math.radians(12)), abs=0.01)


def test_a_missing_burst_is_a_stripe_of_its_length_and_width() -> None:
    missing = missing_burst(
        0.0,
        SHAPE,
        SPACING,
        start=torch.tensor([-4000.0, 2000.0]),
        near=torch.tensor([-50e3, 1000.0]),
        length=torch.tensor([5000.0, 3000.0]),
        width=torch.tensor([85e3, 4000.0]),
    )
    assert missing[0].sum() == 50 * 240
    assert missing[0, 100 + 40 - 50 : 100 + 40].all()  # from 4 km south to 1 km north of the middle
    assert missing[1].sum() == 30 * 40
    assert missing[1, 50:80, 130:170].all()


def test_a_descending_stripe_lies_to_the_right_of_the_track() -> None:
    start, near = torch.tensor([-1e6]), torch.tensor([0.0])
    missing = missing_burst(180.0, SHAPE, SPACING, start=start, near=near, length=2e6)[0]
    assert missing[:, :120].all()  # west
    assert not missing[:, 120:].any()


def test_phase_steps_at_each_seam_and_nowhere_else() -> None:
    step = torch.tensor([0.5, 0.2])
    phase = burst_seams(step, torch.tensor([1000.0, 0.0]), 0.0, SHAPE, SPACING, length=6000.0)
    assert phase.dtype == torch.float32
    profile = phase[:, :, 0].flip(1)  # along the track, from south to north
    jumps = profile.diff(dim=1)
    for each, first in ((0, 50), (1, 40)):  # seams 5 and 4 km from the south edge, then every 6 km
        seams = (jumps[each] < -0.5 * step[each]).nonzero().flatten() + 1
        assert seams.tolist() == list(range(first, 200, 60))
        rest = jumps[each][jumps[each] > -0.5 * step[each]]
        torch.testing.assert_close(rest, (step[each] / 60).expand_as(rest), rtol=1e-3, atol=1e-6)
        assert float(jumps[each].min()) == pytest.approx(-float(step[each]) * 59 / 60, rel=1e-3)
        assert phase[each].abs().max() <= step[each] / 2
    assert phase.diff(dim=2).abs().max() == 0
