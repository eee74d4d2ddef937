"""GeoTIFF phase of no particular family: float in rad, complex, and 8-bit grey."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.pixels import settle
from ssl_insar.readers.raster import Raster, RasterPhase
from ssl_insar.readers.values import is_wrapped, refuse_coherence

_LICSAR_PHASE = re.compile(r"\.geo\.(diff_pha|diff_unfiltered_pha|unw)\.tif{1,2}$", re.IGNORECASE)
_NOT_PHASE = re.compile(r"\.geo\.(cc|filt\.cc|mag_cc|mli|E|N|U|hgt|landmask)\.tif{1,2}$", re.IGNORECASE)
_ELEVATION = re.compile(r"(?<![a-z])(dem|hgt|height|elevation)\.tif{1,2}$", re.IGNORECASE)
_COLOUR_BANDS = 4
"""Red, green, blue and alpha: grey images are saved so."""

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF files begin."""


def read_geotiff(path: Path) -> Frame:
    """Read a one-band GeoTIFF of phase.

    Float rasters are radians; complex rasters give their argument; 8-bit rasters are grey phase.
    A float raster counts as wrapped when all its values lie within +-pi, unless its name says
    ``unw``.

    Raises:
        UnreadableError: more than one band, another data type, a LiCSAR layer that is not phase, an
            elevation model by its name, or values that look like coherence.
    """
    from ssl_insar.readers.grey import frame_from_grey

    not_phase = _NOT_PHASE.search(path.name)
    if not_phase:
        raise UnreadableError(f"{path}: LiCSAR layer '{not_phase[1]}' is not phase; give diff_pha or unw")
    if _ELEVATION.search(path.name):
        raise UnreadableError(f"{path}: named as an elevation model, which is metres and not phase")
    raster = Raster(path)
    if raster.dtype == np.uint8:
        if raster.bands > _COLOUR_BANDS:
            raise UnreadableError(f"{path}: {raster.bands} bands; a grey image expected")
        grey = np.stack([raster.values(band=1 + band) for band in range(raster.bands)], axis=-1)
        return frame_from_grey(path, grey, "grey TIFF")
    if raster.bands != 1:
        raise UnreadableError(f"{path}: {raster.bands} bands; one band of phase expected")
    if raster.dtype.kind not in "fc":
        raise UnreadableError(
            f"{path}: {raster.dtype} values are not phase; radians (float) or 8-bit grey expected"
        )
    pixels = settle(RasterPhase(raster))
    licsar = _LICSAR_PHASE.search(path.name)
    if not licsar and raster.dtype.kind == "f":
        refuse_coherence(path, pixels)
    return Frame(
        pixels=pixels,
        wrapped=raster.dtype.kind == "c" or is_wrapped(pixels, path.name),
        source=path,
        family="LiCSAR GeoTIFF" if licsar else "GeoTIFF",
        wavelength=WAVELENGTHS["C"] if licsar else None,
        crs=raster.crs,
        transform=raster.transform,
        **facts_of(path)._asdict(),
    )


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_geotiff(path)]


FAMILY = Family(
    name="GeoTIFF",
    claims=lambda path, head: head.startswith(SIGNATURES),
    frames=_frames,
    walks=lambda path: path.suffix.lower() in (".tif", ".tiff"),
)
