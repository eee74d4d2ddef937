"""Similarity search: an index over embeddings, queries by tile or file, and galleries of answers."""

from ssl_insar.search.answer_map import save_map
from ssl_insar.search.feedback import rocchio
from ssl_insar.search.filters import Filter
from ssl_insar.search.gallery import Gallery, make_gallery
from ssl_insar.search.index import Index, Neighbour
from ssl_insar.search.pictures import Pictures, open_archive
from ssl_insar.search.protocol import VectorStore
from ssl_insar.search.query import Match, Query, as_table, find, resolve
from ssl_insar.search.store import Store

__all__ = [
    "Filter",
    "Gallery",
    "Index",
    "Match",
    "Neighbour",
    "Pictures",
    "Query",
    "Store",
    "VectorStore",
    "as_table",
    "find",
    "make_gallery",
    "open_archive",
    "resolve",
    "rocchio",
    "save_map",
]
