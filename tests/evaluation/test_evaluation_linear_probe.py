"""The evaluation as a person runs it: a real archive, a real encoder, a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.measures import MEASURES
from evaluation.methods import statistics_of
from evaluation.records import KEY, append, git_commit, read
from ssl_insar.archive import Archive, ingest
from ssl_insar.classify import global_statistics
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


def test_a_run_appends_rows_of_every_method(place) -> None:
    common = [
        "--archive",
        str(place / "archive"),
        "--labels",
        str(place / "labels.csv"),
        "--out",
        str(place / "r"),
        "--bootstrap",
        "100",
    ]
    # In a process of its own, once: that is how a person starts it.
    words = [sys.executable, "-m", "evaluation.linear_probe", "--encoder", str(place / "run"), *common]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(place / "r" / "results.csv")
    assert table["classes"].unique().tolist() == ["0: 114, 1: 30"]
    assert set(table["tiles"]) == {144}
    assert set(table["volcanoes"]) == {16}
    assert set(table["positive_volcanoes"]) == {6}
    names = [
        "encoder",
        "random weights",
        "PCA of the phasor",
        "global statistics",
        "coherence only",
        "volcano prior",
        "volcano prior, split by file (leaky)",
    ]
    assert table["method"].unique().tolist() == names
    encoder = Encoder.load(place / "run")
    own = table[table["method"] == "encoder"]
    assert set(own["encoder_hash"]) == {encoder.hash}
    assert set(own["recipe_hash"]) == {"r3c1pe"}
    assert set(table["archive_digest"]) == {Archive.open(place / "archive").digest}
    assert set(table["seed"]) == {0}
    metrics = ["ap", "auroc", *MEASURES]
    assert own["metric"].tolist() == metrics
    assert own["low"].notna().all()
    rows = table.pivot_table(index="method", columns="metric", values="value")
    assert rows.loc["volcano prior", "auroc"] == 0.5
    assert rows.loc["volcano prior", "ap"] == pytest.approx(30 / 144, abs=1e-6)
    assert rows.loc["global statistics", "auroc"] > 0.8  # a bull's eye steepens the gradients
    lead = rows.loc["encoder", "ap"] - rows.loc["global statistics", "ap"]
    assert rows.loc["global statistics", "ap_lead"] == pytest.approx(lead)

    # What was computed is not computed again, nor is it where something is damaged.
    kept = sorted((place / "r" / "features").iterdir())
    assert len(kept) == 4
    kept[0].write_bytes(b"damaged")
    _run("--embeddings", str(place / "run"), *common, "--seed", "3")
    table = pd.read_csv(place / "r" / "results.csv")
    assert set(table["seed"]) == {0, 3}
    assert len(np.load(kept[0])) == 160

    # Embeddings are as good as the encoder; without one there are no random weights.
    encoder.embed(Archive.open(place / "archive"), progress=False).save(place / "emb")
    _run(
        "--embeddings",
        f"ready={place / 'emb'}",
        *common,
        "--out",
        str(place / "e"),
        "--cache",
        str(place / "r" / "features"),
    )
    ready = pd.read_csv(place / "e" / "results.csv").query("method == 'ready'").set_index("metric")["value"]
    np.testing.assert_allclose(ready[metrics], own.set_index("metric")["value"][metrics], atol=1e-9)


def test_an_error_is_one_line_and_exit_code_2(place, tmp_path, monkeypatch, capsys) -> None:
    from evaluation.linear_probe import main

    archive = ["--archive", str(place / "archive"), "--out", str(tmp_path / "r")]
    labels = ["--labels", str(place / "labels.csv")]
    for words, message in (
        ([*archive, *labels], "nothing to evaluate; give --encoder RUN or --embeddings EMB"),
        (["--encoder", str(place / "run"), *archive], "carries no labels; give a table with --labels CSV"),
        (["--encoder", str(tmp_path), *archive, *labels], "no encoder here"),
    ):
        monkeypatch.setattr(sys, "argv", ["linear_probe", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().err
        assert (stop.value.code, said.count("\n")) == (2, 1)
        assert message in said
    assert not (tmp_path / "r").exists()


def test_embeddings_must_belong_to_the_archive_and_differ(place, tmp_path) -> None:
    held = Encoder("resnet18", InputSpec(size=32)).embed(Archive.open(place / "archive"), progress=False)
    held.save(tmp_path / "emb")
    words = ["--embeddings", str(tmp_path / "emb"), "--out", str(tmp_path / "r")]
    words += ["--labels", str(place / "labels.csv"), "--ignore-absent"]
    shutil.copytree(tmp_path / "emb", tmp_path / "copy")
    with pytest.raises(UserError, match="its runs are the same"):  # no two seeds
        _run("--embeddings", str(tmp_path / "copy"), "--archive", str(place / "archive"), *words)
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
    append([{"method": "a", "ap": 0.25, "auroc_5_shot": 0.5}], tmp_path)
    append([{"method": "b", "ap": 0.125, "auroc_20_shot": np.nan}], tmp_path)
    table = pd.read_csv(path)
    assert table["method"].tolist() == ["a", "b"]
    assert table["ap"].tolist() == [0.25, 0.125]
    assert table["auroc_5_shot"].isna().tolist() == [False, True]
    assert table["date"].notna().all()
    assert [p.name for p in tmp_path.iterdir() if p.name[0] != "."] == ["results.csv"]
    path.write_text("something,else\n1,2\n")
    with pytest.raises(UserError, match="not a table of results"):
        append([{"method": "c"}], tmp_path)
    assert path.read_text() == "something,else\n1,2\n"


def test_the_newest_line_of_a_number_counts(tmp_path) -> None:
    line = dict.fromkeys(KEY, "x")
    append([line | {"value": 1}, line | {"value": 2, "part": "y"}], tmp_path)
    append([line | {"value": 3}], tmp_path)
    assert read(tmp_path)[["part", "value"]].to_numpy().tolist() == [["y", 2], ["x", 3]]
    with pytest.raises(UserError, match="run a protocol with --out"):
        read(tmp_path / "absent")


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
