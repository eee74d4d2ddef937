"""The effects that need more than the phase, inside `Views`."""

from __future__ import annotations

import pytest
import torch
from made import TINY

from ssl_insar.augment import Extras, Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, effects, silent
from ssl_insar.augment.config import (
    BlanksConfig,
    CropConfig,
    CutoutConfig,
    ElasticConfig,
    FrameEdgeConfig,
    RealFactorConfig,
    RewrapConfig,
    StratifiedConfig,
    SwapConfig,
    TurbulenceConfig,
)
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.unwrapped import BAND_CHANGES, Unwrapped
from ssl_insar.pretrain.recipe import load
from ssl_insar.pretrain.sources import make_sources
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.turbulence import HANSSEN

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
    flat = {"real_factor", "crop", "flip", "swap", "rewrap", "donor", "multilook"}
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


def known(snr: float, mask: torch.Tensor | None = None) -> Extras:
    """Six tiles of which a deformation is known."""
    if mask is None:
        mask = torch.zeros(6, 1, 64, 64)
        mask[:, :, 40:60, 44:62] = 1
    return Extras(deformation=mask, snr=torch.full((6,), snr), own=torch.ones(6))


def test_air_is_kept_to_what_a_known_deformation_bears() -> None:
    loud = silent(ViewsConfig()).model_copy(update={"turbulence": TurbulenceConfig(p=1, rms=(0.9, 0.9))})
    for snr, expected in ((4.0, 0.0), (5.5, 0.21**0.5), (50.0, 0.9)):
        rms = phase(loud, known(snr)).square().mean(dim=(1, 2)).sqrt()
        torch.testing.assert_close(rms, torch.full((6,), expected), atol=2e-3, rtol=0)


def test_donors_come_only_where_there_is_room() -> None:
    config = alone(ViewsConfig(), "donor")
    ramp = torch.linspace(-1, 1, SIZE).expand(1, SIZE, SIZE)
    bank = fd.rotate(fd.from_complex(torch.ones(1, SIZE, SIZE, dtype=torch.complex64)), ramp)
    assert not phase(config, known(5.2), bank).any()
    assert phase(config, known(50.0), bank).any()


def test_crops_and_cutouts_leave_most_of_a_known_deformation() -> None:
    config = ViewsConfig(crop=CropConfig(area=(0.2, 0.3)), cutout=CutoutConfig(p=1, area=(0.2, 0.25)))
    views = Views(config, 64, SIZE)
    extras = known(50.0)
    assert extras.deformation is not None
    reduced = views.reduced(TILES)
    for step in range(20):
        view = views.one(reduced, step, 0, extras)
        assert view.deformation is not None
        left = (view.deformation * fd.validity(view.phasor)).sum((1, 2, 3))
        assert (left >= 0.55 * view.deformation.sum((1, 2, 3))).all()
    free = torch.stack([views.one(reduced, step, 0).phasor for step in range(20)])
    held = torch.stack([views.one(reduced, step, 0, extras).phasor for step in range(20)])
    assert not torch.equal(free, held), "some crops were drawn back"


def test_views_of_simulated_tiles_keep_their_ratio() -> None:
    """The whole default chain, noise and cut-outs included, against the ratio of what is left."""
    sources = make_sources("volcanoes", 24, 64, 350.0)
    n = len(sources)
    peak = torch.minimum(8.0 / sources.snr, sources.most)
    own = torch.ones(n)
    signal = sources.patterns.float() * peak.view(-1, 1, 1)
    field = fd.rotate(fd.from_complex(torch.ones(n, 64, 64, dtype=torch.complex64)), signal)
    moves = (sources.patterns.float().abs() >= 0.25).float().unsqueeze(1)
    snr = sources.snr * peak
    config = ViewsConfig(spacing=350.0, rewrap=RewrapConfig(p=0), swap=SwapConfig(p=0))
    views = Views(config, 64, 64)
    grid = views.grid
    ratios = []
    for step in range(6):
        view = views.one(views.reduced(field), step, 0, Extras(deformation=moves, snr=snr, own=own))
        draw = Draw(torch.device("cpu"), 0, 0, step, 0, ids=torch.arange(n))
        where, held = grid(n, draw.of("grid"), moves)
        assert held is not None
        seen = torch.nn.functional.grid_sample(signal.unsqueeze(1), where, align_corners=False)[:, 0]
        added = torch.minimum(views._room(Extras(snr=snr, own=own), held).sqrt(), torch.full((n,), 0.7))
        air = Atmosphere(
            (350.0, 350.0), HANSSEN, torch.hypot(own, added), torch.zeros(n, 0), torch.zeros(n, 0)
        )
        valid = fd.validity(view.phasor)[:, 0] > 0
        looks = phase_information(view.coherence[:, 0].clamp_max(0.95), 5, valid)
        ratios.append(gls_snr(seen, air, looks))
    ratio = torch.stack(ratios)[:, snr > 5]
    assert ratio.shape[1] > 12
    assert ratio.quantile(0.05) > 5 * 0.9
    assert ratio.median() > 5


def test_unwrapped_tiles_get_another_wavelength_and_wrapped_ones_do_not() -> None:
    config = silent(ViewsConfig()).model_copy(update={"real_factor": RealFactorConfig(p=1, wavelength=1)})
    counts = (torch.arange(64) * 3).to(torch.int16).expand(6, 64, 64).contiguous()
    bits = torch.full((6, 64, 8), 255, dtype=torch.uint8)
    field = fd.from_counts((counts & 255).to(torch.uint8), bits)
    which = torch.arange(6) < 3
    extras = Extras(unwrapped=Unwrapped(counts, bits, which))
    views = Views(config, 64, SIZE)
    plain, _ = views(field, 0, 1)[0]
    for view, _ in views(field, 0, 2, extras):
        assert torch.equal(view[3:], plain[3:])
        # Two pixels of the tile behind one of the view; phase a pixel grows by 6 counts.
        z = torch.complex(view[:3, 0], view[:3, 1])
        step = torch.angle(z[:, :, 1:] * z[:, :, :-1].conj()).mean((1, 2)) / (6 * 2 * torch.pi / 256)
        for factor in step.tolist():
            assert min(abs(factor - band) for band in BAND_CHANGES) < 0.01


