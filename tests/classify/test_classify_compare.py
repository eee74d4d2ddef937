from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssl_insar.archive.groups import PROTOCOLS
from ssl_insar.classify.compare import GLOBAL, LEAKY_PRIOR, PRIOR, compare, markdown


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_rows_tell_signal_from_noise_and_both_from_the_place(world, protocol) -> None:
    clear = world.features.copy()
    clear[:, 0] += 4 * world.y
    noise = np.random.default_rng(1).normal(size=(600, 11)).astype(np.float32)
    rows = compare(
        {"encoder": clear, GLOBAL: noise}, world.catalogue, world.y, protocol=protocol, draws=5, bootstrap=200
    )
    named = {row.name: row for row in rows}
    assert list(named) == ["encoder", GLOBAL, PRIOR, LEAKY_PRIOR]
    assert named["encoder"].ap.low > named[GLOBAL].ap.high
    assert named["encoder"].gain is not None
    assert named["encoder"].gain.value == pytest.approx(named["encoder"].ap.value - named[GLOBAL].ap.value)
    assert named["encoder"].gain.low > 0
    assert named[GLOBAL].gain is None
    assert 0.35 < named[GLOBAL].auroc.value < 0.65
    assert named[PRIOR].auroc.value == 0.5
    assert named[LEAKY_PRIOR].auroc.value > 0.7
    assert set(named["encoder"].few_shot) == {5, 10}
    assert named[PRIOR].few_shot == {}
    table = markdown(rows)
    assert len(table.splitlines()) == 6
    assert "AUROC from 5 labels a class" in table
    assert str(named["encoder"].ap) in table


def test_unlabelled_tiles_play_no_part(world) -> None:
    y = pd.Series(world.y, dtype="Int64")
    y[::3] = pd.NA
    keep = y.notna().to_numpy()
    full = compare({"encoder": world.features}, world.catalogue, y, draws=3, bootstrap=50)
    part = compare(
        {"encoder": world.features[keep]},
        world.catalogue[keep].reset_index(drop=True),
        world.y[keep],
        draws=3,
        bootstrap=50,
    )
    assert full == part
    assert all(row.gain is None for row in full)  # no global statistics to compare with
