"""Product files to frames: ``read(path) -> Frame``, whatever the product family."""

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.registry import frames, looks_readable, read

__all__ = ["Frame", "ReadOptions", "UnreadableError", "frames", "looks_readable", "read"]
