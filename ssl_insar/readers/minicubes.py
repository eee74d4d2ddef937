"""Hephaestus minicubes (also published as Thalia): one Zarr folder a LiCSAR frame.

Layout, from the loader in github.com/Orion-AI-Lab/Hephaestus-minicubes and .../Thalia
(``dataset/dataset_utils.py``, ``statistics.json``): ``<frame>.zarr`` holds ``insar_difference``
(LiCSAR's wrapped phase, rad), ``insar_coherence`` (0 to 255), ``deformation_mask`` (1 deformation,
2 earthquake) over ``primary_date`` x ``secondary_date`` x rows x columns, ``dem`` (m) over rows x
columns, and ERA5 fields, which are not read. Most pairs of dates are empty. Not told there, and
therefore looked up in each cube: the names of the spatial axes, chunks, and which pairs exist.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers.coverage import Regions
from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Affine, Frame
from ssl_insar.readers.hephaestus import at_tile, facts_of_annotation
from ssl_insar.readers.pixels import Patch, Window
from ssl_insar.readers.values import HEIGHTS, phase_and_validity
from ssl_insar.readers.zarr_store import MARKS, Blocks, ZarrArray, budget_for

PHASE, COHERENCE, ELEVATION, MASK = "insar_difference", "insar_coherence", "dem", "deformation_mask"
DATES = ("primary_date", "secondary_date")

_PACKED = ".zarr.tar"
_FRAME = re.compile(r"(?<![A-Za-z0-9])(\d{3}[AD])(?:_[A-Z0-9]{2,6}){2,3}(?![A-Za-z0-9])")
"""LiCSAR frames; those of stripmap scenes, such as ``144A_SM_REUN_S6``, have another form."""

_ROWS = ("y", "lat", "latitude")
_COLUMNS = ("x", "lon", "longitude")
_UNITS = {"day": "D", "hour": "h", "minute": "m", "second": "s", "millisecond": "ms"} | {
    "microsecond": "us",
    "nanosecond": "ns",
}
_MOST_DATES = 100_000
_LONGEST_SIDE = 100_000
_PROBE = 512
_LICSAR_POSTING = 0.01
"""degrees; LiCSAR's is 0.001, and no projected grid is this fine in m."""


