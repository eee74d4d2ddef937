"""Similarity search: an index over embeddings, queries by tile or file, and galleries of answers."""

from ssl_insar.search.gallery import Gallery, make_gallery, open_archive
from ssl_insar.search.index import Index, Neighbour
from ssl_insar.search.query import Match, Query, as_table, find, resolve

__all__ = [
    "Gallery",
    "Index",
    "Match",
    "Neighbour",
    "Query",
    "as_table",
    "find",
    "make_gallery",
    "open_archive",
    "resolve",
]
