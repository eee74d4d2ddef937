"""What a product family has to provide, and what a reader may be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssl_insar.readers.frame import Frame

HEAD_BYTES = 16
"""First bytes of a file that `Family.claims` is shown."""


@dataclass(frozen=True)
class ReadOptions:
    """What a file cannot say about itself.

    Attributes:
        layout: layout of a raw file, such as ``raw:float32:2685x3338`` (rows x columns); it is that of
            every file without a format's signature, whatever lies beside it. None: every file says what
            it is.
        roipac_toward: the ROI_PAC files count positive phase toward the satellite, as processors
            with the opposite convention write it; their sign is then turned.

    Raises:
        UserError: the layout is none.
    """

    layout: str | None = None
    roipac_toward: bool = False

    def __post_init__(self) -> None:
        if self.layout is not None:
            from ssl_insar.readers.raw import parse_layout  # which needs this module first

            parse_layout(self.layout)


@dataclass(frozen=True)
class Family:
    """One product family: how its files are told from others, and how they are read.

    Attributes:
        name: as printed and kept in the catalogue.
        claims: whether a file (or folder) is of this family, from its path and first
            `HEAD_BYTES` bytes (empty for a folder); looks at neighbours and headers, never raises.
        frames: all interferograms of a file, in a stable order, as frames whose pixels are read
            later, window by window; raises `UnreadableError` saying why if there is none.
        walks: whether a walk through a folder should try a path, by its name (and, for folders that
            are products, by what lies in them).
    """

    name: str
    claims: Callable[[Path, bytes], bool]
    frames: Callable[[Path, ReadOptions], Sequence[Frame]]
    walks: Callable[[Path], bool]
