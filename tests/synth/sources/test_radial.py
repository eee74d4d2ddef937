"""What interpolation over the radius costs, and that it knows no direction."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.synth.sources import geertsma, penny, radial

F64 = torch.float64
EXTREMES = {
    "penny at its shallowest": (penny, {"depth": 300.0, "radius": 1000.0, "overpressure": 1e-3}),
    "deep penny": (penny, {"depth": 8e3, "radius": 500.0, "overpressure": 1e-3}),
    "shallow reservoir": (geertsma, {"depth": 300.0, "radius": 5e3, "compaction": 0.1}),
    "shallowest reservoir": (geertsma, {"depth": 100.0, "radius": 5e3, "compaction": 0.1}),
    "deep reservoir": (geertsma, {"depth": 3e3, "radius": 300.0, "compaction": 0.1}),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_interpolation_is_good_to_its_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with a table of other radii, so fine that its own error is far below."""
    function, parameters = EXTREMES[name]
    x = torch.cat([torch.linspace(0, 8e3, 3001, dtype=F64), torch.linspace(8e3, 1e5, 500, dtype=F64)])
    got = function(x, torch.zeros_like(x), east=0.0, north=0.0, **parameters)[0]
    monkeypatch.setattr(radial, "_RADII", 30_001)
    exact = function(x, torch.zeros_like(x), east=0.0, north=0.0, **parameters)[0]
    assert ((got - exact).norm(dim=-1) / exact.norm(dim=-1)).max() < 1e-7


def test_displacement_is_the_same_in_all_directions() -> None:
    angle = torch.linspace(0, 6, 30, dtype=F64)
    got = penny(
        3e3 * torch.cos(angle) + 100,
        3e3 * torch.sin(angle) - 50,
        east=100.0,
        north=-50.0,
        depth=2e3,
        radius=1e3,
        overpressure=1e-3,
    )[0]
    outward = got[:, 0] * torch.cos(angle) + got[:, 1] * torch.sin(angle)
    aside = got[:, 1] * torch.cos(angle) - got[:, 0] * torch.sin(angle)
    torch.testing.assert_close(outward, outward[:1].expand(30))
    torch.testing.assert_close(got[:, 2], got[:1, 2].expand(30))
    assert aside.abs().max() < 1e-12


def test_a_shallow_penny_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.3 radius"):
        penny(torch.zeros(1), torch.zeros(1), east=0.0, north=0.0, depth=299.0, radius=1e3, overpressure=1.0)
