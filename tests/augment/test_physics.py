"""Views against the simulator: what is called exact is what a satellite would have seen."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, silent
from ssl_insar.augment.config import FlipConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.sampling import sample
from ssl_insar.geometry import WAVELENGTHS, line_of_sight
from ssl_insar.synth.sources import SOURCES
from ssl_insar.synth.stratified import ground

SIZE, SPACING = 64, (250.0, 250.0)

SHAPES: dict[str, dict[str, float]] = {
    "mogi": {"depth": 3e3, "volume_change": 4e6},
    "sill": {"depth": 2e3, "strike": 30.0, "dip": 8.0, "length": 4e3, "width": 2e3, "opening": 0.4},
    "dyke": {"depth": 2e3, "strike": 30.0, "dip": 80.0, "length": 4e3, "width": 2e3, "opening": 0.5},
    "earthquake": {
        **{"depth": 4e3, "strike": 30.0, "dip": 60.0, "length": 6e3, "width": 4e3},
        **{"rake": -80.0, "slip": 0.4},
    },
}


def seen(name: str, heading: float, mirrored: bool) -> torch.Tensor:
    """Phasor field of a source, (1, 2, S, S), as seen from an orbit with this heading."""
    values = {"east": 1500.0, "north": -800.0, **SHAPES[name]}
    if mirrored:
        values["east"] = -values["east"]
        if "strike" in values:
            # A plane that dips to the right of its strike still does so seen from the other end.
            values["strike"] = 180 - values["strike"]
        if "rake" in values:
            values["rake"] = 180 - values["rake"]
    east, north = ground((SIZE, SIZE), SPACING)
    moved = SOURCES[name].function(east, north, **values)[0]
    toward = moved @ torch.tensor(line_of_sight(heading, 39.0))
    phase = toward * (-4 * math.pi / WAVELENGTHS["C"])
    return fd.from_complex(torch.polar(torch.ones_like(phase), phase).to(torch.complex64)[None])


def view(config: ViewsConfig, field: torch.Tensor) -> torch.Tensor:
    return Views(config, SIZE, SIZE)(field, 0, 1)[0][0]


def complex_of(field: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(field.permute(0, 2, 3, 1).contiguous())


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_mirrored_ascending_scene_is_the_descending_scene_of_the_mirrored_source(name: str) -> None:
    flipped = view(alone(ViewsConfig(), "flip"), seen(name, -10.0, mirrored=False))
    descending = seen(name, 190.0, mirrored=True)
    assert (seen(name, -10.0, mirrored=False) - descending).abs().max() > 0.5, "not the same to begin with"
    torch.testing.assert_close(flipped, descending, atol=1e-4, rtol=0)


def test_a_swap_is_what_swapped_dates_would_show_and_commutes_with_the_flip() -> None:
    field = seen("dyke", -10.0, mirrored=False)
    swapped = view(alone(ViewsConfig(), "swap"), field)
    back = fd.from_complex(torch.conj_physical(complex_of(field)))
    torch.testing.assert_close(swapped, back, atol=1e-6, rtol=0)
    both = alone(ViewsConfig(), "swap").model_copy(update={"flip": FlipConfig(left_right=1.0, up_down=0.0)})
    torch.testing.assert_close(view(both, field), swapped.flip(-1), atol=1e-6, rtol=0)


def test_an_offset_is_another_reference_pixel() -> None:
    field = seen("sill", -10.0, mirrored=False)
    moved = view(alone(ViewsConfig(), "offset"), field)
    ratio = complex_of(moved) * torch.conj_physical(complex_of(field))
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio), atol=1e-5, rtol=0)
    assert abs(complex(ratio[0, 0, 0]) - 1) > 1e-2


def test_an_integer_rewrap_is_the_phase_times_the_integer() -> None:
    config: Any = alone(ViewsConfig(), "rewrap")
    config = config.model_copy(update={"rewrap": config.rewrap.model_copy(update={"factors": (3,)})})
    field = seen("mogi", -10.0, mirrored=False)
    z = complex_of(field)
    expected = torch.polar(torch.ones_like(z.real), 3 * torch.angle(z))
    got = complex_of(view(config, field))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def rms_error(got: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> float:
    """Of an angle, once round the circle, rad."""
    return float(torch.angle(torch.polar(torch.ones_like(got), got - truth))[inside].square().mean().sqrt())


def test_blurring_and_warping_the_phasor_beat_the_raw_phase() -> None:
    """A phantom whose true phase is known everywhere: broad rings of six fringes."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")

    def true(across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
        return 12 * math.pi * torch.exp(-((across - 64) ** 2 + (down - 64) ** 2) / 1800)

    phase = true(x, y)
    wrapped = torch.angle(torch.polar(torch.ones_like(phase), phase))
    field = fd.from_complex(torch.polar(torch.ones_like(phase), phase)[None])
    inside = torch.zeros(128, 128, dtype=torch.bool)
    inside[12:-12, 12:-12] = True
    box = torch.ones(1, 1, 3, 3) / 9

    def blur(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(values[None, None], box, padding=1)[0, 0]

    raw = rms_error(blur(wrapped), blur(phase), inside)
    ours = rms_error(torch.atan2(blur(field[0, 1]), blur(field[0, 0])), blur(phase), inside)
    assert ours * 10 <= raw

    grid, _ = Views(alone(ViewsConfig(), "elastic"), 128, 128).grid(1, Draw(torch.device("cpu"), 0))
    across, down = ((grid[0] + 1) * 64 - 0.5).unbind(-1)
    inside &= (across > 2) & (across < 125) & (down > 2) & (down < 125)
    warped, _ = sample(field, fd.validity(field), grid)
    plain = torch.nn.functional.grid_sample(wrapped[None, None], grid, align_corners=False)[0, 0]
    raw = rms_error(plain, true(across, down), inside)
    ours = rms_error(torch.atan2(warped[0, 1], warped[0, 0]), true(across, down), inside)
    assert ours * 10 <= raw


def test_a_region_without_data_stays_without_whatever_is_done_to_the_phase() -> None:
    config = ViewsConfig()
    phase = ("swap", "rewrap", "offset", "turbulence", "stratified", "ionosphere", "ramp", "donor")
    names = (*phase, "decorrelation", "multilook", "cutout", "blanks", "frame_edge")
    on = {name: getattr(config, name).model_copy(update={"p": 1.0}) for name in names}
    config = silent(config).model_copy(update=on)
    field = seen("mogi", -10.0, mirrored=False).expand(8, -1, -1, -1).clone()
    field[:, :, 20:40, 10:30] = 0
    bank = fd.rotate(
        fd.from_complex(torch.ones(2, SIZE, SIZE, dtype=torch.complex64)), torch.full((2, 1, 1), 0.3)
    )
    for picture, coherence in Views(config, SIZE, SIZE, bank=bank)(field, 0, 2):
        assert not picture[:, :, 20:40, 10:30].any()
        assert not coherence[:, :, 20:40, 10:30].any()
        assert picture.any()


def test_nothing_is_what_silence_does() -> None:
    field = seen("mogi", -10.0, mirrored=False)
    torch.testing.assert_close(view(silent(ViewsConfig()), field), field, atol=1e-6, rtol=0)
