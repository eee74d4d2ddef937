"""kill -9 at any moment of a change: the index opens, and holds exactly the old set or the new.

``SSL_INSAR_KILLS=200`` makes it a longer run.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_writer import NEW, STEPS, coming, write

from ssl_insar.archive.catalogue import write_catalogue
from ssl_insar.models import Embeddings
from ssl_insar.search import Index, Store

KILLS = int(os.environ.get("SSL_INSAR_KILLS", "8"))
COUNT = 400

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")


def killed_at(folder: Path, source: Path, turn: int, step: str, share: float) -> tuple[str, int, bool]:
    """Kill a writer during a step; what it said last: step, turn, whether it was done."""
    # A fork has imported everything already, so it starts at once.
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    writer = context.Process(target=write, args=(folder, source, turn, theirs))
    writer.start()
    theirs.close()
    last: tuple[str, int, bool] = ("", 0, False)
    began = time.monotonic()
    while last[0] != step:
        assert ours.poll(60), "the writer does nothing"
        last = ours.recv()
        lasted, began = time.monotonic() - began, time.monotonic()
    # A step takes about as long as the one before it.
    time.sleep(share * min(lasted, 0.2))
    writer.kill()
    writer.join()
    while ours.poll():
        try:
            last = ours.recv()
        except EOFError:
            break
    return last


def states(everything: Embeddings, step: str, turn: int) -> tuple[set[str], set[str]]:
    """The tiles before and after a step."""
    ids = everything.ids
    base, new = set(ids[: COUNT // 2]), set(ids[coming(turn, COUNT)])
    return {
        "add": (base, base | new),
        "update": (base | new, base | new),
        "remove": (base | new, base),
        "compact": (base, base),
    }[step]


def test_killed_at_any_moment(made: Callable[..., Embeddings], tmp_path: Path) -> None:
    everything = made(COUNT)
    source, folder = tmp_path / "source", tmp_path / "index"
    source.mkdir()
    np.save(source / "matrix.npy", everything.matrix)
    write_catalogue(everything.catalogue, source / "catalogue.parquet")
    half = slice(0, COUNT // 2)
    Store.create(
        Embeddings(everything.matrix[half], everything.catalogue.iloc[half], everything.provenance), folder
    )
    place = {name: i for i, name in enumerate(everything.ids)}
    rng = np.random.default_rng(0)
    struck: Counter[str] = Counter()
    for turn in range(KILLS):
        step, at, done = killed_at(folder, source, turn, STEPS[turn % 4], rng.uniform(0, 1.2))
        old, new = states(everything, step, at)
        struck["between steps" if done else step] += 1

        index = Index.open(folder)
        held = set(index.catalogue["id"])
        assert held == new if done else held in (old, new), (step, at)
        # Embeddings, catalogue and index agree.
        rows = [place[name] for name in index.catalogue["id"]]
        np.testing.assert_array_equal(index.embeddings.matrix, everything.matrix[rows])
        prints = everything.catalogue["fingerprint"].iloc[rows]
        assert index.catalogue["fingerprint"].tolist() == prints.tolist()
        found = index.search(index.vectors(np.arange(len(index))), 1)
        assert [neighbours[0].position for neighbours in found] == list(range(len(index)))
        # The next writer starts from the base, whatever was left.
        extra = sorted(held - set(everything.ids[: COUNT // 2]))
        assert len(extra) in (0, NEW)
        store = Store.open(folder)
        store.remove(extra)
        assert len(Store.open(folder)) == COUNT // 2
        assert store.catalogue()["key"].is_unique
    print(f"kills: {dict(struck)}")
    assert sum(struck[name] for name in STEPS) >= KILLS // 2
