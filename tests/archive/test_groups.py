from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_insar.archive.groups import (
    NotEvaluableError,
    assign_groups,
    grouped_folds,
    groups_of,
    is_binary,
    leave_one_positive_group_out,
    make_folds,
)
from ssl_insar.errors import UserError


def test_groups_fall_back_from_volcano_to_file() -> None:
    table = pd.DataFrame(
        {
            "volcano": ["Erta Ale", None, np.nan, "unknown", None, ""],
            "frame": ["f", "079D_07894_131313", None, None, None, None],
            "track": ["t", "079D", "014A", None, None, None],
            "reference_date": [None, None, None, date(2020, 1, 1), None, pd.NaT],
            "secondary_date": [None, None, None, date(2020, 1, 13), date(2020, 1, 13), pd.NaT],
            "source": [f"/d/{i}.png" for i in range(6)],
        }
    )
    groups = assign_groups(table)
    assert groups.names.tolist() == [
        "erta_ale",
        "frame:079d_07894_131313",
        "track:014a",
        "pair:2020_01_01_2020_01_13",
        "file:/d/4.png",
        "file:/d/5.png",
    ]
    assert groups.fallbacks == 5
    assert groups.describe_fallbacks() == "2 by file, 1 by frame, 1 by pair, 1 by track"
    assert groups_of(table).tolist() == groups.names.tolist()


def test_two_spellings_of_a_volcano_are_one_group() -> None:
    names = groups_of(pd.DataFrame({"volcano": ["Erta Ale", "erta_ale", "ERTA-ALE "]}))
    assert len(set(names)) == 1


def test_rows_of_which_nothing_is_known_stand_alone() -> None:
    names = groups_of(pd.DataFrame({"id": ["a", "b"]}))
    assert len(set(names)) == 2


def test_crops_of_one_interferogram_are_not_torn_apart() -> None:
    dates = {"reference_date": [date(2014, 12, 3)] * 2, "secondary_date": [date(2014, 12, 15)] * 2}
    names = groups_of(pd.DataFrame({"source": ["diff1_1.png", "diff1_2.png"], **dates}))
    assert names[0] == names[1]


@given(
    st.integers(0, 10_000), st.integers(2, 7), st.sampled_from(["grouped", "leave-one-positive-volcano-out"])
)
def test_no_group_is_ever_on_both_sides(seed: int, folds: int, protocol: str) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, 80)
    y = (rng.random(80) < rng.random(12)[groups] ** 3).astype(int)
    try:
        splits = make_folds(y, groups, protocol, folds, seed)
    except NotEvaluableError:
        assert min(len(np.unique(groups[y == value])) for value in (0, 1)) < 2 or protocol == "grouped"
        return
    scored = np.concatenate([test for _, test in splits])
    assert sorted(scored) == list(range(80))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(80))
        if protocol == "grouped":
            assert set(y[train]) == {0, 1}


def test_folds_are_fewer_where_positives_are_at_fewer_volcanoes() -> None:
    groups = np.repeat(np.arange(10), 4)
    y = np.isin(groups, [1, 5, 8]).astype(int)
    assert len(grouped_folds(y, groups, 5)) == 3
    with pytest.raises(UserError, match="2 folds or more"):
        grouped_folds(y, groups, 1)


def test_one_positive_volcano_makes_grouped_evaluation_impossible() -> None:
    groups = np.array(["a", "a", "b", "b", "sierra_negra", "sierra_negra"])
    y = np.array([0, 0, 0, 0, 1, 0])
    with pytest.raises(
        NotEvaluableError, match=r"impossible: class '1' occurs at one volcano only \(sierra_negra\)"
    ):
        grouped_folds(y, groups)
    with pytest.raises(NotEvaluableError, match="sierra_negra"):
        leave_one_positive_group_out(y, groups)
    with pytest.raises(NotEvaluableError, match="the labels hold '0' alone"):
        grouped_folds(np.zeros(6, int), groups)


def test_each_positive_volcano_is_left_out_once_with_a_share_of_the_rest() -> None:
    groups = np.repeat([f"v{i:02d}" for i in range(20)], 3)
    y = (np.isin(groups, ["v03", "v07", "v11"]) & (np.arange(60) % 3 == 0)).astype(int)
    splits = leave_one_positive_group_out(y, groups, seed=1)
    assert [set(groups[test][y[test] == 1]) for _, test in splits] == [{"v03"}, {"v07"}, {"v11"}]
    assert sorted(len(set(groups[test])) - 1 for _, test in splits) == [5, 6, 6]
    other = leave_one_positive_group_out(y, groups, seed=2)
    assert any(set(a[1]) != set(b[1]) for a, b in zip(splits, other, strict=True))


def test_leave_one_positive_out_wants_a_positive_class() -> None:
    with pytest.raises(UserError, match="needs labels 0 and 1"):
        make_folds(["a", "b"], ["x", "y"], "leave-one-positive-volcano-out")
    with pytest.raises(UserError, match="no protocol 'random'; choose one of: grouped"):
        make_folds([0, 1], ["x", "y"], "random")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1], True),
        ([False, True], True),
        ([1, 2], False),
        (["0", "1"], False),
        ([0, 1, 2], False),
        ([1], False),
    ],
)
def test_binary_means_zero_and_one(labels: list[object], expected: bool) -> None:
    assert is_binary(labels) is expected
