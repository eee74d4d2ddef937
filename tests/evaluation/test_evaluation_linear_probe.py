"""The evaluation as a person runs it: a real archive, a real encoder, a process of its own."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.linear_probe import append, git_commit, records, statistics_of
from ssl_insar.archive import Archive, ingest
from ssl_insar.classify import Interval, global_statistics
from ssl_insar.classify.compare import Row
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec

ROOT = Path(__file__).resolve().parents[2]
SIDE = 48


def _interferogram(rng: np.random.Generator, deforms: bool) -> np.ndarray:
    """Ramp and noise, with a bull's eye if it deforms."""
    rows, cols = np.mgrid[:SIDE, :SIDE] / SIDE
    phase = rng.normal() * 4 * rows + rng.normal() * 4 * cols + 0.4 * rng.normal(size=(SIDE, SIDE))
    if deforms:
        at = rng.uniform(0.35, 0.65, 2)
        phase += 18 * np.exp(-((rows - at[0]) ** 2 + (cols - at[1]) ** 2) / 0.04)
    return (phase + np.pi) % (2 * np.pi) - np.pi


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Sixteen volcanoes, six of which deform at times; an archive, an encoder and labels."""
    folder = tmp_path_factory.mktemp("evaluation")
    rng = np.random.default_rng(0)
    lines = ["file,deformation,volcano"]
    (folder / "frames").mkdir()
    for v in range(16):
        for i in range(10):
            first = date(2018, 1, 5) + timedelta(days=12 * i)
            pair = f"{first:%Y%m%d}_{first + timedelta(days=12):%Y%m%d}"
            name = f"africa_peak{v:02d}_{v + 1:03d}A_{v + 100:05d}_131313_peak{v:02d}_{pair}.npy"
            deforms = v < 6 and i % 2 == 0
            np.save(folder / "frames" / name, _interferogram(rng, deforms).astype(np.float32))
            if i < 9:  # the last of each is not labelled
                lines.append(f"{name},{int(deforms)},peak{v:02d}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    ingest(folder / "frames", folder / "archive", tile=SIDE, progress=False)
    encoder = Encoder("resnet18", InputSpec(size=32), {"recipe_hash": "r3c1pe"})
    encoder.save(folder / "run")
    return folder


def _run(*words: str) -> None:
    from evaluation.linear_probe import command

    command.main(list(words), standalone_mode=False)


def test_a_run_writes_a_page_and_appends_rows(place) -> None:
    common = [
        "--archive",
        str(place / "archive"),
        "--labels",
        str(place / "labels.csv"),
        "--out",
        str(place / "r"),
    ]
    # In a process of its own, once: that is how a person starts it.
    words = [sys.executable, "-m", "evaluation.linear_probe", "--encoder", str(place / "run"), *common]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (place / "r" / "linear_probe.md").read_text()
    assert page.strip() in done.stdout
    assert "144 labelled tiles at 16 volcanoes (0: 114, 1: 30); the rarest class occurs at 6" in page
    table = pd.read_csv(place / "r" / "results.csv")
    names = [
        "encoder",
        "random weights",
        "global statistics",
        "volcano prior",
        "volcano prior, split by file (leaky)",
    ]
    assert table["features"].tolist() == names
    encoder = Encoder.load(place / "run")
    assert set(table["encoder_hash"]) == {encoder.hash}
    assert set(table["recipe_hash"]) == {"r3c1pe"}
    assert set(table["archive_digest"]) == {Archive.open(place / "archive").digest}
    assert set(table["seed"]) == {0}
    rows = table.set_index("features")
    assert rows.loc["volcano prior", "auroc"] == 0.5
    assert rows.loc["volcano prior", "ap"] == pytest.approx(30 / 144, abs=1e-6)
    assert rows.loc["global statistics", "auroc"] > 0.8  # a bull's eye steepens the gradients
    assert rows["ap_low"].notna().all()
    assert rows.loc[names[:3], "auroc_10_shot"].notna().all()

    encoder.embed(Archive.open(place / "archive"), progress=False).save(place / "emb")
    protocol = "leave-one-positive-volcano-out"
    _run("--embeddings", str(place / "emb"), *common, "--protocol", protocol, "--seed", "3")
    table = pd.read_csv(place / "r" / "results.csv")
    assert len(table) == 9  # without the encoder there are no random weights
    assert table["protocol"].tolist() == ["grouped"] * 5 + [protocol] * 4
    assert set(table["encoder_hash"]) == {encoder.hash}
    assert set(table["seed"]) == {0, 3}


def test_an_error_is_one_line_and_exit_code_2(place, tmp_path, monkeypatch, capsys) -> None:
    from evaluation.linear_probe import main

    archive = ["--archive", str(place / "archive"), "--out", str(tmp_path / "r")]
    for words, message in (
        (archive, "nothing to evaluate; give --encoder RUN or --embeddings EMB"),
        (["--encoder", str(place / "run"), *archive], "carries no labels; give a table with --labels CSV"),
        (["--encoder", str(tmp_path), *archive, "--labels", str(place / "labels.csv")], "no encoder here"),
    ):
        monkeypatch.setattr(sys, "argv", ["linear_probe", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().err
        assert (stop.value.code, said.count("\n")) == (2, 1)
        assert message in said
    assert not (tmp_path / "r").exists()


def test_embeddings_must_belong_to_archive_and_encoder(place, tmp_path) -> None:
    held = Encoder("resnet18", InputSpec(size=32)).embed(Archive.open(place / "archive"), progress=False)
    held.save(tmp_path / "emb")
    words = ["--embeddings", str(tmp_path / "emb"), "--out", str(tmp_path / "r")]
    words += ["--labels", str(place / "labels.csv"), "--ignore-absent"]
    with pytest.raises(UserError, match="embeddings of another encoder"):
        _run("--encoder", str(place / "run"), "--archive", str(place / "archive"), *words)
    files = sorted((place / "frames").iterdir())[:40]
    ingest(files, tmp_path / "other", tile=SIDE, progress=False)
    with (
        pytest.warns(UserWarning, match="108 of its names"),
        pytest.raises(UserError, match="embeddings of another archive"),
    ):
        _run("--archive", str(tmp_path / "other"), *words)


def test_statistics_by_chunks_are_those_of_the_whole(place) -> None:
    archive = Archive.open(place / "archive")
    whole = global_statistics(archive.phasors(np.arange(len(archive))))
    np.testing.assert_allclose(statistics_of(archive), whole, atol=1e-6)


def test_results_with_other_columns_are_appended_whole(tmp_path) -> None:
    path = tmp_path / "results.csv"
    append(pd.DataFrame({"features": ["a"], "ap": [0.25], "auroc_5_shot": [0.5]}), path)
    append(pd.DataFrame({"features": ["b"], "ap": [0.125], "auroc_20_shot": [np.nan]}), path)
    table = pd.read_csv(path)
    assert table["features"].tolist() == ["a", "b"]
    assert table["ap"].tolist() == [0.25, 0.125]
    assert table["auroc_5_shot"].isna().tolist() == [False, True]
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]
    path.write_text("something,else\n1,2\n")
    with pytest.raises(UserError, match="not a table of results"):
        append(table, path)
    assert path.read_text() == "something,else\n1,2\n"


def test_records_hold_every_interval() -> None:
    from datetime import datetime, timezone

    from evaluation.linear_probe import Facts

    row = Row("x", Interval(0.3, 0.1, 0.6), Interval(0.8, 0.7, 0.9), {5: Interval(0.6, 0.5, 0.7)})
    facts = Facts("grouped", "deformation", 10, 4, 2, "0: 8, 1: 2", "hash", "", "digest", "", 0)
    line = records([row], facts, datetime(2025, 1, 1, tzinfo=timezone.utc)).iloc[0]
    assert (line["ap_low"], line["auroc_high"], line["auroc_5_shot"]) == (0.1, 0.9, 0.6)
    assert "ap_gain" not in line
    assert line["date"] == "2025-01-01T00:00:00+00:00"


def test_the_commit_is_that_of_the_checkout_or_nothing(tmp_path) -> None:
    assert git_commit(tmp_path) == ""
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    assert git_commit(tmp_path) == ""  # no commit yet
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(
        ["git", "-C", str(tmp_path), *who, "commit", "-q", "--allow-empty", "-m", "one"], check=True
    )
    assert len(git_commit(tmp_path)) == 40
    (tmp_path / "new").write_text("x")
    assert git_commit(tmp_path).endswith("-dirty")
