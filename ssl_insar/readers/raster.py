"""Windows through rasterio: one band of a raster file, checked before any memory is asked for."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Affine
from ssl_insar.readers.pixels import Patch, Window
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
    """

    def __init__(self, path: Path, **options: Any) -> None:
        """Open ``path``; ``options`` go to `rasterio.open`.

        Raises:
            UnreadableError: the header claims more than the file can hold.
        """
        import rasterio
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
        # A damaged header can claim thousands of bands or 2^32 columns: look before reading.
        claimed = self.shape[0] * self.shape[1] * self.bands * self.dtype.itemsize
        stored = path.stat().st_size
        if claimed > max(_TRUSTED_BYTES, stored * _BEST_COMPRESSION):
            raise UnreadableError(
                f"{path}: damaged {self._dataset.driver} file ({stored} bytes cannot hold "
                f"{self.shape[1]} x {self.shape[0]} x {self.bands} values)"
            )

    def values(self, window: Window | None = None, band: int = 1) -> NDArray[Any]:
        """Raw values of a window of one band; None: all of it.

        Shape:
            window (h, w) -> (h, w)
        """
        where = None if window is None else tuple((s.start, s.stop) for s in window.slices)
        values: NDArray[Any] = self._dataset.read(band, window=where)
        return values

    def coarse(self, shape: tuple[int, int], band: int = 1) -> NDArray[Any]:
        """The whole band thinned out to ``shape``, nearest pixels."""
        values: NDArray[Any] = self._dataset.read(band, out_shape=shape)
        return values


class RasterPhase:
    """Phase from one band of a raster: float in rad, or complex."""

    def __init__(self, raster: Raster, band: int = 1) -> None:
        self._raster = raster
        self._band = band

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._raster.shape

    def read(self, window: Window) -> Patch:
        """The window's phase and validity."""
        return Patch(*phase_and_validity(self._raster.values(window, self._band), self._raster.no_data))
