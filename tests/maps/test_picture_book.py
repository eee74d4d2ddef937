"""The picture book: a row an effect, and titles that say what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssl_insar.archive import Archive
from ssl_insar.augment import ViewsConfig
from ssl_insar.augment.config import MultilookConfig, RewrapConfig
from ssl_insar.maps import picture_book


@pytest.fixture
def sheet(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would be drawn."""
    drawn: dict[str, Any] = {}

    def keep(fields: list[Any], titles: list[str], path: Path, columns: int = 4) -> None:
        drawn.update(fields=fields, titles=titles, columns=columns)

    monkeypatch.setattr(picture_book, "save_sheet", keep)
    return drawn


@pytest.mark.parametrize("rows", [[3], [0, 4, 7]])
def test_a_row_of_the_sheet_is_an_effect(
    rows: list[int], sheet: dict[str, Any], archive_path: Path, tmp_path: Path
) -> None:
    picture_book.save_picture_book(
        Archive.open(archive_path), rows, ViewsConfig(), 32, tmp_path / "views.png"
    )
    assert sheet["columns"] == len(rows)
    assert len(sheet["fields"]) == len(sheet["titles"])
    assert len(sheet["titles"]) % len(rows) == 0
    for start in range(len(rows), len(sheet["titles"]), len(rows)):
        assert len(set(sheet["titles"][start : start + len(rows)])) == 1


def test_titles_say_what_is_off(sheet: dict[str, Any], archive_path: Path, tmp_path: Path) -> None:
    def titles(**sections: Any) -> set[str]:
        config = ViewsConfig(**sections)
        picture_book.save_picture_book(Archive.open(archive_path), [0], config, 32, tmp_path / "views.png")
        return set(sheet["titles"][1:])

    usual = titles(multilook=MultilookConfig(p=0))
    assert {
        "rewrap (guard against aliasing off)",
        "multilook (off; guard against aliasing off)",
        "stratified (off)",
        "swap",
    } <= usual
    assert "rewrap" in titles(rewrap=RewrapConfig(aliased=1.0)), "the recipe has none"
