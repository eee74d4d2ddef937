"""Which tiles show the query's own scene: each rule alone, and what each flag brings back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Polygon, box

from ssl_insar.search.exclude import Exclusions, Facts

Make = Callable[..., pd.DataFrame]

PAIR = {"reference_date": date(2018, 1, 1), "secondary_date": date(2018, 1, 13)}
LATER = {"reference_date": date(2018, 1, 13), "secondary_date": date(2018, 1, 25)}
FRAME = {"frame": "014A_07688_131313", "track": "014A"}


def left_out(table: pd.DataFrame, position: int = 0, tile: int = 224, **flags: bool) -> list[int]:
    """Rows excluded for the tile at a position."""
    mask = Exclusions(table, tile).mask([Facts.of_row(table.iloc[position])], **flags)
    return np.flatnonzero(mask).tolist()


def test_only_the_query_itself_when_all_differs(catalogue: Make) -> None:
    table = catalogue({}, {}, {}, {})
    assert left_out(table, 2) == [2]
    assert left_out(table, 2, keep_same_pair=True, keep_overlapping=True) == [2]


def test_same_frame_and_dates_in_different_files(catalogue: Make) -> None:
    crops = FRAME | PAIR
    table = catalogue(
        crops | {"volcano": "a"},
        crops | {"volcano": "b"},  # another crop of one interferogram
        FRAME | LATER | {"volcano": "b"},  # other dates
        crops | {"frame": "014A_07885_131313", "volcano": "c"},  # next frame along the track
    )
    assert left_out(table) == [0, 1]
    assert left_out(table, keep_same_pair=True) == [0]


def test_one_shared_date_is_not_the_same_pair(catalogue: Make) -> None:
    longer = PAIR | {"secondary_date": date(2018, 2, 6)}
    table = catalogue(FRAME | PAIR | {"volcano": "a"}, FRAME | longer | {"volcano": "b"})
    assert left_out(table) == [0]


@pytest.mark.parametrize(
    ("query", "other", "same"),
    [
        ({}, {}, False),  # one day, two places
        ({"track": "014A"}, {"track": "014A"}, True),
        ({"track": "014A"}, {"track": "079D"}, False),
        (FRAME, {"track": "014A"}, True),  # the other's frame is unknown: the track decides
        (FRAME, {"track": "079D"}, False),
        ({"volcano": "etna"}, {"volcano": "etna"}, True),
        ({"volcano": "etna"}, {"volcano": "unzen"}, False),
        ({"volcano": "etna", "track": "044A"}, {"volcano": "etna", "track": "124D"}, False),
        ({"source": "/a/x.tif"}, {"source": "/a/y.tif"}, True),
        ({"source": "/a/x.tif", "volcano": "etna"}, {"source": "/a/y.tif"}, True),
        ({"source": "/a/x.tif", "volcano": "etna"}, {"source": "/a/y.tif", "volcano": "unzen"}, False),
        ({"source": "/a/x.tif"}, {"source": "/b/x.tif"}, False),
    ],
)
def test_same_dates_where_the_frame_is_unknown(
    catalogue: Make, query: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    # Far apart in the frame, so that no rule but the pair's can catch the other.
    table = catalogue(PAIR | query, PAIR | other | {"row": 5000, "height": 6000})
    assert left_out(table) == ([0, 1] if same else [0])
    assert left_out(table, keep_same_pair=True) == [0]


def test_folder_or_volcano_alone_is_not_enough(catalogue: Make) -> None:
    table = catalogue(
        PAIR | {"source": "/a/x.tif", "volcano": "etna"}, LATER | {"source": "/a/y.tif", "volcano": "etna"}
    )
    # No frame id and no footprint: nothing says that the two lie on one pixel grid.
    assert left_out(table) == [0]


def test_unknown_dates_are_no_pair(catalogue: Make) -> None:
    nothing = {"reference_date": None, "secondary_date": None}
    table = catalogue(FRAME | nothing | {"volcano": "a"}, FRAME | nothing | {"volcano": "b"})
    assert left_out(table) == [0]


def test_same_file_and_copies_of_it(catalogue: Make) -> None:
    big = {"height": 1000, "width": 1000}
    table = catalogue(
        big | {"source": "/a/x.tif", "fingerprint": "f"},
        big | {"source": "/a/x.tif", "fingerprint": "f", "col": 700},  # elsewhere in the file
        big | {"source": "/a/x.tif", "fingerprint": "f", "col": 223},  # one column shared
        big | {"source": "/a/x.tif", "fingerprint": "f", "col": 224},  # touching
        big | {"source": "/b/copy.tif", "fingerprint": "f"},  # the query under another name
        big | {"source": "/b/copy.tif", "fingerprint": "f", "row": 600},
    )
    assert left_out(table) == [0, 1, 2, 3, 4, 5]
    assert left_out(table, keep_same_pair=True) == [0, 2, 4]
    assert left_out(table, keep_overlapping=True) == [0, 1, 2, 3, 4, 5]
    assert left_out(table, keep_same_pair=True, keep_overlapping=True) == [0, 4]


def test_same_ground_at_other_dates_in_one_frame(catalogue: Make) -> None:
    table = catalogue(
        FRAME | PAIR,
        FRAME | LATER,
        FRAME | LATER | {"row": 100, "col": 100, "height": 900},
        FRAME | LATER | {"row": 224, "height": 900},
        FRAME | LATER | {"volcano": "another crop"},
        LATER | {"frame": "079D_07694_131313"},
    )
    assert left_out(table) == [0, 1, 2]
    assert left_out(table, keep_overlapping=True) == [0]


def test_footprints_decide_where_there_are_two(catalogue: Make) -> None:
    table = catalogue(
        FRAME | PAIR | {"geometry": box(10, 40, 11, 41)},
        {"frame": "079D_07694_131313", "geometry": box(10.9, 40.9, 12, 42)},  # a corner, other track
        FRAME | {"geometry": box(11, 40, 12, 41)},  # neighbour that shares an edge; same row and col
        FRAME | {"geometry": None},  # not on the map: the pixel grid decides
        {"geometry": box(50, 0, 51, 1)},
        {"geometry": box(11 - 1e-9, 40, 12, 41)},  # a sliver that rounding makes
    )
    assert left_out(table) == [0, 1, 3]
    assert left_out(table, keep_overlapping=True) == [0]


def test_broken_footprints_do_no_harm(catalogue: Make) -> None:
    bow_tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    off_the_map = Polygon([(np.inf, np.inf), (0, 1), (1, 1)])
    table = catalogue(
        {"geometry": bow_tie},
        {"geometry": box(0, 0, 0.5, 2)},
        {"geometry": off_the_map},
        {"geometry": Polygon()},
    )
    assert left_out(table) == [0, 1]
    assert left_out(table, 2) == [2]


def test_tiles_of_one_file_query_exclude_together(catalogue: Make) -> None:
    far = {"height": 3000, "width": 3000}
    table = catalogue(
        FRAME | PAIR | far | {"row": 2000},
        FRAME | LATER | far | {"row": 0},
        FRAME | LATER | far | {"row": 1000},
        FRAME | LATER | far | {"row": 2000},
    )
    exclusions = Exclusions(table, 224)
    dates: dict[str, Any] = PAIR
    query = [Facts(source="/new.tif", row=r, frame=FRAME["frame"], **dates) for r in (0, 1000)]
    assert np.flatnonzero(exclusions.mask(query)).tolist() == [0, 1, 2]
    assert np.flatnonzero(exclusions.mask(query, keep_same_pair=True)).tolist() == [1, 2]
    assert np.flatnonzero(exclusions.mask(query, keep_overlapping=True)).tolist() == [0]
    assert exclusions.mask([]).sum() == 0


def test_tile_side_is_estimated_when_it_is_not_told(catalogue: Make) -> None:
    table = catalogue(
        FRAME | PAIR | {"height": 448},
        FRAME | LATER | {"height": 448, "row": 223},
        FRAME | LATER | {"height": 448, "row": 224},
    )
    mask = Exclusions(table).mask([Facts.of_row(table.iloc[0])])
    assert mask.tolist() == [True, True, False]


def test_facts_survive_the_trip_through_parquet(catalogue: Make, tmp_path: Any) -> None:
    table = catalogue(
        FRAME | PAIR | {"geometry": box(0, 0, 1, 1)}, {"reference_date": None, "geometry": None}
    )
    plain = pd.DataFrame(table.drop(columns="geometry"))
    plain["reference_date"] = pd.to_datetime(plain["reference_date"])  # as other tools write dates
    facts = Facts.of_row(plain.iloc[0])
    assert facts.reference_date == date(2018, 1, 1)
    assert facts.footprint is None
    assert facts.volcano is None
    assert Facts.of_row(plain.iloc[1]).reference_date is None
    assert Exclusions(plain, 224).mask([facts]).tolist() == [True, False]
