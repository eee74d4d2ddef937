"""`ssl-insar info`: what it prints, what it draws, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made import fringes
from made_rasters import write_tiff
from PIL import Image

from ssl_insar.cli import group
from ssl_insar.maps.phase_image import NO_DATA, PHASE_COLOURS
from ssl_insar.maps.preview import in_terminal, preview
from ssl_insar.readers import read


@pytest.fixture
def product(tmp_path: Path) -> Path:
    phase = fringes(64, np.random.default_rng(0), True).astype(np.float32)
    phase[:8] = 0
    return write_tiff(tmp_path / "079D_07894_131313" / "20190117_20190105.geo.diff_pha.tif", phase)


def test_it_says_what_was_recognised(product: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["info", str(product), "--out", str(tmp_path / "out.png")])
    assert result.exit_code == 0
    lines = dict(line.strip().split(maxsplit=1) for line in result.output.splitlines() if line[:2] == "  ")
    assert lines["family"] == "LiCSAR GeoTIFF"
    assert lines["size"].startswith("64 x 64 px of 111.3 x 108.3 m")
    assert lines["phase"] == "wrapped, rad, positive = away from the satellite"
    assert lines["dates"] == "2019-01-05 to 2019-01-17 (12 days)", "in order, although the name is not"
    assert lines["track"] == "079D 079D_07894_131313 descending"
    assert lines["valid"] == "87.5% of the pixels"
    with Image.open(tmp_path / "out.png") as image:
        colours = {tuple(rgb) for rgb in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    assert tuple(NO_DATA.tolist()) in colours
    assert len(colours & {tuple(rgb) for rgb in PHASE_COLOURS.tolist()}) > 100


def test_a_bad_file_is_told_and_the_others_are_shown(product: Path, tmp_path: Path) -> None:
    (tmp_path / "no.tif").write_bytes(b"II*\0rubbish")
    result = CliRunner().invoke(group, ["info", str(tmp_path / "no.tif"), str(product)])
    assert result.exit_code == 2
    assert "no.tif: damaged" in result.output
    assert "2019-01-05 to 2019-01-17" in result.output


def test_of_many_interferograms_the_first_are_shown(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "ifgramStack.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"FILE_TYPE": "ifgramStack", "WIDTH": "20", "LENGTH": "20", "WAVELENGTH": "0.056"})
        file["date"] = np.array([[b"20200101", f"202002{i + 1:02}".encode()] for i in range(5)])
        file["dropIfgram"] = np.ones(5, bool)
        file["unwrapPhase"] = np.ones((5, 20, 20), np.float32)
    result = CliRunner().invoke(group, ["info", str(path), "--most", "2", "--no-draw"])
    assert result.exit_code == 0
    assert result.output.count("unwrapped, rad") == 2
    assert "3 more interferograms" in result.output


def test_the_terminal_shows_the_phase_in_its_colours(product: Path) -> None:
    result = CliRunner().invoke(group, ["info", str(product), "--draw"], color=True)
    assert result.output.count("\N{UPPER HALF BLOCK}") == 64 * 32
    z = preview(read(product), 320)
    assert z.shape == (64, 64)
    first = in_terminal(z, 64).split("m", 1)[0]
    assert first.endswith("{};{};{};48;2;{};{};{}".format(*NO_DATA, *NO_DATA))
    assert len(in_terminal(z, 16).splitlines()) == 8


def test_a_large_frame_is_shrunk_on_the_phasor(tmp_path: Path) -> None:
    phase = np.full((1000, 300), np.pi - 0.05, np.float32)
    phase[::2] *= -1  # a plain mean would be 0
    path = write_tiff(tmp_path / "20190105_20190117.geo.diff_pha.tif", phase)
    z = preview(read(path), 100)
    assert z.shape == (100, 30)
    np.testing.assert_allclose(np.abs(np.angle(z)), np.pi, atol=1e-3)
