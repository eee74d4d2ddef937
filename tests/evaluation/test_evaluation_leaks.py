"""Planted leaks are refused, each by name."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from made_cases import made_cases

from evaluation.few_shot import LEAST_SUPPORT
from evaluation.forward_in_time import refuse_acquisitions, sides, split_at
from evaluation.leaks import copied_pairs, copy_groups, refuse_choice_on_test, refuse_labelled
from evaluation.methods import _ready_scores
from evaluation.transfer import without_shared
from ssl_insar.archive.groups import grouped_folds
from ssl_insar.classify.few_shot import draws_of
from ssl_insar.classify.held_out import LeakError
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings
from ssl_insar.models.card import Card
from ssl_insar.models.embeddings import Provenance


def test_a_group_on_both_sides_is_refused() -> None:
    cases = made_cases()
    splits = grouped_folds(cases.y, cases.groups)
    cases.refuse_torn(splits)
    train, test = splits[0]
    moved = int(test[0])
    with pytest.raises(LeakError, match=f"volcano {cases.groups[moved]} is learned from and scored"):
        cases.refuse_torn([(np.append(train, moved), test[1:])])


def test_a_copy_that_the_audit_found_is_refused_across_folds(tmp_path) -> None:
    plain = made_cases()
    train, test = grouped_folds(plain.y, plain.groups)[0]
    first, second = plain.ids[train[0]], plain.ids[test[0]]
    rows = [
        ("transposed", first, "gone"),
        ("rotated-90", "gone", second),
        ("noise", first, plain.ids[test[1]]),
    ]
    pd.DataFrame(rows, columns=["kind", "tile", "other"]).to_csv(tmp_path / "findings.csv")
    pairs = copied_pairs(tmp_path)
    assert len(pairs) == 2  # noise is no copy
    # Copies of one tile that is in neither fold.
    with pytest.raises(LeakError, match=f"a copy of tile {second} is learned from"):
        made_cases(pairs=pairs).refuse_torn([(train, test)])
    draws = draws_of(plain.y, plain.groups, LEAST_SUPPORT)
    with pytest.raises(LeakError, match="a copy of tile"):
        made_cases(pairs=pairs).refuse_torn([(draw.support, draw.query) for draw in draws])
    with pytest.raises(UserError, match="no audit"):
        copied_pairs(tmp_path / "absent")


def test_the_same_pixels_under_two_names_are_refused() -> None:
    cases = made_cases()
    content = cases.catalogue["content"].to_numpy(object).copy()
    content[1] = content[0]  # at another volcano
    copies = copy_groups(cases.ids, content, [])
    assert len(set(copies)) == len(cases) - 1
    planted = dataclasses.replace(cases, copies=copies)
    with pytest.raises(LeakError, match="a copy of tile vtile1 "):
        planted.refuse_torn([(np.array([0, 16]), np.array([1, 17]))])


def test_an_encoder_that_has_seen_labels_is_refused(tmp_path) -> None:
    for about in ({}, {"labels": "none"}, {"labels": ""}):
        refuse_labelled(Card("resnet18", 64, ("re", "im"), about=about), tmp_path)
    with pytest.raises(LeakError, match="pretrained with labels \\(deformation of 2,405 tiles\\)"):
        refuse_labelled(
            Card("resnet18", 64, ("re", "im"), about={"labels": "deformation of 2,405 tiles"}), tmp_path
        )


def test_embeddings_tell_of_labels_and_older_ones_of_none(tmp_path) -> None:
    table = pd.DataFrame({"id": ["a", "b"]})
    origin = Provenance("run", "hash", "archive", "digest")
    Embeddings(np.ones((2, 3), np.float16), table, origin, "deformation of 24 tiles").save(tmp_path / "emb")
    assert Embeddings.open(tmp_path / "emb").labels == "deformation of 24 tiles"
    manifest = json.loads((tmp_path / "emb" / "manifest.json").read_text())
    del manifest["labels"]
    (tmp_path / "emb" / "manifest.json").write_text(json.dumps(manifest))
    older = Embeddings.open(tmp_path / "emb")
    assert (older.labels, older.provenance) == ("", origin)


def test_the_test_archive_may_not_choose_the_regularisation() -> None:
    test = {"archive": {"b"}, "volcano": {"etna"}, "tile": {"x"}}
    refuse_choice_on_test({"archive": {"c"}, "volcano": {"fogo"}, "tile": {"y"}}, test)
    for chosen, name in (
        ({"archive": {"b"}, "volcano": set(), "tile": set()}, "archive b"),
        ({"archive": {"c"}, "volcano": {"fogo", "etna"}, "tile": set()}, "volcano etna"),
        ({"archive": {"c"}, "volcano": set(), "tile": {"x"}}, "tile x"),
    ):
        with pytest.raises(LeakError, match=f"{name} of the test archive would choose"):
            refuse_choice_on_test(chosen, test)


def test_archives_that_share_volcanoes_are_refused_or_parted() -> None:
    here, there = made_cases(), made_cases("there")
    with pytest.raises(LeakError, match=r"volcano v00 is learned from and scored.*--drop-shared"):
        without_shared(here, there, None)
    with pytest.raises(LeakError, match="--test is the archive that is learned from"):
        without_shared(here, here, "train")
    with pytest.raises(UserError, match="too few labels to learn from"):
        without_shared(here, there, "train")
    half = there.only(np.isin(there.groups, ["v00", "v01", "v15"]))
    for drop, sizes in (("train", (13 * 12, 36)), ("test", None)):
        if sizes is None:
            with pytest.raises(UserError, match="too few labels to score"):
                without_shared(here, half, drop)
            continue
        with pytest.raises(LeakError, match="copied tile vtile0"):  # the same pixels at other volcanoes
            without_shared(here, _renamed(half), drop)
        train, test = without_shared(here, half, drop)
        assert (len(train), len(test)) == sizes
        assert not set(train.groups) & set(test.groups)


def _renamed(cases):
    return dataclasses.replace(cases, groups=np.char.add("other", cases.groups))


def test_a_shared_acquisition_is_refused() -> None:
    cases = made_cases()
    days = sorted(set(pd.to_datetime(cases.catalogue["reference_date"])))
    day = int((days[8] - pd.Timestamp(0)).days)
    train, test = split_at(cases, day)
    refuse_acquisitions(train, test)
    late = cases.catalogue.copy()
    late.loc[0, "secondary_date"] = test.catalogue.loc[0, "reference_date"]
    planted = dataclasses.replace(cases, catalogue=late)
    with pytest.raises(LeakError, match=f"acquisition {days[8]:%Y-%m-%d} is learned from"):
        refuse_acquisitions(planted.only(np.arange(len(cases)) < 16), test)
    past, later = sides(np.array([[-1, 5], [1, 5], [1, 9], [5, 9], [8, 9]]), 5)
    assert past.tolist() == [False] * 5
    assert later.tolist() == [False, False, False, True, True]


def test_scores_of_networks_that_had_seen_the_volcano_are_refused(tmp_path) -> None:
    cases = made_cases()
    fold = np.arange(len(cases)) % 16 % 5
    table = pd.DataFrame({"id": cases.ids, "volcano": cases.groups, "fold": fold, "score": 0.5})
    table.to_csv(tmp_path / "scores.csv", index=False)
    assert (_ready_scores(cases.archive, tmp_path / "scores.csv") == 0.5).all()
    table.loc[0, "fold"] = 4
    table.to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(LeakError, match="volcano v00 is in several folds"):
        _ready_scores(cases.archive, tmp_path / "scores.csv")
