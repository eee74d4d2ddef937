"""What is to be explained: a detector, or a classifier and its encoder, opened from their folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.saved import SEVERAL
from ssl_insar.classify.trusted import MARKER as CLASSIFIER
from ssl_insar.classify.trusted import TrustedClassifier
from ssl_insar.errors import UserError
from ssl_insar.explain.network import Network
from ssl_insar.models import Encoder
from ssl_insar.models.detector import CARD as DETECTOR
from ssl_insar.models.detector import Detector
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.models.encoder import CARD as ENCODER

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""(n, D) features of the encoder to (n,) scores in 0 to 1."""


@dataclass(frozen=True)
class Judge:
    """A model and what it says.

    Attributes:
        network: its encoder and, where it is linear in the features, its head.
        output: which logit of the network is explained.
        graded: whether the head is the model's, so that a gradient means something.
        score: of features; None for an encoder alone, which has no opinion.
        what: name of the score, for headings.
        target: label that the classifier was fitted on; None for others.
    """

    network: Network
    output: int
    graded: bool
    score: Score | None
    what: str
    target: str | None = None

    @property
    def encoder(self) -> Encoder:
        """The encoder."""
        return self.network.encoder


def open_judge(path: Path, encoder: Path | None = None, wanted: str | None = None) -> Judge:
    """Open a finished run, an encoder, or a classifier.

    Args:
        path: run with a detector, encoder, or folder of ``ssl-insar classify fit``.
        encoder: run or encoder of the classifier; None: the one in its folder, for a fine-tuned one.
        wanted: class to explain; None: class 1 of labels 0 and 1, else all but the quiet class.

    Raises:
        UserError: nothing of the kind there, the encoder is another, or no such class.
    """
    if (path / CLASSIFIER).is_file() or (path / "probe.json").is_file():
        if encoder is None and not (path / "encoder").is_dir():
            raise UserError(f"{path}: holds no encoder; give by --encoder the run that it was fitted on")
        return _classifier(path, Encoder.load(encoder or path), wanted)
    if (path / SEVERAL).is_file():
        raise UserError(f"{path}: holds several labels; give one of them: {path}/0 --encoder {path}")
    if wanted is not None:
        raise UserError(f"{path}: is no classifier, so it knows no class '{wanted}'; leave --class out")
    if (path / DETECTOR).is_file() or (path / "detector" / DETECTOR).is_file():
        return _detector(Detector.load(path, None if encoder is None else Encoder.load(encoder)))
    if (path / ENCODER).is_file() or (path / "encoder" / ENCODER).is_file():
        return Judge(Network(Encoder.load(path), nn.Identity()), 0, False, None, "no score")
    raise UserError(
        f"{path}: no classifier, detector or encoder here; give a folder of ssl-insar classify fit or of a "
        "finished run"
    )


def _detector(detector: Detector) -> Judge:
    weight = detector.head.weight.detach().double().numpy()[0]
    bias = float(detector.head.bias.detach()[0])

    def score(features: NDArray[np.float32]) -> NDArray[np.float64]:
        odds = features @ weight + bias
        probability: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
        return probability

    return Judge(Network.of_detector(detector), 0, True, score, "score of simulated sources")


def _classifier(path: Path, encoder: Encoder, wanted: str | None) -> Judge:
    trusted = TrustedClassifier.load(path)
    model = trusted.model
    if model.encoder_hash_ not in (None, encoder.hash):
        raise UserError(
            f"{path}: fitted on embeddings of encoder {str(model.encoder_hash_)[:12]}, not of "
            f"{encoder.hash[:12]}; give its own with --encoder"
        )
    if model.n_features_in_ != encoder.dimension:
        raise UserError(
            f"{path}: fitted on {model.n_features_in_} features, not {encoder.dimension}; give its own "
            "encoder with --encoder"
        )
    column = _column(trusted, wanted)
    classes = [str(name) for name in trusted.classes]

    def score(features: NDArray[np.float32]) -> NDArray[np.float64]:
        probability = trusted.probability(unit_rows(features))
        return probability[:, column]

    named = f"probability of {trusted.target or 'class'} {classes[column]}"
    what = named if trusted.calibration else f"{named} (not calibrated)"
    if not isinstance(model, LinearProbe):
        return Judge(Network(encoder, nn.Identity()), 0, False, score, what, trusted.target or None)
    network = Network.of_probe(encoder, model)
    if len(classes) == 2:
        if column == 0:  # one logit, of the second class
            network = Network(encoder, nn.Sequential(network.head, _Negative()))
        column_of_logit = 0
    else:
        column_of_logit = column
    return Judge(network, column_of_logit, True, score, what, trusted.target or None)


def _column(trusted: TrustedClassifier, wanted: str | None) -> int:
    """Which class is explained."""
    classes = [str(name) for name in trusted.classes]
    if wanted is not None:
        if wanted not in classes:
            raise UserError(f"no class '{wanted}'; choose one of: {', '.join(classes)}")
        return classes.index(wanted)
    if len(classes) == 2:
        quiet = str(trusted.quiet_class)
        return classes.index(quiet) ^ 1 if quiet in classes else 1
    raise UserError(f"the classifier knows several classes; say which with --class: {', '.join(classes)}")


class _Negative(nn.Module):
    def forward(self, logits: torch.Tensor) -> Any:
        """The logit of the first of two classes."""
        return -logits
