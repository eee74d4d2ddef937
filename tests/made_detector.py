"""A detector that was never trained, as a finished run leaves it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.detector import Detector, Training


def write_run(folder: Path) -> Path:
    """An encoder with random weights, and a random head on it, in a run's folder."""
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", InputSpec(32))
    encoder.save(folder / "encoder")
    facts = Training("tiny", "abc", "volcanoes", (3.0, 30.0), "none")
    Detector(encoder, nn.Linear(encoder.dimension, 1), facts).save(folder / "detector")
    return folder
