"""LiCSBAS: headerless float32 stacks of LiCSAR interferograms, and the velocities made from them.

``GEOCml*/YYYYMMDD_YYYYMMDD/YYYYMMDD_YYYYMMDD.unw`` lies two folders below ``EQA.dem_par`` and
``slc.mli.par``; velocity maps lie beside a ``.par`` or in ``results`` beside ``info``. Little-endian as
LiCSBAS writes them; a stack in the other order is GAMMA's.

Sign: phase positive = away, as in LiCSAR. Velocities are mm/year, positive = **toward** the satellite
(LiCSBAS13 converts with -wavelength/4pi); they are read as the phase that one year of that motion makes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS, displacement_to_phase
from ssl_insar.readers.binary import Band, Layout, band, byte_order, companion, order_of, settled
from ssl_insar.readers.companions import number, radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.gamma import Par, grid_of, read_par, size_of, wavelength_of
from ssl_insar.readers.layers import LayeredPhase, coarse, unit
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.width import refuse_wrong_width

_PAIR = re.compile(r"\d{8}_\d{8}")
_VELOCITY = re.compile(r"(?:^|\.)(vel(?:\.filt)?(?:\.mskd)?)$")
_OTHER = re.compile(
    r"(?:^|\.)(coh_avg|hgt|mask|maxTlen|n_gap|n_ifg_noloop|n_loop_err|n_unw|resid_rms|slc\.mli|stc|vstd"
    r"|vintercept(?:\.filt)?(?:\.mskd)?|[ENU](?:\.geo)?)$"
)
_FINISHED = ("vel.filt.mskd", "vel.mskd", "vel.filt", "vel")
"""Velocity maps of one place, the most finished first."""

_SINGLE = np.dtype("<f4")
_METRES = 1e-3
"""A mm."""


def read_licsbas(path: Path) -> Frame:
    """Read a LiCSBAS ``.unw`` or velocity map.

    Coherence comes from the ``.cc`` beside, elevation from ``hgt``, the line of sight from the E, N and U
    layers, as far as they are there.

    Raises:
        UnreadableError: another layer, a size that no parameter file gives, or a velocity map without
            a wavelength to turn it into phase.
    """
    if path.suffix == ".cc":
        raise UnreadableError(f"{path}: is coherence, not phase; give the .unw")
    other = _OTHER.search(path.name)
    if other:
        raise UnreadableError(f"{path}: LiCSBAS layer '{other[1]}' is not phase; give vel or an .unw")
    velocity = _VELOCITY.search(path.name)
    layout, par = _sized(path)
    layout = settled(path, layout)
    refuse_wrong_width(path, layout, by="the parameter file nearby")
    named = facts_of(path)
    wavelength = _wavelength(path) or (WAVELENGTHS["C"] if named.frame else None)
    scale = 1.0
    told = f"LiCSBAS unw, {order_of(layout)}"
    if velocity:
        if wavelength is None:
            raise UnreadableError(
                f"{path}: a velocity map becomes phase by the radar's wavelength, which no slc.mli.par or "
                "13parameters.txt nearby tells; put one into its folder"
            )
        scale = float(displacement_to_phase(_METRES, wavelength))
        told = f"LiCSBAS {velocity[1]}, mm/year toward, as the phase of one year; {order_of(layout)}"
    grid = grid_of(par)
    prefix = path.name[: velocity.start(1)] if velocity else ""
    return Frame(
        pixels=LayeredPhase(
            band(path, layout),
            per_unit=scale,
            coherence=None if velocity else _coherence(path, layout),
            elevation=_beside(path, prefix, ("hgt",), layout),
        ),
        wrapped=False,
        source=path,
        family="LiCSBAS",
        wavelength=wavelength,
        los=_look_vectors(path, prefix, layout),
        crs=grid.crs,
        transform=grid.transform,
        provenance=told,
        **named._asdict(),
    )


def _folders(path: Path) -> list[Path]:
    """Where parameters and common layers lie: beside, above (pair folders), and in ``info``."""
    here = path.absolute().parent
    return [here, here.parent, here.parent / "info", here.parent / "results"]


def _parameter_files(path: Path) -> list[Path]:
    """Those that give size and place, the map's own before the stack's."""
    velocity = _VELOCITY.search(path.name) or _OTHER.search(path.name)
    own = [path.with_name(f"{path.name[: velocity.start(1)]}par")] if velocity and velocity.start(1) else []
    common = [folder / name for name in ("EQA.dem_par", "slc.mli.par") for folder in _folders(path)]
    return [beside for beside in own + common if beside.is_file()]


def _sized(path: Path) -> tuple[Layout, Par]:
    """The layout of the first parameter file with a size, which has to fit."""
    for beside in _parameter_files(path):
        par = read_par(beside)
        size = size_of(par)
        if size:
            layout = Layout(_SINGLE, *size)
            layout.check(path, beside.name)
            return layout, par
    raise UnreadableError(f"{path}: no parameter file nearby gives its width and number of lines")


def _wavelength(path: Path) -> float | None:
    """From ``slc.mli.par``, or from the time series' parameters."""
    for folder in _folders(path):
        for name in ("slc.mli.par", "13parameters.txt"):
            if (folder / name).is_file():
                par = read_par(folder / name)
                wavelength = wavelength_of(par) or radar_wavelength(number(par.get("wavelength")))
                if wavelength:
                    return wavelength
    return None


