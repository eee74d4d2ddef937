"""Random numbers of one step, reproducible from (seed, rank, step)."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


class Draw:
    """Two independent generators of one key: parameters on the CPU, noise fields on the device.

    Parameters (who is touched, how strongly) are drawn on the CPU, where choosing a subset needs
    no wait for the device; the fields, which are large, are drawn where they are used.
    """

    def __init__(self, device: torch.device, *key: int) -> None:
        self.device = device
        self._parameters = torch.Generator().manual_seed(_seed("parameters", *key))
        self.fields = torch.Generator(device).manual_seed(_seed("fields", *key))

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(n,) numbers between ``low`` and ``high``, on the CPU."""
        return torch.rand(n, generator=self._parameters) * (high - low) + low

    def log_uniform(self, n: int, low: float, high: float) -> Tensor:
        """(n,) numbers whose logarithm is uniform, on the CPU."""
        return torch.exp(self.uniform(n, float(torch.tensor(low).log()), float(torch.tensor(high).log())))

    def sign(self, n: int, p: float) -> Tensor:
        """(n,) numbers, -1 with probability ``p``, else 1, on the CPU."""
        return 1.0 - 2.0 * (self.uniform(n) < p)

    def choose(self, n: int, p: float) -> Tensor:
        """Indices of those of n samples that an effect of probability ``p`` touches, on the device."""
        return torch.nonzero(self.uniform(n) < p).flatten().to(self.device)

    def pick(self, n: int, values: tuple[int, ...]) -> Tensor:
        """(n,) values drawn with equal chance, on the CPU."""
        index = torch.randint(len(values), (n,), generator=self._parameters)
        return torch.tensor(values)[index]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal field on the device."""
        return torch.randn(*shape, generator=self.fields, device=self.device)

    def to_device(self, values: Tensor, *shape: int) -> Tensor:
        """Parameters moved to the device, reshaped."""
        return values.view(*shape).to(self.device, non_blocking=True)


def _seed(*key: object) -> int:
    """A seed from a hash: neighbouring seeds, or one seed used twice, give related streams."""
    digest = hashlib.blake2b(" ".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
