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


def test_screens_have_the_law_of_the_simulator() -> None:
    """Structure functions agree, along an axis and across the diagonal, at lags up to the side."""
    n, spacing, tec = 600, 2000.0, 1e-3
    _, made = screens(n, spacing=spacing, tec=(tec, tec))
    nothing, rms = torch.zeros(n), torch.full((n,), tec * SCREEN_SHARE)
    square, steps = (SIZE, SIZE), (spacing, spacing)
    generator = torch.Generator().manual_seed(0)
    theirs = ionospheric_phase(nothing, nothing, rms, square, steps, WAVELENGTHS["C"], generator=generator)
    # Without the planes, of which only the views have some.
    x = torch.linspace(-1, 1, SIZE).expand(SIZE, SIZE)
    planes = torch.stack([x.flatten(), x.T.flatten()], 1)
    rest = [
        each.flatten(1) - each.flatten(1) @ torch.linalg.pinv(planes).T @ planes.T for each in (made, theirs)
    ]
    ours, model = (each.view(n, SIZE, SIZE) for each in rest)
    assert ours.std() == pytest.approx(float(model.std()), rel=0.1)
    for lag in (2, 8, 24):
        for a, b in (((0, lag), (0, 0)), ((lag, 0), (0, 0)), ((lag, lag), (0, 0)), ((lag, 0), (0, lag))):
            size = SIZE - lag

            def structure(field: torch.Tensor) -> float:
                first = field[:, a[0] : a[0] + size, a[1] : a[1] + size]
                second = field[:, b[0] : b[0] + size, b[1] : b[1] + size]
                return float((first - second).square().mean())

            assert structure(ours) == pytest.approx(structure(model), rel=0.15), (lag, a, b)


def test_the_same_key_gives_the_same_screens() -> None:
    torch.testing.assert_close(screens(4, seed=3)[1], screens(4, seed=3)[1], rtol=0, atol=0)
    assert (screens(4, seed=3)[1] - screens(4, seed=4)[1]).abs().max() > 0.01
    assert screens(4)[1].dtype == torch.float32
