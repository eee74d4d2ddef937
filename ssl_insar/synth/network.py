"""Which acquisitions are made into interferograms."""

from __future__ import annotations


def nearest_neighbours(acquisitions: int, neighbours: int) -> list[tuple[int, int]]:
    """Each acquisition with its next ones, as LiCSAR joins them.

    Args:
        acquisitions: in order of time.
        neighbours: following ones that each is joined to.

    Returns:
        (reference, secondary) of each interferogram, by their secondary acquisition.
    """
    return [
        (second - lag, second)
        for second in range(1, acquisitions)
        for lag in range(1, neighbours + 1)
        if lag <= second
    ]
