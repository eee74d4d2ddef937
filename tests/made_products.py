"""One small product of every family, whole with all that lies beside it, as its processor writes it.

Every function writes one product into a folder of its own and returns the file to read. `PRODUCTS`
lists them all. The scene is the same everywhere: bent fringes with noise, no data in one corner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr
from made_rasters import write_tiff
from matplotlib import colormaps
from PIL import Image
from rasterio.crs import CRS
from rasterio.transform import Affine
from scipy.io import netcdf_file

from ssl_insar.readers import ReadOptions

SHAPE = (48, 40)
"""Of every product unless told otherwise; the GAMMA and LiCSBAS ones are as large as each other, too."""

FRAME = "079D_07894_131313"
PAIR = "20190105_20190117"
DAYS = ("20190105", "20190117", "20190129")
WAVELENGTH = 0.0554658

STRIPS = {"blockysize": 4}
"""GDAL looks at no checksum of what it unpacks, so that damage anywhere in a strip changes all that follows
in there; real files have many strips."""

Shape = tuple[int, int]
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


def scene(shape: Shape = SHAPE, seed: int = 0) -> np.ndarray:
    """(H, W) float32 rad, unwrapped; 0 where there is no data."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(seed).normal(0, 0.2, shape)
    phase = rows / 5 + cols / 7 + (cols - 20) ** 2 / 90 + seed + noise - 4
    phase[:6, :5] = 0
    return phase.astype(np.float32)


def wrapped(shape: Shape = SHAPE, seed: int = 0) -> np.ndarray:
    """(H, W) float32 rad in [-pi, pi]; 0 where there is no data."""
    return np.angle(np.exp(1j * scene(shape, seed))).astype(np.float32)


def phasor(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) complex64 of uneven amplitude; 0 where there is no data."""
    phase = scene(shape)
    return np.where(phase != 0, amplitude(shape) * np.exp(1j * phase), 0).astype(np.complex64)


def amplitude(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32, all of it positive."""
    return np.random.default_rng(1).uniform(1, 9, shape).astype(np.float32)


