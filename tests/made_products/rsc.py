"""ROI_PAC's headers, which ISCE writes, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def header(rows: int, columns: int) -> dict[str, object]:
    """Of a geocoded interferogram of Envisat."""
    return {
        "WIDTH": columns,
        "FILE_LENGTH": rows,
        "X_FIRST": 150.91,
        "X_STEP": 0.001,
        "Y_FIRST": -34.17,
        "Y_STEP": -0.001,
        "WAVELENGTH": 0.0562356424,
        "DATE12": "060619-061002",
        "P_BASELINE_TOP_HDR": 60,
        "P_BASELINE_BOTTOM_HDR": 64,
    }


def write_header(path: Path, values: Mapping[str, object]) -> None:
    """The header of a file, beside it."""
    Path(f"{path}.rsc").write_text("".join(f"{key:<25} {value}\n" for key, value in values.items()))
