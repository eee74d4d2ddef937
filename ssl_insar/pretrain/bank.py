"""Donors of atmosphere from the archive itself: quiet, coherent tiles at the size of the views."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.augment import field as fd
from ssl_insar.augment.donor import bank_of
from ssl_insar.augment.sampling import reduce, sample, whole
from ssl_insar.errors import UserError

MOST = 256
"""Donors kept; at 96 px they take 19 MB."""

_COHERENT = 0.5
"""Share of coherent pixels that a candidate needs."""


def donor_bank(archive: Archive, size: int, coherence: float, seed: int) -> Tensor:
    """Choose donors.

    Args:
        archive: the tiles; those are used that a 0/1 label calls negative and none positive.
        size: side of the views, px.
        coherence: least mean local coherence of a donor.
        seed: of the choice.

    Returns:
        (K, 2, S, S) unit phasors, 0 = no data.

    Raises:
        UserError: no tile is known to be quiet, and coherent enough.
    """
    table = archive.catalogue
    quiet = (table["coherent_fraction"] >= _COHERENT).to_numpy(bool).copy()
    labels = [name for name in table.columns if name.startswith(LABEL_PREFIX)]
    # What is not labelled may deform, and a donor's deformation would be in the views.
    known = np.zeros(len(table), bool)
    for name in labels:
        known |= (table[name] == 0).fillna(False).to_numpy(bool)
        quiet &= ~(table[name] == 1).fillna(False).to_numpy(bool)
    quiet = quiet & known
    rows = np.flatnonzero(quiet)
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng([seed, 5]).choice(rows, MOST, replace=False))
    bank = torch.empty(0, 2, size, size)
    if len(rows):
        counts, bits = archive.phases(rows), archive.valid_bits(rows)
        mean, share = reduce(fd.from_counts(torch.from_numpy(counts), torch.from_numpy(bits)), size)
        fields, _ = sample(mean, share, whole(mean, size))
        bank, _ = bank_of(fields, coherence)
    if not len(bank):
        raise UserError(
            f"{archive.path}: no tile is labelled 0 and coherent enough to be a donor of atmosphere; "
            "ingest it with --labels, or --set views.donor.p=0"
        )
    return bank
