"""What file names and folders tell, and what they must not be taken to tell."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ssl_insar.readers.names import NameFacts, facts_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "africa_adwa_014A_07885_131313_adwa_20151013_20151106_158_82_1.png",
            NameFacts(date(2015, 10, 13), date(2015, 11, 6), "014A", "014A_07885_131313", "adwa", "africa"),
        ),
        (
            "southeast_asia_tondano_caldera_163D_08898_091005_tondano_caldera_20190722_20190803_274_25_0.png",
            NameFacts(
                date(2019, 7, 22),
                date(2019, 8, 3),
                "163D",
                "163D_08898_091005",
                "tondano_caldera",
                "southeast_asia",
            ),
        ),
        (
            "south_america_sierra_negra_106D_09090_000404_sierra_negra_20180518_20180530_12_3_1.png",
            NameFacts(
                date(2018, 5, 18),
                date(2018, 5, 30),
                "106D",
                "106D_09090_000404",
                "sierra_negra",
                "south_america",
            ),
        ),
        (
            "079D_07894_131313_20141210_20150208.png",
            NameFacts(date(2014, 12, 10), date(2015, 2, 8), "079D", "079D_07894_131313"),
        ),
        ("20190105_20190117.geo.diff_pha.tif", NameFacts(date(2019, 1, 5), date(2019, 1, 17))),
        (
            "cropA_20180106-20180130_VV_8rlks_eqa_unw.tif",
            NameFacts(date(2018, 1, 6), date(2018, 1, 30)),
        ),
        (
            "S1AA_20150504T120217_20150621T120220_VVP048_INT80_G_ueF_5CED_unw_phase.tif",
            NameFacts(date(2015, 5, 4), date(2015, 6, 21)),
        ),
        ("20150504T120217-20150621T120220.tif", NameFacts(date(2015, 5, 4), date(2015, 6, 21))),
        ("geo_061002-070219_unw.tif", NameFacts(date(2006, 10, 2), date(2007, 2, 19))),
        ("991231-000105.unw", NameFacts(date(1999, 12, 31), date(2000, 1, 5))),
        ("800101-791231.unw", NameFacts(date(1980, 1, 1), date(2079, 12, 31))),
        ("interferogram.tif", NameFacts()),
    ],
)
def test_names(name: str, expected: NameFacts) -> None:
    assert facts_of(Path("downloads") / name) == expected


def test_licsar_tree_tells_frame_and_dates_by_its_folders() -> None:
    path = Path(
        "products/79/079D_07894_131313/interferograms/20190105_20190117/20190105_20190117.geo.diff_pha.tif"
    )
    assert facts_of(path) == NameFacts(date(2019, 1, 5), date(2019, 1, 17), "079D", "079D_07894_131313")
    assert facts_of(path.with_name("phase.tif")).secondary_date == date(2019, 1, 17)


def test_the_name_counts_before_the_folder() -> None:
    path = Path("014A_07885_131313/20200101_20200113/079D_07894_131313_20190105_20190117.tif")
    facts = facts_of(path)
    assert facts.frame == "079D_07894_131313"
    assert facts.reference_date == date(2019, 1, 5)
    assert facts_of(Path("20200101_20200113/geo_061002-070219.unw")).reference_date == date(2006, 10, 2)


@pytest.mark.parametrize("pair", ["20191399_20191411", "20190230_20190314", "20190105_20191332"])
def test_impossible_dates_are_no_dates(pair: str) -> None:
    facts = facts_of(Path(f"079D_07894_131313_{pair}.tif"))
    assert (facts.reference_date, facts.secondary_date) == (None, None)
    assert facts.frame == "079D_07894_131313"


@pytest.mark.parametrize(
    "name",
    [
        "120190105_20190117.tif",
        "20190105_201901171.tif",
        "18190105_18190117.tif",
        "20190105.tif",
        "123456-234567.unw",
        "061002-071302.unw",
        "061002_070219.unw",
        "1061002-070219.unw",
        "S1_064_000000s1n00-136231s2n02-000000s3n00_IW.tif",
        "S1A_IW_SLC__1SDV_20150504T120217_20150504T120244_005771_00767E_1234.tif",
    ],
    ids=lambda name: name[:24],
)
def test_digits_that_are_no_pair(name: str) -> None:
    assert facts_of(Path(name)) == NameFacts()


def test_written_order_is_kept() -> None:
    """Turning a reversed pair round is the reader's work, because the sign goes with it."""
    facts = facts_of(Path("20190117_20190105.tif"))
    assert (facts.reference_date, facts.secondary_date) == (date(2019, 1, 17), date(2019, 1, 5))
