"""Similarity search: an index over embeddings, queries by tile or file, and galleries of answers."""

from ssl_insar.search.answer_map import save_map
from ssl_insar.search.calibration import RandomPairs
from ssl_insar.search.differences import with_differences
from ssl_insar.search.duplicates import duplicate_groups
from ssl_insar.search.expand import expand
from ssl_insar.search.feedback import rocchio
from ssl_insar.search.filters import Filter
from ssl_insar.search.gallery import Gallery, make_gallery
from ssl_insar.search.index import Index, Neighbour
from ssl_insar.search.novelty import novelty_table
from ssl_insar.search.pictures import Pictures, open_archive
from ssl_insar.search.protocol import VectorStore
from ssl_insar.search.query import Match, Query, as_table, find, history, resolve
from ssl_insar.search.store import Store
from ssl_insar.search.template import Template, like

__all__ = [
    "Filter",
    "Gallery",
    "Index",
    "Match",
    "Neighbour",
    "Pictures",
    "Query",
    "RandomPairs",
    "Store",
    "Template",
    "VectorStore",
    "as_table",
    "duplicate_groups",
    "expand",
    "find",
    "history",
    "like",
    "make_gallery",
    "novelty_table",
    "open_archive",
    "resolve",
    "rocchio",
    "save_map",
    "with_differences",
]
