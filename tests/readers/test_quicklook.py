"""Colour quick-looks from file to frame: phase, what is valid, and what is refused."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from ssl_insar.readers import UnreadableError, read
from ssl_insar.readers import quicklook as quicklook_module
from ssl_insar.readers.quicklook import invert
from ssl_insar.readers.quicklook_detect import repeated

NAME = "20180303_20180327.geo.diff.png"


def fringes(side: int, noise: float = 0.0) -> NDArray[np.float64]:
    """Unwrapped phase: bent fringes of about 70 px."""
    rows, cols = np.mgrid[:side, :side]
    phase = rows / 14 + cols / 25 + 2e-5 * rows * cols
    return np.asarray(phase + noise * np.random.default_rng(2).normal(size=phase.shape))


def ramp(phase: NDArray[np.float64]) -> NDArray[np.uint8]:
    wrapped = (phase + np.pi) % (2 * np.pi) - np.pi
    return np.rint(colormaps["RdYlBu_r"]((wrapped + 3.2) / 6.4)[..., :3] * 255).astype(np.uint8)


def shrunk(layer: NDArray[np.generic]) -> NDArray[np.generic]:
    side = round(0.3 * layer.shape[0])
    return np.asarray(Image.fromarray(layer).resize((side, side), Image.Resampling.LANCZOS))


def truth(phase: NDArray[np.float64]) -> NDArray[np.complex128]:
    parts = [shrunk(part(phase).astype(np.float32)) for part in (np.cos, np.sin)]
    return np.asarray(parts[0] + 1j * parts[1])


def quicklook(phase: NDArray[np.float64], bits: int = 3) -> NDArray[np.uint8]:
    return repeated(shrunk(ramp(phase)), bits)


def opaque(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.ones(rgb.shape[:2], bool)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_made_quicklook_file_reads_as_wrapped_phase(tmp_path: Path, mode: str) -> None:
    phase = fringes(500, 0.2)
    image = Image.fromarray(quicklook(phase))
    path = tmp_path / NAME
    # Few colours: a palette holds them all exactly.
    (image.quantize(256) if mode == "P" else image.convert(mode)).save(path)
    assert Image.open(path).mode == mode
    frame = read(path)
    assert frame.shape == (150, 150)
    assert frame.wrapped
    assert frame.family == "LiCSAR quick-look"
    assert frame.provenance == (
        "LiCSAR quick-look, colouring A (blue-yellow-red ramp), posterised to 3 bits a channel"
    )
    assert frame.wavelength == pytest.approx(0.0555, abs=1e-4)
    assert (str(frame.reference_date), str(frame.secondary_date)) == ("2018-03-03", "2018-03-27")
    assert frame.valid.mean() > 0.99
    error = np.angle(frame.phasor * np.conj(truth(phase)))[4:-4, 4:-4]
    assert np.sqrt((error**2).mean()) < 0.12
    assert abs(error.mean()) < 0.02


def test_a_file_named_with_the_later_date_first_is_turned(tmp_path: Path) -> None:
    rgb = quicklook(fringes(300))
    for name in ("20180303_20180327.geo.diff.png", "20180327_20180303.geo.diff.png"):
        Image.fromarray(rgb).save(tmp_path / name)
    one, other = (read(path) for path in sorted(tmp_path.iterdir()))
    np.testing.assert_allclose(one.phasor, np.conj(other.phasor), atol=1e-5)


def test_colours_alone_do_not_tell_the_wavelength(tmp_path: Path) -> None:
    Image.fromarray(quicklook(fringes(300))).save(tmp_path / "20180303_20180327.png")
    assert read(tmp_path / "20180303_20180327.png").wavelength is None


def test_full_size_is_read_to_a_palette_step() -> None:
    phase = fringes(300, 0.3)
    found = invert(ramp(phase), opaque(ramp(phase)))
    assert found.valid.all()
    error = np.angle(np.exp(1j * (found.phase - phase)))
    assert np.abs(error).max() < 0.06
    assert np.sqrt((error**2).mean()) < 0.02


def test_noise_is_not_valid_and_coherence_is() -> None:
    phase = fringes(600)
    phase[:, 300:] = np.random.default_rng(0).uniform(-np.pi, np.pi, (600, 300))
    found = invert(*(lambda rgb: (rgb, opaque(rgb)))(quicklook(phase)))
    assert found.valid[:, :88].all()
    assert found.valid[:, 92:].mean() < 0.02
    assert (found.phase[~found.valid] == 0).all()
    assert (found.confidence[:, :88] > 0.6).all()
    assert np.median(found.confidence[:, 92:]) < 0.2


def test_transparent_black_and_solid_white_are_no_data() -> None:
    rgb = quicklook(fringes(500))
    seen = opaque(rgb)
    plain = invert(rgb, seen)
    assert plain.valid.all()
    seen[:20, :30] = False
    rgb[40:50, 40:60] = 0
    rgb[100:109, 20:29] = 255
    rgb[120:128, 120:128] = 255
    found = invert(rgb, seen)
    expected = np.ones(rgb.shape[:2], bool)
    expected[:20, :30] = expected[40:50, 40:60] = expected[100:109, 20:29] = False
    np.testing.assert_array_equal(found.colour_phasor == 0, ~expected)
    assert not found.valid[~expected].any()
    # White on eight by eight pixels is a phase of about -0.5 rad.
    assert np.abs(found.phase[122:126, 122:126] + 0.5).max() < 0.15
    # No data does not bleed: the phase two pixels away is what it was.
    away = np.zeros_like(expected)
    away[52:90, 60:140] = True
    np.testing.assert_allclose(found.phase[away], plain.phase[away], atol=1e-5)
    assert found.valid[20:24, :30].all()
    assert found.valid[:20, 30:34].all()


def test_nothing_but_no_data() -> None:
    rgb = quicklook(fringes(100))
    found = invert(rgb, np.zeros(rgb.shape[:2], bool))
    assert not found.valid.any()
    assert (found.phase == 0).all()


@pytest.mark.parametrize("colouring", ["ramp", "posterised", "wheel"])
def test_rows_inverted_some_at_a_time_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, colouring: str
) -> None:
    phase = fringes(500, 0.3)
    phase[100:200, 100:200] = 0  # in colouring B, a mask that goes on over several bands
    corners = np.arange(3) / 3  # where red, green and blue are missing
    apart = np.abs((phase[..., None] / (2 * np.pi) - corners + 0.5) % 1 - 0.5)
    wheel = np.rint(200 * (1 - 0.8 * np.clip(1 - 3 * apart, 0, 1))).astype(np.uint8)
    rgb = {"ramp": ramp(phase), "posterised": quicklook(phase), "wheel": wheel}[colouring]
    rgb[:20] = 0
    monkeypatch.setattr(quicklook_module, "_BAND", 10_000)
    expected = invert(rgb, opaque(rgb))
    assert expected.fit.is_wheel == (colouring == "wheel")
    assert 0.3 < expected.valid.mean() < 1
    for rows in (1, 7):
        monkeypatch.setattr(quicklook_module, "_BAND", rows)
        found = invert(rgb, opaque(rgb))
        for layer, of_whole in zip(found[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(layer, of_whole)


@pytest.mark.parametrize("name", ["jet", "viridis", "rainbow", "hsv"])
def test_other_colour_maps_are_refused_with_reasons(tmp_path: Path, name: str) -> None:
    wrapped = (fringes(200) + np.pi) % (2 * np.pi) / (2 * np.pi)
    path = tmp_path / NAME
    Image.fromarray((colormaps[name](wrapped)[..., :3] * 255).astype(np.uint8)).save(path)
    with pytest.raises(UnreadableError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: a colour image in neither colouring")
    assert "diff_pha.tif" in text
    assert "% of its pixels have colours of the blue-yellow-red ramp" in text
    assert "\n" not in text


def test_a_whole_frame_takes_well_under_a_second() -> None:
    phase = np.random.default_rng(0).normal(0, 0.4, (800, 1000)) + np.arange(1000) / 12
    rgb = repeated(ramp(phase), 3)
    began = time.process_time()
    found = invert(rgb, opaque(rgb))
    assert found.fit.is_ramp
    assert time.process_time() - began < 1.0  # 0.1 s on an idle core