class Minicube:
    """An open cube.

    Attributes:
        path: its folder.
        shape: (H, W) of its interferograms, px.
        pairs: where each interferogram lies on the axes of dates, in order of its dates.
    """

    def __init__(self, path: Path) -> None:
        """Open the arrays and find the interferograms.

        Raises:
            UnreadableError: no phase, or not laid out like a minicube.
        """
        self.path = path
        held = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
        if PHASE not in held:
            listed = ", ".join(held[:8]) or "nothing"
            raise UnreadableError(
                f"{path}: holds no '{PHASE}', which is the phase of a Hephaestus minicube; it holds {listed}"
            )
        self._held = held
        self.phase = ZarrArray(path, PHASE)
        dims = self.phase.dims
        if len(dims) != 4 or set(dims[:2]) != set(DATES) or dims[2] not in _ROWS or dims[3] not in _COLUMNS:
            raise UnreadableError(
                f"{path}: '{PHASE}' has the axes ({', '.join(dims) or 'unnamed'}); expected primary_date, "
                "secondary_date, rows (y, lat or latitude) and columns (x, lon or longitude)"
            )
        self.shape: tuple[int, int] = self.phase.shape[2], self.phase.shape[3]
        if max(self.shape) > _LONGEST_SIDE:
            raise UnreadableError(
                f"{path}: damaged minicube ({self.shape[0]} x {self.shape[1]} px is no frame)"
            )
        self._dates = [self._read_dates(name) for name in dims[:2]]
        self._primary_first = dims[0] == DATES[0]
        pairs = (place for place in self.phase.planes_with_data() if self._differ(place))
        self.pairs = sorted(pairs, key=self.dates)
        if not self.pairs:
            raise UnreadableError(f"{path}: holds no interferogram; '{PHASE}' is empty")
        self.coherence = self._layer(COHERENCE, dims)
        self.elevation = self._layer(ELEVATION, dims[2:])
        self.mask = self._layer(MASK, dims)
        drawn = [self.phase, *(layer for layer in (self.coherence, self.elevation) if layer)]
        self.blocks = Blocks(budget_for(drawn))

    def dates(self, place: tuple[int, ...]) -> tuple[date, date]:
        """Primary and secondary date of an interferogram."""
        first, second = self._dates[0][place[0]], self._dates[1][place[1]]
        return (first, second) if self._primary_first else (second, first)

    def frames(self) -> list[Frame]:
        """All interferograms, in order of their dates."""
        name = _FRAME.search(self.path.stem) or _FRAME.search(
            self._told("frame_id", "frameID", "frame") or ""
        )
        volcano = self._told("volcano", "volcano_name")
        transform = self._transform()
        crs = self._crs(transform)
        found = []
        for place in self.pairs:
            reference, secondary = self.dates(place)
            found.append(
                Frame(
                    pixels=CubePixels(self, place),
                    # LiCSAR's `geo.diff_pha`, which is wrapped.
                    wrapped=True,
                    source=self.path,
                    family="minicube",
                    member=f"{reference:%Y%m%d}_{secondary:%Y%m%d}",
                    wavelength=WAVELENGTHS["C"],
                    reference_date=reference,
                    secondary_date=secondary,
                    crs=crs,
                    transform=transform,
                    posting=(100.0, 100.0),
                    track=name[1] if name else None,
                    frame=name[0] if name else None,
                    volcano=volcano,
                    provenance="LiCSAR, Hephaestus minicubes",
                    annotations=self._annotations(place),
                )
            )
        return found

    @cached_property
    def coherence_scale(self) -> float:
        """What coherence 1 is in the file: 255, or 1 where a float layer never exceeds it."""
        layer = self.coherence
        if layer is None or layer.values.dtype.kind != "f":
            return 255.0
        height, width = (min(n, _PROBE) for n in self.shape)
        row, col = (self.shape[0] - height) // 2, (self.shape[1] - width) // 2
        seen = layer.plane(self.blocks, self.pairs[0], Window(row, col, height, width))
        return 255.0 if np.nanmax(seen, initial=0) > 1 else 1.0

    @cached_property
    def records(self) -> dict[str, NDArray[Any]]:
        """Annotations of whole interferograms: the arrays over the two axes of dates alone."""
        dates, size = self.phase.dims[:2], self.phase.shape[:2]
        found = {}
        for name in filter(self._is_array, self._held):
            try:
                array = ZarrArray(self.path, name)
                if (array.dims, array.shape) == (dates, size):
                    found[name] = array.values[...]
                elif (array.dims, array.shape) == (dates[::-1], size[::-1]):
                    found[name] = array.values[...].T
            except Exception as error:  # a codec that is not here; the phase is none the worse for it
                warnings.warn(f"{self.path}: annotation '{name}' left out ({error})", stacklevel=2)
        return found

    def _annotations(self, place: tuple[int, ...]) -> Callable[[Window], dict[str, Any]] | None:
        return CubeAnnotations(self, place) if self.mask is not None or self.records else None

    def _is_array(self, name: str) -> bool:
        return any((self.path / name / mark).is_file() for mark in (".zarray", "zarr.json"))

    def _layer(self, name: str, dims: tuple[str, ...]) -> ZarrArray | None:
        """An array that lies on the phase's grid; None where it is missing or lies elsewhere."""
        if name not in self._held or not self._is_array(name):
            return None
        layer = ZarrArray(self.path, name)
        return layer if layer.dims == dims and layer.shape == self.phase.shape[4 - len(dims) :] else None

    def _differ(self, place: tuple[int, ...]) -> bool:
        primary, secondary = self.dates(place)
        return primary != secondary

    def _read_dates(self, name: str) -> list[date]:
        length = self.phase.shape[self.phase.dims.index(name)]
        array = ZarrArray(self.path, name) if name in self._held else None
        if array is None or array.shape != (length,) or length > _MOST_DATES:
            raise UnreadableError(f"{self.path}: has no usable coordinate '{name}', so its dates are unknown")
        return _dates(array.values[...], str(array.attrs.get("units", "")))

    def _transform(self) -> Affine | None:
        names = self.phase.dims[2:]
        down, across = self._axis(names[0], self.shape[0]), self._axis(names[1], self.shape[1])
        if down is None or across is None:
            return None
        (y, dy), (x, dx) = down, across
        return dx, 0.0, x - dx / 2, 0.0, dy, y - dy / 2

    def _axis(self, name: str, length: int) -> tuple[float, float] | None:
        """Centre of the first pixel and the step to the next."""
        if name not in self._held or length < 2:
            return None
        values = ZarrArray(self.path, name).values
        if values.shape != (length,) or values.dtype.kind not in "fiu":
            return None
        first, last = float(values[0:1][0]), float(values[length - 1 : length][0])
        step = (last - first) / (length - 1)
        return (first, step) if np.isfinite(step) and step else None

    def _crs(self, transform: Affine | None) -> str | None:
        if transform is None:
            return None
        for name in (self.phase.attrs.get("grid_mapping"), "spatial_ref", "crs"):
            if isinstance(name, str) and name in self._held and self._is_array(name):
                attrs = ZarrArray(self.path, name).attrs
                told = attrs.get("crs_wkt") or attrs.get("spatial_ref")
                if isinstance(told, str) and told:
                    return told
        # LiCSAR's own grid, on which the cubes were built, is geographic.
        return "EPSG:4326" if abs(transform[0]) < _LICSAR_POSTING else None

    def _told(self, *names: str) -> str | None:
        """An attribute of the cube that is one plain name."""
        import zarr

        attrs = dict(zarr.open_group(str(self.path), mode="r").attrs)
        values = (attrs.get(name) for name in names)
        return next((v.strip() for v in values if isinstance(v, str) and v.strip() and "," not in v), None)


