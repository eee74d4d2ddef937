"""The wheel, installed alone, runs the demo outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_package_the_recipes_and_the_templates_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"ssl_insar", next(t for t in tops if t.endswith(".dist-info"))}
    for needed in (
        "ssl_insar/_recipes/demo.yaml",
        "ssl_insar/demo/templates/report.html.j2",
        "ssl_insar/search/gallery.html.j2",
        "ssl_insar/py.typed",
    ):
        assert needed in names


def test_the_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """In a new environment that borrows only the dependencies of this one."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    # A path file is not followed into the path files there, so the editable install stays unseen.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    where = [str(python), "-c", "import ssl_insar; print(ssl_insar.__file__)"]
    found = subprocess.run(where, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert str(site) in found
    settings = ["model.size=32", "model.backbone=resnet10t", "data.batch_size=16"]
    command = [str(tmp_path / "venv" / "bin" / "ssl-insar"), "demo", "--count", "60", "--tile", "64"]
    command += ["--minutes", "0.02", *(x for s in settings for x in ("--set", s))]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "demo" / "report.html").stat().st_size > 50_000
