"""One pass over the tiles of an archive: what every later question is answered from."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ssl_insar import phase as ph
from ssl_insar.archive import Archive
from ssl_insar.audit.descriptors import SIDE, sketch
from ssl_insar.progress import bar

CHUNK = 64
"""Tiles decoded at a time; bounds the memory whatever the archive holds."""

_BOXES, _FINE = (5, 3), (3, 5)
"""Side of the boxes whose coherence is looked at, px, and how many of them, down and across, are averaged:
225 px in all, too many for noise to look coherent. The fine ones are for steep fringes.
"""

_STEEP = 0.55
"""Mean coherence of fine boxes that tells fringes; noise reaches 0.49, where it was resampled 0.52."""

_QUIET = 0.5
"""Tiles whose best square stays below this are looked at with the fine boxes, too."""

_UNIT = np.exp(1j * ph.decode(np.arange(256, dtype=np.uint8))).astype(np.complex64)
"""Unit phasor of each of the 256 phase counts."""


@dataclass(frozen=True)
class Scan:
    """What was measured of each of N tiles.

    Attributes:
        content: (N, 16) uint8, hash of the wrapped phase and the validity.
        valid: (N,) share of pixels with data.
        commonest: (N,) share of the valid pixels that hold the commonest phase count.
        peak: (N,) highest mean local coherence of any square of 3 x 3 boxes of 5 px; 1 where every box has
            gaps, so that noise cannot be told, and where finer boxes show fringes.
        sketches: (N, 2, SIDE, SIDE) int8, see `descriptors.sketch`.
    """

    content: NDArray[np.uint8]
    valid: NDArray[np.float32]
    commonest: NDArray[np.float32]
    peak: NDArray[np.float32]
    sketches: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.valid)


def scan(archive: Archive, *, progress: bool = True) -> Scan:
    """Measure every tile of an archive, a few at a time."""
    count = len(archive)
    found = Scan(
        np.zeros((count, 16), np.uint8),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros((count, 2, SIDE, SIDE), np.int8),
    )
    # Threads of ours and threads of BLAS together would get in each other's way: ten times as slow.
    with (
        threadpool_limits(limits=1, user_api="blas"),
        bar(count, "scan", "tile", shown=progress) as progress_bar,
    ):
        for rows, measured in _measure_all(archive):
            for name, values in vars(measured).items():
                getattr(found, name)[rows] = values
            progress_bar.update(len(rows))
    return found


def peak_coherence(z: ph.ComplexArray) -> NDArray[np.float32]:
    """Highest mean local coherence of any square of 3 x 3 boxes; see `Scan`.

    Shape:
        (n, T, T) -> (n,)
    """
    peak = _best_square(z, *_BOXES)
    quiet = np.flatnonzero(peak < _QUIET)
    steep = _best_square(z[quiet], *_FINE) >= _STEEP
    peak[quiet[steep]] = 1
    return peak


def _measure_all(archive: Archive) -> Iterator[tuple[NDArray[np.int64], Scan]]:
    """Measure chunks in threads (numpy releases the interpreter lock), in order."""
    starts = range(0, len(archive), CHUNK)
    chunks = (np.arange(start, min(start + CHUNK, len(archive))) for start in starts)
    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    queue: deque[tuple[NDArray[np.int64], Future[Scan]]] = deque()
    try:
        for rows in chunks:
            # Maps of shards are kept by the archive, which one thread at a time may change.
            counts, bits = archive.phases(rows), archive.valid_bits(rows)
            queue.append((rows, pool.submit(_measure, counts, bits, archive.tile)))
            if len(queue) > workers:
                first, future = queue.popleft()
                yield first, future.result()
        for first, future in queue:
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _measure(counts: NDArray[np.uint8], bits: NDArray[np.uint8], tile: int) -> Scan:
    valid = np.unpackbits(bits, axis=-1, count=tile).view(np.bool_)
    counts = np.where(valid, counts, 0)  # what lies under no-data is nobody's business
    z = _UNIT[counts] * valid
    area = valid.sum(axis=(1, 2))
    commonest = [
        np.bincount(count.ravel(), mask.ravel(), minlength=256).max() / max(int(mask.sum()), 1)
        for count, mask in zip(counts, valid, strict=True)
    ]
    return Scan(
        np.stack([_hash(count, bit) for count, bit in zip(counts, bits, strict=True)]),
        (area / tile**2).astype(np.float32),
        np.array(commonest, np.float32),
        peak_coherence(z),
        sketch(z),
    )


def _hash(counts: NDArray[np.uint8], bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    digest = hashlib.blake2b(counts.tobytes(), digest_size=16)
    digest.update(bits.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _best_square(z: ph.ComplexArray, box: int, around: int) -> NDArray[np.float32]:
    """Highest mean coherence of any square of boxes without gaps; 1 where there is none.

    Shape:
        (n, T, T) -> (n,)
    """
    _, coherence = ph.multilook(z, box, min_valid=1.0)  # boxes with gaps are biased upward
    if coherence.shape[-1] < around:
        return np.ones(len(z), np.float32)
    squares = np.lib.stride_tricks.sliding_window_view(coherence, (around, around), axis=(-2, -1))
    whole: NDArray[np.bool_] = np.all(squares > 0, axis=(-2, -1))
    mean = squares.mean(axis=(-2, -1), dtype=np.float32)
    best: NDArray[np.float32] = np.where(whole, mean, 0).max(axis=(1, 2))
    best[~whole.any(axis=(1, 2))] = 1
    return best
