from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audit_made import dates, file_name, make_archive, turbulence, write_csv

from ssl_insar.archive import Archive
from ssl_insar.audit import audit
from ssl_insar.audit.balance import imbalance, tables
from ssl_insar.audit.split import read_split
from ssl_insar.errors import UserError


def _catalogue(**columns: list[Any]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    table = pd.DataFrame({"id": [f"t{i}" for i in range(count)]})
    table["source"] = [f"/data/f{i}.png" for i in range(count)]
    return table.assign(**columns)


def test_split_from_a_table_keyed_by_file(tmp_path: Path) -> None:
    rows = [{"file": f"f{i}.png", "published_split": side} for i, side in enumerate(["Train", "test", ""])]
    split = read_split(_catalogue(x=[0, 0, 0]), f"{write_csv(tmp_path / 'l.csv', rows)}:published_split")
    assert split.train.tolist() == [True, False, False]
    assert {name: held.tolist() for name, held in split.held.items()} == {"test": [False, True, False]}


def test_split_from_the_catalogue_with_two_held_out_parts() -> None:
    split = read_split(_catalogue(label_part=["train", "val", "test", "train"]), "part")
    assert list(split.held) == ["test", "val"]
    assert split.train.sum() == 2


def test_split_may_name_files_that_are_not_there(tmp_path: Path) -> None:
    rows = [
        {"file": name, "s": side}
        for name, side in (("f0.png", "train"), ("f1.png", "test"), ("g.png", "test"))
    ]
    split = read_split(_catalogue(x=[0, 0]), f"{write_csv(tmp_path / 'l.csv', rows)}:s")
    assert split.held["test"].tolist() == [False, True]
    assert "1 of its names" in split.notes[0]


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("nowhere", "no such column"),
        ("{csv}", "say which column"),
        ("{csv}:other", "has no column 'other'"),
        ("{csv}:one", "needs 'train' and another value; it holds: train"),
        ("absent.csv:s", "no such label file"),
    ],
)
def test_split_refusals_are_one_line(tmp_path: Path, where: str, why: str) -> None:
    csv = write_csv(tmp_path / "l.csv", [{"file": "f0.png", "one": "train"}])
    with pytest.raises(UserError, match=why) as caught:
        read_split(_catalogue(x=[0]), where.format(csv=csv))
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Path]:
    """Ten volcanoes of six tiles, those of odd number positive; the split tears volcanoes apart.

    A test tile is a transposed copy of a training tile, another overlaps one.
    """
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("leaky")
    fields, rows = {}, []
    for volcano in range(10):
        for i in range(6):
            name = file_name(f"mt{volcano}", *dates(6 * volcano + i), track=f"{volcano:03d}A")
            fields[name] = turbulence(rng)
            rows.append({"file": name, "deformation": volcano % 2, "split": "test" if i == 0 else "train"})
    names = list(fields)
    fields[names[6]] = np.ascontiguousarray(fields[names[1]].T)  # mt1, test: copy of a tile of mt0
    large = turbulence(rng, 100)
    fields[names[13]] = large[:64, :64]  # mt2, train
    beside = file_name("elsewhere", *dates(13), track="002A")
    fields[beside] = large[20:84, 10:74]
    rows.append({"file": beside, "deformation": 0, "split": "test"})
    labels = [{key: row[key] for key in ("file", "deformation")} for row in rows]
    return make_archive(folder, fields, labels), write_csv(folder / "split.csv", rows)


@pytest.fixture(scope="module")
def leaks(leaky: tuple[Archive, Path]) -> Any:
    archive, csv = leaky
    return audit(archive, split=f"{csv}:split", label="deformation", progress=False)


def test_leaks_are_counted_one_by_one(leaks: Any) -> None:
    """Eleven test tiles; dates are shared by none but the overlapping one."""
    counted = {leak.what: (leak.leaked, leak.tiles) for leak in leaks.leaks}
    assert counted == {
        "volcano": (10, 11),
        "frame": (11, 11),
        "date-pair": (1, 11),
        "interferogram": (1, 11),
        "date": (1, 11),
        "acquisition": (1, 11),
        "overlap": (1, 11),
        "pixels": (1, 11),
    }


