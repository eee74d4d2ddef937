"""The quick-look measurements: the stated bounds, and counts on fields whose answer is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation import quicklooks
from evaluation.quicklook_drawing import DRAWINGS, decorrelated, fringes, shrink_phasor
from evaluation.quicklook_measures import Cores, closure, independent_kind, residues, round_trip, triplets
from ssl_insar.readers.quicklook import Inversion, invert
from ssl_insar.readers.quicklook_detect import repeated

ROOT = Path(__file__).resolve().parents[2]


def inversion(phase: np.ndarray) -> Inversion:
    """What a picture of this wrapped phase would give, were it perfect."""
    rgb = np.zeros((*phase.shape, 3), np.uint8)
    nothing = invert(rgb, np.zeros(phase.shape, bool))
    z = np.exp(1j * phase).astype(np.complex64)
    return nothing._replace(
        phase=np.angle(z).astype(np.float32),
        valid=np.ones(phase.shape, bool),
        confidence=np.ones(phase.shape, np.float32),
        colour_phasor=z,
    )


@pytest.mark.parametrize("kind", ["A, shrunk, 3 bits", "A, shrunk, 4 bits"])
@pytest.mark.parametrize("coherence", [1.0, 0.9, 0.7])
@pytest.mark.parametrize("period", [60, 300])
def test_posterised_round_trip_keeps_its_bound(kind: str, coherence: float, period: float) -> None:
    found = round_trip(kind, coherence, period)
    assert found["rms"] < 0.12
    assert found["rms_to_noise_free"] < 0.12
    assert found["valid"] > 0.99


@pytest.mark.parametrize(
    ("kind", "bound"),
    [("A, shrunk", 0.04), ("A, full size", 0.02), ("B, shrunk", 0.12), ("B, full size", 0.12)],
)
def test_other_round_trips(kind: str, bound: float) -> None:
    found = round_trip(kind, 0.7, 60)
    assert found["rms"] < bound
    assert found["valid"] > 0.99
    assert found["recognised_as"].startswith(f"colouring {kind[0]}")


def test_pure_noise_gives_nothing_valid() -> None:
    assert round_trip("A, shrunk, 3 bits", 0.0, 60)["valid"] < 0.02


def test_shrinking_the_truth_keeps_a_slow_phase() -> None:
    phase = fringes(200, 100)
    small = shrink_phasor(np.exp(1j * phase))
    assert small.shape == (60, 60)
    at = (np.arange(60) + 0.5) / 0.3 - 0.5
    rows = np.rint(at).astype(int)
    assert np.abs(np.angle(small * np.exp(-1j * phase[np.ix_(rows, rows)])))[4:-4, 4:-4].max() < 0.06


def test_decorrelation_is_as_large_as_the_coherence_says() -> None:
    noise = decorrelated(np.zeros((100, 100)), 0.7, 0)
    # High-coherence limit: sqrt((1 - g^2) / (2 L g^2)) = 0.161 rad for 20 looks.
    assert noise.std() == pytest.approx(0.161, rel=0.05)


def test_kinds_by_number_of_colours() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    seen = np.ones((40, 40), bool)
    assert independent_kind(rgb, seen) == "more than 256 colours"
    assert independent_kind(repeated(rgb[:10], 3), seen[:10]) == "more than 256 colours"
    assert independent_kind(repeated(rgb[:5], 3), seen[:5]) == "256 colours at most, 3 bits a channel"
    assert independent_kind(repeated(rgb[:5], 4), seen[:5]) == "256 colours at most, 4 bits a channel"
    assert independent_kind(rgb[:5], seen[:5]) == "256 colours at most, no pattern"


def test_core_counts_on_a_ramp() -> None:
    """Two fringes over 128 columns, no noise: each row crosses from red to blue twice."""
    phase = np.tile(2 * np.pi * (np.arange(128) + 0.5) / 64, (30, 1))
    count = Cores.of(inversion(phase))
    assert count.pixels == 30 * 128
    assert count.loops == 29 * 127
    assert count.crossings == count.continuous == count.by_colour == 30 * 2
    assert count.residues == 0
    assert (count + count).crossings == 120
    assert count.unevenness == pytest.approx(0, abs=1e-9)
    assert Cores.of(inversion(phase[:, :64] / 2)).unevenness == pytest.approx(1)


def test_a_jump_is_not_continuous_and_a_vortex_is_a_residue() -> None:
    jump = np.full((20, 20), np.pi - 0.6)
    jump[:, 10:] += 1.2
    count = Cores.of(inversion(jump))
    assert count.pixels == 400
    assert count.crossings == 20
    assert count.continuous == count.by_colour == 0
    rows, cols = np.mgrid[:41, :41] - 20.5
    vortex = inversion(np.arctan2(rows, cols))
    assert residues(vortex.phase).sum() == 1
    assert Cores.of(vortex).residues == 0  # its middle is no coherent core


def test_closures_tell_a_consistent_sign_from_a_turned_one() -> None:
    rng = np.random.default_rng(0)
    a, b, c = (np.cumsum(rng.normal(size=60))[None] * 0.2 + np.zeros((60, 1)) for _ in range(3))
    good = closure([inversion(b - a), inversion(c - b), inversion(c - a)])
    assert good["length"] == pytest.approx(1, abs=1e-5)
    assert good["median"] < 1e-5
    assert closure([inversion(a - b), inversion(c - b), inversion(c - a)])["length"] < 0.95


def test_triplets_are_of_one_crop() -> None:
    names = [
        f"X_{pair}.geo.diff1_0.png"
        for pair in ("20200101_20200113", "20200113_20200125", "20200101_20200125")
    ]
    other = "X_20200101_20200125.geo.diff2_0.png"
    assert triplets([*names, other]) == [tuple(names)]
    assert triplets([*names[:2], other]) == []


def test_the_command_writes_page_tables_and_sheet(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(quicklooks, "COHERENCES", (0.9, 0.7))
    monkeypatch.setattr(quicklooks, "PERIODS", (60,))
    folder = tmp_path / "pictures"
    folder.mkdir()
    phase = decorrelated(fringes(300, 60), 0.9, 0)
    for name, kind in (("one", "A, shrunk, 3 bits"), ("two", "B, shrunk")):
        Image.fromarray(DRAWINGS[kind].picture(phase)).save(folder / f"{name}.png")
    random = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(random).save(folder / "three.png")
    quicklooks.command.main([str(folder), "--out", str(tmp_path / "out")], standalone_mode=False)
    page = (tmp_path / "out" / "quicklooks.md").read_text()
    assert page.rstrip() == capsys.readouterr().out.rstrip()
    assert "2 of 3 recognised" in page
    table = pd.read_csv(tmp_path / "out" / "pictures.csv").set_index("file")
    assert table.loc["three.png", "recognised_as"] == "refused"
    assert table.loc["three.png", "valid"] == 0
    assert table.loc["one.png", "valid"] > 0.99
    assert len(pd.read_csv(tmp_path / "out" / "round_trips.csv")) == 6 * 2
    assert Image.open(tmp_path / "out" / "contact_sheet.png").size == (5 * 332, 164)


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "evaluation.quicklooks", str(tmp_path), "--out", str(tmp_path / "out")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"Error: {tmp_path}: holds no PNG; give the folder of the quick-looks\n"
