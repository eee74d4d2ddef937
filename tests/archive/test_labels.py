from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ssl_insar.archive.labels import attach, known, labels_in, read_labels
from ssl_insar.errors import UserError


@pytest.fixture
def catalogue() -> pd.DataFrame:
    """Five tiles of four files; two files share a name."""
    sources = ["/d/one/a.png", "/d/one/a.png", "/d/one/b.png", "/d/one/c.png", "/d/two/c.png"]
    return pd.DataFrame(
        {
            "id": [f"t{i}" for i in range(5)],
            "source": sources,
            "file": [s.rsplit("/", 1)[-1] for s in sources],
        }
    )


@pytest.fixture
def csv(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_labels_all_its_tiles(catalogue, csv) -> None:
    labels = attach(catalogue, csv("file,deformation\na.png,1\nb.png,0\n"))
    assert labels.name == "deformation"
    assert str(labels.dtype) == "Int64"
    assert labels.tolist() == [1, 1, 0, pd.NA, pd.NA]


def test_a_tile_is_labelled_by_id(catalogue, csv) -> None:
    labels = attach(catalogue, csv("id,file,kind\nt1,a.png,dyke\nt4,c.png,none\n"))
    assert labels.dropna().to_dict() == {1: "dyke", 4: "none"}


@pytest.mark.parametrize(
    "name", ["two/c.png", "/d/two/c.png", "./two/c.png", "../x/../two/c.png", "two\\c.png"]
)
def test_a_path_tells_files_of_one_name_apart(catalogue, csv, name) -> None:
    if name.startswith("../x"):
        name = "../two/c.png"
    labels = attach(catalogue, csv(f"file,deformation\n{name},1\na.png,0\n"))
    assert labels.tolist() == [0, 0, pd.NA, pd.NA, 1]


def test_an_absolute_path_must_be_the_path(catalogue, csv) -> None:
    with pytest.raises(UserError, match="not in the archive"):
        attach(catalogue, csv("file,deformation\n/two/c.png,1\n"))


def test_a_name_that_fits_two_files_is_refused(catalogue, csv) -> None:
    with pytest.raises(
        UserError, match=r"'c.png' fits 2 files of the archive \(/d/one/c.png, /d/two/c.png\); write"
    ):
        attach(catalogue, csv("file,deformation\nc.png,1\n"))


def test_blank_is_unknown_and_never_negative(catalogue, csv) -> None:
    labels = attach(catalogue, csv("id,deformation\nt0,1\nt1,\nt2,0\nt3,NaN\n"))
    mask, y = known(labels)
    assert mask.tolist() == [True, False, True, False, False]
    assert y.tolist() == [1, 0]
    assert y.dtype == np.int64


@pytest.mark.parametrize(
    ("cells", "values", "dtype"),
    [
        (["yes", "No"], [1, 0], "Int64"),
        (["True", "false"], [1, 0], "Int64"),
        (["1.0", "0"], [1, 0], "Int64"),
        (["2", "7"], [2, 7], "Int64"),
        (["yes", "maybe"], ["yes", "maybe"], "string"),
        (["none", "Mogi"], ["none", "Mogi"], "string"),
    ],
)
def test_values_become_whole_numbers_or_names(catalogue, csv, cells, values, dtype) -> None:
    labels = attach(catalogue, csv(f"id,kind\nt0,{cells[0]}\nt1,{cells[1]}\n"))
    assert str(labels.dtype) == dtype
    assert labels[:2].tolist() == values
    assert known(labels)[1].tolist() == values


def test_measurements_are_not_classes(catalogue, csv) -> None:
    with pytest.raises(UserError, match="'depth' holds measurements, not classes"):
        attach(catalogue, csv("id,depth\nt0,1.5\nt1,2\n"))


@pytest.mark.parametrize(
    ("header", "target", "chosen"),
    [
        ("id,volcano,region,published_split,reference_date,kind", None, "kind"),
        ("id,kind,deformation,label", None, "deformation"),
        ("id,kind,label", None, "label"),
        ("id,kind,label", "kind", "kind"),
        ("ID,Volcano,Kind", None, "Kind"),
    ],
)
def test_the_target_is_found(catalogue, csv, header, target, chosen) -> None:
    width = header.count(",")
    assert attach(catalogue, csv(f"{header}\nt0{',1' * width}\nt1{',0' * width}\n"), target).name == chosen


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("id,kind,level\nt0,1,1\n", None, "several label columns; pass --target with one of: kind, level"),
        ("id,kind\nt0,1\n", "knd", "target 'knd' is not there; choose one of: kind"),
        ("id,volcano,kind\nt0,x,1\n", "volcano", "'volcano' describes where .* choose one of: kind"),
        ("id,volcano\nt0,x\n", None, "holds no label column"),
        ("id,volcano\nt0,x\n", "volcano", "it holds no label column"),
        ("name,kind\nt0,1\n", None, "no column 'id' .* or 'file' .* it has: name, kind"),
        ("", None, "is empty"),
        ("id,kind\n", None, "holds no label; fill in"),
        ("id,kind\n,1\n", None, "holds no label; fill in"),
        ("id,kind\nt0,\nt1, \n", None, "'kind' holds no label for any of the 5 tiles"),
        ("id,kind\nt0,1\nt0,0\n", None, "'t0' is labelled both '1' and '0' in column 'kind'; keep one"),
        ("file,kind\na.png,1\none/a.png,0\n", None, "'one/a.png' is labelled both '1' and '0'"),
        ('id,kind\nt0,"1\n', None, "cannot be read as a CSV"),
    ],
)
def test_bad_tables_say_what_to_do(catalogue, csv, text, target, message) -> None:
    with pytest.raises(UserError, match=message):
        attach(catalogue, csv(text), target)


