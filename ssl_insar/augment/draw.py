"""Random numbers of the samples of one batch: whatever else is in it, a sample gets the same ones."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_AT_ONCE = 8
"""Numbers a sample made at a time: one call of numpy costs as much as hashing hundreds."""


class Draw:
    """Counter-based random numbers: each follows from the key, the sample's id and its place alone.

    The n-th number of a sample is a hash of (key, id, n), SplitMix64 of Steele, Lea and Flood (2014),
    "Fast splittable pseudorandom number generators". So a batch of n gives what n batches of one
    give, whichever samples an effect touches. All are made on the CPU, where choosing a
    subset needs no wait for the device, and are the same for every kind of device.

    Args:
        device: where the views are made.
        *key: integers and names that tell this stream from others.
        ids: (n,) int64 on the CPU, which samples these are; None: 0, 1, 2, ... of as many as are asked for.
    """

    def __init__(self, device: torch.device, *key: int | str, ids: Tensor | None = None) -> None:
        self.device = device
        self.ids = ids
        self._key = key
        self._seed = np.uint64(_seed("parameters", *key))
        self._drawn = 0
        self._block: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._generator: torch.Generator | None = None

    @property
    def fields(self) -> torch.Generator:
        """A generator on the device, of the key alone: what it gives depends on the order in the batch."""
        if self._generator is None:
            self._generator = torch.Generator(self.device).manual_seed(_seed("fields", *self._key))
        return self._generator

    def of(self, name: str) -> Draw:
        """The stream of an effect: what one effect draws changes nothing for the others."""
        return Draw(self.device, *self._key, name, ids=self.ids)

    def shared(self, name: str, groups: Tensor) -> Draw:
        """A stream that is the same for all samples of a group, (n,) int64 on the CPU."""
        return Draw(self.device, *self._key, "shared", name, ids=groups)

    def subset(self, n: int, p: float) -> tuple[Tensor, Draw]:
        """Those of n samples that an effect of probability ``p`` touches, and a stream of their own.

        Returns:
            indices (k,) on the device, and a `Draw` for k samples.
        """
        chosen = torch.nonzero(self.uniform(n) < p).flatten()
        ids = chosen if self.ids is None else self.ids[chosen]
        return chosen.to(self.device), Draw(self.device, *self._key, "subset", ids=ids)

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(n,) numbers between ``low`` and ``high``, on the CPU."""
        place = self._drawn % _AT_ONCE
        if place == 0 or self._block.shape[1] != n:
            self._block = self._hashed(n, self._drawn - place, _AT_ONCE)
        self._drawn += 1
        return torch.from_numpy(self._block[place]) * (high - low) + low

    def normals(self, n: int, count: int) -> Tensor:
        """(n, count) standard normal numbers of each sample, on the device, by Box and Muller (1958)."""
        half = (count + 1) // 2
        # Whole blocks, so that `uniform` goes on behind them.
        start = -(-self._drawn // _AT_ONCE) * _AT_ONCE
        self._drawn = start + -(-2 * half // _AT_ONCE) * _AT_ONCE
        uniform = torch.from_numpy(self._hashed(n, start, 2 * half)).to(self.device)
        radius = (-2.0 * torch.log1p(-uniform[:half])).sqrt_()
        angle = uniform[half:] * (2 * math.pi)
        return torch.cat([radius * angle.cos(), radius * angle.sin()])[:count].T.contiguous()

    def log_uniform(self, n: int, low: float, high: float) -> Tensor:
        """(n,) numbers whose logarithm is uniform, on the CPU."""
        return torch.exp(self.uniform(n, math.log(low), math.log(high)))

    def sign(self, n: int, p: float) -> Tensor:
        """(n,) numbers, -1 with probability ``p``, else 1, on the CPU."""
        return 1.0 - 2.0 * (self.uniform(n) < p)

    def below(self, n: int, limit: int) -> Tensor:
        """(n,) whole numbers from 0 to below ``limit``, at most 2^24, int64 on the CPU."""
        return (self.uniform(n).double() * limit).long()

    def pick(self, n: int, values: tuple[int, ...]) -> Tensor:
        """(n,) values drawn with equal chance, on the CPU."""
        return torch.tensor(values)[self.below(n, len(values))]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal field on the device, of `fields`."""
        return torch.randn(*shape, generator=self.fields, device=self.device)

    def to_device(self, values: Tensor, *shape: int) -> Tensor:
        """Parameters moved to the device, reshaped."""
        return values.view(*shape).to(self.device, non_blocking=True)

    def _hashed(self, n: int, start: int, count: int) -> NDArray[np.float32]:
        """The numbers ``start ... start + count`` of n samples, in [0, 1) with 24 bits; (count, n)."""
        ids = np.arange(n) if self.ids is None else self.ids.numpy()
        if len(ids) != n:
            raise ValueError(f"{n} samples asked of a stream of {len(ids)}; take one of `subset`")
        with np.errstate(over="ignore"):
            samples = _mix(self._seed + (ids.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
            places = np.arange(start + 1, start + count + 1, dtype=np.uint64) * _GOLDEN
            bits = _mix(places[:, None] + samples) >> np.uint64(40)
        return bits.astype(np.float32) * np.float32(2.0**-24)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64: every bit of the input changes half of the output's."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _seed(*key: object) -> int:
    """A seed from a hash: neighbouring seeds, or one seed used twice, give related streams."""
    digest = hashlib.blake2b(" ".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
