"""netCDF classic files, through scipy's memory-mapping reader, with its errors put into words."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError

SIGNATURES = (b"CDF\x01", b"CDF\x02")
"""How they begin: version 1, and version 2 with 64-bit offsets."""


@dataclass(frozen=True)
class Variable:
    """A variable of the file.

    Attributes:
        dims: names of its dimensions.
        shape: their lengths.
        dtype: of its values.
        attributes: strings, numbers, arrays.
        values: mapped: they are read when they are sliced.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]
    values: NDArray[Any]


@dataclass(frozen=True)
class Netcdf3:
    """A netCDF classic file, of which only the header was read.

    Attributes:
        path: the file.
        attributes: of the file.
        variables: by name; those that grow record by record are left out.
    """

    path: Path
    attributes: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Netcdf3:
        """Read the header.

        Raises:
            UnreadableError: a damaged header, or a file shorter than its header says.
        """
        from scipy.io import netcdf_file

        # The arrays keep the map alive, which is meant; scipy warns of it.
        warnings.filterwarnings("ignore", "Cannot close a netcdf_file opened with mmap", RuntimeWarning)
        try:
            with netcdf_file(path, "r", mmap=True) as file:
                variables = {
                    name: Variable(
                        tuple(variable.dimensions),
                        tuple(variable.data.shape),
                        variable.data.dtype,
                        {key: _plain(value) for key, value in vars(variable)["_attributes"].items()},
                        variable.data,
                    )
                    for name, variable in file.variables.items()
                    if not variable.isrec and isinstance(variable.data, np.ndarray)
                }
                told = vars(file)["_attributes"]  # scipy lists them nowhere else
                _check_places(variables.values(), file.fp.tell())
                return cls(path, {key: _plain(value) for key, value in told.items()}, variables)
        except OSError:
            raise
        # Of a damaged header scipy raises whatever its arithmetic stumbles over; a sound one takes no memory.
        except Exception as error:
            raise UnreadableError(
                f"{path}: damaged netCDF file (its header makes no sense, or the file was cut short)"
            ) from error

    def array(self, name: str) -> NDArray[Any]:
        """Values of a variable, mapped: they are read when they are sliced.

        Raises:
            UnreadableError: there is no such variable, or nothing in it.
        """
        variable = self.variables.get(name)
        if variable is None:
            raise UnreadableError(f"{self.path}: has no variable '{name}' of fixed size")
        if 0 in variable.shape:
            raise UnreadableError(f"{self.path}: '{name}' is empty")
        return variable.values


def _check_places(variables: Iterable[Variable], header: int) -> None:
    """Refuse values in each other's place or in the header's, as when a flipped bit moved them."""
    mapped = [variable.values for variable in variables if variable.values.size]
    if not mapped:
        return
    file = mapped[0]
    while isinstance(file.base, np.ndarray):
        file = file.base
    start = byte_bounds(file)[0]
    places = sorted([(start, start + header), *map(byte_bounds, mapped)])
    if any(after[0] < before[1] for before, after in itertools.pairwise(places)):
        raise ValueError("variables overlap")


def _plain(value: Any) -> Any:
    """An attribute as text, number or array."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    return value.item() if isinstance(value, np.generic) else value
