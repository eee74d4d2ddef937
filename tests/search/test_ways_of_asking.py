"""Queries that are no tile and no file: simulated sources, views of a tile, its own ground through time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ssl_insar.cli import search as search_command
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search import (
    Index,
    RandomPairs,
    Template,
    as_table,
    expand,
    find,
    history,
    like,
    resolve,
    with_differences,
)
from ssl_insar.search.embedding import encoder_of
from ssl_insar.search.expand import VIEWS


@pytest.fixture(scope="module")
def index(world: Any) -> Index:
    return Index.open(world.index)


def test_a_template_is_read() -> None:
    made = Template.parse("mogi depth=4000 peak=-0.05 heading=-12 east=500")
    assert made.parameters == {"depth": 4000, "east": 500, "north": 0}
    assert (made.peak, made.heading, made.incidence) == (-0.05, -12, 39)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mogy depth=1", r"no source 'mogy' \(did you mean mogi\?\); there are mogi, mctigue, .*landslide"),
        ("", "no source ''; there are mogi"),
        ("mogi depht=1", r"no parameter 'depht' \(did you mean depth\?\); mogi takes east, north, depth"),
        ("mogi", "lacks depth; mogi takes east, north, depth, poisson, and every source peak, heading"),
        ("mogi depth=deep", "'depth=deep' is no number; write depth=VALUE"),
        ("mogi depth=nan", "is no number"),
        ("mogi depth", "'depth' is no number"),
        ("mogi depth=1 volume_change=3", "volume_change follows from peak"),
        ("mogi depth=1e3 peak=0", "peak must not be 0"),
    ],
)
def test_a_template_that_cannot_be(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Template.parse(text)


def test_a_simulated_source_is_a_query(index: Index) -> None:
    asked = like(index, "mogi depth=800 peak=0.1", draws=2)
    again = like(index, "mogi depth=800 peak=0.1", draws=2)
    other = like(index, "dyke depth=900 strike=20 dip=89 length=1500 width=800 peak=0.1", draws=2)
    assert asked.vectors.shape == (1, index.dimension)
    np.testing.assert_array_equal(asked.vectors, again.vectors)
    assert float(asked.vectors[0] @ other.vectors[0]) < 1 - 1e-4
    assert asked.scenes is not None
    vectors = unit_rows(encoder_of(index, None).embed_phasors(asked.scenes))
    np.testing.assert_allclose(asked.vectors, unit_rows(vectors.mean(axis=0, keepdims=True)), atol=1e-5)
    # Nothing is of its place: every tile may be an answer.
    assert len(find(index, asked, 100, unlike_place=True)) == len(index)
    with pytest.raises(UserError, match=r"depth.*has to be above 0"):
        like(index, "mogi depth=-3")


def test_expansion_finds_what_is_mirrored(index: Index, world: Any) -> None:
    name = str(index.catalogue.id[5])
    asked = expand(index, resolve(index, name))
    assert asked.vectors.shape == (1 + len(VIEWS), index.dimension)
    eye = encoder_of(index, None)
    tile = world.archive.phasors([5])[0]
    for number, (view, change) in enumerate([("", lambda z: z), *VIEWS.items()]):
        assert asked.views[number] == view
        expected = unit_rows(eye.embed_phasors(change(tile)[None]))[0]
        assert unit_rows(asked.vectors)[number] @ expected == pytest.approx(1, abs=2e-3)
    table = as_table(index, asked, find(index, asked, 5))
    assert set(table.query_view) <= {"as it is", *VIEWS}
    plain = {m.id: m.cosine for m in find(index, resolve(index, name), 100)}
    assert all(row.cosine >= plain[row.id] - 1e-5 for row in table.itertuples())


def test_a_file_and_a_template_can_be_expanded(index: Index, world: Any) -> None:
    asked = resolve(index, str(world.sources[4]))
    more = expand(index, asked)
    count = len(asked.vectors)
    assert len(more.tiles) == len(more.vectors) == len(more.views) == count * (1 + len(VIEWS))
    eye = encoder_of(index, None)
    swapped = eye.embed_phasors(np.conj(world.archive.phasors([16])))  # the file's first corner
    place = more.views.index("dates swapped")
    assert unit_rows(more.vectors)[place] @ unit_rows(swapped)[0] == pytest.approx(1, abs=2e-3)
    drawn = expand(index, like(index, "mogi depth=800", draws=2))
    assert len(drawn.vectors) == len(drawn.tiles) == 1 + len(VIEWS)


def test_no_answer_is_of_the_querys_place(index: Index) -> None:
    c = index.catalogue
    found = find(index, resolve(index, str(c.id[0])), 100, unlike_place=True)
    assert {m.id for m in found} == set(c.id[c.frame != c.frame[0]])


def test_the_same_place_through_time(index: Index) -> None:
    c = index.catalogue
    corner = c[(c.frame == c.frame[0]) & (c.row == c.row[0]) & (c.col == c.col[0])]
    name = str(corner.id.iloc[2])
    asked = resolve(index, name)
    found = history(index, asked)
    assert [m.id for m in found] == corner.sort_values("secondary_date").id.tolist()
    assert [m.cosine for m in found][2] == pytest.approx(1, abs=1e-3)
    assert [m.id for m in history(index, asked, 2)] == [m.id for m in found][:2]
    with pytest.raises(UserError, match=r"no tile of .* is known to lie on its ground"):
        history(index, asked, allowed=(c.frame != c.frame[0]).to_numpy())


def test_answers_say_how_they_differ(index: Index) -> None:
    c = index.catalogue
    asked = resolve(index, str(c.id[0]))
    found = find(index, asked, 100, keep_overlapping=True, keep_same_pair=True)
    table = with_differences(index, asked, as_table(index, asked, found)).set_index("id")
    mine = c.iloc[0]
    for row in c.iloc[1:].itertuples():
        told = table.loc[row.id]
        days = (row.reference_date - mine.reference_date).days
        assert told.days_apart == pytest.approx(days, abs=1)
        assert ("same volcano" in told.differs) == (row.volcano == mine.volcano)
        assert ("descending, not ascending" in told.differs) == (row.track[-1] == "D")
    assert table.km_apart.isna().all()  # nothing here has a footprint


def test_share_of_random_pairs(index: Index) -> None:
    pairs = RandomPairs(index, 4000)
    unit = index.vectors(np.arange(len(index)))
    places = index.catalogue.volcano.to_numpy(object)
    every = (unit @ unit.T)[places[:, None] != places]
    for level in (0.1, 0.5, 0.99):
        cosine = np.quantile(every, level)
        assert pairs.share(cosine) == pytest.approx(1 - level, abs=0.03)
    assert pairs.share(2.0) == pytest.approx(1 / (1 + len(pairs.cosines)))
    assert pairs.share(-2.0) == 1


def test_the_command_asks_in_all_these_ways(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssl_insar.search.gallery.MOST", 1)  # the table is what counts here
    monkeypatch.setattr("ssl_insar.search.gallery.Gallery.save_png", lambda self, path: None)

    def search(*words: object) -> Any:
        return CliRunner().invoke(
            search_command.command, [str(w) for w in (world.index, *words, "--out", tmp_path / "out")]
        )

    name = Index.open(world.index).catalogue.id[0]
    result = search("--like", "mogi depth=800 peak=0.1", "-k", 3, "--expand")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert len(table) == 3
    assert {"differs", "days_apart", "share_of_random_pairs", "query_view"} <= set(table)
    assert table.share_of_random_pairs.is_monotonic_increasing
    assert (tmp_path / "out" / "results.html").exists()
    result = search(name, "--history")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "out" / "results.csv")) == 4
    result = search(name, "--unlike-place")
    assert "its frame and volcano" in result.output
    for words in ((), (name, "--like", "mogi depth=1"), (name, "--history", "--expand")):
        assert isinstance(search(*words).exception, UserError)
