"""Stacks are what their plans say, and know all that was put into them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from made_presets import MOGI, lively, preset

from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth.plan import plan_stack
from ssl_insar.synth.preset import Preset
from ssl_insar.synth.render import Simulated, render

SIZE = 64


def made(law: Preset, stacks: int = 4, seed: int = 0, size: int = SIZE) -> Simulated:
    plans = [plan_stack(law, index, seed, size) for index in range(stacks)]
    return render(plans, law, size, torch.Generator().manual_seed(seed))


def correlation(one: torch.Tensor, two: torch.Tensor) -> float:
    return float((one * two).mean() / (one.square().mean() * two.square().mean()).sqrt())


def test_interferograms_that_share_an_acquisition_share_its_screen() -> None:
    law = preset(
        stack={"acquisitions": 4, "neighbours": 3},
        noise={"turbulence": {"rms": 1.0}, "exponential": {"rms": 1.0, "length": 2000.0}},
    )
    stack = made(law, stacks=60)
    for name in ("turbulence", "exponential"):
        field = stack.scene.components[name].reshape(60, 6, SIZE, SIZE)
        by_pair = {pair: field[:, i] for i, pair in enumerate(stack.pairs[:6])}
        assert correlation(by_pair[0, 1], by_pair[0, 2]) == pytest.approx(0.5, abs=0.07)
        assert correlation(by_pair[0, 1], by_pair[1, 2]) == pytest.approx(-0.5, abs=0.07)
        assert correlation(by_pair[0, 1], by_pair[2, 3]) == pytest.approx(0, abs=0.1)


def test_the_unwrapped_phase_is_the_sum_of_all_that_is_known() -> None:
    law = lively(
        noise={
            "turbulence": {"rms": 0.7},
            "stratified": {
                "kind": "quadratic",
                "gradient": {"normal": [0, 1]},
                "curvature": {"normal": [0, 0.5]},
            },
            "ramp": {"fringes": 1.0, "twist": 0.2},
            "ionosphere": {"tec": 0.1},
            "sinusoids": {},
        },
        filter=None,
        wrapped=False,
    )
    stack = made(law)
    signal = stack.motion.displacement * (-4 * math.pi / WAVELENGTHS["C"])
    assert float(signal.abs().max()) > 3, "something moves"
    expected = signal + sum(stack.scene.components.values())
    torch.testing.assert_close(stack.scene.unwrapped.double(), expected.double(), atol=1e-4, rtol=0)
    wrapped = torch.polar(torch.ones_like(expected), expected)
    torch.testing.assert_close(stack.scene.phasor, wrapped.to(torch.complex64), atol=1e-4, rtol=0)


def test_noise_has_the_rms_that_the_preset_gives_to_an_interferogram() -> None:
    stack = made(preset(noise={"turbulence": {"rms": 1.5}, "ramp": {"fringes": 1.0}}), stacks=80)
    rms = stack.scene.components["turbulence"].square().mean(dim=(1, 2)).mean().sqrt()
    assert float(rms) == pytest.approx(1.5, rel=0.05)
    ramp = stack.scene.components["ramp"]
    steepest = (ramp.amax(dim=(1, 2)) - ramp.amin(dim=(1, 2))) / (2 * math.pi)
    assert float(steepest.min()) > 0.9
    assert float(steepest.max()) < 1.5  # along a diagonal


@pytest.mark.parametrize("kind", ["step", "linear", "log", "exponential", "sinusoidal"])
def test_what_happens_between_dates_adds_up(kind: str) -> None:
    law = preset(
        stack={"acquisitions": 4, "neighbours": 3, "interval": 20.0},
        deformation={
            "share": 1.0,
            "sources": MOGI,
            "peak": 0.05,
            "time": {"kind": kind, "scale": 15.0, "onset": 0.2},
        },
    )
    stack = made(law, stacks=3)
    for number in range(3):
        rows = {stack.pairs[i]: i for i in range(18) if int(stack.stack[i]) == number}
        moved = {pair: stack.motion.displacement[row] for pair, row in rows.items()}
        torch.testing.assert_close(moved[0, 1] + moved[1, 2] + moved[2, 3], moved[0, 3])
        largest = max(float(field.abs().max()) for field in moved.values())
        assert largest >= 0.05 * (1 - 1e-9)
        if kind == "step":
            assert float(moved[0, 3].abs().max()) == pytest.approx(0.05)
            assert [float(moved[i, i + 1].abs().max()) > 0 for i in range(3)] == [True, False, False]


def test_what_comes_full_circle_or_too_early_does_not_move() -> None:
    def moved(**time: Any) -> torch.Tensor:
        law = preset(deformation={"share": 1.0, "sources": MOGI, "peak": 0.05, "time": time})
        return made(law).motion.displacement

    assert not moved(kind="sinusoidal", scale=12.0, onset=0.0).any()
    assert float(moved(kind="step", onset=0.0).abs().max()) == pytest.approx(0.05)


@pytest.mark.parametrize("kind", ["turbulence", "exponential"])
def test_the_ratio_is_of_the_noise_that_was_drawn(kind: str) -> None:
    """Twice the noise halves it, whatever its law."""
    noise = {"rms": 1.0} if kind == "turbulence" else {"rms": 1.0, "length": 4000.0}
    told = []
    for factor in (1, 2):
        law = preset(
            deformation={"share": 1.0, "sources": MOGI, "peak": 0.05},
            noise={kind: noise | {"rms": float(factor)}},
        )
        told.append(made(law).snr)
    np.testing.assert_allclose(told[0] / told[1], 2, rtol=0.01)


def test_a_source_under_noise_is_not_worth_its_label() -> None:
    law = lively(
        deformation={"share": 1.0, "sources": MOGI, "peak": 0.1},
        noise={"decorrelation": {"looks": 10.0, "coherence": 0.1}},
    )
    stack = made(law)
    assert stack.deforms.all()
    assert float(stack.snr.max()) < 1


def test_motion_too_small_to_see_has_neither_mask_nor_ratio() -> None:
    law = lively(deformation={"share": 1.0, "sources": MOGI, "peak": 0.0005})
    stack = made(law)
    assert not stack.deforms.any()
    assert not stack.mask.any()
    assert not stack.snr.any()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"geometry": {"incidence": 95.0}}, "geometry.incidence: .* gives 95"),
        ({"noise": {"exponential": {"length": 0.0}}}, "exponential.length"),
        ({"noise": {"sinusoids": {"wavelength": {"uniform": [-2, -1]}}}}, "sinusoids.wavelength"),
    ],
)
def test_impossible_numbers_are_told_by_their_name(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan_stack(preset(**changed), 0, 0, SIZE)


def test_deflation_moves_away_and_inflation_toward() -> None:
    for sign in (1, -1):
        law = preset(deformation={"share": 1.0, "sources": MOGI, "peak": 0.05 * sign})
        moved = made(law).motion.displacement
        extreme = moved.amax(dim=(1, 2)) if sign > 0 else moved.amin(dim=(1, 2))
        np.testing.assert_allclose(extreme.numpy(), 0.05 * sign, rtol=1e-9)


def test_truth_of_scenes_that_move_and_of_those_that_do_not() -> None:
    stack = made(lively(), stacks=24)
    moves = stack.motion.displacement.flatten(1).any(1)
    assert 4 < int(moves.sum()) < 20
    assert stack.mask.flatten(1).any(1).equal(moves)
    assert (stack.snr > 0).equal(moves)
    assert torch.isnan(stack.variance_ratio).equal(~moves)
    assert float(stack.snr[moves].median()) > 5


def test_what_moves_without_being_looked_for_is_noise() -> None:
    sources = {"mogi": {**MOGI["mogi"], "negative": True}}
    stack = made(preset(deformation={"share": 1.0, "sources": sources, "peak": 0.05}))
    assert not stack.motion.displacement.any()
    assert not stack.mask.any()
    assert float(stack.scene.components["other motion"].abs().amax(dim=(1, 2)).min()) > 5


def test_landslides_are_where_it_is_steep_and_flat_ground_has_none() -> None:
    slide = {"landslide": {"parameters": {"strike": 0.0, "sigma_along": 600.0, "sigma_across": 400.0}}}
    deformation = {"share": 1.0, "sources": slide, "peak": 0.05}
    steep = made(preset(terrain={"relief": 2500.0}, deformation=deformation))
    assert float(steep.motion.displacement.abs().amax(dim=(1, 2)).min()) == pytest.approx(0.05)
    flat = made(preset(terrain={"relief": 1.0}, deformation=deformation))
    assert not flat.motion.displacement.any()


@pytest.mark.parametrize(
    ("masks", "least", "most"),
    [({"frame_edge": 1.0}, 0.0, 0.65), ({"missing_burst": 1.0}, 0.0, 0.7), ({}, 0.0, 0.0)],
)
def test_no_data(masks: dict[str, Any], least: float, most: float) -> None:
    stack = made(preset(masks=masks), stacks=30)
    lost = 1 - stack.scene.valid.float().mean(dim=(1, 2))
    assert float(lost.min()) >= least
    assert float(lost.max()) <= most
    assert (float(lost.max()) > 0.05) == bool(masks)


def test_water_and_layover_and_blobs_are_incoherent_and_water_may_be_no_data() -> None:
    def coherent(**masks: Any) -> torch.Tensor:
        law = lively(terrain={"relief": 3000.0, "water": masks.pop("water", 0.0)}, masks=masks)
        return made(law, stacks=12).scene.coherence

    base = coherent()
    assert float((coherent(water=0.3, water_masked=0.0) == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float((coherent(layover_shadow=1.0) == 0).float().mean()) > float((base == 0).float().mean())
    assert float((coherent(incoherent=1.0) == 0).float().mean()) > float((base == 0).float().mean())
    wet = made(lively(terrain={"water": 0.3}, masks={"water_masked": 1.0}), stacks=6)
    assert float(wet.scene.valid.float().mean()) == pytest.approx(0.7, abs=0.01)


def test_coherence_falls_with_time() -> None:
    law = lively(
        stack={"acquisitions": 5, "neighbours": 4, "interval": 24.0},
        noise={"decorrelation": {"tau": 40.0, "floor": 0.3}},
        deformation={"share": 0.0},
    )
    stack = made(law, stacks=6)
    mean = stack.scene.coherence.mean(dim=(1, 2)).reshape(6, 10).mean(0)
    by_lag: dict[int, list[float]] = {}
    for pair, value in zip(stack.pairs[:10], mean.tolist(), strict=True):
        by_lag.setdefault(pair[1] - pair[0], []).append(value)
    means = [float(np.mean(by_lag[lag])) for lag in sorted(by_lag)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.75 * means[0]


def test_corrupted_pixels() -> None:
    stack = made(preset(masks={"corrupted": 0.1}))
    moved = (torch.angle(stack.scene.phasor) - stack.scene.noise).remainder(2 * math.pi)
    off = torch.minimum(moved, 2 * math.pi - moved) > 1e-3
    assert float(off.float().mean()) == pytest.approx(0.1, abs=0.01)


def test_unwrapping_errors_are_whole_cycles() -> None:
    law = lively(wrapped=False, unwrapping={"probability": 1.0, "blobs": 2, "area": 0.1})
    stack = made(law)
    clean = made(law.model_copy(update={"unwrapping": preset().unwrapping}))
    cycles = (stack.scene.unwrapped - clean.scene.unwrapped) / (2 * math.pi)
    torch.testing.assert_close(cycles, cycles.round(), atol=1e-4, rtol=0)
    assert 0.01 < float((cycles.round() != 0).float().mean()) < 0.2


def test_the_same_seed_gives_the_same_scenes_and_plans_do_not_depend_on_the_batch() -> None:
    one, two, other = made(lively()), made(lively()), made(lively(), seed=1)
    assert torch.equal(one.scene.phasor, two.scene.phasor)
    assert not torch.equal(one.scene.phasor, other.scene.phasor)
    assert made(lively(), stacks=2).plans == one.plans[:2]
