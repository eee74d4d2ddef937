"""Telling real from simulated at a small size: equals cannot be told apart, differences are named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from evaluation import real_or_simulated as script
from evaluation.real_or_simulated import drawn, equal_coherence, separation
from evaluation.real_or_simulated_features import (
    COHERENCE,
    FINE_SPECTRUM,
    NO_DATA,
    SPECTRUM,
    Families,
    measure,
)
from ssl_insar.archive import ingest
from ssl_insar.errors import UserError

SIDE = 64


def _field(rng: np.random.Generator, smooth: float, noise: float) -> NDArray[np.float64]:
    """Wrapped phase of a smooth field under noise."""
    phase = gaussian_filter(rng.normal(size=(SIDE, SIDE)), smooth)
    phase *= 1.5 / phase.std()
    wrapped: NDArray[np.float64] = np.angle(np.exp(1j * (phase + noise * rng.normal(size=phase.shape))))
    return wrapped


def _archive(folder: Path, seed: int, smooth: float) -> Path:
    """Two volcanoes of 24 tiles; how noisy differs from tile to tile."""
    rng = np.random.default_rng(seed)
    frames = folder / "frames"
    frames.mkdir(parents=True)
    for volcano in range(2):
        for i in range(24):
            dates = f"201901{i + 1:02}_201902{i + 1:02}"
            name = f"made_peak{volcano}_001A_00100_131313_peak{volcano}_{dates}.npy"
            np.save(frames / name, _field(rng, smooth, rng.uniform(0.2, 1.2)).astype(np.float32))
    return ingest(frames, folder / "archive", tile=SIDE, progress=False).archive.path


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _archive(tmp_path_factory.mktemp("real"), 0, smooth=4)


def test_one_law_cannot_be_told_from_itself(real: Path, tmp_path: Path) -> None:
    sides = [drawn(path, 48, 1, 0) for path in (real, _archive(tmp_path, 1, smooth=4))]
    wanted = [COHERENCE, SPECTRUM]
    matrix = np.concatenate(
        [np.stack([x for name in wanted for x in held[name].values()], 1) for held, _ in sides]
    )
    # Made tiles have nothing in common, whatever volcano their names say.
    area = separation(matrix, np.repeat([0, 1], 48), np.arange(96), seed=0)
    assert 0.3 < area.value < 0.7
    assert area.low < 0.5


def test_another_texture_is_told_apart_and_named(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MATCH", 1000)
    words = ["--real", str(real), "--simulated", str(_archive(tmp_path, 1, smooth=1.5))]
    words += ["--out", str(tmp_path / "r"), "--per-class", "24"]
    CliRunner().invoke(script.command, words, catch_exceptions=False, standalone_mode=False)
    page = (tmp_path / "r" / "real_or_simulated.md").read_text()
    assert "24 real tiles (archive, 2 volcanoes) and 24 simulated ones (archive, 2 places)" in page
    areas = dict(re.findall(r"^\| ([^|]+) \| \d+ \| ([\d.]+) \[.*too few tiles \|$", page, re.MULTILINE))
    assert float(areas[SPECTRUM]) > 0.95
    assert float(areas[NO_DATA]) < 0.7
    assert "| power at 4-5.5 px | more |" in page.split("tell most\n")[1]
    for name in ("spectra.png", "coherence.png"):
        assert (tmp_path / "r" / name).read_bytes().startswith(b"\x89PNG")


def test_the_resolution_can_be_halved(real: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too small; ingest with a larger --tile"):
        drawn(real, 10, 2, 0)
    (tmp_path / "frames").mkdir()
    ramp = 0.1 * np.arange(96, dtype=np.float32)[:, None] * np.ones(96, np.float32)
    for i in range(10):
        np.save(tmp_path / "frames" / f"{i}.npy", np.angle(np.exp(1j * (ramp + i))).astype(np.float32))
    path = ingest(tmp_path / "frames", tmp_path / "archive", tile=96, progress=False).archive.path
    for looks, slope in ((1, 0.1), (2, 0.2)):
        gradient = drawn(path, 10, looks, 0)[0]["phase gradients"]["mean gradient down"]
        np.testing.assert_allclose(gradient, slope, rtol=0.02)


def _one(families: Families) -> NDArray[np.float64]:
    return np.concatenate([x for name, held in families.items() if name != NO_DATA for x in held.values()])


def test_features_ignore_reference_and_order_of_dates() -> None:
    rng = np.random.default_rng(0)
    z = np.exp(1j * _field(rng, 3, 0.5))[None].astype(np.complex64)
    np.testing.assert_allclose(
        _one(measure(np.conj(z) * np.complex64(np.exp(2j)))), _one(measure(z)), atol=1e-4
    )


def test_white_noise_has_a_flat_spectrum_with_and_without_holes() -> None:
    rng = np.random.default_rng(0)
    z = np.exp(2j * np.pi * rng.random((4, 128, 128))).astype(np.complex64)
    z[2:, 20:70, 30:90] = 0
    held = measure(z)
    bands = [x for name, x in (held[SPECTRUM] | held[FINE_SPECTRUM]).items() if name.startswith("power")]
    np.testing.assert_allclose(bands[-8:], 0, atol=0.1)
    np.testing.assert_allclose(held[NO_DATA]["share of data"], [1, 1, 1 - 3000 / 128**2, 1 - 3000 / 128**2])


def test_a_wave_lands_in_its_band() -> None:
    wave = np.exp(2j * np.pi * np.arange(128) / 9.4) * np.ones((128, 1))
    held = measure(wave[None].astype(np.complex64))
    bands = held[SPECTRUM] | held[FINE_SPECTRUM]
    powers = {name: x[0] for name, x in bands.items() if name.startswith("power")}
    assert max(powers, key=lambda name: powers[name]) == "power at 8-11 px"
    assert powers["power at 2-2.5 px"] < -3
    assert held["autocorrelation"]["autocorrelation at 1 px, right less down"][0] == pytest.approx(
        0, abs=1e-5
    )
    assert held["phase gradients"]["mean gradient right"][0] == pytest.approx(2 * np.pi / 9.4, rel=1e-4)
    assert held["phase gradients"]["mean gradient down"][0] == pytest.approx(0, abs=1e-5)


def test_pairs_have_equal_coherence() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    coherence = np.concatenate([rng.uniform(0, 0.6, 200), rng.uniform(0.3, 1, 200)])
    rows = equal_coherence(coherence, y, seed=0)
    assert (y[rows] == 0).sum() == (y[rows] == 1).sum() > 50
    real, made = (coherence[rows][y[rows] == side] for side in (0, 1))
    assert abs(real.mean() - made.mean()) < 0.01
