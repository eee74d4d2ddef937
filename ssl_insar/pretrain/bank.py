"""Donors of atmosphere from the archive itself: quiet, coherent tiles at the size of the views."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DonorConfig
from ssl_insar.augment.donor import bank_of
from ssl_insar.augment.sampling import reduce, sample, whole
from ssl_insar.errors import UserError
from ssl_insar.pretrain.quiet import quiet_tiles

MOST = 256
"""Donors kept; at 96 px they take 19 MB."""


class NoDonor(UserError):
    """An archive without a tile that may be a donor."""


def donor_bank(archive: Archive, size: int, config: DonorConfig, seed: int) -> Tensor:
    """Choose donors.

    Args:
        archive: the tiles.
        size: side of the views, px.
        config: how quiet tiles are told, and how coherent they must be.
        seed: of the choice.

    Returns:
        (K, 2, S, S) unit phasors, 0 = no data.

    Raises:
        NoDonor: no tile is known, or presumed, to be quiet, and coherent enough.
    """
    rows = quiet_tiles(archive, config.quiet, MOST, (seed, 5))
    bank = torch.empty(0, 2, size, size)
    if len(rows):
        counts, bits = archive.phases(rows), archive.valid_bits(rows)
        mean, share = reduce(fd.from_counts(torch.from_numpy(counts), torch.from_numpy(bits)), size)
        fields, _ = sample(mean, share, whole(mean, size))
        bank, _ = bank_of(fields, config.coherence)
    if not len(bank):
        how = (
            "labelled 0: ingest it with --labels, or --set views.donor.quiet=presumed"
            if config.quiet == "labelled"
            else "flat enough to be presumed quiet"
        )
        raise NoDonor(
            f"{archive.path}: no donor of atmosphere, a coherent tile that is {how}; or --set views.donor.p=0"
        )
    return bank
