"""Product files to frames: ``read(path) -> Frame``, whatever the product family."""

from ssl_insar.readers.frame import Frame
from ssl_insar.readers.registry import UnreadableError, looks_readable, read

__all__ = ["Frame", "UnreadableError", "looks_readable", "read"]
