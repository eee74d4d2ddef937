"""KFTS-InSAR stacks: unwrapped interferograms in HDF5.

``igram`` (or ``figram``) (m, H, W) in rad, NaN where unknown; ``dates`` (n,) ordinal days; ``Jmat``
(m, n) says which dates an interferogram connects: +1 for the first of its name, -1 for the second;
``bperp`` (m,) in m (https://github.com/ManonDls/KFTS-InSAR, ``docs/_sources/fmt.rst.txt`` and
``ConnectMatrix`` in ``prepare_input.py``). The phase is that of the interferometric processor, which
the file does not name; it is taken for positive away from the satellite, as ISCE and most others have
it. The file knows neither wavelength nor place.

Dalaison & Jolivet (2020), JGR Solid Earth 125, e2019JB019150.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.hdf5 import Hdf5, Product, member
from ssl_insar.readers.layers import LayeredPhase, Plane

_STACKS = ("igram", "figram")


def _recognises(file: Hdf5) -> bool:
    return file.has("Jmat") and any(map(file.has, _STACKS))


def _frames(file: Hdf5) -> list[Frame]:
    name = next(filter(file.has, _STACKS))
    stack = file.array(name, dims=3)
    count = stack.shape[0]
    connections, ordinals = file.small("Jmat"), file.vector("dates")
    if connections is None or ordinals is None or connections.shape != (count, ordinals.size):
        raise UnreadableError(
            f"{file.path}: Jmat and dates do not match the {count} interferograms of '{name}'"
        )
    baselines = file.vector("bperp")
    if baselines is None or baselines.size != count:
        baselines = np.full(count, np.nan)
    fill = file.fill(name)
    frames = []
    for i, row in enumerate(connections):
        reference, secondary = _pair(row, ordinals)
        frames.append(
            Frame(
                pixels=LayeredPhase(Plane(stack, i, fill)),
                wrapped=False,
                source=file.path,
                family=PRODUCT.name,
                member=member(reference, secondary) or f"interferogram {i}",
                reference_date=reference,
                secondary_date=secondary,
                perpendicular_baseline=float(baselines[i]) if np.isfinite(baselines[i]) else None,
                provenance=f"KFTS-InSAR stack {name}; its sign is not told and taken for positive away",
            )
        )
    return frames


def _pair(row: NDArray[Any], ordinals: NDArray[np.float64]) -> tuple[date | None, date | None]:
    """The two dates that a row of the connection matrix stands for; None, None for any other row."""
    first, second = np.flatnonzero(row == 1), np.flatnonzero(row == -1)
    if len(first) != 1 or len(second) != 1 or np.count_nonzero(row) != 2:
        return None, None
    days = _day(ordinals[first[0]]), _day(ordinals[second[0]])
    return (None, None) if None in days else days


def _day(ordinal: float) -> date | None:
    try:
        return date.fromordinal(int(ordinal))
    except (ValueError, OverflowError):
        return None


PRODUCT = Product("KFTS-InSAR", _recognises, _frames)
