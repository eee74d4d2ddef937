from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made import write_frames

from ssl_insar.demo import run_demo

SMALL = ("model.size=32", "model.backbone=resnet10t", "data.batch_size=16", "precision=32")


class Page(HTMLParser):
    """Collects what a page refers to and says."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [str(v) for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo"
    run_demo(out, count=80, tile=64, minutes=0.02, overrides=SMALL)
    return out


def test_the_simulated_demo_writes_a_report_that_needs_nothing_else(simulated: Path) -> None:
    page = read_page(simulated / "report.html")
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "simulated" in page.text
    for words in (
        "random weights",
        "global statistics",
        "volcano prior",
        "average precision",
        "What this does not show",
    ):
        assert words in page.text


def test_the_report_s_numbers_are_the_run_s(simulated: Path) -> None:
    from ssl_insar.pretrain.logs import read_rows

    looks = read_rows(simulated / "run" / "monitor.csv")
    page = read_page(simulated / "report.html")
    first, last = float(looks[0]["knn_ap"]), float(looks[-1]["knn_ap"])
    assert f"kNN average precision from {first:.3f} to {last:.3f}" in (simulated / "report.html").read_text()
    assert re.search(r"label “deformation”\s*\d+ positive of 80", page.text)


def test_again_trains_nothing_twice(simulated: Path) -> None:
    before = (simulated / "run" / "loss.csv").stat().st_mtime_ns
    run_demo(simulated, count=80, tile=64, minutes=0.02, overrides=SMALL)
    assert (simulated / "run" / "loss.csv").stat().st_mtime_ns == before


def test_own_data_without_labels_says_so(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 40)
    (folder / "labels.csv").unlink()
    path = run_demo(tmp_path / "out", data=folder, tile=64, minutes=0.02, overrides=SMALL)
    page = read_page(path)
    assert "There is no 0/1 label" in page.text
    assert "simulated" not in page.text


def test_a_hostile_file_name_is_shown_as_text(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "in", 40)
    for path in sorted(folder.glob("*.npy"))[:30]:
        path.rename(folder / f"<img src=x onerror=alert(1)>{path.name}")
    (folder / "labels.csv").unlink()
    path = run_demo(tmp_path / "out", data=folder, tile=64, minutes=0.02, overrides=SMALL)
    assert "<img src=x" not in path.read_text(encoding="utf-8")
