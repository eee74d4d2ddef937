"""Which files are layers of one product, by their names, and which of them to take.

Products hold one interferogram several times over: wrapped, unwrapped, unfiltered, as a picture. A
walk through a folder takes one of them, or each pair would stand in the archive several times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LICSAR = re.compile(
    r"(?:(?P<base>.+)\.)?"
    r"(?:geo\.(?P<layer>diff_pha|diff_unfiltered_pha|unw|cc|filt\.cc|mag_cc|mli|E|N|U|inc|hgt|landmask)"
    r"|(?P<epoch>sltd)\.geo)\.tiff?",
    re.IGNORECASE,
)
"""A LiCSAR GeoTIFF: ``20190105_20190117.geo.diff_pha.tif``, ``079D_07894_131313.geo.E.tif``,
``20190105.sltd.geo.tif`` (tropospheric delay of one date)."""

HYP3 = re.compile(
    r"(?P<base>S1(?P<where>[A-Za-z0-9_-]*?)_\d{8}(?:T\d{6})?_\d{8}(?:T\d{6})?_[VH]{2}(?:[OPR]\d{3})?_INT\d{2}"
    r"(?P<gamma>_G_[a-z]{2}[123F])?_[0-9A-F]{4})_(?P<layer>[a-z0-9_]+?)(?P<clip>_clip)?\.(?P<suffix>tiff?|png)",
    re.IGNORECASE,
)
"""A HyP3 InSAR layer: GAMMA (``S1AA_<t1>_<t2>_VVP012_INT80_G_ueF_F8BF_unw_phase.tif``), ISCE2 burst
(``S1_213524_IW1_<d1>_<d2>_VV_INT80_8E81_corr.tif``) and bursts merged
(``S1_064_000000s1n00-136231s2n02-000000s3n00_IW_<d1>_<d2>_VV_INT80_77F1_dem.tif``); ``_clip`` is what
people put behind the layer when they cut to a common area."""

_LICSAR_PICTURE = re.compile(
    r"(?:(?P<base>.+)\.)?geo\.(?:diff|diff_pha|diff_unfiltered|diff_unfiltered_pha)(?:\.full)?\.png",
    re.IGNORECASE,
)

_BINARY = re.compile(
    r"(?P<filtered>filt_)?(?P<base>.+?)(?:_snaphu|_icu|_grass)?\.(?P<kind>int|flat|diff|unw)(?P<geo>\.geo)?",
    re.IGNORECASE,
)
"""A flat binary of ISCE2, ROI_PAC or GAMMA: ``fine.int``, ``filt_fine.int``, ``filt_fine_snaphu.unw`` and
``filt_fine.unw.geo`` are one interferogram."""

_GMTSAR = re.compile(r"(?P<layer>phasefilt|phase|unwrap)(?P<mask>_mask)?(?P<geo>_ll)?\.grd", re.IGNORECASE)
_GMTSAR_RANKS = {"phasefilt": "wrapped", "phase": "unfiltered", "unwrap": "unwrapped"}
_MINTPY = re.compile(r"(?:geo_)?(?P<kind>ifgramStack|timeseries|velocity)\w*\.h5")
_MINTPY_FOLDERS = ("inputs", "geo", "mintpy")
"""Folders of one MintPy project: its stack lies in ``inputs``, geocoded results in ``geo``."""

_RANKS = {
    "diff_pha": "wrapped",
    "diff_unfiltered_pha": "unfiltered",
    "unw": "unwrapped",
    "wrapped_phase": "wrapped",
    "unw_phase": "unwrapped",
}
_HYP3_PICTURES = ("color_phase",)

_RADAR = ("radar filtered", "radar wrapped", "radar unwrapped", "radar unfiltered")
_LAST = ("timeseries", "velocity", "quicklook")
PREFERENCES = {
    "wrapped": ("filtered", "wrapped", "unwrapped", "unfiltered", *_RADAR, *_LAST),
    "unwrapped": ("unwrapped", "filtered", "wrapped", "unfiltered", "radar unwrapped", *_RADAR, *_LAST),
}
"""In which order the representations of one interferogram are looked for. ``radar``: in radar
coordinates, where the same is there in longitude and latitude. A time series and a velocity are made
from a stack of interferograms, which is better."""


def product_of(path: Path) -> tuple[tuple[str, str], str] | None:
    """The interferogram that a file is a representation of, and which one it is.

    Args:
        path: a file; only its name is looked at.

    Returns:
        what all representations of the interferogram have in common (folder and name without the
        layer), and its rank, one of `PREFERENCES`; or None for files that are no phase, or of another
        family.
    """
    folder = str(path.parent)
    if picture := _LICSAR_PICTURE.fullmatch(path.name):
        return (folder, picture["base"] or ""), "quicklook"
    if licsar := LICSAR.fullmatch(path.name):
        rank = _RANKS.get((licsar["layer"] or "").lower())
        return ((folder, licsar["base"] or ""), rank) if rank else None
    if hyp3 := HYP3.fullmatch(path.name):
        layer = hyp3["layer"].lower()
        if hyp3["suffix"].lower() == "png":
            return ((folder, hyp3["base"]), "quicklook") if layer in _HYP3_PICTURES else None
        rank = _RANKS.get(layer)
        return ((folder, hyp3["base"]), rank) if rank else None
    if grid := _GMTSAR.fullmatch(path.name):
        rank = _GMTSAR_RANKS[grid["layer"].lower()]
        return (folder, "grd"), rank if grid["geo"] else f"radar {rank}"
    if mintpy := _MINTPY.fullmatch(path.name):
        project = path.parent.parent if path.parent.name in _MINTPY_FOLDERS else path.parent
        return (str(project), "mintpy"), {"ifgramStack": "unwrapped"}.get(mintpy["kind"], mintpy["kind"])
    if binary := _BINARY.fullmatch(path.name):
        rank = "filtered" if binary["filtered"] else "wrapped"
        if binary["kind"].lower() == "unw":
            rank = "unwrapped"
        return (folder, binary["base"]), rank if binary["geo"] else f"radar {rank}"
    return None


def others(failed: Iterable[Path], left: Iterable[Path]) -> list[Path]:
    """Of the files left out, those that show the same interferogram as one that turned out unreadable."""
    lost = {product[0] for path in failed if (product := product_of(path))}
    found: dict[tuple[str, str], Path] = {}
    for path in left:
        product = product_of(path)
        if product and product[0] in lost:
            found.setdefault(product[0], path)
    return list(found.values())


def choose(paths: Iterable[Path], prefer: str = "wrapped") -> tuple[list[Path], list[Path]]:
    """Keep one representation of every interferogram.

    Args:
        paths: files, each once; those that `product_of` does not know are kept.
        prefer: ``wrapped``, ``unwrapped``, or ``all`` to keep every representation. Where the preferred
            one is missing the next of `PREFERENCES` is taken, among equals the first.

    Returns:
        the files kept, and those left out because another representation was taken; both in the order
        they came in.

    Raises:
        ValueError: another preference.
    """
    paths = list(paths)
    if prefer == "all":
        return paths, []
    if prefer not in PREFERENCES:
        raise ValueError(f"prefer must be one of {', '.join((*PREFERENCES, 'all'))}, not {prefer!r}")
    order = PREFERENCES[prefer]
    products = [product_of(path) for path in paths]
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for i, product in enumerate(products):
        if product is not None:
            key, rank = product
            # Of equals the first: how far back its rank stands, then its own place.
            best[key] = min(best.get(key, (len(order), 0)), (order.index(rank), i))
    keep = {i for _, i in best.values()} | {i for i, product in enumerate(products) if product is None}
    kept = [path for i, path in enumerate(paths) if i in keep]
    return kept, [path for i, path in enumerate(paths) if i not in keep]