def _coherence(path: Path, layout: Layout) -> Band | None:
    """Of the ``.cc``: float32, or in later releases one byte with 255 for 1."""
    beside = path.with_suffix(".cc")
    bytewise = Layout(np.dtype("u1"), *layout.shape)
    if beside.is_file() and bytewise.fits(beside):
        return companion(beside, bytewise, levels=255)
    return companion(beside, Layout(_SINGLE, *layout.shape))


def _beside(path: Path, prefix: str, names: tuple[str, ...], layout: Layout) -> Band | None:
    """A common layer, the nearest."""
    places = [folder / (prefix + name) for folder in _folders(path) for name in names]
    nearest = next((place for place in places if place.is_file()), None)
    return companion(nearest, Layout(_SINGLE, *layout.shape)) if nearest else None


def _look_vectors(path: Path, prefix: str, layout: Layout) -> NDArray[np.float64] | None:
    """From the E, N and U layers: ground to satellite.

    Shape:
        (3, h, w), coarse; NaN where there is no data
    """
    layers = [_beside(path, prefix, (axis, f"{axis}.geo"), layout) for axis in "ENU"]
    found = [coarse(layer) for layer in layers if layer is not None]
    return unit(np.stack(found)) if len(found) == len("ENU") else None


def _is_pair(path: Path) -> bool:
    """Whether a file is named after its folder, which is named after two dates."""
    return path.stem == path.parent.name and _PAIR.fullmatch(path.stem) is not None


def _claims(path: Path, head: bytes) -> bool:
    if path.suffix in (".unw", ".cc") and _is_pair(path):
        if not any(beside.parent == path.absolute().parent.parent for beside in _parameter_files(path)):
            return False
        return not (path.suffix == ".unw" and _is_big_endian(path))
    known = _VELOCITY.search(path.name) or _OTHER.search(path.name)
    return known is not None and path.is_file() and bool(_parameter_files(path))


def _is_big_endian(path: Path) -> bool:
    try:
        return path.stat().st_size > 0 and byte_order(path, _SINGLE) == ">"
    except (OSError, UnreadableError):
        return False  # reading says what is wrong


def _walks(path: Path) -> bool:
    """Unwrapped pairs, and of the velocity maps of one place the most finished."""
    velocity = _VELOCITY.search(path.name)
    if not velocity:
        return path.suffix == ".unw" and _claims(path, b"")
    prefix = path.name[: velocity.start(1)]
    best = next(name for name in _FINISHED if path.with_name(prefix + name).is_file() or name == "vel")
    return velocity[1] == best and _claims(path, b"")


FAMILY = Family(
    name="LiCSBAS",
    claims=_claims,
    frames=lambda path, options: [read_licsbas(path)],
    walks=_walks,
)
