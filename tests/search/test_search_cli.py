"""The two commands from end to end, and the pictures they write."""

from __future__ import annotations

import base64
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from ssl_insar.archive import ingest
from ssl_insar.cli import index as index_command
from ssl_insar.cli import search as search_command
from ssl_insar.errors import UserError
from ssl_insar.maps import SIGN, phase_rgb
from ssl_insar.models import Encoder
from ssl_insar.search import Index, as_table, find, make_gallery, open_archive, resolve


def search(*arguments: object) -> Result:
    return CliRunner().invoke(search_command.command, [str(a) for a in arguments])


def make_index(embeddings: Path, out: Path) -> Result:
    result = CliRunner().invoke(index_command.command, [str(embeddings), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return result


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its text, its pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attributes if k in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data

    def pictures(self) -> list[np.ndarray[Any, Any]]:
        return [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(link.split(",")[1])))) for link in self.links
        ]


def test_index_command(world: Any, tmp_path: Path) -> None:
    result = make_index(world.embeddings, tmp_path / "index")
    assert "48 tiles, dimension 512, Flat (exact)" in result.output
    assert Index.open(tmp_path / "index").tile == 32


def test_search_by_tile_writes_table_and_galleries(world: Any, tmp_path: Path) -> None:
    index = Index.open(world.index)
    name = index.catalogue.id[20]
    out = tmp_path / "out"
    result = search(world.index, name, "-k", 7, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["results.csv", "results.html", "results.png"]

    table = pd.read_csv(out / "results.csv")
    expected = find(index, resolve(index, name), 7)
    assert table.id.tolist() == [m.id for m in expected]
    np.testing.assert_allclose(table.cosine, [m.cosine for m in expected], atol=1e-5)
    assert {"volcano", "reference_date", "secondary_date", "track", "label_deformation"} <= set(table)
    printed = result.output.splitlines()
    titles = "rank cosine id volcano reference_date secondary_date track deformation"
    assert " ".join(printed[0].split()) == titles
    assert [line.split()[2] for line in printed[1:8]] == table.id.tolist()
    assert "--keep-same-pair" in result.output

    with Image.open(out / "results.png") as image:
        assert image.size[0] > 1000
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    page = Page(out / "results.html")
    assert all(link.startswith("data:image/png;base64,") for link in page.links)  # self-contained
    assert SIGN in page.text
    assert name in page.text
    query, ramp, *neighbours = page.pictures()
    assert ramp.shape == (1, 256, 3)
    np.testing.assert_array_equal(query, phase_rgb(world.archive.phasors([20])[0]))
    for picture, match in zip(neighbours, expected, strict=True):
        np.testing.assert_array_equal(picture, phase_rgb(world.archive.phasors([match.position])[0]))


def test_search_by_file(world: Any, tmp_path: Path) -> None:
    result = search(world.index, world.sources[3], "-k", 5, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    page = Page(tmp_path / "out" / "results.html")
    assert world.sources[3].name in page.text
    assert "64 x 64 px, 9 tiles" in page.text
    assert "like the query at row" in page.text
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert not table.file.isin([world.sources[3].name]).any()


def test_keep_flags_reach_the_search(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl_insar.search.gallery.MOST", 2)  # the table is what counts here
    pair, ground = "--keep-same-pair", "--keep-overlapping"
    name = Index.open(world.index).catalogue.id[0]
    found: dict[tuple[str, ...], int] = {}
    flags: tuple[str, ...]
    for flags in ((), (pair,), (ground,), (pair, ground)):
        result = search(world.index, name, "-k", 99, "--out", tmp_path / "out", *flags)
        assert result.exit_code == 0, result.output
        found[flags] = len(pd.read_csv(tmp_path / "out" / "results.csv"))
        assert f"Only {found[flags]} of the 99" in result.output
    assert list(found.values()) == [41, 44, 44, 47]


def test_everything_left_out(world: Any, tmp_path: Path) -> None:
    one = world.archive.path.parent / "files" / world.sources[0].name
    archive = ingest(one, tmp_path / "archive", tile=32, progress=False).archive
    Encoder.load(world.encoder).embed(archive, out=tmp_path / "embeddings", progress=False)
    make_index(tmp_path / "embeddings", tmp_path / "index")
    result = search(tmp_path / "index", archive.catalogue.id[0], "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "No neighbour is left" in result.output
    assert len(pd.read_csv(tmp_path / "out" / "results.csv")) == 0
    assert (tmp_path / "out" / "results.png").exists()


def test_archive_gone_or_moved(world: Any, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(world.archive.path, moved)
    Encoder.load(world.encoder).embed(
        ingest(world.folder / "files", moved, tile=32, progress=False).archive,
        out=tmp_path / "embeddings",
        progress=False,
    )
    make_index(tmp_path / "embeddings", tmp_path / "index")
    name, out = Index.open(tmp_path / "index").catalogue.id[0], tmp_path / "out"
    assert search(tmp_path / "index", name, "--out", out).exit_code == 0
    assert (out / "results.png").exists()

    moved.rename(tmp_path / "elsewhere")
    result = search(tmp_path / "index", name, "--out", out)
    assert result.exit_code == 0
    assert re.search("no gallery: .*moved: no such archive.*pass --archive", result.output)
    assert [p.name for p in out.iterdir()] == ["results.csv"]  # no pictures of the search before

    result = search(tmp_path / "index", name, "--out", out, "--archive", tmp_path / "elsewhere")
    assert result.exit_code == 0
    assert (out / "results.html").exists()

    result = search(tmp_path / "index", name, "--out", out, "--archive", tmp_path / "nowhere")
    assert isinstance(result.exception, UserError)


def test_another_archive_is_not_drawn_from(world: Any, tmp_path: Path) -> None:
    other = ingest(world.sources[:2], tmp_path / "archive", tile=32, progress=False).archive
    with pytest.raises(UserError, match="another archive: lacks 40 of the index's 48 tiles"):
        open_archive(Index.open(world.index), other.path)


def test_archive_that_grew_still_serves(world: Any, tmp_path: Path) -> None:
    grown = tmp_path / "grown"
    shutil.copytree(world.archive.path, grown)
    np.save(tmp_path / "aaa.npy", np.load(world.sources[0])[::-1])
    ingest([world.folder / "files", tmp_path / "aaa.npy"], grown, tile=32, progress=False)
    index = Index.open(world.index)
    archive = open_archive(index, grown)
    assert len(archive) == len(index) + 4
    query = resolve(index, index.catalogue.id[7])
    gallery = make_gallery(index, query, as_table(index, query, find(index, query, 2)), archive)
    np.testing.assert_array_equal(gallery.query.rgb, phase_rgb(world.archive.phasors([7])[0]))


def test_hostile_names_are_shown_as_text(world: Any, tmp_path: Path) -> None:
    names = [
        "<script>alert(1)<⁄script>.npy",
        "a\"onerror='x'&amp;{{7*7}}.npy",
        "$\\frac{1}{0$.npy",
        "red \x1b[31m\nsecond line\r.npy",
        "\u202efdp.npy",
        "火山.npy",
    ]
    for number, name in enumerate(names):
        phase = np.load(world.sources[number])[:32, :32]
        np.save(tmp_path / "plain.npy", phase)
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "plain.npy").rename(tmp_path / "files" / name)
    archive = ingest(tmp_path / "files", tmp_path / "archive", tile=32, progress=False).archive
    assert len(archive) == len(names)
    Encoder.load(world.encoder).embed(archive, out=tmp_path / "embeddings", progress=False)
    make_index(tmp_path / "embeddings", tmp_path / "index")
    for query in (archive.catalogue.id[0], tmp_path / "files" / names[0], tmp_path / "files" / names[3]):
        result = search(tmp_path / "index", query, "--out", tmp_path / "out")
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output
        assert result.output.count("\n") == len(result.output.splitlines())
        page = Page(tmp_path / "out" / "results.html")
        assert "script" not in page.tags
        assert "<script>alert(1)" in page.text
        assert "{{7*7}}" in page.text
        assert "&amp;" in page.text
        assert all(link.startswith("data:image/png") for link in page.links)
        assert (tmp_path / "out" / "results.png").stat().st_size > 10_000


def test_out_that_is_a_file(world: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = search(world.index, "x", "--out", tmp_path / "out")
    assert isinstance(result.exception, UserError)
    assert "needs a folder" in str(result.exception)


def test_other_files_in_out_are_left_alone(world: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = search(world.index, Index.open(world.index).catalogue.id[0], "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_long_answers_are_drawn_in_part(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl_insar.search.gallery.MOST", 6)
    index = Index.open(world.index)
    result = search(world.index, index.catalogue.id[0], "-k", 20, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "results.csv")) == 20
    page = Page(tmp_path / "results.html")
    assert len(page.links) == 2 + 6
    assert "first 6 of 20" in page.text


@pytest.mark.parametrize("command", [index_command.command, search_command.command])
def test_help_has_an_example(command: Any) -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"ssl-insar {command.name} " in result.output