def coherence(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 in (0, 1)."""
    return np.random.default_rng(2).uniform(0.1, 0.9, shape).astype(np.float32)


def heights(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 m."""
    return np.random.default_rng(3).uniform(10, 3000, shape).astype(np.float32)


def grey(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) uint8: 0 to 255 for -pi to pi."""
    return np.rint((wrapped(shape) + np.pi) * (255 / (2 * np.pi))).astype(np.uint8)


def level(value: float, shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 of one value."""
    return np.full(shape, value, np.float32)


def flat(path: Path, values: np.ndarray, dtype: str) -> Path:
    """Write a flat binary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(values.astype(dtype)).tobytes())
    return path


def interleaved(phase: np.ndarray, dtype: str = "<f4") -> np.ndarray:
    """Amplitude and phase, line by line."""
    return np.stack([amplitude(phase.shape), phase], axis=1).astype(dtype)


def licsar(folder: Path, shape: Shape = SHAPE) -> Path:
    """The layers of a frame of the portal; returns the wrapped phase."""
    metadata, pair = folder / FRAME / "metadata", folder / FRAME / "interferograms" / PAIR
    land = np.ones(shape, np.uint8)
    land[-4:] = 0
    for layer, values in {
        "E": level(0.6, shape),
        "N": level(-0.11, shape),
        "U": level(0.7924, shape),
        "hgt": heights(shape),
        "landmask": land,
    }.items():
        write_tiff(metadata / f"{FRAME}.geo.{layer}.tif", values)
    (metadata / "baselines").write_text("20180101 20190105 12.5 369\n20180101 20190117 -30.0 381\n")
    (metadata / "metadata.txt").write_text("heading=-169.9\navg_incidence_angle=39.2\napplied_DEM=cop30\n")
    write_tiff(pair / f"{PAIR}.geo.cc.tif", (coherence(shape) * 255).astype(np.uint8))
    write_tiff(pair / f"{PAIR}.geo.unw.tif", scene(shape), **STRIPS, compress="lzw")
    return write_tiff(pair / f"{PAIR}.geo.diff_pha.tif", wrapped(shape), **STRIPS, compress="lzw")


def _hyp3(folder: Path, name: str, shape: Shape, **profile: Any) -> Path:
    water = np.ones(shape, np.uint8)
    water[:, -4:] = 0
    place = {"crs": "EPSG:32611", "transform": Affine(80, 0, 400_000, 0, -80, 4_100_000)}
    for layer, values in {
        "corr": coherence(shape),
        "dem": heights(shape),
        "lv_theta": level(0.89, shape),
        "lv_phi": level(-2.91, shape),
        "water_mask": water,
        "unw_phase": scene(shape),
    }.items():
        write_tiff(folder / name / f"{name}_{layer}.tif", values, **(place | profile))
    (folder / name / f"{name}.txt").write_text(
        "Reference Granule: S1A_IW_SLC__1SDV_20171111T150004_20171111T150032_019219_0208AF_EE89\n"
        "Reference Pass Direction: ASCENDING\nBaseline: 61.8974\nHeading: -13.0235756\n"
        "Spacecraft height: 699974.5329\nEarth radius at nadir: 6371383.6099\n"
        "Slant range center: 878813.0619\nDEM source: GLO-30\nUnwrapping type: mcf\n"
    )
    return folder / name / f"{name}_unw_phase.tif"


def hyp3_gamma(folder: Path, shape: Shape = SHAPE) -> Path:
    """A scene as HyP3 GAMMA packs it; returns the unwrapped phase."""
    name = "S1AB_20171111T150004_20171117T145926_VVP006_INT80_G_ueF_4D09"
    return _hyp3(folder, name, shape, **STRIPS, compress="deflate", predictor=1)


def hyp3_burst(folder: Path, shape: Shape = SHAPE) -> Path:
    """A burst as HyP3 ISCE2 packs it; returns the unwrapped phase."""
    name = "S1_213524_IW1_20170411_20170517_VV_INT80_8E81"
    return _hyp3(folder, name, shape, nodata=0, tiled=True, blockxsize=16, blockysize=16)


def geotiff_float(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped phase tagged by PyRate, with its coherence beside it."""
    write_tiff(folder / f"{PAIR}_coh.tif", coherence(shape))
    tags = {"INSAR_PROCESSOR": "GAMMA", "DATA_TYPE": "ORIGINAL_IFG", "WAVELENGTH_METRES": "0.0554658"}
    return write_tiff(folder / f"{PAIR}_unw.tif", scene(shape), tags=tags)


def geotiff_complex(folder: Path, shape: Shape = SHAPE) -> Path:
    """A complex interferogram in BigTIFF."""
    return write_tiff(folder / f"{PAIR}.tif", phasor(shape), **STRIPS, BIGTIFF="YES", compress="deflate")


def geotiff_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """Grey phase."""
    return write_tiff(folder / f"{PAIR}_grey.tif", grey(shape))


def _picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path)
    return path


def _ramp(shape: Shape) -> np.ndarray:
    """Colouring A: dark blue over pale yellow to dark red."""
    return np.rint(colormaps["RdYlBu_r"]((wrapped(shape) + 3.2) / 6.4)[..., :3] * 255).astype(np.uint8)


def png_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """A grey crop of a collection."""
    return _picture(folder / f"africa_adwa_014A_07885_131313_adwa_{PAIR}.png", grey(shape))


