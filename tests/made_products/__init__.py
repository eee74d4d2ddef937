"""One small product of every family, whole with all that lies beside it, as its processor writes it.

Every function writes one product into a folder of its own and returns the file to read. `PRODUCTS`
lists them all. The scene is the same everywhere: bent fringes with noise, no data in one corner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from made_products.gamma import gamma_int, gamma_unw, licsbas, licsbas_velocity
from made_products.geotiffs import (
    geotiff_complex,
    geotiff_float,
    geotiff_grey,
    hyp3_burst,
    hyp3_gamma,
    licsar,
)
from made_products.grids import aria, gmtsar, gmtsar_netcdf4, nisar, opera
from made_products.isce import isce2_int, isce2_unw, roipac_int, roipac_unw
from made_products.pictures import png_grey, quicklook_full, quicklook_posterised, quicklook_wheel
from made_products.plain import diapason, npy_complex, npy_float, npy_grey, raw
from made_products.scenes import SHAPE, Shape
from made_products.stacks import kfts, minicube, mintpy_stack, mintpy_timeseries, mintpy_velocity
from ssl_insar.readers import ReadOptions

__all__ = ["PRODUCTS", "SHAPE", "Made"]

Write = Callable[[Path, Shape], Path]


@dataclass(frozen=True)
class Made:
    """How a product is made and read.

    Attributes:
        write: writes it into a folder that does not exist, and returns the file to read.
        options: what the file cannot say about itself.
        scaled: its values become phase by a wavelength that is told beside them.
    """

    write: Write
    options: ReadOptions = field(default_factory=ReadOptions)
    scaled: bool = False


PRODUCTS: dict[str, Made] = {
    "LiCSAR": Made(licsar),
    "HyP3 GAMMA": Made(hyp3_gamma),
    "HyP3 burst": Made(hyp3_burst),
    "GeoTIFF float": Made(geotiff_float),
    "GeoTIFF complex": Made(geotiff_complex),
    "GeoTIFF grey": Made(geotiff_grey),
    "PNG grey": Made(png_grey),
    "quick-look A posterised": Made(quicklook_posterised),
    "quick-look A": Made(quicklook_full),
    "quick-look B": Made(quicklook_wheel),
    "npy float": Made(npy_float),
    "npy complex": Made(npy_complex),
    "npy grey": Made(npy_grey),
    "ISCE2 unw": Made(isce2_unw),
    "ISCE2 int": Made(isce2_int),
    "ROI_PAC unw": Made(roipac_unw),
    "ROI_PAC int": Made(roipac_int),
    "GAMMA unw": Made(gamma_unw),
    "GAMMA diff": Made(gamma_int),
    "LiCSBAS unw": Made(licsbas),
    "LiCSBAS velocity": Made(licsbas_velocity, scaled=True),
    "raw": Made(raw, ReadOptions(layout=f"raw:float32:{SHAPE[0]}x{SHAPE[1]}")),
    "DIAPASON": Made(diapason, ReadOptions(layout=f"diapason:{SHAPE[0]}x{SHAPE[1]}")),
    "MintPy stack": Made(mintpy_stack),
    "MintPy timeseries": Made(mintpy_timeseries, scaled=True),
    "MintPy velocity": Made(mintpy_velocity, scaled=True),
    "ARIA": Made(aria),
    "OPERA": Made(opera, scaled=True),
    "NISAR": Made(nisar),
    "GMTSAR classic": Made(gmtsar),
    "GMTSAR netCDF-4": Made(gmtsar_netcdf4),
    "KFTS": Made(kfts),
    "minicube": Made(minicube),
}
"""By name."""
