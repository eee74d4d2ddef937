"""On the published volcano crops: the 150 files that are transposed copies, and what surrounds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.archive import ingest
from ssl_insar.audit import audit

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The audit of the transposed files, their originals and 200 others."""
    frames = shared_data / "volcanoes" / "frames"
    copies = sorted(frames.glob("z_*"))
    partners = [frames / path.name.removeprefix("z_") for path in copies]
    rest = sorted(set(frames.glob("*.png")) - set(copies) - set(partners))
    others = np.random.default_rng(0).choice(len(rest), 200, replace=False)
    files = [*copies, *partners, *(rest[i] for i in others)]
    out = tmp_path_factory.mktemp("real")
    # The table names files that are not among these.
    with pytest.warns(UserWarning, match="are not in the archive"):
        archive = ingest(
            files,
            out / "archive",
            labels=shared_data / "volcanoes" / "labels.csv",
            ignore_absent=True,
            progress=False,
        ).archive
    return audit(archive, progress=False)


def test_transposed_files_are_found(real: Any) -> None:
    files = real.archive.catalogue["file"].tolist()
    pairs = {(files[copy.tile], files[copy.other]) for copy in real.copies.found if copy.kind == "transposed"}
    right = [name for name in files if name.startswith("z_") and _either(pairs, name)]
    assert len(right) >= 148
    named = {name.removeprefix("z_") for pair in pairs for name in pair}
    assert len(named) == len(pairs)  # each joins a file with its own transposed copy, and none is false


def test_noise_is_noise_by_its_coherence_too(real: Any) -> None:
    coherence = real.archive.catalogue["coherence"].to_numpy()
    assert real.quality.noise.sum() > 10
    assert coherence[real.quality.noise].max() < 0.22


def test_search_finds_planted_copies(real: Any) -> None:
    hits, count = real.copies.planted
    assert hits >= 0.98 * count


def _either(pairs: set[tuple[str, str]], name: str) -> bool:
    partner = name.removeprefix("z_")
    return (name, partner) in pairs or (partner, name) in pairs
