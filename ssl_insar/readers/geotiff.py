"""GeoTIFF phase: float (LiCSAR and plain), complex, and 8-bit grey.

LiCSAR names are recognised: ``*.geo.diff_pha.tif`` and ``*.geo.diff_unfiltered_pha.tif`` hold
wrapped phase, ``*.geo.unw.tif`` unwrapped phase; all three in radians, float32, positive = away
from the satellite, EPSG:4326, and 0 where there is no data although no tag says so.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import facts_of

_FILLS = (-9999.0, -32768.0)
"""Fill values in wide use that real files forget to tag."""

_BEYOND_PHASE = 1e6
"""rad; no unwrapped phase is that large, but untagged float fills (3.4e38) are."""

_LICSAR_PHASE = re.compile(r"\.geo\.(diff_pha|diff_unfiltered_pha|unw)\.tif{1,2}$", re.IGNORECASE)
_NOT_PHASE = re.compile(r"\.geo\.(cc|filt\.cc|mag_cc|mli|E|N|U|hgt|landmask)\.tif{1,2}$", re.IGNORECASE)
_ELEVATION = re.compile(r"(?<![a-z])(dem|hgt|height|elevation)\.tif{1,2}$", re.IGNORECASE)
_COLOUR_BANDS = 4
"""Red, green, blue and alpha: grey images are saved so."""

_TRUSTED_BYTES = 2**28
_BEST_COMPRESSION = 2000
"""No codec in use packs rasters with any data in them tighter than this."""

_WRAPPED_SLACK = 1e-3
"""rad; products round pi, so values just beyond it still count as wrapped."""


def read_geotiff(path: Path) -> Frame:
    """Read a one-band GeoTIFF of phase.

    Float rasters are radians; complex rasters give their argument; 8-bit rasters are grey phase.
    A float raster counts as wrapped when all its values lie within +-pi, unless its name says
    ``unw``.

    Raises:
        UnreadableError: more than one band, another data type, a LiCSAR layer that is not phase, an
            elevation model by its name, or values that look like coherence.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    from ssl_insar.readers.grey import frame_from_grey
    from ssl_insar.readers.registry import UnreadableError

    not_phase = _NOT_PHASE.search(path.name)
    if not_phase:
        raise UnreadableError(f"{path}: LiCSAR layer '{not_phase[1]}' is not phase; give diff_pha or unw")
    if _ELEVATION.search(path.name):
        raise UnreadableError(f"{path}: named as an elevation model, which is metres and not phase")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            dtype = np.dtype(dataset.dtypes[0])
            # A damaged header can claim thousands of bands or 2^32 columns: look before reading.
            _check_size(path, dataset.width, dataset.height, dataset.count, dtype)
            if dtype == np.uint8:
                if dataset.count > _COLOUR_BANDS:
                    raise UnreadableError(f"{path}: {dataset.count} bands; a grey image expected")
                pixels = np.moveaxis(dataset.read(), 0, -1)
                return frame_from_grey(path, pixels, "grey TIFF")
            if dataset.count != 1:
                raise UnreadableError(f"{path}: {dataset.count} bands; one band of phase expected")
            values = dataset.read(1)
            no_data = dataset.nodata
            crs = dataset.crs.to_string() if dataset.crs else None
            transform = None if dataset.transform.is_identity else tuple(dataset.transform)[:6]
    if dtype.kind not in "fc":
        raise UnreadableError(f"{path}: {dtype} values are not phase; radians (float) or 8-bit grey expected")
    phase, valid = phase_and_validity(values, no_data)
    licsar = _LICSAR_PHASE.search(path.name)
    if not licsar and dtype.kind == "f":
        refuse_coherence(path, phase, valid)
    return Frame(
        phase=phase,
        valid=valid,
        wrapped=dtype.kind == "c" or is_wrapped(phase, valid, path.name),
        source=path,
        family="LiCSAR GeoTIFF" if licsar else "GeoTIFF",
        wavelength=WAVELENGTHS["C"] if licsar else None,
        crs=crs,
        transform=transform,
        **facts_of(path)._asdict(),
    )


def _check_size(path: Path, width: int, height: int, bands: int, dtype: np.dtype[Any]) -> None:
    from ssl_insar.readers.registry import UnreadableError

    claimed = width * height * bands * dtype.itemsize
    stored = path.stat().st_size
    if claimed > max(_TRUSTED_BYTES, stored * _BEST_COMPRESSION):
        raise UnreadableError(
            f"{path}: damaged GeoTIFF file ({stored} bytes cannot hold {width} x {height} x {bands} values)"
        )


def phase_and_validity(
    values: NDArray[Any], no_data: float | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Phase in rad and validity of raw raster values.

    Not valid: 0, NaN and infinity, the tagged value, and the fills that files forget to tag.
    They are taken out *before* any wrapping, which would turn -9999 into plausible phase.

    Shape:
        (H, W) -> (H, W), (H, W)
    """
    if values.dtype == np.float16:  # too narrow for the fill values compared with below
        values = values.astype(np.float32)
    valid = np.isfinite(values) & (values != 0)
    if no_data is not None and np.isfinite(no_data):
        valid &= values != values.dtype.type(no_data)
    if values.dtype.kind == "c":
        phase = np.angle(values)
    else:
        phase = values
        for fill in _FILLS:
            valid &= values != values.dtype.type(fill)
        valid &= np.abs(values) < _BEYOND_PHASE
    return np.where(valid, phase, 0).astype(np.float32), valid


def is_wrapped(phase: NDArray[np.float32], valid: NDArray[np.bool_], name: str) -> bool:
    """Whether values lie within +-pi and the name does not call them unwrapped."""
    if _named_unwrapped(name):
        return False
    return bool(np.abs(phase, where=valid, out=np.zeros_like(phase)).max(initial=0) <= np.pi + _WRAPPED_SLACK)


def refuse_coherence(path: Path, phase: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
    """Refuse float values that are coherence by all appearance.

    Coherence layers lie beside the phase in most archives, under names without a standard. Phase
    fills +-pi or goes beyond it; a raster confined to [0, 1] is taken at its word only if its name
    says ``unw``.

    Raises:
        UnreadableError: there is data, all of it within [0, 1], and the name does not say ``unw``.
    """
    from ssl_insar.readers.registry import UnreadableError

    if not valid.any() or _named_unwrapped(path.name):
        return
    values = phase[valid]
    if values.min() >= 0 and values.max() <= 1:
        raise UnreadableError(
            f"{path}: all values lie in [0, 1], which is coherence and not phase; give the phase "
            "layer (if this is unwrapped phase, put 'unw' into its name)"
        )


def _named_unwrapped(name: str) -> bool:
    return re.search(r"(?<![a-z])unw", name, re.IGNORECASE) is not None
