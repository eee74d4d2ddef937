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
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_nothing_is_what_silence_does() -> None:
    field = seen("mogi", -10.0, mirrored=False)
    torch.testing.assert_close(view(silent(ViewsConfig()), field), field, atol=1e-6, rtol=0)
