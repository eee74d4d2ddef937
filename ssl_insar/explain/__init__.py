"""Why a tile was flagged, and where in a frame: saliency, outlines, evidence, and maps of probability."""

from ssl_insar.explain.evidence import Evidence, Neighbour
from ssl_insar.explain.judge import Judge, open_judge
from ssl_insar.explain.network import Network
from ssl_insar.explain.outline import Salient, on_the_map, salient_part
from ssl_insar.explain.report import explain
from ssl_insar.explain.saliency import saliency

__all__ = [
    "Evidence",
    "Judge",
    "Neighbour",
    "Network",
    "Salient",
    "explain",
    "on_the_map",
    "open_judge",
    "saliency",
    "salient_part",
]
