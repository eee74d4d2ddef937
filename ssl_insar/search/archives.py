"""Which archives the tiles of an index come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ssl_insar.archive.store import read_manifest
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings, Provenance

COLUMN = "archive"
"""Catalogue column: path of the archive that holds a tile's pixels."""


def cutting_of(archive: str) -> dict[str, Any]:
    """How an archive was cut, so that a query is cut likewise; nothing when it is out of reach.

    Returns:
        ``tile``, px, and ``spacing``, m; None where unknown.
    """
    try:
        manifest = read_manifest(Path(archive)) if archive else {}
    except UserError:
        manifest = {}
    return {"tile": manifest.get("tile"), "spacing": manifest.get("spacing")}


def with_archive(embeddings: Embeddings) -> pd.DataFrame:
    """The catalogue of embeddings, with the archive of every tile.

    Embeddings taken from an index know it already, tile by tile; the others have one for all.
    """
    table, only = embeddings.catalogue, embeddings.provenance.archive or None
    known = table[COLUMN].astype(object) if COLUMN in table else pd.Series(None, table.index, dtype=object)
    return table.assign(**{COLUMN: known.where(known.notna(), only)})


def of_tiles(catalogue: pd.DataFrame, provenance: Provenance) -> pd.Series[Any]:
    """The archive of each tile; that of the provenance where the catalogue, of an older index, tells none."""
    known = catalogue[COLUMN] if COLUMN in catalogue else pd.Series(None, catalogue.index, dtype=object)
    return known.where(known.notna(), provenance.archive)


def merged(ours: Provenance, theirs: Provenance) -> Provenance:
    """The first archive stays the index's own; if it has grown, as it is now."""
    return theirs if theirs.archive == ours.archive else ours