def quicklook_posterised(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring A, of which 3 bits a channel were kept."""
    high = _ramp(shape) & 0xE0
    return _picture(folder / f"{PAIR}.geo.diff.png", high | high >> 3 | high >> 6)


def quicklook_full(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring A with all its colours."""
    return _picture(folder / f"{PAIR}.geo.diff.png", _ramp(shape))


def quicklook_wheel(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring B: phase as hue between cyan, magenta and yellow."""
    thirds = (wrapped(shape) % (2 * np.pi)) / (2 * np.pi / 3)
    lack = np.stack([np.maximum(1 - np.abs((thirds - k + 1.5) % 3 - 1.5), 0) for k in range(3)], axis=-1)
    brightness = 100 + 15 * amplitude(shape)[..., None]
    return _picture(folder / f"{PAIR}.geo.diff.png", np.rint(brightness * (1 - 0.8 * lack)).astype(np.uint8))


def _npy(folder: Path, name: str, values: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / name, values)
    return folder / name


def npy_float(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped phase."""
    return _npy(folder, f"{PAIR}.npy", scene(shape))


def npy_complex(folder: Path, shape: Shape = SHAPE) -> Path:
    """A complex interferogram."""
    return _npy(folder, f"{PAIR}.npy", phasor(shape))


def npy_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """Grey phase."""
    return _npy(folder, f"{PAIR}.npy", grey(shape))


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
    header = {
        "WIDTH": shape[1],
        "FILE_LENGTH": shape[0],
        "X_FIRST": 150.91,
        "X_STEP": 0.001,
        "Y_FIRST": -34.17,
        "Y_STEP": -0.001,
        "WAVELENGTH": 0.0562356424,
        "DATE12": "060619-061002",
        "P_BASELINE_TOP_HDR": 60,
        "P_BASELINE_BOTTOM_HDR": 64,
    }
    Path(f"{path}.rsc").write_text("".join(f"{key:<25} {value}\n" for key, value in header.items()))
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


def _dem_par(shape: Shape) -> str:
    return (
        f"Gamma DIFF&GEO DEM/MAP parameter file\nDEM_projection: EQA\nwidth: {shape[1]}\nnlines: {shape[0]}\n"
        "corner_lat: 40.5000000 decimal degrees\ncorner_lon: 13.2500000 decimal degrees\n"
        "post_lat: -1.0e-03 decimal degrees\npost_lon: 2.0e-03 decimal degrees\n"
    )


def _gamma_layers(folder: Path, shape: Shape) -> None:
    flat(folder / f"{PAIR}.cc", coherence(shape), ">f4")
    flat(folder / "scene.lv_theta", level(0.89, shape), ">f4")
    flat(folder / "scene.lv_phi", level(-2.91, shape), ">f4")
    flat(folder / "scene.hgt", heights(shape), ">f4")
    (folder / "scene.dem_par").write_text(_dem_par(shape))
    (folder / "20190105_slc.par").write_text(
        "date: 2019 1 5\nradar_frequency: 5.4050000e+09 Hz\nincidence_angle: 39.0 degrees\n"
        "heading: -10.0 degrees\nazimuth_angle: 90.0 degrees\nrange_samples: 3000\nazimuth_lines: 4000\n"
        "sar_to_earth_center: 7070000.0 m\nearth_radius_below_sensor: 6371000.0 m\n"
    )
    (folder / f"{PAIR}.base").write_text(
        "initial_baseline(TCN): 0.0 120.5 -7.25 m m m\nprecision_baseline(TCN): 0.0 121.0 -7.0 m m m\n"
    )


def gamma_unw(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped, big-endian, with coherence, heights, look angles and baseline."""
    _gamma_layers(folder, shape)
    return flat(folder / f"{PAIR}.unw", scene(shape), ">f4")


def gamma_int(folder: Path, shape: Shape = SHAPE) -> Path:
    """Wrapped, complex, big-endian."""
    _gamma_layers(folder, shape)
    return flat(folder / f"{PAIR}.diff", phasor(shape), ">c8")


def _licsbas_layers(folder: Path, shape: Shape) -> None:
    for axis, value in zip("ENU", (0.6, -0.11, 0.7924), strict=True):
        flat(folder / f"{axis}.geo", level(value, shape), "<f4")
    flat(folder / "hgt", heights(shape), "<f4")
    (folder / "EQA.dem_par").write_text(_dem_par(shape))
    (folder / "slc.mli.par").write_text(
        f"range_samples: {shape[1]}\nazimuth_lines: {shape[0]}\nradar_frequency: 5405000000.0 Hz\n"
    )


def licsbas(folder: Path, shape: Shape = SHAPE) -> Path:
    """A pair of a stack, with coherence, heights and look vectors."""
    _licsbas_layers(folder / "GEOCml1", shape)
    flat(folder / "GEOCml1" / PAIR / f"{PAIR}.cc", coherence(shape) * 255, "u1")
    return flat(folder / "GEOCml1" / PAIR / f"{PAIR}.unw", scene(shape), "<f4")


def licsbas_velocity(folder: Path, shape: Shape = SHAPE) -> Path:
    """A velocity map, mm/year."""
    _licsbas_layers(folder / "results", shape)
    return flat(folder / "results" / "vel.filt.mskd", scene(shape), "<f4")


def raw(folder: Path, shape: Shape = SHAPE) -> Path:
    """A flat binary of nobody knows whom."""
    return flat(folder / f"{PAIR}_unw.bin", scene(shape), "<f4")


def diapason(folder: Path, shape: Shape = SHAPE) -> Path:
    """One byte a pixel."""
    return flat(folder / f"{PAIR}.pha", np.rint(wrapped(shape) * (256 / (2 * np.pi))) % 256, "u1")


def _mintpy(path: Path, kind: str, unit: str, shape: Shape) -> h5py.File:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = h5py.File(path, "w")
    facts = {"FILE_TYPE": kind, "UNIT": unit, "WIDTH": shape[1], "LENGTH": shape[0], "EPSG": 4326}
    facts |= {"X_FIRST": 150.91, "Y_FIRST": -34.17, "X_STEP": 0.001, "Y_STEP": -0.001}
    facts |= {"WAVELENGTH": WAVELENGTH, "PROCESSOR": "isce", "ORBIT_DIRECTION": "DESCENDING"}
    facts |= {"relative_orbit": 128, "START_DATE": DAYS[0], "END_DATE": DAYS[-1]}
    file.attrs.update({key: str(value) for key, value in facts.items()})
    return file


def _mintpy_layers(folder: Path, shape: Shape) -> None:
    with _mintpy(folder / "inputs/geometryGeo.h5", "geometry", "1", shape) as file:
        file["height"], file["incidenceAngle"] = heights(shape), level(39, shape)
        file["azimuthAngle"] = level(-102, shape)
    with _mintpy(folder / "temporalCoherence.h5", "temporalCoherence", "1", shape) as file:
        file["temporalCoherence"] = coherence(shape)


def _stack(shape: Shape) -> np.ndarray:
    """(3, H, W): three scenes."""
    return np.stack([scene(shape, seed) for seed in range(3)])


PACKED: dict[str, Any] = {"chunks": (1, 16, 16), "compression": "gzip", "shuffle": True}


def mintpy_stack(folder: Path, shape: Shape = SHAPE) -> Path:
    """Three interferograms, all of them kept."""
    _mintpy_layers(folder, shape)
    path = folder / "inputs" / "ifgramStack.h5"
    with _mintpy(path, "ifgramStack", "radian", shape) as file:
        file.create_dataset("unwrapPhase", data=_stack(shape), **PACKED)
        file.create_dataset("coherence", data=np.stack([coherence(shape)] * 3), **PACKED)
        first, second, third = DAYS
        file["date"] = np.array([[first, second], [first, third], [second, third]], "S8")
        file["bperp"] = np.array([10.5, -20.25, -30.75], np.float32)
        file["dropIfgram"] = np.ones(3, bool)
    return path


def mintpy_timeseries(folder: Path, shape: Shape = SHAPE) -> Path:
    """Displacement at three dates, m."""
    _mintpy_layers(folder, shape)
    path = folder / "timeseries.h5"
    with _mintpy(path, "timeseries", "m", shape) as file:
        file["timeseries"] = np.cumsum(_stack(shape), axis=0) / 100
        file["date"] = np.array(DAYS, "S8")
        file["bperp"] = np.array([0, 10.5, -20.25], np.float32)
    return path


def mintpy_velocity(folder: Path, shape: Shape = SHAPE) -> Path:
    """Mean velocity, m/year."""
    _mintpy_layers(folder, shape)
    path = folder / "velocity.h5"
    with _mintpy(path, "velocity", "m/year", shape) as file:
        file["velocity"] = scene(shape) / 100
    return path


def _centres(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of columns and rows, the northernmost first."""
    return 13.25 + 0.002 * np.arange(shape[1]), 40.5 - 0.001 * np.arange(shape[0])


def aria(folder: Path, shape: Shape = SHAPE) -> Path:
    """A GUNW, later date first."""
    folder.mkdir(parents=True)
    path = folder / "S1-GUNW-D-R-079-tops-20190117_20190105-031741-13E_40N-PP-0a1b-v2_0_2.nc"
    x, y = _centres(shape)
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1c"
        data = file.create_group("science/grids/data")
        data["longitude"], data["latitude"] = x, y
        for name, values in (("unwrappedPhase", scene(shape)), ("coherence", coherence(shape))):
            data.create_dataset(name, data=values, chunks=(16, 16), compression="gzip")
            data[name].attrs["_FillValue"] = np.float32(0)
        cube = file.create_group("science/grids/imagingGeometry")
        cube["longitudeMeta"], cube["latitudeMeta"] = np.linspace(13, 14, 4), np.linspace(41, 40, 5)
        cube["heightsMeta"] = np.array([0.0, 3000.0])
        cube["incidenceAngle"] = np.full((2, 5, 4), 39.0, np.float32)
        cube["azimuthAngle"] = np.full((2, 5, 4), -12.0, np.float32)
        cube["perpendicularBaseline"] = np.full((2, 5, 4), 42.5, np.float32)
        radar = file.create_group("science/radarMetaData")
        radar["wavelength"] = WAVELENGTH
        for role, day in (("reference", DAYS[1]), ("secondary", DAYS[0])):
            granule = f"S1A_IW_SLC__1SDV_{day}T031728_{day}T031755_025478_02D2F1_4A5B"
            radar[f"inputSLC/{role}/L1InputGranules"] = np.array([granule], h5py.string_dtype())
    return path


def opera(folder: Path, shape: Shape = SHAPE) -> Path:
    """A DISP-S1, m."""
    folder.mkdir(parents=True)
    path = folder / "OPERA_L3_DISP-S1_IW_F11115_VV_20190105T000000Z_20190117T000000Z_v1.0_20240101T000000Z.nc"
    usable = np.ones(shape, np.uint8)
    usable[-4:] = 0
    with h5py.File(path, "w") as file:
        file["x"] = 400_000.0 + 30 * np.arange(shape[1])
        file["y"] = 4_100_000.0 - 30 * np.arange(shape[0])
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(32611).to_wkt()
        file.create_dataset("displacement", data=scene(shape) / 100, chunks=(16, 16), compression="gzip")
        file["displacement"].attrs["_FillValue"] = np.float32(np.nan)
        file["recommended_mask"], file["temporal_coherence"] = usable, coherence(shape)
        told = file.create_group("identification")
        told["radar_wavelength"], told["track_number"], told["frame_id"] = WAVELENGTH, 42, 11115
        told["orbit_pass_direction"], told["product_version"] = "Ascending", "1.0"
        told["reference_datetime"], told["secondary_datetime"] = "2019-01-05 03:17:41", "2019-01-17 03:17:41"
    return path


def nisar(folder: Path, shape: Shape = SHAPE) -> Path:
    """A GUNW of one frequency and polarisation."""
    folder.mkdir(parents=True)
    path = folder / "NISAR_L2_PR_GUNW_001_034_A_017_003_4000_HH_20190105T031741_20190117T031741_D00340.h5"
    mask = np.full(shape, 11, np.uint8)
    mask[-4:] = 111
    with h5py.File(path, "w") as file:
        grids = file.create_group("science/LSAR/GUNW/grids/frequencyA")
        grids["centerFrequency"] = 1.2575e9
        group = grids.create_group("unwrappedInterferogram")
        group["mask"] = mask
        group["HH/unwrappedPhase"], group["HH/coherenceMagnitude"] = scene(shape), coherence(shape)
        group["HH/projection"] = np.uint32(32611)
        group["HH/xCoordinates"] = 400_000.0 + 80 * np.arange(shape[1])
        group["HH/yCoordinates"] = 4_100_000.0 - 80 * np.arange(shape[0])
        cube = file.create_group("science/LSAR/GUNW/metadata/radarGrid")
        cube["xCoordinates"] = np.linspace(390_000, 410_000, 4)
        cube["yCoordinates"] = np.linspace(4_110_000, 4_090_000, 5)
        cube["heightAboveEllipsoid"] = np.array([0.0, 3000.0])
        for name, value in (
            ("losUnitVectorX", 0.6),
            ("losUnitVectorY", -0.11),
            ("perpendicularBaseline", 42),
        ):
            cube[name] = np.full((2, 5, 4), value, np.float32)
        told = file.create_group("science/LSAR/identification")
        told["trackNumber"], told["frameNumber"] = 34, 17
        told["orbitPassDirection"] = "Ascending"
        for role, day in (("reference", "05"), ("secondary", "17")):
            told[f"{role}ZeroDopplerStartTime"] = f"2019-01-{day}T03:17:41.000000000"
    return path


def gmtsar(folder: Path, shape: Shape = SHAPE) -> Path:
    """A grid in longitude and latitude, netCDF classic, with its coherence and parameters."""
    folder = folder / "2019004_2019016"
    folder.mkdir(parents=True)
    x, y = _centres(shape)
    for name, values in (("corr_ll.grd", coherence(shape)), ("unwrap_ll.grd", scene(shape))):
        with netcdf_file(folder / name, "w") as file:
            file.title = name.encode()
            for axis, size, units in (
                ("lat", shape[0], b"degrees_north"),
                ("lon", shape[1], b"degrees_east"),
            ):
                file.createDimension(axis, size)
                file.createVariable(axis, "f8", (axis,)).units = units
            file.variables["lat"][:], file.variables["lon"][:] = y[::-1], x
            grid = file.createVariable("z", "f4", ("lat", "lon"))
            grid._FillValue = np.float32(np.nan)
            grid[:] = np.where(values == 0, np.nan, values)[::-1]
    for day, clock in (("20190105", "2019004.137"), ("20190117", "2019016.137")):
        (folder / f"S1_{day}_ALL_F1.PRM").write_text(
            f"radar_wavelength = {WAVELENGTH}\nSC_clock_start = {clock}\n"
        )
    return folder / "unwrap_ll.grd"


def gmtsar_netcdf4(folder: Path, shape: Shape = SHAPE) -> Path:
    """A wrapped grid in radar coordinates, netCDF-4."""
    folder = folder / "2019004_2019016"
    folder.mkdir(parents=True)
    for name, values in (("corr.grd", coherence(shape)), ("phasefilt.grd", wrapped(shape))):
        with h5py.File(folder / name, "w") as file:
            file.attrs["title"] = np.bytes_(name)
            file["x"], file["y"] = 4.0 + 8 * np.arange(shape[1]), 2.0 + 4 * np.arange(shape[0])
            data = np.where(values == 0, np.nan, values)
            file.create_dataset("z", data=data, chunks=(16, 16), compression="gzip")
            file["z"].attrs["_FillValue"] = np.float32(np.nan)
    return folder / "phasefilt.grd"


def kfts(folder: Path, shape: Shape = SHAPE) -> Path:
    """A stack of three interferograms."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "stack.h5", "w") as file:
        file["igram"] = _stack(shape)
        file["Jmat"] = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]], np.float64)
        file["dates"] = 737_064 + 12 * np.arange(3)
        file["bperp"] = np.array([10.5, -20.25, -30.75])
    return folder / "stack.h5"


def _zarr_array(
    store: Path, name: str, values: np.ndarray, dims: tuple[str, ...], chunks: Shape | None
) -> Any:
    whole = (1,) * (values.ndim - 2) + chunks if chunks and values.ndim >= 2 else values.shape
    facts: dict[str, Any] = {"shape": values.shape, "dtype": values.dtype, "chunks": whole}
    facts["fill_value"] = np.nan if values.dtype.kind == "f" else 0
    if int(zarr.__version__[0]) >= 3:
        array = zarr.create_array(store=str(store), name=name, zarr_format=2, **facts)
    else:
        array = zarr.open_group(str(store), mode="a").create_dataset(name, **facts)
    array.attrs["_ARRAY_DIMENSIONS"] = list(dims)
    array[...] = values
    return array


def minicube(folder: Path, shape: Shape = SHAPE) -> Path:
    """A cube of two dates after one, with coherence, heights and a deformation mask."""
    store = folder / f"{FRAME}.zarr"
    kind = {"zarr_format": 2} if int(zarr.__version__[0]) >= 3 else {}
    zarr.open_group(str(store), mode="w", **kind)
    size = (1, 2, *shape)
    dims = ("primary_date", "secondary_date", "y", "x")
    x, y = _centres(shape)
    mask = np.zeros(size, np.uint8)
    mask[0, 1, 20:30, 10:20] = 1
    for name, values, axes in (
        ("insar_difference", np.stack([wrapped(shape), wrapped(shape, 1)])[None], dims),
        ("insar_coherence", np.full(size, 128, np.uint8), dims),
        ("deformation_mask", mask, dims),
        ("dem", heights(shape), dims[2:]),
        ("y", y, dims[2:3]),
        ("x", x, dims[3:]),
        ("primary_date", np.array([0]), dims[:1]),
        ("secondary_date", np.array([12, 24]), dims[1:2]),
    ):
        array = _zarr_array(store, name, values, axes, (24, 24))
        if name.endswith("date"):
            array.attrs["units"] = "days since 2019-01-05"
    return store


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
