"""KFTS stacks: made ones, and the real ones of Etna."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ssl_insar.readers import UnreadableError, frames

H, W = 12, 14
PHASE = np.random.default_rng(4).normal(0, 5, (3, H, W)).astype(np.float32)
BASE = 731237
"""2003-01-22."""
CONNECTIONS = np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1]], float)


def made(path: Path, stack: str = "igram", **changes: Any) -> Path:
    content = {
        stack: PHASE,
        "Jmat": CONNECTIONS,
        "dates": BASE + 35 * np.arange(3),
        "bperp": np.array([10.0, 20.0, np.nan]),
    }
    with h5py.File(path, "w") as file:
        for name, values in (content | changes).items():
            file[name] = values
    return path


@pytest.mark.parametrize("stack", ["igram", "figram"])
def test_made_plus_one_is_the_first_date_and_minus_one_the_second(tmp_path: Path, stack: str) -> None:
    found = frames(made(tmp_path / "a.h5", stack))
    assert [frame.member for frame in found] == [
        "20030122_20030226",
        "20030226_20030402",
        "20030122_20030402",
    ]
    assert (found[0].reference_date, found[0].secondary_date) == (date(2003, 1, 22), date(2003, 2, 26))
    np.testing.assert_array_equal(found[0].phase, PHASE[0])
    np.testing.assert_array_equal(found[2].phase, -PHASE[2], "which runs from the later date")
    assert [frame.perpendicular_baseline for frame in found] == [10, 20, None]
    assert (found[0].wavelength, found[0].crs, found[0].wrapped) == (None, None, False)
    assert "sign is not told" in str(found[0].provenance)


@pytest.mark.parametrize("row", [[1, 1, 0], [1, 0, 0], [1, -1, 1], [0.5, -0.5, 0], [np.nan, 1, -1]])
def test_made_rows_that_connect_no_two_dates(tmp_path: Path, row: list[float]) -> None:
    connections = CONNECTIONS.copy()
    connections[1] = row
    frame = frames(made(tmp_path / "a.h5", Jmat=connections))[1]
    assert (frame.reference_date, frame.secondary_date, frame.member) == (None, None, "interferogram 1")
    np.testing.assert_array_equal(frame.phase, PHASE[1])


@pytest.mark.parametrize("days", [[0, 731237, 731272], [np.nan, 731237, 731272], [1e9, 731237, 731272]])
def test_made_days_that_are_none(tmp_path: Path, days: list[float]) -> None:
    found = frames(made(tmp_path / "a.h5", dates=np.array(days)))
    assert found[0].reference_date is None
    assert found[1].reference_date == date(2003, 1, 22)


@pytest.mark.parametrize("changes", [{"Jmat": CONNECTIONS[:2]}, {"dates": np.arange(4)}, {"dates": "text"}])
def test_made_connections_that_do_not_match(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError, match="Jmat and dates do not match the 3 interferograms"):
        frames(made(tmp_path / "a.h5", **changes))


@pytest.mark.real
class TestEtna:
    def test_the_stack(self, shared_data: Path) -> None:
        found = frames(shared_data / "products" / "kfts_etna" / "Etna_sample.h5")
        assert len(found) == 214
        assert len({frame.member for frame in found}) == 214
        assert found[0].member == "20030122_20030226"
        assert found[0].perpendicular_baseline == pytest.approx(-172.276)
        valid = np.mean([frame.valid.mean() for frame in found])
        assert valid == pytest.approx(1 - 0.0294626, abs=1e-6)

    def test_its_interferograms_add_up_over_the_dates_they_were_given(self, shared_data: Path) -> None:
        """Over three dates baselines close, which nothing but the right dates makes them do."""
        found = frames(shared_data / "products" / "kfts_etna" / "Etna_sample.h5")
        by_dates = {(frame.reference_date, frame.secondary_date): frame for frame in found}
        baselines, closed, turned = [], [], []
        for (a, b), first in by_dates.items():
            for (c, d), second in by_dates.items():
                whole = by_dates.get((a, d))
                if b != c or whole is None:
                    continue
                parts = [frame.perpendicular_baseline or np.nan for frame in (first, second, whole)]
                baselines.append(abs(parts[0] + parts[1] - parts[2]))
                valid = first.valid & second.valid & whole.valid
                closed.append(np.median(np.abs(first.phase + second.phase - whole.phase)[valid]))
                turned.append(np.median(np.abs(first.phase - second.phase - whole.phase)[valid]))
        assert len(baselines) == 265
        assert max(baselines) < 0.01
        assert np.median(closed) < np.median(turned) / 2

    def test_the_newer_file(self, shared_data: Path) -> None:
        found = frames(shared_data / "products" / "kfts_etna" / "Etna_sample_new.h5")
        assert [frame.member for frame in found][:2] == ["20090729_20100922", "20091007_20100714"]
        assert 0.7 < np.mean([frame.valid.mean() for frame in found]) < 0.8
