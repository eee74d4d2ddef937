"""A made archive in which every kind of copy and of bad tile is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from audit_made import PLANTED, TILE, dates, file_name, make_archive, turbulence

from ssl_insar.archive import Archive


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """60 tiles of their own, a copy of one of them of each kind, a constant one and a noisy one.

    Copies are called ``z_KIND_..`` and repeat the tile number of their kind; do not change it.
    """
    rng = np.random.default_rng(0)
    fields = {file_name(f"mt{i:02d}", *dates(i)): turbulence(rng) for i in range(60)}
    originals = list(fields.items())
    labels = [{"file": name, "deformation": i % 2} for i, name in enumerate(fields)]
    for i, (kind, change) in enumerate(PLANTED.items()):
        name = f"z_{kind}_{originals[i][0]}"
        fields[name] = np.ascontiguousarray(change(originals[i][1], rng))
        labels.append({"file": name, "deformation": labels[i]["deformation"]})
    # The copy of number 3 is labelled the other way round; that of number 4 alone has a label.
    labels[63]["deformation"] = 0
    labels[4]["deformation"] = ""
    fields[file_name("flat", *dates(70))] = np.full((TILE, TILE), -0.7, np.float32)
    fields[file_name("sea", *dates(71))] = rng.uniform(-np.pi, np.pi, (TILE, TILE)).astype(np.float32)
    labels += [{"file": name, "deformation": ""} for name in list(fields)[-2:]]
    return make_archive(tmp_path_factory.mktemp("planted"), fields, labels)


@pytest.fixture(scope="session")
def found(planted: Archive) -> Any:
    """The audit of `planted`."""
    from ssl_insar.audit import audit

    return audit(planted, progress=False)
