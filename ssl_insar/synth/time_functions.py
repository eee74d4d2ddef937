r"""How a displacement grows with time after an event, as a share of its amplitude.

Every function takes days since the event, of any shape, and is 0 before it and at it (`step` jumps
at it). An interferogram sees the difference of its two dates. The recipe is that of Li et al. (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import Parameter


def logarithmic(days: Tensor, *, tau: Parameter, amplitude: Parameter = 1.0) -> Tensor:
    """Afterslip: ``A ln(1 + t / tau)``, which never ends.

    Args:
        days: since the event.
        tau: days, 1 to 30 for afterslip.
        amplitude: reached at ``t = (e - 1) tau``, in the unit of the result.

    Shape:
        broadcast(days, tau, amplitude), float64
    """
    return amplitude * torch.log1p(_since(days) / tau)


def exponential(days: Tensor, *, tau: Parameter, amplitude: Parameter = 1.0) -> Tensor:
    """Relaxation: ``A (1 - exp(-t / tau))``; of a viscous body, a reservoir, a mine (Knothe).

    Args:
        days: since the event.
        tau: days, 10 to 500.
        amplitude: reached in the end, in the unit of the result.

    Shape:
        broadcast(days, tau, amplitude), float64
    """
    return -amplitude * torch.expm1(-_since(days) / tau)


def linear(days: Tensor, *, rate: Parameter) -> Tensor:
    """Steady motion from the event on.

    Args:
        days: since the event.
        rate: unit of the result per day.

    Shape:
        broadcast(days, rate), float64
    """
    return rate * _since(days)


def step(days: Tensor, *, amplitude: Parameter = 1.0) -> Tensor:
    """All at once, as in an earthquake; the day of the event is after it.

    Args:
        days: since the event.
        amplitude: in the unit of the result.

    Shape:
        broadcast(days, amplitude), float64
    """
    return amplitude * (days >= 0).to(torch.float64)


def sinusoidal(
    days: Tensor, *, period: Parameter = 365.25, phase: Parameter = 0.0, amplitude: Parameter = 1.0
) -> Tensor:
    """Seasonal motion: ``A (sin(2 pi t / T + phase) - sin(phase))``, which starts at 0.

    Args:
        days: since the event.
        period: days.
        phase: at the event, rad.
        amplitude: half of the range, in the unit of the result.

    Shape:
        broadcast(days, period, phase, amplitude), float64
    """
    start = torch.as_tensor(phase, dtype=torch.float64, device=days.device)
    return amplitude * (torch.sin(2 * math.pi * _since(days) / period + start) - torch.sin(start))


TIME_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {
        "log": logarithmic,
        "exponential": exponential,
        "linear": linear,
        "step": step,
        "sinusoidal": sinusoidal,
    }
)


def _since(days: Tensor) -> Tensor:
    return days.to(torch.float64).clamp_min(0)
