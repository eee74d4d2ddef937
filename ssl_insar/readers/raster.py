"""Windows through rasterio: one band of a raster file, checked before any memory is asked for."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Affine
from ssl_insar.readers.pixels import Window
from ssl_insar.readers.tiff_header import check_places
from ssl_insar.readers.values import phase_and_validity

_TRUSTED_BYTES = 2**28
_BEST_COMPRESSION = 2000
"""No codec in use packs rasters with any data in them tighter than this."""


class Raster:
    """An open raster file.

    Attributes:
        path: the file.
        shape: (H, W) in pixels.
        bands: how many it has.
        dtype: of the first band.
        no_data: tagged no-data value, or None.
        crs: as text, or None.
        transform: affine of the upper-left corner, or None when there is none.
        tags: the file's metadata.
        packed_bits: of a value, where it is fewer than its type has; or None.
        scaling: (factor, offset) that turn the first band's stored values into its own; (1, 0) as a rule.
        units: of the first band, in small letters; empty if it does not tell.
        masked: whether the file keeps a mask of its own, beside or instead of a no-data value.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        """Open ``path``; ``options`` go to `rasterio.open`.

        Raises:
            UnreadableError: the header claims more than the file can hold.
        """
        import rasterio
        from rasterio.enums import MaskFlags
        from rasterio.errors import NotGeoreferencedWarning

        self.path = path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._dataset = rasterio.open(path, **options)
        self.shape: tuple[int, int] = (self._dataset.height, self._dataset.width)
        self.bands: int = self._dataset.count
        self.dtype = np.dtype(self._dataset.dtypes[0])
        self.no_data: float | None = self._dataset.nodata
        self.crs: str | None = self._dataset.crs.to_string() if self._dataset.crs else None
        affine = self._dataset.transform
        self.transform: Affine | None = None if affine.is_identity else tuple(affine)[:6]
        self.tags: dict[str, str] = self._dataset.tags()
        packed = self._dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
        self.packed_bits: int | None = int(packed) if packed else None
        self.scaling: tuple[float, float] = (self._dataset.scales[0], self._dataset.offsets[0])
        self.units: str = (self._dataset.units[0] or "").strip().lower()
        self.masked: bool = MaskFlags.per_dataset in self._dataset.mask_flag_enums[0]
        # A damaged header can claim thousands of bands or 2^32 columns: look before reading.
        claimed = self.shape[0] * self.shape[1] * self.bands * self.dtype.itemsize
        stored = path.stat().st_size
        if claimed > max(_TRUSTED_BYTES, stored * _BEST_COMPRESSION):
            raise UnreadableError(
                f"{path}: damaged {self._dataset.driver} file ({stored} bytes cannot hold "
                f"{self.shape[1]} x {self.shape[0]} x {self.bands} values)"
            )
        if self._dataset.driver == "GTiff":
            check_places(path, self._dataset)

    def values(self, window: Window | None = None, band: int = 1) -> NDArray[Any]:
        """Raw values of a window of one band; None: all of it.

        Shape:
            window (h, w) -> (h, w)
        """
        where = None if window is None else tuple((s.start, s.stop) for s in window.slices)
        values: NDArray[Any] = self._dataset.read(band, window=where)
        return values

    def mask(self, window: Window | None = None) -> NDArray[np.uint8]:
        """The file's own mask in a window, 0 = no data; read only where `masked` says that there is one.

        Shape:
            window (h, w) -> (h, w)
        """
        where = None if window is None else tuple((s.start, s.stop) for s in window.slices)
        values: NDArray[np.uint8] = self._dataset.read_masks(1, window=where)
        return values

    def phase(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Phase in rad and validity of a window of the first band; see `phase_and_validity`.

        Shape:
            window (h, w) -> (h, w), (h, w)
        """
        phase, valid = phase_and_validity(self.values(window), self.no_data)
        if self.masked:
            valid &= self.mask(window) != 0
            phase = np.where(valid, phase, np.float32(0))
        return phase, valid

    def coarse(self, shape: tuple[int, int], band: int = 1) -> NDArray[Any]:
        """The whole band thinned out to ``shape``, nearest pixels."""
        values: NDArray[Any] = self._dataset.read(band, out_shape=shape)
        return values
