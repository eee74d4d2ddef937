"""Shared fixtures: where the real data is, and quiet third-party libraries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# No test may reach for a network account or an update server.
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("MPLBACKEND", "Agg")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real products; the test is skipped, saying so, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real data absent: {SHARED}")
    return SHARED
