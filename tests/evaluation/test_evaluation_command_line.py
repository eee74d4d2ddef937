"""The protocols from their command line: what stands beside an encoder, and leaks that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from click.testing import CliRunner
from made import fringes
from safetensors.torch import save_file

from evaluation import forward_in_time, knn, leave_one_volcano_out, linear_probe, published, transfer
from evaluation.methods import IMAGENET
from evaluation.records import RESULTS
from ssl_insar.archive import Archive, ingest
from ssl_insar.classify.compare import PRIOR
from ssl_insar.classify.held_out import LeakError
from ssl_insar.models import Encoder, InputSpec

NAME = "resnet10t"


def _archive(folder: Path, prefix: str, seed: int) -> Path:
    """24 labelled crops of 32 px at six volcanoes, every other of which deforms."""
    rng, lines = np.random.default_rng(seed), ["file,deformation,volcano"]
    frames = folder / f"{prefix}-frames"
    frames.mkdir()
    for i in range(24):
        days = np.datetime64("2019-01-01") + np.array([24 * i, 24 * i + 12], "m8[D]")
        dates = "_".join(str(day).replace("-", "") for day in days)
        name = f"made_{prefix}{i % 6}_0{10 + i % 6}D_05000_131313_{prefix}{i % 6}_{dates}.npy"
        np.save(frames / name, fringes(32, rng, i // 6 % 2 == 0).astype(np.float32))
        lines.append(f"{name},{int(i // 6 % 2 == 0)},{prefix}{i % 6}")
    (frames / "labels.csv").write_text("\n".join(lines) + "\n")
    ingest(frames, folder / prefix, tile=32, labels=frames / "labels.csv", progress=False)
    return folder / prefix


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives ``here``, ``there`` and ``third`` of other volcanoes, an encoder, and a file of weights."""
    folder = tmp_path_factory.mktemp("protocols")
    for seed, prefix in enumerate(("here", "there", "third")):
        _archive(folder, prefix, seed)
    torch.manual_seed(0)
    Encoder(NAME, InputSpec(32)).save(folder / "run")
    Encoder(NAME, InputSpec(32), {"labels": "deformation of 24 tiles"}).save(folder / "told")
    archive = Archive.open(folder / "here")
    Encoder.load(folder / "told").embed(archive, out=folder / "embedded", progress=False)
    save_file(timm.create_model(NAME, num_classes=3).state_dict(), folder / "colour.safetensors")
    table = archive.catalogue
    fold = table["volcano"].str[-1].astype(int) % 3
    scores = pd.DataFrame({"id": table["id"], "volcano": table["volcano"], "fold": fold})
    scores.assign(score=table["label_deformation"] + 0.0).to_csv(folder / "supervised.csv", index=False)
    return folder


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Run a protocol of ``place``'s encoder on its archive ``here``, and read the results."""

    def call(command: click.Command, *words: object, encoder: str = "run") -> pd.DataFrame:
        given = ["--encoder", f"ours={place / encoder}", "--archive", place / "here", "--bootstrap", 20]
        given += ["--out", tmp_path, "--cache", place / "features", *words]
        CliRunner().invoke(command, [str(word) for word in given], catch_exceptions=False)
        return pd.read_csv(tmp_path / RESULTS, keep_default_na=False)

    return call


def _value(table: pd.DataFrame, method: str, metric: str = "auroc", part: str = "all") -> float:
    own = table[(table["method"] == method) & (table["metric"] == metric) & (table["part"] == part)]
    return float(own["value"].iloc[-1])


def _beside(place: Path) -> list[object]:
    return [
        *("--baseline", f"supervised={place / 'supervised.csv'}"),
        *("--imagenet", place / "colour.safetensors"),
    ]


def test_scores_of_elsewhere_and_weights_of_imagenet_stand_beside(place: Path, run) -> None:
    table = run(knn.command, *_beside(place))
    assert table["method"].unique()[:4].tolist() == ["ours", "supervised", IMAGENET, "random weights"]
    assert _value(table, "supervised") == 1
    assert _value(table, "supervised", "mcc") == 1
    assert _value(table, PRIOR) == 0.5
    assert _value(table, "supervised", "auroc_lead") == pytest.approx(_value(table, "ours") - 1)
    hashes = table.drop_duplicates("method").set_index("method")["encoder_hash"]
    copy = Encoder(NAME, InputSpec(32), weights=place / "colour.safetensors")
    assert hashes[IMAGENET] == copy.hash


