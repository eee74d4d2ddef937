r"""Surface displacement of buried sources in an elastic half-space, batched over sources.

Axes x = East, y = North, z = Up, all in metres; depths are positive down; displacements are in
metres. Every function takes the positions of the surface points once, of any shape ``points``, and
source parameters as numbers or as tensors of shape (B,), and returns (B, \*points, 3). Arithmetic is
in float64 whatever comes in: in float32 a near-vertical dislocation is wrong by more than its
own size (cancellation between terms that grow as 1 / cos(dip)). The result lives on the device of
the points.
"""

from ssl_insar.synth.sources.arguments import POISSON, Parameter
from ssl_insar.synth.sources.bowls import bowls
from ssl_insar.synth.sources.catalogue import SOURCES, Family, Source
from ssl_insar.synth.sources.cdm import cdm
from ssl_insar.synth.sources.earthquake import earthquake_size
from ssl_insar.synth.sources.geertsma import geertsma
from ssl_insar.synth.sources.knothe import knothe
from ssl_insar.synth.sources.landslide import landslide
from ssl_insar.synth.sources.mctigue import mctigue
from ssl_insar.synth.sources.mogi import mogi
from ssl_insar.synth.sources.okada import okada
from ssl_insar.synth.sources.penny import penny
from ssl_insar.synth.sources.point_cdm import point_cdm
from ssl_insar.synth.sources.scaled import line_of_sight_scaled
from ssl_insar.synth.sources.yang import yang

__all__ = [
    "POISSON",
    "SOURCES",
    "Family",
    "Parameter",
    "Source",
    "bowls",
    "cdm",
    "earthquake_size",
    "geertsma",
    "knothe",
    "landslide",
    "line_of_sight_scaled",
    "mctigue",
    "mogi",
    "okada",
    "penny",
    "point_cdm",
    "yang",
]
