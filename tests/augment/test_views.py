from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from made import fringes

from ssl_insar import phase as ph
from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.atmosphere import Turbulence
from ssl_insar.augment.config import (
    CropConfig,
    CutoutConfig,
    DecorrelationConfig,
    ElasticConfig,
    FlipConfig,
    OffsetConfig,
    RampConfig,
    RewrapConfig,
    RotateConfig,
    SwapConfig,
    TurbulenceConfig,
)
from ssl_insar.augment.decorrelation import Decorrelation
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.sampling import SamplingGrid, reduce, sample, whole
from ssl_insar.augment.sign import Rewrap, steep_share

CPU = torch.device("cpu")


def off(**on: object) -> ViewsConfig:
    """Every effect off but those given."""
    still = {
        "crop": CropConfig(area=(1.0, 1.0), stretch=1.0),
        "flip": FlipConfig(left_right=0, up_down=0),
        "rotate": RotateConfig(p=0),
        "elastic": ElasticConfig(p=0),
        "swap": SwapConfig(p=0),
        "rewrap": RewrapConfig(p=0),
        "offset": OffsetConfig(p=0),
        "turbulence": TurbulenceConfig(p=0),
        "ramp": RampConfig(p=0),
        "decorrelation": DecorrelationConfig(p=0),
        "cutout": CutoutConfig(p=0),
    }
    return ViewsConfig(**(still | on))


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    rng = np.random.default_rng(0)
    z = np.stack([ph.phasor(fringes(64, rng, i % 2 == 0)) for i in range(8)])
    z[:, :9, :20] = 0
    return fd.from_complex(torch.from_numpy(z))


def complex_of(field: torch.Tensor) -> np.ndarray:
    return (field[:, 0] + 1j * field[:, 1]).numpy()


def test_counts_and_bits_become_the_archive_s_phasor() -> None:
    rng = np.random.default_rng(1)
    phase = rng.uniform(-np.pi, np.pi, (3, 20, 21)).astype(np.float32)
    valid = rng.random((3, 20, 21)) < 0.7
    counts = torch.from_numpy(ph.encode_wrapped(phase))
    field = fd.from_counts(counts, torch.from_numpy(np.packbits(valid, axis=-1)))
    expected = ph.phasor(ph.decode(counts.numpy()), valid)
    np.testing.assert_allclose(complex_of(field), expected, atol=1e-6)


def test_torch_functions_agree_with_the_numpy_ones(tiles: torch.Tensor) -> None:
    z = complex_of(tiles)
    np.testing.assert_allclose(complex_of(fd.power(tiles, 3)), ph.rewrap(z, 3), atol=1e-5)
    mean, share = fd.multilook(tiles, 2)
    unit, length = fd.renormalise(mean / share.clamp_min(0.5) * (share >= 0.5))
    expected_unit, expected_length = ph.multilook(z, 2)
    np.testing.assert_allclose(complex_of(unit), expected_unit, atol=1e-5)
    np.testing.assert_allclose(length[:, 0].numpy(), expected_length, atol=1e-5)


def test_same_key_same_views_other_key_other_views(tiles: torch.Tensor) -> None:
    def view(seed: int, rank: int, step: int) -> torch.Tensor:
        return Views(ViewsConfig(), 64, 32, seed, rank)(tiles, step)[0][0]

    torch.testing.assert_close(view(1, 0, 5), view(1, 0, 5), rtol=0, atol=0)
    for other in ((2, 0, 5), (1, 1, 5), (1, 0, 6)):
        assert (view(1, 0, 5) - view(*other)).abs().max() > 0.1
    first, second = Views(ViewsConfig(), 64, 32)(tiles, 0)
    assert (first[0] - second[0]).abs().max() > 0.1


def test_parameters_and_fields_are_independent_streams() -> None:
    draws = [Draw(CPU, k) for k in range(2000)]
    uniform, normal = torch.tensor([[float(d.uniform(1)), float(d.normal(1))] for d in draws]).T
    for field in (normal, normal.square(), normal.abs()):
        assert torch.corrcoef(torch.stack([uniform, field]))[0, 1].abs() < 0.08


def test_views_do_not_touch_the_global_generator(tiles: torch.Tensor) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    Views(ViewsConfig(), 64, 32)(tiles, 0)
    torch.testing.assert_close(torch.rand(4), expected)


def test_views_are_unit_phasors_or_no_data(tiles: torch.Tensor) -> None:
    for view, coherence in Views(ViewsConfig(), 64, 32)(tiles, 0):
        assert view.shape == (8, 2, 32, 32)
        length = fd.magnitude(view)
        assert (((length - 1).abs() < 1e-4) | (length == 0)).all()
        assert ((coherence >= 0) & (coherence <= 1)).all()
        assert (coherence[length == 0] == 0).all()


def test_no_data_stays_no_data() -> None:
    for view, coherence in Views(ViewsConfig(), 64, 32)(torch.zeros(4, 2, 64, 64), 0):
        assert not view.any()
        assert not coherence.any()


