"""Shared fixtures: made frames and archives, where the real data is, quiet third-party libraries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from made import TINY, write_frames

# A test must not fail because the machine is busy.
settings.register_profile("ssl_insar", deadline=None)
settings.load_profile("ssl_insar")

# No test may reach for a network account or an update server.
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that run side by side share the cores, and so do the processes that they start."""
    processes = config.getoption("numprocesses", default=None)
    if processes:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real products; the test is skipped, saying so, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real data absent: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 made crops of 64 px at ten volcanoes; do not change the folder."""
    return write_frames(tmp_path_factory.mktemp("frames") / "crops", 60)


@pytest.fixture(scope="session")
def archive_path(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of `frames`; do not change it."""
    from ssl_insar.archive import ingest

    out = tmp_path_factory.mktemp("archive") / "archive"
    ingest(frames, out, tile=64, labels=frames / "labels.csv", progress=False)
    return out


@pytest.fixture(scope="session")
def run_path(archive_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe; do not change it."""
    from ssl_insar.pretrain import pretrain

    out = tmp_path_factory.mktemp("runs") / "run"
    pretrain(TINY, archive_path, out, progress=False)
    return out
