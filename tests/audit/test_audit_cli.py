from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ssl_insar.archive import Archive
from ssl_insar.audit import run
from ssl_insar.audit.findings import COLUMNS, KINDS
from ssl_insar.cli.audit import command
from ssl_insar.errors import UserError


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def written(planted: Archive, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The command's output folder and what it printed."""
    folder = tmp_path_factory.mktemp("audit")
    source = pd.Series(planted.catalogue["file"])
    table = pd.DataFrame({"file": source, "part": np.where(np.arange(len(source)) % 4, "train", "test")})
    table.to_csv(folder / "split.csv", index=False)
    split = f"{folder / 'split.csv'}:part"
    result = _run(
        planted.path, "--out", folder / "out", "--split", split, "--label", "deformation",
        "--write", "curated", folder / "clean", "--write", "mask", folder / "mask.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_findings_are_one_table_in_a_stable_order(written: tuple[Path, str]) -> None:
    table = pd.read_csv(written[0] / "out" / "findings.csv", keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    ranks = [list(KINDS).index(kind) for kind in table["kind"]]
    assert ranks == sorted(ranks)
    assert {"transposed", "constant", "noise", "leak-pixels", "label-conflict"} <= set(table["kind"])


def test_summary_is_valid_json_with_the_numbers(written: tuple[Path, str], planted: Archive) -> None:
    text = (written[0] / "out" / "summary.json").read_text()
    assert "NaN" not in text
    summary = json.loads(text)
    assert summary["tiles"] == len(planted)
    assert summary["digest"] == planted.digest
    assert summary["findings"]["transposed"] == 1
    assert summary["copies"]["tiles"] == 10
    assert {leak["what"] for leak in summary["leaks"]} >= {"volcano", "pixels"}


def test_report_stands_alone_and_shows_every_picture(written: tuple[Path, str]) -> None:
    page = (written[0] / "out" / "report.html").read_text()
    pictures = sorted((written[0] / "out").glob("*.png"))
    assert {path.stem for path in pictures} >= {"copies", "noise", "constant", "leaks", "label-deformation"}
    assert page.count("data:image/png;base64,") == len(pictures)
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "<script" not in page


def test_names_in_the_report_are_text(found: object, tmp_path: Path) -> None:
    import dataclasses

    table = found.table.assign(detail="<b>bold</b>")  # type: ignore[attr-defined]
    run.write(dataclasses.replace(found, table=table), tmp_path / "out")  # type: ignore[type-var]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page


def test_printed_lines_tell_what_was_found_and_written(written: tuple[Path, str], planted: Archive) -> None:
    folder, said = written
    assert re.search(r"^ +1  transposed$", said, re.MULTILINE)
    assert "copies planted for it were found" in said
    assert "volcano prior: AUROC" in said
    assert "- tiles of noise are kept" in said
    assert len(Archive.open(folder / "clean")) == len(planted) - 11
    assert pd.read_csv(folder / "mask.csv")["curated"].sum() == len(planted) - 11


def test_archive_itself_is_left_alone(written: tuple[Path, str], planted: Archive) -> None:
    assert Archive.open(planted.path).digest == planted.digest
    assert sorted(path.name for path in planted.path.iterdir()) == [
        "archive.json", "catalogue.parquet", "parts", "skipped.csv",
    ]  # fmt: skip


def test_second_audit_replaces_the_first(written: tuple[Path, str], planted: Archive) -> None:
    out = written[0] / "out"
    (out / "stray.txt").write_text("of an earlier audit")
    assert _run(planted.path, "--out", out).exit_code == 0
    assert not (out / "stray.txt").exists()
    assert (out / "findings.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--label", "deformation"], "give --split"),
        (["--split", "nowhere"], "no such column"),
        (["--write", "mask", "mask.txt"], "as .parquet or .csv"),
        (["--write", "curated", "{archive}"], "overlaps the archive"),
        (["--split", "label_deformation"], "needs 'train'"),
        (["--write", "curated", "{out}"], "overlaps --write curated"),
        (["--write", "curated", "{out}/clean"], "overlaps --write curated"),
        (["--write", "mask", "{out}/mask.csv"], "overlaps --write mask"),
        (["--write", "mask", "{archive}/mask.csv"], "overlaps --write mask"),
        (["--write", "mask", "m.csv", "--write", "mask", "x/../m.csv"], "overlaps --write mask"),
        (["--write", "curated", "clean", "--write", "mask", "clean/m.csv"], "overlaps --write mask"),
        (["--out", "{archive}/audit"], "--out"),
    ],
)
def test_mistakes_are_told_before_the_work(
    planted: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.setattr(run, "scan", None)  # the work must not begin
    filled = [argument.format(archive=planted.path, out=tmp_path / "out") for argument in arguments]
    result = _run(planted.path, "--out", tmp_path / "out", *filled)
    assert isinstance(result.exception, UserError)
    assert why in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()
    assert not (planted.path / "audit").exists()


def test_folder_of_something_else_is_not_replaced(planted: Archive, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    result = _run(planted.path, "--out", tmp_path)
    assert isinstance(result.exception, UserError)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_interrupted_audit_leaves_the_former_report(
    found: object, planted: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssl_insar.audit import report

    out = tmp_path / "out"
    run.write(found, out)  # type: ignore[arg-type]
    before = (out / "findings.csv").read_bytes()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        run.write(found, out)  # type: ignore[arg-type]
    assert (out / "findings.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_ctrl_c_is_told_in_one_line(
    planted: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ssl_insar import cli

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "scan", stop)
    monkeypatch.setattr("sys.argv", ["ssl-insar", "audit", str(planted.path), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == cli.INTERRUPTED
    assert capsys.readouterr().err.strip() == "ssl-insar: stopped; what was there before is as it was"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_tells_what_had_been_written(
    planted: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssl_insar.audit import curated

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(curated, "write_curated", stop)
    out, mask, clean = (tmp_path / name for name in ("out", "mask.csv", "clean"))
    arguments = ["--out", out, "--write", "mask", mask, "--write", "curated", clean]
    result = CliRunner().invoke(
        command, [str(argument) for argument in (planted.path, *arguments)], standalone_mode=False
    )
    assert str(result.exception) == f"stopped; {out}, {mask} had been written; all else is as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.csv", "out"]


def test_report_gives_the_chance_level_that_the_command_prints(written: tuple[Path, str]) -> None:
    folder, said = written
    summary = json.loads((folder / "out" / "summary.json").read_text())
    page = (folder / "out" / "report.html").read_text()
    for score in summary["baselines"]:
        assert f"(chance {score['chance']:.3f})" in said
        assert f"<td>{score['chance']:.3f}</td>" in page


def test_archive_of_one_tile_has_no_findings(tmp_path: Path) -> None:
    from audit_made import dates, file_name, make_archive, turbulence

    archive = make_archive(tmp_path, {file_name("a", *dates(0)): turbulence(np.random.default_rng(0))})
    result = _run(archive.path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "out" / "findings.csv").empty


def test_help_shows_examples() -> None:
    said = _run("--help").output
    assert "--split labels.csv:published_split" in said
    assert "--write curated clean-archive" in said
