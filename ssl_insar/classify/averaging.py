"""Test-time averaging: a tile looked at in several equally true versions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.models import Encoder
from ssl_insar.models.embeddings import Embeddings, Provenance, unit_rows
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.progress import bar

_CHUNK = 128


@dataclass(frozen=True)
class Averaging:
    """Versions of a tile over which its embedding is averaged.

    The phase of the reference point says nothing of the ground; a mirror image shows the same under the
    other look direction; swapped dates show the opposite sign. Source: Shanmugam et al. 2021, "Better
    Aggregation in Test-Time Augmentation", of which this is the plain mean.

    Attributes:
        offsets: phases of the reference point, even over the cycle.
        flip: with the left-right mirror image of each.
        swap: with the dates of each swapped, too: only where no class depends on the sign.
    """

    offsets: int = 4
    flip: bool = True
    swap: bool = False

    def __post_init__(self) -> None:
        if self.offsets < 1:
            raise ValueError(f"offsets is 1 or more, not {self.offsets}")

    def versions(self, field: Tensor) -> list[Tensor]:
        """All versions of tiles.

        Shape:
            (B, 2, T, T) phasor, 0 = no data -> offsets * (2 if flip) * (2 if swap) of (B, 2, T, T)
        """
        found = [field]
        if self.flip:
            found += [field.flip(-1)]
        if self.swap:
            found += [version * version.new_tensor([1.0, -1.0]).view(1, 2, 1, 1) for version in found]
        turns = [2 * np.pi * k / self.offsets for k in range(self.offsets)]
        return [fd.rotate(version, version.new_tensor(turn)) for version in found for turn in turns]


class MeanEmbeddings(Embeddings):
    """Means of unit embeddings over the versions of a tile, in memory only.

    A classifier takes their rows as they are, at most 1 long (`ssl_insar.classify.frozen.as_matrix`); where
    only the angle counts, as in the distance of a foreign tile, ``normalised`` makes them of unit length.
    """


@torch.no_grad()
def averaged(
    encoder: Encoder, archive: Archive, positions: NDArray[np.int64], averaging: Averaging | None = None
) -> NDArray[np.float32]:
    """Unit embeddings of some tiles, or the mean of those of their versions, on the encoder's device.

    The mean is not made of unit length again: of it, a linear classifier on unit embeddings gives just the
    mean of its log-odds over the versions.

    Shape:
        (n,) positions -> (n, D), rows at most 1 long
    """
    device = next(encoder.parameters()).device
    parts = []
    for start in range(0, len(positions), _CHUNK):
        index = positions[start : start + _CHUNK]
        if averaging is None:
            parts.append(unit_rows(encoder.embed_tiles(archive, index)))
            continue
        counts = torch.from_numpy(archive.phases(index)).to(device)
        field = fd.from_counts(counts, torch.from_numpy(archive.valid_bits(index)).to(device))
        total = np.zeros((len(index), encoder.dimension), np.float32)
        versions = averaging.versions(field)
        for version in versions:
            x = encoder.spec.prepare(version).contiguous(memory_format=torch.channels_last)
            with autocast(device):
                features = encoder(x)
            total += unit_rows(features.float().cpu().numpy())
        parts.append(total / np.float32(len(versions)))
    return np.concatenate(parts) if parts else np.empty((0, encoder.dimension), np.float32)


def embed_averaged(
    encoder: Encoder, archive: Archive, averaging: Averaging, *, progress: bool = True
) -> MeanEmbeddings:
    """Embeddings of a whole archive, each the mean over the versions of its tile; see `averaged`.

    Args:
        encoder: moved to the best device.
        archive: its tiles.
        averaging: the versions.
        progress: draw a progress bar.
    """
    encoder.eval().to(best_device()).to(memory_format=torch.channels_last)
    matrix = np.empty((len(archive), encoder.dimension), np.float16)
    with bar(len(archive), "embed", "tile", shown=progress) as progress_bar:
        for start in range(0, len(archive), _CHUNK):
            index = np.arange(start, min(start + _CHUNK, len(archive)))
            matrix[index] = averaged(encoder, archive, index, averaging)
            progress_bar.update(len(index))
    origin = Provenance(
        encoder=str(encoder.loaded_from or ""),
        encoder_hash=encoder.hash,
        archive=str(archive.path.resolve()),
        archive_digest=archive.digest,
    )
    return MeanEmbeddings(matrix, archive.catalogue, origin)
