"""Tiles of an archive as batches of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ssl_insar.archive import Archive
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.unwrapped import Unwrapped
from ssl_insar.augment.views import Extras
from ssl_insar.errors import UserError
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.recipe import DataConfig
from ssl_insar.pretrain.signal import known_signals


class TileDataset(Dataset[Any]):
    """Tiles of an archive, a batch at a time, as stored."""

    def __init__(self, archive: Archive, views: ViewsConfig | None = None) -> None:
        """``views``: which layers besides the phase its effects ask for."""
        self.archive = archive
        table = archive.catalogue
        self._heights = bool(views and views.stratified.p) and bool(table["has_elevation"].any())
        # Whatever the recipe, a crop and a cut-out spare what is known to deform.
        self._signals = known_signals(archive) if views else None
        unwrapped = ~table["wrapped"].to_numpy(bool)
        self._unwrapped = unwrapped if views and views.real_factor.p and unwrapped.any() else None

    def __len__(self) -> int:
        return len(self.archive)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor, Tensor, Extras]:
        """Counts (B, T, T) uint8, packed validity (B, T, ceil(T / 8)) uint8, positions (B,), extras."""
        archive = self.archive
        counts = torch.from_numpy(archive.phases(indices))
        valid_bits = torch.from_numpy(archive.valid_bits(indices))
        extras = Extras()
        if self._heights:
            extras = extras._replace(height=torch.from_numpy(archive.elevation(indices)).unsqueeze(1))
        if self._signals is not None:
            extras = extras._replace(
                deformation=torch.from_numpy(archive.deformation(indices)).unsqueeze(1),
                snr=torch.from_numpy(self._signals.snr[indices]),
                own=torch.from_numpy(self._signals.own[indices]),
            )
        if self._unwrapped is not None:
            wide = torch.from_numpy(archive.unwrapped(indices))
            which = torch.from_numpy(self._unwrapped[indices])
            extras = extras._replace(unwrapped=Unwrapped(wide, valid_bits, which))
        return counts, valid_bits, torch.tensor(indices), extras


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
