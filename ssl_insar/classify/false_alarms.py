"""Thresholds set by how many false alarms an observatory can bear, not by p = 0.5."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from ssl_insar.archive.days import days_of
from ssl_insar.archive.groups import assign_groups
from ssl_insar.errors import UserError

YEAR = 365.25
"""Days."""

LEAST_EXPECTED = 3.0
"""False alarms that the quiet time must let expect at the rate asked for.

None at all in a time T says, at 95 %, no more than "below 3 / T" (the rule of three: exp(-3) = 0.05).
"""


@dataclass(frozen=True)
class Rate:
    """A rate of alarms with its 95 % interval, alarms a frame and year.

    Attributes:
        alarms: number of them.
        frame_years: time watched.
        low: lower end, and ``high`` the upper end, of the exact Poisson interval (Garwood 1936).
    """

    alarms: int
    frame_years: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Alarms a frame-year."""
        return self.alarms / self.frame_years

    def __str__(self) -> str:
        return (
            f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}] false alarms a frame-year "
            f"({self.alarms} in {self.frame_years:.1f} frame-years)"
        )


def poisson_rate(alarms: int, frame_years: float) -> Rate:
    """Rate of a Poisson process in which so many alarms were counted; takes them as independent."""
    low = float(chi2.ppf(0.025, 2 * alarms)) / 2 if alarms else 0.0
    return Rate(
        alarms, frame_years, low / frame_years, float(chi2.ppf(0.975, 2 * alarms + 2)) / 2 / frame_years
    )


def parse_budget(text: str) -> float:
    """``1/frame-year``, ``0.1/frame-year`` or ``2/10-frame-years`` as alarms a frame-year.

    Raises:
        UserError: anything else.
    """
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"{number}/(?:{number}-)?frame-years?", text.strip())
    rate = float(match[1]) / float(match[2] or 1) if match and float(match[2] or 1) > 0 else 0.0
    if not rate > 0:
        raise UserError(f"false alarms '{text}': write a number a frame and year, as 1/frame-year")
    return rate


@dataclass(frozen=True)
class QuietRecord:
    """How high quiet interferograms score, and for how long they watched.

    An alarm is one interferogram of one frame (the highest of its tiles): that is what somebody has to
    look at.

    Attributes:
        scores: (m,) one an interferogram, by a classifier that had not seen its volcano.
        frame_years: years of frames that the interferograms cover; a year covered twice counts once.
        frames: number of frames.
    """

    scores: NDArray[np.float64]
    frame_years: float
    frames: int

    @classmethod
    def of(cls, scores: ArrayLike, catalogue: pd.DataFrame) -> QuietRecord:
        """From quiet tiles with dates; those without are left out.

        Args:
            scores: (n,) of quiet tiles.
            catalogue: n rows, their dates, and frames (else tracks, else volcanoes).

        Raises:
            UserError: no tile has dates.
        """
        days = [days_of(catalogue[name]) for name in ("reference_date", "secondary_date")]
        first, last = np.minimum(*days), np.maximum(*days)
        dated = (first >= 0) & (last > first)
        if not dated.any():
            raise UserError("no quiet tile has both dates, so false alarms a year cannot be told")
        table = pd.DataFrame(
            {"first": first, "last": last, "score": np.asarray(scores), "frame": _frames(catalogue)}
        )
        table = table[dated]
        best = table.groupby(["frame", "first", "last"], sort=True)["score"].max()
        covered = sum(
            covered_days(one["first"].to_numpy(), one["last"].to_numpy()) for _, one in table.groupby("frame")
        )
        return cls(best.to_numpy(np.float64), covered / YEAR, int(table["frame"].nunique()))

    def threshold(self, rate: float) -> float:
        """Score above which alarms are expected to be as rare as asked for.

        With j = rate * time alarms allowed, it is the j-th highest quiet score: of as much quiet time
        again, j interferograms are expected above it, whatever the distribution of the scores.

        Args:
            rate: alarms a frame-year.

        Raises:
            UserError: too little quiet time to tell so low a rate.
        """
        allowed = rate * self.frame_years
        if allowed < LEAST_EXPECTED:
            raise UserError(
                f"{rate:g} false alarms a frame-year cannot be told from {self.frame_years:.2g} frame-years "
                f"of quiet interferograms: {LEAST_EXPECTED / rate:.3g} are needed; label more quiet tiles "
                f"or ask for {math.ceil(100 * LEAST_EXPECTED / self.frame_years) / 100:g}/frame-year or more"
            )
        place = int(allowed)
        # Every interferogram may alarm, and the rate is still kept.
        return float("-inf") if place > len(self.scores) else float(np.sort(self.scores)[-place])

    def rate(self, threshold: float) -> Rate:
        """How often these quiet interferograms alarm."""
        return poisson_rate(int((self.scores > threshold).sum()), self.frame_years)


def covered_days(first: NDArray[np.int64], last: NDArray[np.int64]) -> float:
    """Days in the union of spans.

    Shape:
        (n,), (n,) days -> scalar
    """
    order = np.argsort(first, kind="stable")
    start, end = first[order], np.maximum.accumulate(last[order])
    before = np.concatenate([[start[0]], end[:-1]])
    return float(np.maximum(end - np.maximum(start, before), 0).sum())


def _frames(catalogue: pd.DataFrame) -> NDArray[Any]:
    """What was watched: the frame, else the track, else the group."""
    names = pd.Series(assign_groups(catalogue).names, dtype=object)
    for column in ("track", "frame"):
        if column in catalogue:
            told = catalogue[column].reset_index(drop=True).astype(object)
            names = told.where(told.notna(), names)
    return names.astype(str).to_numpy(object)