@pytest.mark.heavy
def test_they_do_in_every_protocol_that_can_take_them(place: Path, run) -> None:
    assert _value(run(linear_probe.command, *_beside(place)), "supervised") == 1
    table = run(leave_one_volcano_out.command, *_beside(place))
    volcanoes = table["part"][table["part"].str.startswith("volcano ")]
    assert sorted(set(volcanoes)) == [f"volcano here{i}" for i in range(6)]
    # Scores that saw the future have no place where time is parted.
    table = run(forward_in_time.command, *_beside(place))
    shown = set(table[table["protocol"] == "forward_in_time"]["method"])
    assert "supervised" not in shown
    assert {"ours", IMAGENET} <= shown


def test_another_archive_chooses_the_regularisation_and_a_third_is_scored(place: Path, run) -> None:
    table = run(transfer.command, "--test", place / "there", "--choose-on", place / "third")
    assert set(table["test_digest"]) == {Archive.open(place / "there").digest}
    assert set(table["archive_digest"]) == {Archive.open(place / "here").digest}
    assert set(table["tiles"]) == {24}
    assert _value(table, PRIOR) == 0.5
    assert 0 <= _value(table, "ours") <= 1


def test_a_published_split_is_scored_with_its_leaks_only(place: Path, run, tmp_path: Path) -> None:
    from ssl_insar.cli import group

    table = Archive.open(place / "here").catalogue
    sides = np.where(table["volcano"] < "here3", "train", "test")
    sides[0] = "test"  # a volcano on both sides
    pd.DataFrame({"id": table["id"], "set": sides}).to_csv(tmp_path / "split.csv", index=False)
    split = f"{tmp_path / 'split.csv'}:set"
    words = ["audit", place / "here", "--split", split, "--out", tmp_path / "audit"]
    CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    done = run(published.command, "--split", split, "--audit", tmp_path / "audit")
    leaked = done[(done["method"] == published.SPLIT) & (done["metric"] == "leak_volcano")].iloc[0]
    assert (float(leaked["value"]), float(leaked["tiles"])) == (1, 13)
    assert _value(done, "ours", "positives", "test") == 7


@pytest.mark.parametrize(
    ("command", "words", "encoder", "message"),
    [
        (linear_probe.command, (), "told", "was pretrained with labels"),
        (linear_probe.command, (), "embedded", "was pretrained with labels"),
        (linear_probe.command, ("--baseline", "x={}/told"), "run", "told was pretrained with labels"),
        (linear_probe.command, ("--baseline", "x={}/embedded"), "run", "embedded was pretrained with labels"),
        (linear_probe.command, ("--baseline", "x={}/torn.csv"), "run", "is in several folds"),
        (transfer.command, ("--test", "{}/here"), "run", "--test is the archive that is learned from"),
        (transfer.command, ("--test", "{}/there", "--choose-on", "{}/there"), "run", "would choose the"),
        (linear_probe.command, ("--audit", "{}/copies"), "run", "a copy of tile"),
        (knn.command, ("--audit", "{}/copies"), "run", "a copy of tile"),
        (leave_one_volcano_out.command, ("--audit", "{}/copies"), "run", "a copy of tile"),
    ],
    ids=[
        "labels",
        "embedded",
        "baseline",
        "baseline-embedded",
        "torn",
        "same",
        "choice",
        "copies-probe",
        "copies-knn",
        "copies-loo",
    ],
)
def test_a_leak_is_refused_by_name(place: Path, run, command, words, encoder: str, message: str) -> None:
    scores = pd.read_csv(place / "supervised.csv")
    scores.assign(fold=range(len(scores))).to_csv(place / "torn.csv", index=False)
    (place / "copies").mkdir(exist_ok=True)
    ids = scores["id"]
    copies = pd.DataFrame({"kind": "transposed", "tile": ids[0], "other": ids[1:]})
    copies.to_csv(place / "copies" / "findings.csv", index=False)
    with pytest.raises(LeakError, match=f"leak: .*{message}"):
        run(command, *(word.format(place) for word in words), encoder=encoder)
