"""Device and number format: bf16 where the processor has instructions for it."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """CUDA if there is one, else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def bf16_helps(device: torch.device) -> bool:
    """Whether bfloat16 runs on matrix units there; elsewhere it is emulated and slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type == "cpu":
        # Private names, but the only way to ask; without them float32 is the safe answer.
        probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in probes)
    return False


def autocast(device: torch.device) -> torch.autocast:
    """Mixed precision where it helps; a no-op elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16_helps(device))
