"""A detector that was never trained, as a finished run leaves it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.detector import Detector, Training


def write_run(folder: Path, where: bool = False) -> Path:
    """An encoder with random weights, and a random head on it, or two, in a run's folder."""
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", InputSpec(96 if where else 32))  # of 32 px the map is one cell
    encoder.save(folder / "encoder")
    facts = Training("tiny", "abc", "volcanoes", (3.0, 30.0), "none")
    head = nn.Linear(encoder.dimension, 1)
    coarse = nn.Conv2d(encoder.map_channels, 1, 1) if where else None
    Detector(encoder, head, facts, coarse).save(folder / "detector")
    return folder