def test_a_missing_or_binary_file_is_named(catalogue, tmp_path) -> None:
    with pytest.raises(UserError, match=r"nowhere.csv: no such label file"):
        attach(catalogue, tmp_path / "nowhere.csv")
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as a CSV"):
        read_labels(tmp_path / "image.csv")


def test_equal_repeats_are_fine_and_a_blank_does_not_contradict(catalogue, csv) -> None:
    labels = attach(catalogue, csv("id,kind\nt0,1\nt0,1\nt0,\nt1,0\n"))
    assert labels.tolist()[:2] == [1, 0]


def test_absent_names_are_listed_counted_and_can_be_left_out(catalogue, csv) -> None:
    path = csv("id,kind\nt0,1\nx1,0\nx2,0\nx3,0\nx4,\nx1,0\n")
    with pytest.raises(
        UserError, match=r"4 of its names are not in the archive \(x1, x2, x3, \.\.\.\).*--ignore-absent"
    ):
        attach(catalogue, path)
    with pytest.warns(UserWarning, match="4 of its names.*left out"):
        labels = attach(catalogue, path, ignore_absent=True)
    assert labels.notna().sum() == 1


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_other_separators_and_a_byte_order_mark_are_read(csv, mark) -> None:
    table = read_labels(csv(f"\ufefffile{mark} deformation\na.png{mark} 1\n"))
    assert table.to_dict("list") == {"file": ["a.png"], "deformation": ["1"]}


def test_labels_that_came_with_the_archive(catalogue) -> None:
    with pytest.raises(UserError, match="carries no labels; give a table with --labels"):
        labels_in(catalogue)
    catalogue["label_published_split"] = "train"
    with pytest.raises(UserError, match="the archive: holds no label column"):
        labels_in(catalogue)
    catalogue["label_deformation"] = pd.array([1, None, 0, None, None], dtype="Int64")
    catalogue["label_kind"] = pd.array(["a", None, None, None, "b"], dtype="string")
    assert labels_in(catalogue).dropna().to_dict() == {0: 1, 2: 0}
    assert labels_in(catalogue, "kind").dropna().to_dict() == {0: "a", 4: "b"}
    catalogue["label_deformation"] = pd.array([None] * 5, dtype="Int64")
    with pytest.raises(UserError, match="'deformation' are all blank"):
        labels_in(catalogue)


def test_rows_of_a_filtered_catalogue_are_counted_from_zero(catalogue, csv) -> None:
    labels = attach(catalogue.iloc[2:], csv("file,deformation\nb.png,1\none/c.png,0\n"))
    assert labels.tolist() == [1, 0, pd.NA]


@pytest.mark.parametrize("head", ["file,file,deformation", "file,deformation,deformation"])
def test_a_column_that_stands_there_twice_is_refused(csv, head: str) -> None:
    with pytest.raises(UserError, match="stands there twice"):
        read_labels(csv(f"{head}\na.png,1,0\n"))


def test_join_takes_facts_labels_and_measurements_and_leaves_blanks(catalogue: pd.DataFrame, csv) -> None:
    from ssl_insar.archive.labels import join

    table = catalogue.assign(volcano=None)
    path = csv("file,volcano,deformation,peak_m,published_split\na.png,etna,1,0.25,test\nb.png,,,,\n")
    joined = join(table, path)
    assert joined["volcano"].tolist()[:2] == ["etna", "etna"]
    assert joined["volcano"].isna().tolist()[2:] == [True, True, True]
    assert joined["label_deformation"].tolist()[:2] == [1, 1]
    assert joined["label_deformation"].isna().tolist() == [False, False, True, True, True]
    assert joined["label_peak_m"][0] == 0.25
    assert "label_published_split" not in joined
    again = join(joined, csv("file,deformation\nb.png,0\n"))
    assert again["label_deformation"].tolist()[:3] == [1, 1, 0]
