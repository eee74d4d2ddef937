"""All sources by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from torch import Tensor

from ssl_insar.synth.sources.bowls import bowls
from ssl_insar.synth.sources.cdm import cdm
from ssl_insar.synth.sources.geertsma import geertsma
from ssl_insar.synth.sources.knothe import knothe
from ssl_insar.synth.sources.landslide import landslide
from ssl_insar.synth.sources.mctigue import mctigue
from ssl_insar.synth.sources.mogi import mogi
from ssl_insar.synth.sources.okada import okada
from ssl_insar.synth.sources.penny import penny
from ssl_insar.synth.sources.point_cdm import point_cdm
from ssl_insar.synth.sources.yang import yang

Family: TypeAlias = Literal["volcanic", "tectonic", "subsidence", "landslide"]


@dataclass(frozen=True)
class Source:
    r"""One kind of source.

    Attributes:
        function: takes x, y and the source's parameters, and gives (B, \*points, 3) in m.
        strength: name of the parameter in which the displacement is linear, with which it is scaled.
        family: what makes it; a label.
        needs_terrain: whether it takes ``slope_east`` and ``slope_north`` at the points.
    """

    function: Callable[..., Tensor]
    strength: str
    family: Family
    needs_terrain: bool = False


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "mogi": Source(mogi, "volume_change", "volcanic"),
        "mctigue": Source(mctigue, "overpressure", "volcanic"),
        "penny": Source(penny, "overpressure", "volcanic"),
        "yang": Source(yang, "overpressure", "volcanic"),
        "point_cdm": Source(point_cdm, "potency", "volcanic"),
        "cdm": Source(cdm, "opening", "volcanic"),
        "sill": Source(okada, "opening", "volcanic"),
        "dyke": Source(okada, "opening", "volcanic"),
        "earthquake": Source(okada, "slip", "tectonic"),
        "geertsma": Source(geertsma, "compaction", "subsidence"),
        "knothe": Source(knothe, "subsidence", "subsidence"),
        "bowls": Source(bowls, "subsidence", "subsidence"),
        "landslide": Source(landslide, "slide", "landslide", needs_terrain=True),
    }
)
"""`okada` is here as what it stands for, because what it is linear in is its slip or its opening."""
