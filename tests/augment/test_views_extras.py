"""The effects that need more than the phase, inside `Views`."""

from __future__ import annotations

import torch
from made import TINY

from ssl_insar.augment import Extras, Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, effects, silent
from ssl_insar.augment.config import StratifiedConfig, TurbulenceConfig
from ssl_insar.pretrain.recipe import load

SIZE = 32
TILES = fd.from_complex(torch.ones(6, 64, 64, dtype=torch.complex64))


def phase(
    config: ViewsConfig, extras: Extras | None = None, bank: torch.Tensor | None = None
) -> torch.Tensor:
    view, _ = Views(config, 64, SIZE, bank=bank)(TILES, 0, 1, extras)[0]
    return torch.atan2(view[:, 1], view[:, 0])


def test_silent_views_are_the_tiles_and_each_effect_alone_does_something() -> None:
    config = load(TINY).views
    assert not phase(silent(config)).any()
    flat = {"crop", "flip", "swap", "rewrap", "donor", "multilook"}
    for name in effects():
        view, _ = Views(alone(config, name), 64, SIZE)(TILES, 0, 1)[0]
        changed = (view - torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)).abs().amax() > 1e-3
        # Of one phase all over, it is not changed by what only moves its pixels (a warp loses its edge).
        assert bool(changed) == (name not in flat), name


def test_stratified_delay_follows_the_heights_that_are_known() -> None:
    config = alone(ViewsConfig(), "stratified")
    height = torch.linspace(0, 2000, 64).expand(6, 1, 64, 64).clone()
    screens = phase(config, Extras(height=height))
    across = screens - screens.mean(dim=(1, 2), keepdim=True)
    assert across.abs().amax() > 0.1
    torch.testing.assert_close(screens, screens[:, :1].expand_as(screens), atol=1e-5, rtol=0)


def test_the_cap_bounds_all_screens_together() -> None:
    loud = silent(ViewsConfig()).model_copy(
        update={
            "turbulence": TurbulenceConfig(p=1, rms=(2.0, 2.0)),
            "stratified": StratifiedConfig(p=1, gradient=3.0),
            "cap": 0.5,
        }
    )
    rms = phase(loud).square().mean(dim=(1, 2)).sqrt()
    torch.testing.assert_close(rms, torch.full((6,), 0.5), atol=1e-3, rtol=0)


def test_donors_are_used_and_none_are_needed() -> None:
    config = alone(ViewsConfig(), "donor")
    assert not phase(config).any()
    ramp = torch.linspace(-1, 1, SIZE).expand(1, SIZE, SIZE)
    bank = fd.rotate(fd.from_complex(torch.ones(1, SIZE, SIZE, dtype=torch.complex64)), ramp)
    seen = phase(config, bank=bank)
    assert torch.allclose(seen.abs(), ramp.abs().expand_as(seen), atol=1e-4)


def test_blanks_spare_what_is_known_to_deform() -> None:
    config = alone(ViewsConfig(), "blanks")
    config = config.model_copy(update={"blanks": config.blanks.model_copy(update={"deformation": 0.01})})
    everywhere = torch.ones(6, 1, 64, 64)
    view, _ = Views(config, 64, SIZE)(TILES, 0, 1, Extras(deformation=everywhere))[0]
    assert fd.validity(view).all()
    view, _ = Views(config, 64, SIZE)(TILES, 0, 1)[0]
    assert not fd.validity(view).all()


def test_effects_that_are_off_change_nothing_for_the_others() -> None:
    base = ViewsConfig()
    more = base.model_copy(update={"stratified": StratifiedConfig(p=0.0, gradient=9.0)})
    assert torch.equal(phase(base), phase(more))
