"""The one place that imports `albumentations`: without its look for a newer version on the network."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # read when the library is imported

import albumentations

__all__ = ["albumentations"]
