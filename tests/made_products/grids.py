"""HDF5 and netCDF grids of one interferogram: ARIA, OPERA, NISAR, GMTSAR."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from rasterio.crs import CRS
from scipy.io import netcdf_file

from made_products.scenes import DAYS, SHAPE, WAVELENGTH, Shape, centres, coherence, scene, wrapped


def aria(folder: Path, shape: Shape = SHAPE) -> Path:
    """A GUNW, later date first."""
    folder.mkdir(parents=True)
    path = folder / "S1-GUNW-D-R-079-tops-20190117_20190105-031741-13E_40N-PP-0a1b-v2_0_2.nc"
    x, y = centres(shape)
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
    x, y = centres(shape)
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
