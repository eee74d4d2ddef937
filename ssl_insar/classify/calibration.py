"""Probabilities that mean what they say, learned from tiles of held-out volcanoes.

Temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. With an
offset a class: Alexandari, Kundaje & Shrikumar 2020, "Maximum Likelihood with Bias-Corrected Calibration
is Hard-To-Beat at Label Shift Adaptation", section 3. The offset is needed here, as the classifiers
treat rare deformation as if it were as frequent as quiet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from ssl_insar.classify.held_out import HeldOut

_RIDGE = 0.5
"""Weight of the pull toward T = 1 and no offset, in labels: keeps separable scores from T = 0."""


@dataclass(frozen=True)
class Calibration:
    """``softmax(logits / temperature + offset)``.

    Attributes:
        temperature: above 1 where the classifier was too sure.
        offset: (K,) of mean 0.
        shares: (K,) share of each class among the labels it was fitted on.
        count: number of them.
    """

    temperature: float
    offset: tuple[float, ...]
    shares: tuple[float, ...]
    count: int

    def probability(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities.

        Shape:
            (n, K) -> (n, K)
        """
        values = np.asarray(logits, np.float64) / self.temperature + np.asarray(self.offset)
        probability: NDArray[np.float64] = softmax(values, axis=1)
        return probability

    def for_shares(self, shares: ArrayLike) -> Calibration:
        """The same where classes are as frequent as told, not as they were among the labels.

        Bayes' rule on the odds (Saerens, Latinne & Decaestecker 2002, eq. 2.4): labels are often picked
        by hand, as many of each class, while deformation is rare.

        Args:
            shares: (K,) positive, of sum 1.
        """
        told = np.asarray(shares, np.float64)
        if told.shape != (len(self.shares),) or not (told > 0).all() or not np.isclose(told.sum(), 1):
            raise ValueError(f"shares are {len(self.shares)} positive numbers of sum 1, not {told}")
        offset = np.asarray(self.offset) + np.log(told) - np.log(self.shares)
        return Calibration(
            self.temperature, tuple((offset - offset.mean()).tolist()), tuple(told), self.count
        )


def calibrate(
    held: HeldOut, rows: NDArray[np.bool_] | None = None, offset: bool = True, ridge: float = _RIDGE
) -> Calibration:
    """Fit the temperature, and the offsets, by maximum likelihood.

    Args:
        held: scores of volcanoes that their classifiers had not seen; there is no other way in.
        rows: (n,) which of them to use; None: all.
        offset: whether to fit offsets too; without, this is plain temperature scaling.
        ridge: strength of a Gaussian prior of width 1 on log T and the offsets.
    """
    keep = np.ones(len(held.codes), bool) if rows is None else rows
    logits, codes = held.logits[keep], held.codes[keep]
    classes = logits.shape[1]
    counts = np.bincount(codes, minlength=classes)
    truth = np.eye(classes)[codes]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        steepness = np.exp(-parameters[0])
        values = log_softmax(logits * steepness + parameters[1:], axis=1)
        wrong = np.exp(values) - truth
        slope = np.append(
            -(wrong * logits).sum() * steepness, wrong.sum(axis=0) if offset else np.zeros(classes)
        )
        return (
            float(-(values * truth).sum() + 0.5 * ridge * (parameters**2).sum()),
            slope + ridge * parameters,
        )

    best = minimize(loss, np.zeros(1 + classes), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    shares = (counts + 1 / classes) / (len(codes) + 1)
    return Calibration(
        float(np.exp(best[0])),
        tuple((best[1:] - best[1:].mean()).tolist()),
        tuple(shares.tolist()),
        len(codes),
    )


def cross_calibrated(held: HeldOut, offset: bool = True) -> NDArray[np.float64]:
    """Probabilities of each fold by the calibration of the others: for saying how good it is.

    Shape:
        -> (n, K)
    """
    probability = np.empty_like(held.logits)
    for others, own in held.parts():
        probability[own] = calibrate(held, others, offset).probability(held.logits[own])
    return probability
