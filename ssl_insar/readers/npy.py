"""Plain numpy arrays: complex interferogram, float phase in rad, or 8-bit grey phase."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssl_insar.readers.frame import Frame
from ssl_insar.readers.geotiff import is_wrapped, phase_and_validity, refuse_coherence
from ssl_insar.readers.grey import frame_from_grey
from ssl_insar.readers.names import facts_of


def read_npy(path: Path) -> Frame:
    """Read a 2-D ``.npy``: complex (argument is the phase), float (rad) or uint8 (grey levels).

    0 and NaN are no data, as in the GeoTIFF products.

    Raises:
        UnreadableError: another shape or data type, pickled objects, or values that look like coherence.
    """
    from ssl_insar.readers.registry import UnreadableError

    # Mapped first: that compares the header with the file's length, where a plain load of a damaged
    # header would ask for all the memory it claims.
    try:
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    except ValueError as error:
        if "object" in str(error).lower():
            raise UnreadableError(f"{path}: holds pickled Python objects, which are refused") from error
        raise
    if values.ndim != 2:
        raise UnreadableError(f"{path}: an (H, W) array expected, found shape {values.shape}")
    values = np.array(values)
    if values.dtype == np.uint8:
        return frame_from_grey(path, values, "npy")
    if values.dtype.kind not in "fc":
        raise UnreadableError(
            f"{path}: {values.dtype} values are not phase; float, complex or uint8 expected"
        )
    phase, valid = phase_and_validity(values)
    if values.dtype.kind == "f":
        refuse_coherence(path, phase, valid)
    return Frame(
        phase=phase,
        valid=valid,
        wrapped=values.dtype.kind == "c" or is_wrapped(phase, valid, path.name),
        source=path,
        family="npy",
        **facts_of(path)._asdict(),
    )
