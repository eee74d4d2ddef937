"""HyP3 on-demand InSAR of the Alaska Satellite Facility: GAMMA scenes and ISCE2 bursts.

A product is a folder of GeoTIFFs named ``<product>_<layer>.tif`` with a parameter file
``<product>.txt`` of ``key: value`` lines. Phase is in rad, negative toward the satellite and positive
away, the reference granule the older one; displacement maps have the opposite sign. Coherence is 0 to
1; the water mask is 1 on land, 0 on water; ``lv_theta`` is the elevation of the satellite above the
horizon and ``lv_phi`` its direction counter-clockwise from East, both in rad. 0 is no data: tagged so
in ISCE2 products; heights of 0, which in them carry the same tag, count as unknown.

Product guides: https://hyp3-docs.asf.alaska.edu/guides/insar_product_guide/ and
https://hyp3-docs.asf.alaska.edu/guides/burst_insar_product_guide/; look vector from the ground to the
satellite: https://github.com/ASFHyP3/hyp3-gamma/issues/478; no data:
https://github.com/ASFHyP3/hyp3-isce2, ``packaging.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.geometry import line_of_sight as mean_line_of_sight
from ssl_insar.readers.companions import (
    Layers,
    beside,
    coherence_beside,
    land_beside,
    line_of_sight,
    number,
    parameters,
)
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.geotiff import SIGNATURES, check_phase, read_grey
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.pixels import settle
from ssl_insar.readers.products import HYP3, product_of
from ssl_insar.readers.raster import Raster

_MEANINGS = {
    "corr": "coherence",
    "los_disp": "displacement in m",
    "vert_disp": "displacement in m",
    "lv_theta": "a look vector angle",
    "lv_phi": "a look vector angle",
    "dem": "an elevation model",
    "inc_map": "the incidence angle",
    "inc_map_ell": "the incidence angle",
    "water_mask": "a mask",
    "conncomp": "connected components",
    "amp": "amplitude",
}

_SCENE = re.compile(r"S1([A-C])_.*_(\d{6})_[0-9A-F]{6}_[0-9A-F]{4}(?:\.SAFE)?")
_MERGED = re.compile(r"[A-D]?_(\d{3})[_-]")
_FIRST_ORBITS = {"A": 73, "B": 27, "C": 172}
"""Absolute orbit of each Sentinel-1 that was its first on relative orbit 1."""

_RELATIVE_ORBITS = 175


def read_hyp3(path: Path) -> Frame:
    """Read the wrapped or unwrapped phase of a HyP3 product with what lies beside it.

    Coherence, heights, look vectors, water mask and parameter file are taken where they lie in the
    same folder; all but the coherence and the mask are options of the order. Layers on another grid are
    left out with a warning. Water is not valid. Without look vectors the line of sight is that of the
    middle of the swath, of the heading and the ranges in the parameter file. An 8-bit file is grey
    phase, and is read by itself.

    Raises:
        UnreadableError: the layer is not phase, is in radar geometry, or is not one band of float.
    """
    name = HYP3.fullmatch(path.name)
    if name is None:
        raise UnreadableError(f"{path}: not named like a HyP3 layer (PRODUCT_unw_phase.tif)")
    layer = name["layer"].lower()
    if layer.endswith("_rdr"):
        raise UnreadableError(
            f"{path}: HyP3 layer '{layer}' is in radar geometry and has no map grid; "
            "give the _wrapped_phase or _unw_phase layer"
        )
    if product_of(path) is None:
        raise UnreadableError(
            f"{path}: HyP3 layer '{layer}' is {_MEANINGS.get(layer, 'something else')} and not phase; "
            "give the _wrapped_phase or _unw_phase layer"
        )
    raster = Raster(path)
    if raster.dtype == np.uint8 and layer == "wrapped_phase":
        return read_grey(raster)
    check_phase(raster)

    def layer_path(other: str) -> Path:
        return path.with_name(f"{name['base']}_{other}{name['clip'] or ''}{path.suffix}")

    told = parameters(path.with_name(f"{name['base']}.txt"), ":")
    land = land_beside(raster, layer_path("water_mask"))
    angles = [beside(raster, layer_path(angle), "f") for angle in ("lv_theta", "lv_phi")]
    frame = None if name["gamma"] else name["where"].strip("_")
    by = [f"HyP3 {'GAMMA' if name['gamma'] else 'ISCE2'}", layer]
    by += [f"unwrapped by {told['unwrapping type']}"] if told.get("unwrapping type") else []
    by += [f"heights of {told['dem source']}"] if told.get("dem source") else []
    by += [f"water left out by {land.path.name}"] if land else []
    return Frame(
        pixels=settle(
            Layers(
                raster,
                coherence_beside(raster, layer_path("corr")),
                beside(raster, layer_path("dem")),
                land,
            )
        ),
        wrapped=layer == "wrapped_phase",
        source=path,
        family="HyP3",
        wavelength=WAVELENGTHS["C"],
        perpendicular_baseline=number(told.get("baseline")),
        los=_mid_swath(told) if None in angles else line_of_sight(angles, angles=True),
        crs=raster.crs,
        transform=raster.transform,
        provenance=", ".join(by),
        **facts_of(path)._replace(frame=frame, track=_track(name["where"], told))._asdict(),
    )


def _track(where: str, told: Mapping[str, str]) -> str | None:
    """Relative orbit and pass, such as ``064D``, from the name of merged bursts or of the granule."""
    flight = told.get("reference pass direction", told.get("pass direction", "")).upper()
    if flight not in ("ASCENDING", "DESCENDING"):
        heading = number(told.get("heading"))
        if heading is None:
            return None
        flight = "ASCENDING" if np.cos(np.deg2rad(heading)) > 0 else "DESCENDING"
    merged = _MERGED.match(where)
    if merged:
        return f"{merged[1]}{flight[0]}"
    granule = _SCENE.fullmatch(told.get("reference granule", ""))
    if granule is None:
        return None
    orbit = (int(granule[2]) - _FIRST_ORBITS[granule[1]]) % _RELATIVE_ORBITS + 1
    return f"{orbit:03d}{flight[0]}"


def _mid_swath(told: Mapping[str, str]) -> NDArray[np.float64] | None:
    """Line of sight at the middle range: incidence by the law of cosines on a spherical earth."""
    keys = ("heading", "spacecraft height", "earth radius at nadir", "slant range center")
    heading, height, radius, distance = (number(told.get(key)) for key in keys)
    if heading is None or height is None or not radius or not distance:
        return None
    cosine = ((radius + height) ** 2 - radius**2 - distance**2) / (2 * radius * distance)
    return mean_line_of_sight(heading, np.rad2deg(np.arccos(cosine))) if 0 < cosine < 1 else None


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_hyp3(path)]


def _is_layer(path: Path) -> bool:
    name = HYP3.fullmatch(path.name)
    return name is not None and name["suffix"].lower() != "png"


FAMILY = Family(
    name="HyP3",
    claims=lambda path, head: head.startswith(SIGNATURES) and _is_layer(path),
    frames=_frames,
    walks=lambda path: _is_layer(path) and product_of(path) is not None,
)
