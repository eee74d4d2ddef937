"""Real quick-looks: each recognised by its colours, and inverted to phase that hangs together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ssl_insar import phase as ph
from ssl_insar.readers import Frame, read

pytestmark = pytest.mark.real

FOLDER = Path("quicklooks") / "frames"


def colours(path: Path) -> NDArray[np.uint8]:
    """Distinct opaque colours, (N, 3)."""
    rgba = np.asarray(Image.open(path).convert("RGBA"))
    shown = rgba[rgba[..., 3] > 0].astype(np.uint32)
    codes = np.unique(shown[:, 0] << 16 | shown[:, 1] << 8 | shown[:, 2])
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.uint8)


def kind(path: Path) -> str:
    """By the number and depth of its colours, whatever they are."""
    distinct = colours(path)
    if len(distinct) > 256:
        return "B"
    return "A4" if (distinct % 17 == 0).all() and (distinct % 85 != 0).any() else "A3"


def core(frame: Frame) -> NDArray[np.bool_]:
    return frame.valid & (ph.local_coherence(frame.phasor, 7) > 0.8)


def test_all_kinds_are_recognised_and_read(shared_data: Path) -> None:
    paths = sorted((shared_data / FOLDER).iterdir())
    chosen = [path for n, path in enumerate(paths) if n % 5 == 0 or "20201008_" in path.name]
    assert len(chosen) >= 55
    found: Counter[tuple[str, str]] = Counter()
    for path in chosen:
        frame = read(path)
        assert frame.provenance is not None
        assert frame.shape == Image.open(path).size[::-1]
        assert frame.wrapped
        assert frame.reference_date is not None
        assert 0.05 < frame.valid.mean() <= 1, path.name
        found[kind(path), frame.provenance.split("colouring ")[1][0] + frame.provenance[-16:-15]] += 1
        if frame.valid.mean() > 0.9:
            assert ph.local_coherence(frame.phasor)[frame.valid].mean() > 0.75, path.name
    assert {pair[0][0] for pair in found} == {"A", "B"}
    assert all(by_number[0] == by_colours[0] for by_number, by_colours in found), found
    assert found["A4", "A4"] == 4
    assert not any(pair in found for pair in (("A4", "A3"), ("A3", "A4")))


def test_red_meets_blue_without_a_jump(shared_data: Path) -> None:
    crossings = continuous = 0
    for path in sorted((shared_data / FOLDER).glob("Cerro_Azul*"))[::9]:
        frame = read(path)
        inside, phase = core(frame), frame.phase
        across = inside[:, 1:] & inside[:, :-1] & (phase[:, 1:] * phase[:, :-1] < 0)
        across &= np.abs(phase[:, 1:] - phase[:, :-1]) > np.pi
        crossings += int(across.sum())
        continuous += int((across & (np.abs(ph.wrap(phase[:, 1:] - phase[:, :-1])) < 1)).sum())
    assert crossings > 1000
    assert continuous / crossings > 0.97


@pytest.mark.parametrize(
    "dates", [("20200116", "20200122", "20200128"), ("20180607", "20180701", "20180707")]
)
def test_three_interferograms_close(shared_data: Path, dates: tuple[str, str, str]) -> None:
    """The phase is absolute and its sign consistent: a to b plus b to c is a to c, without an offset."""
    a, b, c = dates
    ab, bc, ac = (
        read(shared_data / FOLDER / f"Cerro_Azul_{one}_{other}.geo.diff1_0.png")
        for one, other in ((a, b), (b, c), (a, c))
    )
    common = core(ab) & core(bc) & core(ac)
    assert common.sum() > 5000
    mean = (ab.phasor * bc.phasor * np.conj(ac.phasor))[common].mean()
    assert abs(mean) > 0.95
    assert abs(np.angle(mean)) < 0.06
    turned = (np.conj(ab.phasor) * bc.phasor * np.conj(ac.phasor))[common].mean()
    assert abs(turned) < 0.7


def test_masked_water_of_colouring_b_is_no_data(shared_data: Path) -> None:
    """It is painted as phase 0 in full saturation, and must not come out as a smooth sea."""
    frame = read(shared_data / FOLDER / "20160908_20161002.geo.diff.png")
    assert not frame.valid[-60:, :30].any()
    assert ((frame.phase == 0) & frame.valid).mean() < 0.01


def test_white_page_is_no_data(shared_data: Path) -> None:
    frame = read(shared_data / FOLDER / "Cerro_Azul_20170717_20170810.geo.diff0_0.png")
    assert not frame.valid[:60, :100].any()
    assert 0.03 < frame.valid.mean() < 0.3
