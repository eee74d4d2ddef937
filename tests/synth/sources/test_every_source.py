"""What holds for all sources of the catalogue: batches, precision, gradients, symmetries, linearity."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch

from ssl_insar.synth.sources import SOURCES

F64 = torch.float64

SPHEROID = {"semi_major": 1200.0, "semi_minor": 700.0, "plunge": 60.0, "strike": 40.0}
TURNED = {"rotation_x": 20.0, "rotation_y": -15.0, "rotation_z": 70.0}
SEMI_AXES = {"semi_axis_x": 400.0, "semi_axis_y": 900.0, "semi_axis_z": 600.0}
PLANE = {"strike": 30.0, "length": 4e3, "width": 2e3}
ELLIPSE = {"strike": 30.0, "sigma_along": 2e3, "sigma_across": 900.0}
EXAMPLES: dict[str, dict[str, float]] = {
    "mogi": {"depth": 3e3, "volume_change": 1e6},
    "mctigue": {"depth": 3e3, "radius": 900.0, "overpressure": 1e-3},
    "penny": {"depth": 3e3, "radius": 2e3, "overpressure": 1e-3},
    "yang": {"depth": 3e3, **SPHEROID, "overpressure": 1e-3},
    "point_cdm": {"depth": 3e3, "potency": 3e6, "share_x": 0.2, "share_y": 0.7, "share_z": 0.1, **TURNED},
    "cdm": {"depth": 3e3, **SEMI_AXES, **TURNED, "opening": 1.0},
    "sill": {"depth": 3e3, "dip": 5.0, **PLANE, "opening": 0.5},
    "dyke": {"depth": 3e3, "dip": 88.0, **PLANE, "opening": 0.5},
    "earthquake": {"depth": 3e3, "dip": 50.0, **PLANE, "rake": -70.0, "slip": 1.0},
    "geertsma": {"depth": 2e3, "radius": 3e3, "compaction": 0.1},
    "knothe": {"depth": 2e3, "influence_angle": 63.0, **PLANE, "subsidence": 0.5},
    "bowls": {**ELLIPSE, "subsidence": 0.1},
    "landslide": {**ELLIPSE, "slide": 0.1},
}
ALL = pytest.mark.parametrize("name", SOURCES)


def points() -> tuple[torch.Tensor, torch.Tensor]:
    """Around a source at (300, -200), with its centre among them; exact in float32."""
    x, y = torch.meshgrid(torch.arange(-2.0, 3) * 2048, torch.arange(-1.0, 3) * 1024, indexing="ij")
    return (x + 300).to(F64), (y - 200).to(F64)


def compute(
    name: str, x: torch.Tensor, y: torch.Tensor, turned_by: float = 0.0, **changed: Any
) -> torch.Tensor:
    parameters: dict[str, Any] = {"east": 300.0, "north": -200.0} | EXAMPLES[name] | changed
    if SOURCES[name].needs_terrain:
        slope, angle = 0.4, math.radians(70 - turned_by)
        parameters |= {
            "slope_east": torch.full_like(x, slope * math.cos(angle)),
            "slope_north": torch.full_like(x, slope * math.sin(angle)),
        }
    return SOURCES[name].function(x, y, **parameters)


def test_every_source_has_an_example() -> None:
    assert set(EXAMPLES) == set(SOURCES)


@ALL
def test_strength_is_a_parameter_and_displacement_linear_in_it(name: str) -> None:
    strength = SOURCES[name].strength
    assert strength in inspect.signature(SOURCES[name].function).parameters
    x, y = points()
    value = EXAMPLES[name][strength]
    scaled = compute(name, x, y, **{strength: torch.tensor([value, -3 * value, 0.0], dtype=F64)})
    assert scaled[0].abs().max() > 1e-4
    torch.testing.assert_close(scaled[1], -3 * scaled[0])
    assert scaled[2].abs().max() == 0


@ALL
def test_batch_equals_loop(name: str) -> None:
    x, y = points()
    factors = torch.tensor([1.0, 1.1, 1.3], dtype=F64)
    kept = {"influence_angle", "plunge", "dip"}
    batched = {key: value * (factors if key not in kept else 1.0) for key, value in EXAMPLES[name].items()}
    batch = compute(name, x, y, **batched, east=300.0 + 100 * factors)
    assert batch.shape == (3, *x.shape, 3)
    assert batch.dtype == F64
    for index, factor in enumerate(factors.tolist()):
        alone = {
            key: value[index].item() if isinstance(value, torch.Tensor) else value
            for key, value in batched.items()
        }
        torch.testing.assert_close(
            batch[index], compute(name, x, y, **alone, east=300.0 + 100 * factor)[0], rtol=1e-9, atol=1e-14
        )


@ALL
def test_points_of_float32_change_nothing(name: str) -> None:
    x, y = points()
    single = compute(name, x.float(), y.float())
    assert single.dtype == F64
    # Slopes of the landslide's terrain are rounded to float32 with their points.
    torch.testing.assert_close(single, compute(name, x, y), rtol=1e-6 if name == "landslide" else 0, atol=0)


@ALL
def test_gradients_are_finite(name: str) -> None:
    """Also at the centre, where radii are 0, and along the symmetry lines."""
    x, y = (value.requires_grad_() for value in points())
    parameters = {
        key: torch.tensor([value], dtype=F64, requires_grad=True) for key, value in EXAMPLES[name].items()
    }
    moved = compute(name, x, y, **parameters)
    gradients = torch.autograd.grad(
        moved.square().sum(), [x, y, *parameters.values()], allow_unused=True, materialize_grads=True
    )
    for gradient in gradients:
        assert gradient.isfinite().all()
    depends = dict(zip(parameters, gradients[2:], strict=True))
    assert depends[SOURCES[name].strength].abs() > 0


@ALL
def test_source_and_points_turned_together_turn_the_displacement(name: str) -> None:
    x, y = points()
    degrees = 37.0
    angle = math.radians(degrees)
    turn = {key: EXAMPLES[name][key] + degrees for key in ("strike", "rotation_z") if key in EXAMPLES[name]}

    def turned(east: torch.Tensor, north: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Clockwise, as strikes count."""
        return (
            east * math.cos(angle) + north * math.sin(angle),
            north * math.cos(angle) - east * math.sin(angle),
        )

    first = compute(name, x, y)[0]
    x_turned, y_turned = turned(x - 300, y + 200)
    second = compute(name, x_turned + 300, y_turned - 200, turned_by=degrees, **turn)[0]
    expected = torch.stack([*turned(first[..., 0], first[..., 1]), first[..., 2]], dim=-1)
    torch.testing.assert_close(second, expected, rtol=1e-7, atol=1e-10 * float(first.abs().max()))


@ALL
def test_displacement_fades_far_away(name: str) -> None:
    x, y = points()
    near, far = compute(name, x, y), compute(name, x + 1e6, y)
    assert far.abs().max() < 1e-4 * near.abs().max()


@pytest.mark.parametrize("name", ["mogi", "mctigue", "penny", "geertsma"])
def test_sources_with_an_axis_are_mirror_images_of_themselves(name: str) -> None:
    x, y = points()
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=F64)
    torch.testing.assert_close(compute(name, 600 - x, y) * mirror, compute(name, x, y))


def refused(name: str, **changed: float) -> None:
    with pytest.raises(ValueError, match=r"needs|deeper|buried"):
        compute(name, *points(), **changed)


def test_impossible_geometry_is_refused() -> None:
    refused("mctigue", radius=3e3)
    refused("mctigue", radius=0.0)
    refused("penny", depth=500.0)
    refused("yang", semi_major=600.0)
    refused("yang", depth=900.0)
    refused("cdm", depth=300.0)
    refused("geertsma", depth=0.0)
    refused("knothe", influence_angle=90.0)
    refused("bowls", sigma_along=0.0)
    refused("landslide", sigma_across=-1.0)
