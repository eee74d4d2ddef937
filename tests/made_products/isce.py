"""Flat binaries of ISCE2 and ROI_PAC, with their headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from made_products import rsc
from made_products.scenes import (
    PAIR,
    SHAPE,
    Shape,
    coherence,
    flat,
    heights,
    interleaved,
    level,
    phasor,
    scene,
)


def _isce_header(kind: str, bands: int, shape: Shape) -> str:
    def told(name: str, value: Any) -> str:
        return f'<property name="{name}"><value>{value}</value></property>'

    def axis(name: str, start: float, step: float) -> str:
        return f'<component name="{name}">{told("startingvalue", start)}{told("delta", step)}</component>'

    facts = {"data_type": kind, "length": shape[0], "width": shape[1], "number_bands": bands}
    facts |= {"scheme": "BIL", "byte_order": "l", "ISCE_VERSION": "Release: 2.6.1, svn-, 20220811."}
    return (
        "<imageFile>"
        + "".join(told(*fact) for fact in facts.items())
        + axis("coordinate1", 13.25, 0.002)
        + axis("coordinate2", 40.5, -0.001)
        + "</imageFile>"
    )


def _isce_vrt(kind: str, size: int, bands: int, shape: Shape) -> str:
    """GDAL's description of line-interleaved bands."""
    text = f'<VRTDataset rasterXSize="{shape[1]}" rasterYSize="{shape[0]}">'
    for index in range(bands):
        text += (
            f'<VRTRasterBand band="{index + 1}" dataType="{kind}" subClass="VRTRawRasterBand">'
            f"<ByteOrder>LSB</ByteOrder><ImageOffset>{index * shape[1] * size}</ImageOffset>"
            f"<PixelOffset>{size}</PixelOffset><LineOffset>{bands * shape[1] * size}</LineOffset>"
            "</VRTRasterBand>"
        )
    return text + "</VRTDataset>"


def _isce(path: Path, values: np.ndarray, kind: str, bands: int, shape: Shape) -> Path:
    flat(path, values, "<c8" if kind == "CFLOAT" else "<f4")
    Path(f"{path}.xml").write_text(_isce_header(kind, bands, shape))
    gdal, size = ("CFloat32", 8) if kind == "CFLOAT" else ("Float32", 4)
    Path(f"{path}.vrt").write_text(_isce_vrt(gdal, size, bands, shape))
    return path


def _isce_layers(folder: Path, shape: Shape) -> None:
    angles = np.stack([level(39.2, shape), level(-100, shape)], axis=1)
    _isce(folder / "los.rdr.geo", angles, "FLOAT", 2, shape)
    _isce(folder / "hgt.rdr.geo", heights(shape), "FLOAT", 1, shape)
    _isce(folder / "filt_fine.cor.geo", interleaved(coherence(shape)), "FLOAT", 2, shape)


def isce2_unw(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped and geocoded, with coherence, heights and look angles."""
    _isce_layers(folder / PAIR, shape)
    return _isce(folder / PAIR / "filt_fine.unw.geo", interleaved(scene(shape)), "FLOAT", 2, shape)


def isce2_int(folder: Path, shape: Shape = SHAPE) -> Path:
    """Wrapped, complex."""
    _isce_layers(folder / PAIR, shape)
    return _isce(folder / PAIR / "filt_fine.int.geo", phasor(shape), "CFLOAT", 1, shape)


def _rsc(path: Path, shape: Shape) -> Path:
    rsc.write_header(path, rsc.header(*shape))
    return path


def _roipac_layers(folder: Path, shape: Shape) -> None:
    flat(_rsc(folder / "radar_8rlks.dem", shape), heights(shape), "<i2")
    flat(folder / "geo_060619-061002.cor", interleaved(coherence(shape)), "<f4")


def roipac_unw(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped, amplitude and phase line by line, with coherence and heights."""
    folder.mkdir(parents=True)
    _roipac_layers(folder, shape)
    return flat(_rsc(folder / "geo_060619-061002.unw", shape), interleaved(scene(shape)), "<f4")


def roipac_int(folder: Path, shape: Shape = SHAPE) -> Path:
    """Wrapped, complex."""
    folder.mkdir(parents=True)
    _roipac_layers(folder, shape)
    return flat(_rsc(folder / "geo_060619-061002.int", shape), phasor(shape), "<c8")
