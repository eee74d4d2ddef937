from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from ssl_insar.archive import Archive
from ssl_insar.cli.views import command
from ssl_insar.errors import UserError


def test_a_picture_of_every_effect(archive_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "views.png"
    result = CliRunner().invoke(command, [str(archive_path), "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "off in the recipe: stratified" in result.output
    assert out.read_bytes().startswith(b"\x89PNG")


def test_tiles_by_name_and_mistakes(archive_path: Path, tmp_path: Path) -> None:
    name = str(Archive.open(archive_path).catalogue["id"][3])
    out = tmp_path / "one.png"
    arguments = [str(archive_path), "--tile", name, "--set", "views.donor.coherence=1.0", "--out", str(out)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "note: " in result.output, "no donor is that coherent"
    assert "the row of the effect donor is left out" in result.output
    assert "views.donor.p" not in result.output, "that would change nothing here"
    assert out.is_file()
    wrong = CliRunner().invoke(command, [str(archive_path), *["--tile", name] * 5, "--out", str(out)])
    assert "up to 4" in str(wrong.exception)


def test_only_a_png_is_written(archive_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.txt"
    result = CliRunner().invoke(command, [str(archive_path), "--out", str(out)])
    assert isinstance(result.exception, UserError)
    assert "ends in .png" in str(result.exception)
    assert not out.exists()
