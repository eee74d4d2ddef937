"""Sheets of pictures: as many columns as wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssl_insar.maps.contact_sheet import save_sheet


@pytest.mark.parametrize(("columns", "rows"), [(2, 3), (3, 2), (9, 1)])
def test_pictures_stand_in_the_columns_asked_for(columns: int, rows: int, tmp_path: Path) -> None:
    fields = [np.ones((8, 8), np.complex64)] * 6
    save_sheet(fields, list("abcdef"), tmp_path / "a.png", columns=columns)
    width, height = Image.open(tmp_path / "a.png").size
    across = min(columns, 6)
    # A cell is 2.6 inches wide and a little higher, and the colour bar needs .6.
    assert width == pytest.approx(max(across * 2.6, 4.2) * 130, abs=2)
    assert height == pytest.approx((rows * 2.6 * 1.12 + 0.6) * 130, abs=2)


def test_four_stand_side_by_side_unless_told(tmp_path: Path) -> None:
    save_sheet([np.ones((8, 8), np.complex64)] * 5, list("abcde"), tmp_path / "a.png")
    width, height = Image.open(tmp_path / "a.png").size
    assert (round(width / 130 / 2.6), round(height / 130 / 2.9)) == (4, 2)