def test_everything_off_is_the_whole_tile_multilooked(tiles: torch.Tensor) -> None:
    view, _ = Views(off(), 64, 32)(tiles, 0)[0]
    mean, share = reduce(tiles, 32)
    expected, _ = sample(mean, share, whole(mean, 32))
    torch.testing.assert_close(view, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(complex_of(expected), ph.multilook(complex_of(tiles), 2)[0], atol=1e-4)


@pytest.mark.parametrize("k", [1, -3])
def test_a_cycle_anywhere_changes_nothing(tiles: torch.Tensor, k: int) -> None:
    angle = torch.atan2(tiles[:, 1], tiles[:, 0])
    angle[:, 20:40] += 2 * np.pi * k
    shifted = torch.stack([angle.cos(), angle.sin()], 1) * fd.validity(tiles)
    a, b = (Views(ViewsConfig(), 64, 32)(x, 7)[0][0] for x in (tiles, shifted))
    # An aliasing guard that sits on its threshold may decide otherwise for a rounding error.
    assert (a - b).abs().max() < 1e-2


def test_an_offset_passes_through_every_geometric_effect(tiles: torch.Tensor) -> None:
    config = off(
        crop=CropConfig(),
        flip=FlipConfig(),
        rotate=RotateConfig(p=1),
        elastic=ElasticConfig(p=1),
        ramp=RampConfig(p=1),
    )
    plain = Views(config, 64, 32)(tiles, 0)[0][0]
    turned = Views(config, 64, 32)(fd.rotate(tiles, torch.tensor(1.3)), 0)[0][0]
    torch.testing.assert_close(turned, fd.rotate(plain, torch.tensor(1.3)), rtol=0, atol=1e-4)


def test_left_right_flip_is_exact(tiles: torch.Tensor) -> None:
    plain = Views(off(), 64, 32)(tiles, 0)[0][0]
    flipped = Views(off(flip=FlipConfig(left_right=1, up_down=0)), 64, 32)(tiles, 0)[0][0]
    torch.testing.assert_close(flipped, plain.flip(-1), rtol=0, atol=1e-5)


def test_swap_is_the_conjugate(tiles: torch.Tensor) -> None:
    plain = Views(off(), 64, 32)(tiles, 0)[0][0]
    swapped = Views(off(swap=SwapConfig(p=1)), 64, 32)(tiles, 0)[0][0]
    np.testing.assert_allclose(complex_of(swapped), complex_of(plain).conj(), atol=1e-6)


def test_warping_the_phasor_beats_warping_the_phase() -> None:
    """A smooth ramp of many fringes, rotated: exact on the phasor, torn along the wraps on raw phase."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    truth = 0.35 * x + 0.2 * y
    wrapped = torch.remainder(truth + np.pi, 2 * np.pi) - np.pi
    field = torch.stack([wrapped.cos(), wrapped.sin()]).unsqueeze(0)
    grid = SamplingGrid(off(rotate=RotateConfig(p=1, degrees=15)), 64, 64)(1, Draw(CPU, 4))[0]
    on_phasor, _ = sample(field, torch.ones(1, 1, 64, 64), grid)
    raw = torch.nn.functional.grid_sample(wrapped.view(1, 1, 64, 64), grid, align_corners=False)
    exact = torch.nn.functional.grid_sample(truth.view(1, 1, 64, 64), grid, align_corners=False)
    inside = fd.validity(on_phasor)[:, 0].bool() & (grid.abs().amax(-1) < 0.95)

    def rms(angle: torch.Tensor) -> float:
        error = torch.atan2((angle - exact[:, 0]).sin(), (angle - exact[:, 0]).cos())[inside]
        return float(error.square().mean().sqrt())

    assert rms(torch.atan2(on_phasor[:, 1], on_phasor[:, 0])) < 0.1 * rms(raw[:, 0])


def test_elastic_warp_does_not_fold_and_moves_what_it_says() -> None:
    grid = SamplingGrid(off(elastic=ElasticConfig(p=1, pixels=5, smoothness=28)), 224, 112)
    moved = grid(32, Draw(CPU, 0))[0] - SamplingGrid(off(), 224, 112)(32, Draw(CPU, 0))[0]
    rms = (moved * 112).square().mean().sqrt()  # normalised units to tile px
    assert rms == pytest.approx(5, rel=0.1)
    assert jacobian(moved).min() > 0


def test_an_elastic_warp_asked_to_fold_is_held_back() -> None:
    """Also where it is cropped and turned."""
    strong = ElasticConfig(p=1, pixels=30, smoothness=14)
    config = off(elastic=strong, crop=CropConfig(), rotate=RotateConfig(p=1))
    grid = SamplingGrid(config, 224, 112)(64, Draw(CPU, 0))[0]
    y, x = torch.meshgrid(*[(torch.arange(112.0) * 2 + 1) / 112 - 1] * 2, indexing="ij")
    moved = grid - torch.stack([x, y], -1)
    assert jacobian(moved).min() > 0
    assert (moved * 112).abs().max() > 2


def jacobian(moved: torch.Tensor) -> torch.Tensor:
    """Determinant of the map position -> position + moved, from differences."""
    step = 2 / moved.shape[1]
    by_x = (moved[:, :-1, 1:] - moved[:, :-1, :-1]) / step
    by_y = (moved[:, 1:, :-1] - moved[:, :-1, :-1]) / step
    return (1 + by_x[..., 0]) * (1 + by_y[..., 1]) - by_x[..., 1] * by_y[..., 0]


def test_rewrap_multiplies_smooth_phase_and_leaves_steep_phase_alone() -> None:
    x = torch.arange(64.0).expand(64, 64)
    smooth, steep = 0.1 * x, 1.4 * x
    field = torch.stack([torch.stack([p.cos(), p.sin()]) for p in (smooth, steep)])
    out = Rewrap(RewrapConfig(p=1, factors=(3,)))(field, Draw(CPU, 0))
    np.testing.assert_allclose(complex_of(out[:1])[0], np.exp(3j * smooth.numpy()), atol=1e-5)
    torch.testing.assert_close(out[1], field[1])
    assert steep_share(field, 1)[1] == 0  # 1.4 rad a step is below a quarter cycle as it stands
    assert steep_share(field, 2)[1] > 0.4


def test_turbulence_has_the_spectrum_it_names() -> None:
    n, spacing = 256, 100.0
    screens = Turbulence(TurbulenceConfig(p=1, rms=(0.999, 1.0)), n, spacing)
    _, fields = screens(24, Draw(CPU, 1))
    assert fields.square().mean((1, 2)).sqrt().numpy() == pytest.approx(1.0, abs=0.01)
    assert fields.mean((1, 2)).abs().max() < 1e-4
    window = torch.hann_window(n, periodic=False)
    power = torch.fft.fft2(fields * window * window.view(-1, 1)).abs().square().mean(0)
    f = torch.fft.fftfreq(n, spacing)
    radius = (f.square() + f.square().view(-1, 1)).sqrt()

    def slope(low: float, high: float) -> float:
        edges = torch.logspace(np.log10(low), np.log10(high), 9)
        x, y = [], []
        for a, b in pairwise(edges):
            ring = (radius >= a) & (radius < b)
            x.append(float(radius[ring].mean().log()))
            y.append(float(power[ring].mean().log()))
        return float(np.polyfit(x, y, 1)[0])

    assert slope(1 / 1200, 1 / 300) == pytest.approx(-11 / 3, abs=0.2)
    assert slope(1 / 8000, 1 / 1800) == pytest.approx(-8 / 3, abs=0.35)


def test_turbulence_does_not_repeat_at_its_edges() -> None:
    _, fields = Turbulence(TurbulenceConfig(p=1), 64, 100.0)(64, Draw(CPU, 2))
    across = (fields[:, :, 0] - fields[:, :, -1]).abs().mean()
    along = (fields[:, :, 1:] - fields[:, :, :-1]).abs().mean()
    assert across > 5 * along


@pytest.mark.parametrize(
    ("coherence", "looks", "expected"), [(0.5, 10, 0.473), (0.7, 10, 0.251), (0.9, 10, 0.115)]
)
def test_decorrelation_has_the_tabulated_spread(coherence: float, looks: int, expected: float) -> None:
    config = DecorrelationConfig(p=1, coherence=(coherence, coherence + 1e-6), looks=(looks, looks))
    field = torch.zeros(4, 2, 256, 256)
    field[:, 0] = 1
    out, local = Decorrelation(config)(field, torch.full((4, 1, 256, 256), 0.8), Draw(CPU, 0))
    assert local.numpy() == pytest.approx(0.8 * coherence, rel=1e-3)
    assert torch.atan2(out[:, 1], out[:, 0]).std() == pytest.approx(expected, rel=0.03)


def test_cutout_blanks_a_box_of_the_asked_size(tiles: torch.Tensor) -> None:
    field = torch.ones(64, 2, 64, 64)
    from ssl_insar.augment.cutout import Cutout

    out = Cutout(CutoutConfig(p=1, area=(0.2, 0.2001)), 64)(field, Draw(CPU, 0))
    gone = (out[:, 0] == 0).float().mean((1, 2))
    assert gone.mean() == pytest.approx(0.2, abs=0.02)
    assert gone.min() > 0.1


def test_crop_area_is_the_share_of_the_tile_seen() -> None:
    grid = SamplingGrid(off(crop=CropConfig(area=(0.4, 0.4001), stretch=1.0)), 64, 64)(50, Draw(CPU, 0))[0]
    side = (grid[..., 0].amax((1, 2)) - grid[..., 0].amin((1, 2))) / 2 * 64 / 63
    assert side.square().numpy() == pytest.approx(0.4, abs=0.01)
    assert grid.abs().max() <= 1
