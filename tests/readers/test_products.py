"""One representation of every interferogram, whatever lies beside it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ssl_insar.readers.products import choose, others, product_of

PAIR = Path("079D_07894_131313/interferograms/20190105_20190117")
GAMMA = "S1AA_20150504T120217_20150621T120220_VVP048_INT80_G_ueF_5CED"
BURST = "S1_213524_IW1_20170411_20170517_VV_INT80_8E81"
MERGED = "S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200604_20200616_VV_INT80_77F1"


def licsar(layer: str, pair: str = "20190105_20190117") -> Path:
    return PAIR.with_name(pair) / f"{pair}.geo.{layer}"


@pytest.mark.parametrize(
    ("layer", "rank"),
    [
        ("diff_pha.tif", "wrapped"),
        ("diff_unfiltered_pha.tif", "unfiltered"),
        ("unw.tif", "unwrapped"),
        ("unw.tiff", "unwrapped"),
        ("diff.png", "quicklook"),
        ("diff.full.png", "quicklook"),
        ("diff_unfiltered.png", "quicklook"),
    ],
)
def test_layers_of_a_licsar_pair(layer: str, rank: str) -> None:
    assert product_of(licsar(layer)) == ((str(PAIR), "20190105_20190117"), rank)


@pytest.mark.parametrize("product", [GAMMA, BURST, MERGED])
@pytest.mark.parametrize(
    ("layer", "rank"),
    [
        ("wrapped_phase.tif", "wrapped"),
        ("unw_phase.tif", "unwrapped"),
        ("unw_phase_clip.tif", "unwrapped"),
        ("color_phase.png", "quicklook"),
    ],
)
def test_layers_of_a_hyp3_product(product: str, layer: str, rank: str) -> None:
    folder = Path("orders") / product
    assert product_of(folder / f"{product}_{layer}") == ((str(folder), product), rank)


@pytest.mark.parametrize(
    "path",
    [
        licsar("cc.tif"),
        licsar("E.tif"),
        licsar("cc.png"),
        licsar("unw.png"),
        Path(f"{GAMMA}_unw_phase.png"),
        licsar("diff1_1.png"),
        Path("20190105.sltd.geo.tif"),
        Path(f"{GAMMA}_corr.tif"),
        Path(f"{BURST}_wrapped_phase_rdr.tif"),
        Path(f"{BURST}_dem_clip.tif"),
        Path("S1A_IW_20150621T120220_DVP_RTC10_G_sauned_F8E2_VV.tif"),
        Path("cropA_20180106-20180130_unw.tif"),
        Path("20190105_20190117_wrapped_phase.tif"),
    ],
    ids=str,
)
def test_other_files_are_no_representation(path: Path) -> None:
    assert product_of(path) is None


LAYERS = {
    "wrapped": licsar("diff_pha.tif"),
    "unwrapped": licsar("unw.tif"),
    "unfiltered": licsar("diff_unfiltered_pha.tif"),
    "quicklook": licsar("diff.png"),
}


@pytest.mark.parametrize(
    ("prefer", "order"),
    [
        ("wrapped", ["wrapped", "unwrapped", "unfiltered", "quicklook"]),
        ("unwrapped", ["unwrapped", "wrapped", "unfiltered", "quicklook"]),
    ],
)
def test_the_best_of_what_there_is(prefer: str, order: list[str]) -> None:
    for count in range(1, 5):
        for present in itertools.permutations(LAYERS, count):
            best = min(present, key=order.index)
            kept, left = choose((LAYERS[rank] for rank in present), prefer)
            assert kept == [LAYERS[best]]
            assert left == [LAYERS[rank] for rank in present if rank != best]


def test_one_a_pair_and_other_files_in_their_order() -> None:
    other = licsar("unw.tif", "20190117_20190129")
    elsewhere = Path("copy") / licsar("unw.tif").name
    paths = [
        Path("b.npy"),
        licsar("unw.tif"),
        other,
        elsewhere,
        licsar("cc.tif"),
        licsar("diff_pha.tif"),
        Path("a.tif"),
        Path(f"{GAMMA}_unw_phase.tif"),
        Path(f"{GAMMA}_unw_phase_clip.tif"),
        Path(f"{BURST}_unw_phase.tif"),
    ]
    kept, left = choose(paths)
    assert left == [paths[1], paths[8]]
    assert kept == [path for path in paths if path not in left]
    assert choose(paths, "all") == (paths, [])


def test_an_unknown_preference_is_an_error() -> None:
    with pytest.raises(ValueError, match="wrapped, unwrapped, all, not 'best'"):
        choose([], "best")


def test_binaries_of_one_name_are_one_interferogram() -> None:
    names = ("fine.int", "filt_fine.int", "filt_fine_snaphu.unw", "filt_fine.unw.geo", "other.unw")
    paths = [Path("pair") / name for name in names]
    assert [path.name for path in choose(paths)[0]] == ["filt_fine.unw.geo", "other.unw"]
    assert [path.name for path in choose(paths[:3])[0]] == ["filt_fine.int"]
    assert [path.name for path in choose(paths[:3], "unwrapped")[0]] == ["filt_fine_snaphu.unw"]
    assert [path.name for path in choose(paths[:1])[0]] == ["fine.int"]


def test_what_else_shows_the_interferogram_of_a_bad_file() -> None:
    kept, left = choose([licsar("diff_pha.tif"), licsar("unw.tif"), licsar("diff.png")])
    assert others(kept, left) == [licsar("unw.tif")]
    assert others([Path("elsewhere.tif")], left) == []


def test_a_gmtsar_folder_gives_its_filtered_phase_in_longitude_and_latitude() -> None:
    names = [
        "phase.grd",
        "phasefilt.grd",
        "phasefilt_mask_ll.grd",
        "unwrap.grd",
        "unwrap_mask_ll.grd",
        "corr.grd",
    ]
    kept, _ = choose([Path("intf/2019001_2019013") / name for name in names])
    assert [path.name for path in kept] == ["phasefilt_mask_ll.grd", "corr.grd"]
    kept, _ = choose([Path("intf") / name for name in names], "unwrapped")
    assert [path.name for path in kept] == ["unwrap_mask_ll.grd", "corr.grd"]
    kept, _ = choose([Path("intf") / name for name in names[:2]])
    assert [path.name for path in kept] == ["phasefilt.grd"]


def test_a_mintpy_project_gives_its_stack_before_what_was_made_of_it() -> None:
    names = [
        "inputs/ifgramStack.h5",
        "timeseries.h5",
        "timeseries_ERA5.h5",
        "geo/geo_velocity.h5",
        "velocity.h5",
    ]
    kept, left = choose([Path("kirishima") / name for name in names])
    assert [str(path.relative_to("kirishima")) for path in kept] == ["inputs/ifgramStack.h5"]
    assert len(left) == 4
    assert choose([Path("a/velocity.h5"), Path("b/velocity.h5")])[1] == []
