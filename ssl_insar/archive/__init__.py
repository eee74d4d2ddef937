"""An archive of tiles: made by `ingest`, opened by `Archive.open`."""

from ssl_insar.archive.build import ingest
from ssl_insar.archive.store import Archive

__all__ = ["Archive", "ingest"]