def test_overlap_cannot_be_told_without_dates(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    archive = make_archive(tmp_path, {f"{name}.npy": turbulence(rng) for name in "abcd"})
    archive.catalogue["split"] = ["train", "train", "test", "test"]
    found = audit(archive, split="split", progress=False)
    counted = {leak.what: (leak.leaked, leak.tiles) for leak in found.leaks}
    assert counted["overlap"] == counted["date-pair"] == (0, 0)
    assert counted["pixels"] == (0, 2)


def test_copied_test_tile_is_named(leaks: Any) -> None:
    (row,) = leaks.table[leaks.table["kind"] == "leak-pixels"].itertuples()
    assert "_mt1_" in row.tile
    assert "_mt0_" in row.other
    assert "transposed" in row.detail
    (row,) = leaks.table[leaks.table["kind"] == "leak-volcano"].itertuples()
    assert row.value == pytest.approx(10 / 11, abs=1e-4)


def test_place_alone_scores_on_the_torn_split_and_nothing_by_volcano(leaks: Any) -> None:
    scores = {(score.split, score.baseline): score for score in leaks.scores}
    torn, grouped = (scores[split, "volcano prior"] for split in ("test", "grouped by volcano"))
    assert torn.auroc[0] == 1
    assert torn.accuracy[0] == 1
    assert (torn.tiles, torn.positives) == (11, 5)
    assert grouped.auroc[0] == 0.5
    assert grouped.tiles == 61
    assert ("test", "global statistics") in scores
    low, high = grouped.accuracy[1:]
    assert low <= grouped.accuracy[0] <= high


def test_split_without_labels_is_told_and_not_fatal(leaky: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, csv = leaky
    blank = Archive.open(archive.path)
    blank.catalogue = blank.catalogue.drop(columns="label_deformation")
    table = pd.read_csv(csv)[["file", "split"]].rename(columns={"split": "published_split"})
    table.to_csv(tmp_path / "split.csv", index=False)
    found = audit(blank, split=f"{tmp_path / 'split.csv'}:published_split", progress=False)
    assert found.scores == []
    assert any("baselines are not scored" in note for note in found.notes)
    assert found.leaks


def test_label_conflict_between_copies(found: Any) -> None:
    """The transposed copy of number 3 is labelled 0, number 3 itself 1; a blank contradicts nothing."""
    (row,) = found.table[found.table["kind"] == "label-conflict"].itertuples()
    assert row.tile.startswith("z_transposed_")
    assert row.detail.startswith("deformation is 0, of the other 1")


def test_imbalance_by_volcano() -> None:
    table = _catalogue(
        volcano=["a"] * 5 + ["b"] * 5 + ["c"] * 5, label_deformation=[1, 1, 1, 1, 0] + [0] * 8 + [1, 1]
    )
    counted = tables(table)
    assert counted["deformation"].loc["a"].to_dict() == {0: 1, 1: 4}
    assert counted["deformation"].index[0] == "a"
    rows = list(imbalance(counted))
    assert [(row.value, row.detail) for row in rows] == [
        (0.6667, "a holds 4 of the 6 tiles with deformation = 1"),
        (0.3333, "c holds 2 of the 6 tiles with deformation = 1"),
    ]


def test_even_labels_are_no_finding() -> None:
    table = _catalogue(volcano=list("aabbccdd"), label_deformation=[0, 1] * 4)
    assert list(imbalance(tables(table))) == []


def test_imbalance_of_named_classes_looks_at_all_but_the_commonest() -> None:
    names = ["quiet"] * 6 + ["sill", "sill", "dyke", "dyke"]
    table = _catalogue(volcano=list("aaaaaa") + list("aabb"), label_model=names)
    told = [(row.value, row.detail) for row in imbalance(tables(table))]
    assert told == [
        (1.0, "b holds 2 of the 2 tiles with model = dyke"),
        (1.0, "a holds 2 of the 2 tiles with model = sill"),
    ]