def test_crops_keep_60_percent_of_small_deformation_under_warps() -> None:
    """Counted on the tile: which of its deforming pixels does some pixel of the view show?"""
    config = ViewsConfig(elastic=ElasticConfig(p=1, pixels=8))
    generator = torch.Generator().manual_seed(3)
    n, tile = 60, 112
    middle = torch.rand(n, 2, 1, 1, generator=generator) * tile * 0.7 + tile * 0.15
    y, x = torch.meshgrid(torch.arange(tile), torch.arange(tile), indexing="ij")
    mask = (((x - middle[:, 0]) ** 2 + (y - middle[:, 1]) ** 2) < 8**2).float().unsqueeze(1)
    views = Views(config, tile, tile)
    draw = Draw(torch.device("cpu"), 0, ids=torch.arange(n))
    grid, held = views.grid(n, draw.of("grid"), mask)
    assert held is not None
    fine = torch.nn.functional.interpolate(grid.permute(0, 3, 1, 2), scale_factor=3, mode="bilinear")
    column, row = ((fine.permute(0, 2, 3, 1) + 1) * tile / 2).floor().long().unbind(-1)
    shown = torch.zeros(n, tile, tile)
    inside = (column >= 0) & (column < tile) & (row >= 0) & (row < tile)
    for i in range(n):
        shown[i][row[i][inside[i]], column[i][inside[i]]] = 1
    share = (shown * mask[:, 0]).sum((1, 2)) / mask.sum((1, 2, 3))
    assert share.min() > 0.55
    torch.testing.assert_close(share, held, atol=0.08, rtol=0)


def test_blankings_share_one_budget() -> None:
    config = silent(ViewsConfig()).model_copy(
        update={
            "cutout": CutoutConfig(p=1, area=(0.2, 0.25)),
            "blanks": BlanksConfig(p=1, area=(0.2, 0.25)),
            "frame_edge": FrameEdgeConfig(p=1, area=(0.2, 0.3)),
        }
    )
    extras = known(50.0)
    views = Views(config, 64, SIZE)
    reduced = views.reduced(TILES)
    lost = 0
    for step in range(30):
        view = views.one(reduced, step, 0, extras)
        assert view.deformation is not None
        moves = view.deformation.sum((1, 2, 3))
        left = (view.deformation * fd.validity(view.phasor)).sum((1, 2, 3))
        assert (left >= 0.6 * moves - 1e-3).all()
        lost += int((left < moves).sum())
    assert lost > 20, "some of it is blanked"


def test_another_wavelength_changes_what_the_deformation_bears() -> None:
    config = silent(ViewsConfig()).model_copy(update={"real_factor": RealFactorConfig(p=1, wavelength=1)})
    counts = (torch.arange(64) * 3).to(torch.int16).expand(6, 64, 64).contiguous()
    bits = torch.full((6, 64, 8), 255, dtype=torch.uint8)
    unwrapped = Unwrapped(counts, bits, torch.ones(6, dtype=torch.bool))
    views = Views(config, 64, SIZE)
    field = fd.from_counts((counts & 255).to(torch.uint8), bits)
    _, then = views.rewrapped(views.reduced(field), 0, 0, known(6.0)._replace(unwrapped=unwrapped))
    assert then.own is not None
    assert all(min(abs(own - band) for band in BAND_CHANGES) < 1e-5 for own in then.own.tolist())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_tiles_of_any_precision(dtype: torch.dtype) -> None:
    config = load(TINY).views
    view, coherence = Views(config, 64, SIZE)(TILES.to(dtype), 0, 1)[0]
    assert view.dtype == coherence.dtype == dtype
    expected, _ = Views(config, 64, SIZE)(TILES, 0, 1)[0]
    torch.testing.assert_close(view.float(), expected, atol=0.02, rtol=0)


def test_no_tiles_no_views_and_oblong_ones_are_refused() -> None:
    views = Views(load(TINY).views, 64, SIZE)
    view, coherence = views(TILES[:0], 0, 1)[0]
    assert view.shape == (0, 2, SIZE, SIZE)
    assert coherence.shape == (0, 1, SIZE, SIZE)
    with pytest.raises(ValueError, match="square"):
        views(TILES[:, :, :32], 0, 1)


def test_over_wrapping_lowers_the_local_coherence() -> None:
    config = silent(ViewsConfig()).model_copy(update={"rewrap": RewrapConfig(p=1, factors=(3,), aliased=1)})
    generator = torch.Generator().manual_seed(1)
    noise = 0.5 * torch.randn(6, 64, 64, generator=generator)
    noisy = fd.from_complex(torch.polar(torch.ones_like(noise), noise))
    _, coherence = Views(config, 64, SIZE)(noisy, 0, 1)[0]
    _, before = Views(silent(config), 64, SIZE)(noisy, 0, 1)[0]
    torch.testing.assert_close(coherence, before**9)


def test_loud_donors_are_left_out() -> None:
    config = alone(ViewsConfig(), "donor")
    ramp = torch.linspace(-2, 2, SIZE).expand(1, SIZE, SIZE)
    bank = fd.rotate(fd.from_complex(torch.ones(1, SIZE, SIZE, dtype=torch.complex64)), ramp)
    assert len(Views(config, 64, SIZE, bank=bank).bank) == 0
