"""A look at simulated interferograms and what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.maps.contact_sheet import save_sheet


def save_preview(archive: Archive, path: Path, most: int = 24) -> None:
    """Draw interferograms of a simulated archive into a PNG, each with its truth; half of them deform.

    They are spread over the archive, for neighbours are of one stack.

    Args:
        archive: of `simulate_archive`.
        path: PNG to write.
        most: how many.
    """
    deforms = (archive.catalogue["label_deformation"] == 1).to_numpy(bool)
    positive, negative = np.flatnonzero(deforms), np.flatnonzero(~deforms)
    shown = min(len(positive), max(most // 2, most - len(negative)))
    rows = [*_spread(positive, shown), *_spread(negative, most - shown)]
    titles = []
    for _, tile in archive.catalogue.iloc[rows].iterrows():
        title = "no deformation"
        if tile["label_deformation"] == 1:
            title = (
                f"{tile['label_source']}, {100 * tile['truth_peak_los']:.1f} cm, SNR {tile['truth_snr']:.1f}"
            )
        titles.append(title)
    save_sheet(list(archive.phasors(rows)), titles, path)


def _spread(rows: NDArray[np.int64], most: int) -> list[int]:
    """Up to so many of the rows, evenly."""
    which = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    return [int(row) for row in rows[which]]
