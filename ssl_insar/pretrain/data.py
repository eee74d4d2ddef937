"""Batches of a whole run, in an order that depends on seed and step alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ssl_insar.archive import Archive
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.views import Extras
from ssl_insar.errors import UserError
from ssl_insar.pretrain.recipe import DataConfig


class Batches(Sampler[list[int]]):
    """Yields the batches of the steps ``start .. total``, the share of one process.

    Every epoch is a new permutation, from (seed, epoch); the last, incomplete batch is left out.
    Because a batch follows from its step, a resumed run continues with the very batch that an
    uninterrupted one would have seen.

    Args:
        tiles: positions in the archive to draw from.
        batch_size: over all processes.
        total: steps of the whole run.
        seed: of the run.
        start: first step.
        rank: of this process.
        world: number of processes.
    """

    def __init__(
        self,
        tiles: NDArray[np.int64],
        batch_size: int,
        total: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.tiles = tiles
        self.batch_size = batch_size
        self.total = total
        self.seed = seed
        self.start = start
        self.rank = rank
        self.world = world
        self.per_epoch = len(tiles) // batch_size

    def __iter__(self) -> Iterator[list[int]]:
        order: NDArray[np.int64] = self.tiles
        shuffled = -1
        for step in range(self.start, self.total):
            epoch, batch = divmod(step, self.per_epoch)
            if epoch != shuffled:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.tiles)
                shuffled = epoch
            whole = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield whole[self.rank :: self.world].tolist()

    def __len__(self) -> int:
        # The whole run, also when resumed: Lightning adds the steps done before to its own count.
        return self.total


class TileDataset(Dataset[Any]):
    """Tiles of an archive, a batch at a time, as stored."""

    def __init__(self, archive: Archive, views: ViewsConfig | None = None) -> None:
        """``views``: which layers besides the phase its effects ask for."""
        self.archive = archive
        table = archive.catalogue
        self._heights = bool(views and views.stratified.p) and bool(table["has_elevation"].any())
        blanked = bool(views and (views.blanks.p or views.frame_edge.p))
        self._deformation = blanked and bool(table["has_deformation"].any())

    def __len__(self) -> int:
        return len(self.archive)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor, Tensor, Extras]:
        """Counts (B, T, T) uint8, packed validity (B, T, ceil(T / 8)) uint8, positions (B,), extras."""
        height = deformation = None
        if self._heights:
            height = torch.from_numpy(self.archive.elevation(indices)).unsqueeze(1)
        if self._deformation:
            deformation = torch.from_numpy(self.archive.deformation(indices)).unsqueeze(1)
        return (
            torch.from_numpy(self.archive.phases(indices)),
            torch.from_numpy(self.archive.valid_bits(indices)),
            torch.tensor(indices),
            Extras(height, deformation),
        )


class ResumableLoader(DataLoader[Any]):
    """A loader whose place is known from the step; these hooks tell Lightning so."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the step says it all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


def usable_tiles(archive: Archive, config: DataConfig) -> NDArray[np.int64]:
    """Positions of the tiles good enough to train on.

    Raises:
        UserError: fewer than one batch of them.
    """
    table = archive.catalogue
    good = (table["valid_fraction"] >= config.min_valid) & (table["coherence"] >= config.min_coherence)
    tiles = np.flatnonzero(good.to_numpy())
    if len(tiles) < config.batch_size:
        raise UserError(
            f"{archive.path}: {len(tiles)} of {len(archive)} tiles are usable (valid >= {config.min_valid}, "
            f"coherence >= {config.min_coherence}), fewer than a batch of {config.batch_size}; "
            f"ingest more, or --set data.batch_size={max(2, len(tiles) // 4)}"
        )
    return tiles


def loader(archive: Archive, batches: Batches, config: DataConfig, views: ViewsConfig) -> ResumableLoader:
    """The loader of a run."""
    return ResumableLoader(
        TileDataset(archive, views),
        batch_sampler=batches,
        num_workers=config.workers,
        collate_fn=_as_is,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=config.workers > 0,
    )


def _as_is(batch: Any) -> Any:
    """`TileDataset.__getitems__` returns whole batches already."""
    return batch
