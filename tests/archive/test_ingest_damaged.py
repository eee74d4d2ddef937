"""Ingest of a folder in which half of the products are damaged, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_damage import DAMAGES, Shelf, applies
from made_products import PRODUCTS

from ssl_insar.archive import Archive
from ssl_insar.readers import frames, looks_readable

FILES = 200
LAYOUT = ("raw", "DIAPASON")
"""These cannot be read without one, and then nothing else may be doubtful."""


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Path, list[Path], list[Path]]:
    """A folder, the whole products in it, and the damaged ones."""
    shelf = Shelf.filled(tmp_path / "shelf")
    rng = np.random.default_rng(3)
    names = [name for name in PRODUCTS if name not in LAYOUT]
    good, damaged = [], []
    for i in range(FILES):
        name = names[i // 2 % len(names)]
        folder = tmp_path / "in" / f"{i:03d}"
        # Each of another height: the same interferogram under the same name is taken in only once.
        path = PRODUCTS[name].write(folder, (48 + i, 40))
        if i % 2:
            patient = shelf.patient(name, folder)
            usual = [damage for damage in DAMAGES if applies(damage, patient)]
            DAMAGES[usual[rng.integers(len(usual))]](patient, rng)
        (damaged if i % 2 else good).append(path)
    return tmp_path / "in", good, damaged


def test_what_is_whole_is_taken_in_and_the_rest_is_told(
    mixed: tuple[Path, list[Path], list[Path]], tmp_path: Path
) -> None:
    folder, good, damaged = mixed
    words = ["ingest", folder, "--out", tmp_path / "out", "--tile", "16"]
    done = subprocess.run(
        [sys.executable, "-m", "ssl_insar", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = Archive.open(tmp_path / "out").catalogue
    tiles = rows.groupby("source").size()
    members = rows.groupby("source")["member"].nunique(dropna=False)
    for path in good:
        found = frames(path)
        assert members[str(path)] == len(found), path
        assert tiles[str(path)] >= 6 * len(found), path
    skipped = pd.read_csv(tmp_path / "out" / "skipped.csv")
    assert not set(skipped["source"]) & set(map(str, good))
    assert not skipped["reason"].str.contains("\n").any()
    assert not skipped["reason"].str.startswith("/").any(), "the source stands beside it"
    told = {source.partition(":")[0] for source in skipped["source"]}
    # A file that lost its name or all that lies beside it is not taken for an interferogram at all.
    lost = [path for path in damaged if str(path) not in told | set(tiles.index) and looks_readable(path)]
    assert not lost
    assert len(told & set(map(str, damaged))) > FILES / 8
    # What is left out is told in one line each, and libraries say nothing of their own.
    lines = done.stderr.replace("\r", "\n").splitlines()
    odd = [line for line in lines if line.startswith(("ERROR", "Warning", "HDF5-DIAG", "Traceback", "  #0"))]
    assert not odd
    assert len(lines) < FILES
