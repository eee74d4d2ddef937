"""LiCSAR frames as GeoTIFF: the products of the COMET-LiCS portal, and folders that LiCSBAS fetched.

A frame's folder holds ``interferograms/YYYYMMDD_YYYYMMDD/<pair>.geo.{diff_pha,diff_unfiltered_pha,unw,
cc}.tif`` and ``metadata/<frame>.geo.{E,N,U,hgt,landmask}.tif``, ``metadata/baselines``,
``metadata/metadata.txt``; LiCSBAS puts all of them under one ``GEOC/``
(https://github.com/yumorishita/LiCSBAS, step 01). Phase is in rad, positive away from the satellite,
0 = no data, which no tag says. Coherence is 8-bit (coherence x 255), in older files float; 0 = no
data. E, N, U point from the ground to the satellite.

Morishita et al. (2020), LiCSBAS, Remote Sensing 12, 424; Lazecky et al. (2020), LiCSAR, Remote
Sensing 12, 2430.
"""

from __future__ import annotations

import re
from datetime import date
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
    text,
)
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.geotiff import SIGNATURES, check_phase, read_grey
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.pixels import settle
from ssl_insar.readers.products import LICSAR, product_of
from ssl_insar.readers.raster import Raster

_PAIR_FOLDER = re.compile(r"\d{8}[_-]\d{8}")


def read_licsar(path: Path) -> Frame:
    """Read a phase layer of a LiCSAR frame with what lies beside it.

    Coherence, heights, line of sight, land mask and perpendicular baseline are taken where they are
    found: beside the file, in ``metadata`` one or two folders up, or one folder up (``GEOC``). Layers
    on another grid are left out with a warning. Pixels that the land mask calls water are not valid.
    Without E, N, U the line of sight is the frame's mean, of heading and incidence in
    ``metadata.txt``. An 8-bit file is grey phase, as crop collections keep it, and is read by itself.

    Raises:
        UnreadableError: the layer is not phase by its name, or not one band of float or complex values.
    """
    name = LICSAR.fullmatch(path.name)
    if name is None:
        raise UnreadableError(f"{path}: not named like a LiCSAR layer (PAIR.geo.diff_pha.tif)")
    layer = name["layer"] or name["epoch"]
    if product_of(path) is None:
        raise UnreadableError(f"{path}: LiCSAR layer '{layer}' is not phase; give diff_pha or unw")
    raster = Raster(path)
    if raster.dtype == np.uint8 and layer.lower() != "unw":  # crop collections keep the names in grey
        return read_grey(raster)
    check_phase(raster)
    place = _Place(path)
    facts = facts_of(place.path)
    land = land_beside(raster, place.find("landmask"))
    coherence = f"{name['base']}.geo.cc" if name["base"] else "geo.cc"
    components = [beside(raster, place.find(axis)) for axis in "ENU"]
    told = parameters(place.file("metadata.txt"), "=")
    by = ["LiCSAR", layer]
    by += [f"heights of {told['applied_dem']}"] if told.get("applied_dem") else []
    by += [f"water left out by {land.path.name}"] if land else []
    return Frame(
        pixels=settle(
            Layers(
                raster,
                coherence_beside(raster, path.with_name(coherence + path.suffix)),
                beside(raster, place.find("hgt")),
                land,
            )
        ),
        wrapped=layer.lower() != "unw",
        source=path,
        family="LiCSAR GeoTIFF",
        wavelength=WAVELENGTHS["C"],
        perpendicular_baseline=_baseline(
            text(place.file("baselines")), facts.reference_date, facts.secondary_date
        ),
        los=_mean_line_of_sight(told) if None in components else line_of_sight(components),
        crs=raster.crs,
        transform=raster.transform,
        provenance=", ".join(by),
        **facts._replace(frame=place.frame, track=place.frame and place.frame.partition("_")[0])._asdict(),
    )


class _Place:
    """Where the layers of the frame lie that an interferogram belongs to.

    Attributes:
        path: the interferogram, absolute.
        frame: name of the frame, from the path, else from the layers; or None.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._suffix = path.suffix
        folder = self.path.parent
        above = [folder.parent / "metadata", folder.parent.parent / "metadata"]
        # Only a folder of one pair has the layers of its frame right above: other folders above may
        # hold anything, and many files.
        in_pair = _PAIR_FOLDER.fullmatch(folder.name) is not None
        self._shared = [folder.parent, *above] if in_pair else above[:1]
        self._folders = [folder, *self._shared]
        self.frame = facts_of(self.path).frame
        if self.frame is None:
            found = self._any("U")
            self.frame = facts_of(Path(found.name)).frame if found else None

    def find(self, layer: str) -> Path | None:
        """The file of a layer that all pairs of the frame share."""
        prefixes = [f"{self.frame}."] if self.frame else []
        for folder in self._folders:
            for prefix in (*prefixes, ""):
                path = folder / f"{prefix}geo.{layer}{self._suffix}"
                if path.is_file():
                    return path
        return None if self.frame else self._any(layer)

    def file(self, name: str) -> Path:
        """A text file of the frame; where there is none, a path that does not exist."""
        paths = [folder / name for folder in self._folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def _any(self, layer: str) -> Path | None:
        """The layer under whatever prefix, if there is just one."""
        for folder in self._shared:
            found = list(folder.glob(f"*.geo.{layer}{self._suffix}"))
            if found:
                return found[0] if len(found) == 1 else None
        return None


def _mean_line_of_sight(told: dict[str, str]) -> NDArray[np.float64] | None:
    heading, incidence = number(told.get("heading")), number(told.get("avg_incidence_angle"))
    if heading is None or incidence is None or not 0 < incidence < 90:
        return None
    return mean_line_of_sight(heading, incidence)


def _baseline(table: str, reference: date | None, secondary: date | None) -> float | None:
    """Perpendicular baseline of a pair in m, from a ``baselines`` file.

    Rows are ``prime date bperp days``; in older files ``number reference secondary bperp days days days
    bperp_reference bperp_secondary``, where the last two count from one prime date.
    """
    if reference is None or secondary is None:
        return None
    first, second = f"{reference:%Y%m%d}", f"{secondary:%Y%m%d}"
    known: dict[str, dict[str, float]] = {}
    for line in table.splitlines():
        columns = line.split()
        try:
            if len(columns) == 4:
                known.setdefault(columns[0], {columns[0]: 0.0})[columns[1]] = float(columns[2])
            elif len(columns) == 9:
                before, after = float(columns[7]), float(columns[8])
                known.setdefault("", {}).update({columns[1]: before, columns[2]: after})
        except ValueError:  # a heading
            continue
    for dates in known.values():
        if first in dates and second in dates:
            baseline = dates[second] - dates[first]
            return baseline if np.isfinite(baseline) else None
    return None


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_licsar(path)]


FAMILY = Family(
    name="LiCSAR GeoTIFF",
    claims=lambda path, head: head.startswith(SIGNATURES) and LICSAR.fullmatch(path.name) is not None,
    frames=_frames,
    walks=lambda path: LICSAR.fullmatch(path.name) is not None and product_of(path) is not None,
)
