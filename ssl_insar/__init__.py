"""Self-supervised representation learning for InSAR interferograms.

The names below are a shortcut to what is used most; `pretrain` is in `ssl_insar.pretrain`, whose name
it would hide here. They are imported on first use, so that ``import ssl_insar`` and the command line's
``--help`` stay instant: torch alone takes seconds to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ssl_insar.archive import Archive, ingest
    from ssl_insar.classify import LinearProbe
    from ssl_insar.models import Embeddings, Encoder
    from ssl_insar.readers import Frame, read
    from ssl_insar.search import Index

_HOME = {
    "Archive": "ssl_insar.archive",
    "Embeddings": "ssl_insar.models",
    "Encoder": "ssl_insar.models",
    "Frame": "ssl_insar.readers",
    "Index": "ssl_insar.search",
    "LinearProbe": "ssl_insar.classify",
    "ingest": "ssl_insar.archive",
    "read": "ssl_insar.readers",
}

__all__ = [
    "Archive",
    "Embeddings",
    "Encoder",
    "Frame",
    "Index",
    "LinearProbe",
    "ingest",
    "read",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'ssl_insar' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