class CubePixels:
    """Pixels of one interferogram of a cube."""

    def __init__(self, cube: Minicube, place: tuple[int, ...]) -> None:
        """``place``: where it lies on the axes of dates."""
        self._cube = cube
        self._place = place

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._cube.shape

    def read(self, window: Window) -> Patch:
        """The window's phase, validity, coherence and elevation."""
        cube = self._cube
        raw = cube.phase.plane(cube.blocks, self._place, window)
        phase, valid = phase_and_validity(cube.phase.decoded(raw))
        coherence = elevation = None
        if cube.coherence is not None:
            raw = cube.coherence.plane(cube.blocks, self._place, window)
            share = cube.coherence.decoded(raw) / np.float32(cube.coherence_scale)
            coherence = np.clip(np.nan_to_num(share), 0, 1).astype(np.float32, copy=False)
        if cube.elevation is not None:
            raw = cube.elevation.plane(cube.blocks, (), window)
            elevation = cube.elevation.decoded(raw).astype(np.float32)
            elevation[~((elevation > HEIGHTS[0]) & (elevation < HEIGHTS[1]))] = np.nan
        return Patch(phase, valid, coherence, elevation)


class CubeAnnotations:
    """Labels of the tiles of one interferogram; see `Frame.annotations`."""

    def __init__(self, cube: Minicube, place: tuple[int, ...]) -> None:
        """``place``: where it lies on the axes of dates."""
        self._cube = cube
        self._place = place

    def __call__(self, window: Window) -> dict[str, Any]:
        """What is known about a window.

        Raises:
            UnreadableError: the annotations are damaged.
        """
        try:
            verdict = self._verdict(window)
            return at_tile(self._facts, verdict)
        except Exception as error:  # a damaged array makes zarr and its codecs raise anything
            raise damaged(self._cube.path, "minicube", error) from error

    @cached_property
    def _facts(self) -> dict[str, Any]:
        at = self._place
        return facts_of_annotation({name: values[at] for name, values in self._cube.records.items()})

    @cached_property
    def _regions(self) -> Regions | None:
        """Deformation drawn in the mask; None where there is no mask for this interferogram."""
        if self._cube.mask is None:
            return None
        plane = self._cube.mask.whole_plane(self._place)
        known = np.isfinite(plane)
        return Regions(known & (plane != 0)) if known.any() else None

    def _verdict(self, window: Window) -> int | None:
        whole = self._facts.get("deformation")
        if self._regions is None or (whole == 1 and not len(self._regions)):
            # A deforming frame in which nothing is drawn does not say where it deforms.
            return 0 if whole == 0 else None
        return self._regions.verdict(window)


def _dates(values: NDArray[Any], units: str) -> list[date]:
    """Days of a coordinate: counted from a day (CF conventions, sec. 4.4), or spelt out."""
    unit, counted, origin = units.partition(" since ")
    if counted:
        start = np.datetime64(datetime.fromisoformat(origin.strip()[:19]), "s")
        values = start + values.astype(np.int64).astype(f"timedelta64[{_UNITS[unit.rstrip('s')]}]")
    if values.dtype.kind == "M":
        return [day.item() for day in values.astype("datetime64[D]")]
    return [datetime.strptime(str(v).replace("-", "")[:8], "%Y%m%d").date() for v in values.tolist()]


def _claims(path: Path, head: bytes) -> bool:
    if head:
        return path.name.endswith(_PACKED)
    return any((path / mark).is_file() for mark in MARKS)


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    if path.is_file():
        raise UnreadableError(f"{path}: is a packed minicube; unpack it with: tar -xf {path.name}")
    return Minicube(path).frames()


FAMILY = Family(
    name="minicube",
    claims=_claims,
    frames=_frames,
    walks=lambda path: path.name.endswith((".zarr", _PACKED)),
)
