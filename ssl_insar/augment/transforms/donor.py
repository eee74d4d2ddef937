"""Donor atmosphere from the quiet tiles of an archive. Masks, boxes and points stay."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import Tensor

from ssl_insar.augment import config as cf
from ssl_insar.augment import donor
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.arguments import Chance
from ssl_insar.augment.transforms.effect import ImageEffect, pad_square


class DonorArguments(Chance, cf.DonorConfig):
    """The section, and where donors are taken from."""

    archive: Path = Field(description="archive of `ssl-insar ingest` whose quiet tiles are the donors")
    seed: int = Field(0, ge=0, description="of the choice of donors where the archive has many")


class Donor(ImageEffect):
    """The atmosphere of a quiet interferogram. See `ssl_insar.augment.donor.Donor`.

    The bank is read at the first image of a size, and once a process; donors are the archive's whole
    tiles at that size. Only the path is serialised.

    Raises:
        ssl_insar.errors.UserError: at the first image, if the archive has no quiet, coherent tile.
    """

    arguments = DonorArguments

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Add the phase of a donor."""
        height, width = field.shape[-2:]
        bank = _bank(self.config.archive, max(height, width), self._section(), self.config.seed)
        touched: Tensor = donor.Donor(self.config)(pad_square(field, 0.0), bank, draw)
        return touched[..., :height, :width]

    def _section(self) -> cf.DonorConfig:
        """What decides which tiles are donors."""
        return cf.DonorConfig(**self.config.model_dump(include=set(cf.DonorConfig.model_fields)))


@lru_cache(maxsize=4)
def _bank(archive: Path, size: int, section: cf.DonorConfig, seed: int) -> Tensor:
    """Donors, (K, 2, S, S)."""
    # Imported when needed: the package of the training takes seconds to import.
    from ssl_insar.archive import Archive
    from ssl_insar.pretrain.bank import donor_bank

    return donor_bank(Archive.open(archive), size, section, seed)
