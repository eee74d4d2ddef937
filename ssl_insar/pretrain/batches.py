"""Batches of a whole run, in an order that depends on seed and step alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from ssl_insar.pretrain.events import Events

_LOOK_AHEAD = 8
"""Batches' worth of tiles that are looked through for one that may join."""


@dataclass(frozen=True, eq=False)
class Batches(Sampler[list[int]]):
    """Yields the batches of the steps ``start .. total``, the share of one process.

    Every epoch is a new permutation, from (seed, epoch); the last, incomplete batch is left out.
    Because a batch follows from its step, a resumed run continues with the very batch that an
    uninterrupted one would have seen.

    Tiles of a batch are negatives of each other. Those that share an acquisition share its atmosphere, and
    copies share everything: as far as the archive allows they do not meet (`meeting_keys`).

    Args:
        tiles: positions in the archive to draw from.
        batch_size: over all processes.
        total: steps of the whole run.
        seed: of the run.
        start: first step.
        rank: of this process.
        world: number of processes.
        keys: (N, K) numbers of all tiles of the archive; tiles with an equal one, other than -1, are kept
            apart. None: any may meet.
        events: partners of tiles; with them, a batch is followed by partners of its first tiles.
        partners: share of the tiles that get one, as far as they have any.
        dealt: (N,) bool of all tiles of the archive; those of a batch that are True are dealt out to the
            processes evenly, to one more or less. None: tiles are dealt out as they come.
    """

    tiles: NDArray[np.int64]
    batch_size: int
    total: int
    seed: int
    start: int = 0
    _: KW_ONLY
    rank: int = 0
    world: int = 1
    keys: NDArray[np.int64] | None = None
    events: Events | None = None
    partners: float = 0.0
    dealt: NDArray[np.bool_] | None = None

    @property
    def per_epoch(self) -> int:
        """Steps in which every tile is seen once, but for those left out."""
        return len(self.tiles) // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        arranged = -1
        order = self.tiles[:0]
        for step in range(self.start, self.total):
            epoch, batch = divmod(step, self.per_epoch)
            if epoch != arranged:
                shuffled = np.random.default_rng((self.seed, epoch)).permutation(self.tiles)
                order = shuffled if self.keys is None else arrange(shuffled, self.keys, self.batch_size)
                arranged = epoch
            whole = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            if self.dealt is not None and self.world > 1:
                whole = whole[np.argsort(~self.dealt[whole], kind="stable")]
            yield self._with_partners(whole[self.rank :: self.world], step)

    def __len__(self) -> int:
        # The whole run, also when resumed: Lightning adds the steps done before to its own count.
        return self.total

    def _with_partners(self, tiles: NDArray[np.int64], step: int) -> list[int]:
        """The tiles, those with a partner first, then the partners in the same order."""
        if self.events is None or not self.partners:
            return [int(tile) for tile in tiles]
        rng = np.random.default_rng((self.seed, 7, step, self.rank))
        wanted = round(self.partners * len(tiles))
        found = [(tile, self.events.partner(int(tile), rng)) for tile in tiles]
        paired = [(tile, other) for tile, other in found if other is not None][:wanted]
        taken = {tile for tile, _ in paired}
        rest = [int(tile) for tile in tiles if tile not in taken]
        return (
            [int(tile) for tile, _ in paired]
            + rest
            + [int(other) for _, other in paired if other is not None]
        )


def arrange(order: NDArray[np.int64], keys: NDArray[np.int64], batch_size: int) -> NDArray[np.int64]:
    """Reorder tiles so that no two of a batch share a key, as far as the next eight batches allow.

    Where they do not, tiles meet all the same: an archive of one frame has few acquisitions.

    Args:
        order: positions, in the order wanted.
        keys: (N, K) of all tiles; -1 is none.
        batch_size: tiles that are together.

    Returns:
        whole batches only, (batches * batch_size,).
    """
    waiting = deque(order.tolist())
    out: list[int] = []
    listed = keys.tolist()
    while len(waiting) >= batch_size:
        used: set[int] = set()
        batch: list[int] = []
        passed: list[int] = []
        while waiting and len(batch) < batch_size and len(passed) < _LOOK_AHEAD * batch_size:
            tile = waiting.popleft()
            mine = [key for key in listed[tile] if key >= 0]
            if used.isdisjoint(mine):
                batch.append(tile)
                used.update(mine)
            else:
                passed.append(tile)
        missing = batch_size - len(batch)
        batch += passed[:missing]
        # Who had to wait is first in the next batch.
        waiting.extendleft(reversed(passed[missing:]))
        while len(batch) < batch_size:
            batch.append(waiting.popleft())
        out += batch
    return np.array(out, np.int64)
