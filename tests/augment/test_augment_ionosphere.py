from __future__ import annotations

import pytest
import torch

from ssl_insar.augment.config import IonosphereConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.ionosphere import SCREEN_SHARE, Ionosphere
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth.ionosphere import ionospheric_phase, phase_per_tecu

CPU = torch.device("cpu")
SIZE = 48


def screens(
    n: int, band: str = "C", seed: int = 0, spacing: float = 100.0, **config: object
) -> tuple[torch.Tensor, torch.Tensor]:
    effect = Ionosphere(IonosphereConfig(**({"p": 1} | config)), SIZE, spacing, WAVELENGTHS[band])
    return effect(n, Draw(CPU, seed))


def test_none_is_touched_at_p_0() -> None:
    chosen, made = screens(5, p=0)
    assert chosen.shape == (0,)
    assert made.shape == (0, SIZE, SIZE)


def test_p_is_the_share_of_views_that_are_touched() -> None:
    chosen, made = screens(400, p=0.25)
    assert 60 < len(chosen) < 140
    assert len(made) == len(chosen)
    assert len(chosen.unique()) == len(chosen)


def test_the_ramp_gains_the_asked_electrons_in_any_direction() -> None:
    """Seen as the mean square over many views: the ramp's 1/12 of tec squared, and the screen's."""
    tec = 0.2
    _, made = screens(400, tec=(tec, tec))
    expected = tec**2 * (1 / 12 + SCREEN_SHARE**2) * phase_per_tecu(WAVELENGTHS["C"]) ** 2
    assert made.square().mean() == pytest.approx(expected, rel=0.15)
    assert made.mean((1, 2)).abs().max() < 1e-5
    right = made[:, :, -1].mean(1) - made[:, :, 0].mean(1)
    up = made[:, 0].mean(1) - made[:, -1].mean(1)
    assert torch.corrcoef(torch.stack([right, up]))[0, 1].abs() < 0.15
    assert right.mean().abs() < 0.1 * right.std() + 0.1
    assert right.std() == pytest.approx(float(up.std()), rel=0.25)


def test_phase_grows_with_the_wavelength() -> None:
    ratio = WAVELENGTHS["L"] / WAVELENGTHS["C"]
    torch.testing.assert_close(screens(4, "L")[1], ratio * screens(4, "C")[1], rtol=1e-4, atol=1e-5)


def test_there_is_no_detail() -> None:
    """Wavelengths are 50 km and more: a view of 5 km is all but a plane."""
    _, made = screens(50)
    bent = (made[:, 2:] - 2 * made[:, 1:-1] + made[:, :-2]).abs().amax((1, 2))
    across = made.amax((1, 2)) - made.amin((1, 2))
    assert (bent < 0.01 * across).all()


def bending(field: torch.Tensor, down: int, right: int) -> float:
    """Median of the mean square of second differences at a lag: planes have none.

    The mean over screens hardly converges: one of little slope, scaled to its deviation, bends most.
    """
    edge = 16

    def shifted(times: int) -> torch.Tensor:
        rows, cols = (slice(edge + times * step, SIZE - edge + times * step) for step in (down, right))
        return field[:, rows, cols]

    return float((shifted(1) - 2 * shifted(0) + shifted(-1)).square().mean((1, 2)).median())


@pytest.mark.parametrize("spacing", [100.0, 5000.0])
def test_screens_have_the_law_of_the_simulator(spacing: float) -> None:
    n, tec = 1500, 0.2
    _, made = screens(n, spacing=spacing, tec=(tec, tec))
    nothing, rms = torch.zeros(n), torch.full((n,), tec * SCREEN_SHARE)
    square, steps = (SIZE, SIZE), (spacing, spacing)
    generator = torch.Generator().manual_seed(0)
    theirs = ionospheric_phase(nothing, nothing, rms, square, steps, WAVELENGTHS["C"], generator=generator)
    for lag in ((0, 4), (4, 0), (4, 4), (4, -4), (0, 16), (16, 0), (16, 16), (16, -16)):
        assert bending(made, *lag) == pytest.approx(bending(theirs, *lag), rel=0.15), lag


def test_the_same_key_gives_the_same_screens() -> None:
    torch.testing.assert_close(screens(4, seed=3)[1], screens(4, seed=3)[1], rtol=0, atol=0)
    assert (screens(4, seed=3)[1] - screens(4, seed=4)[1]).abs().max() > 0.01
    assert screens(4)[1].dtype == torch.float32
