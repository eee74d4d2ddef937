"""Budgets of false alarms: met on generated Poisson data, refused where they cannot be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from ssl_insar.classify.false_alarms import (
    QuietRecord,
    covered_days,
    parse_budget,
    poisson_rate,
)
from ssl_insar.errors import UserError


def series(frames: int, years: float, step: int = 12) -> pd.DataFrame:
    """Chains of interferograms from acquisition to acquisition, one tile each."""
    count = int(years * 365.25 / step)
    days = [date(2016, 1, 1) + timedelta(step * i) for i in range(count + 1)]
    return pd.DataFrame(
        [
            {"frame": f"F{f}", "volcano": f"v{f}", "reference_date": a, "secondary_date": b}
            for f in range(frames)
            for a, b in pairwise(days)
        ]
    )


@pytest.mark.parametrize("rate", [0.25, 1.0, 4.0])
def test_the_budget_is_met_in_quiet_time_to_come(rate) -> None:
    rng = np.random.default_rng(0)
    table = series(10, 3)
    record = QuietRecord.of(np.zeros(len(table)), table)
    count, years = len(record.scores), record.frame_years
    alarms = []
    for _ in range(300):
        threshold = replace(record, scores=rng.gumbel(size=count)).threshold(rate)
        alarms.append((rng.gumbel(size=count) > threshold).sum() / years)
    assert np.mean(alarms) == pytest.approx(rate, rel=0.15)


def test_the_interval_holds_the_true_rate_of_poisson_alarms() -> None:
    rng = np.random.default_rng(1)
    for mean in (0.7, 5.0, 40.0):
        rates = [poisson_rate(int(n), 20.0) for n in rng.poisson(mean, 2000)]
        assert np.mean([r.low <= mean / 20 <= r.high for r in rates]) >= 0.94
    exact = poisson_rate(7, 2.0)
    assert exact.value == 3.5
    assert poisson.sf(6, exact.low * 2) == pytest.approx(0.025)
    assert poisson.cdf(7, exact.high * 2) == pytest.approx(0.025)
    assert poisson_rate(0, 1.0).low == 0
    assert str(poisson_rate(7, 2.0)) == "3.5 [1.41, 7.21] false alarms a frame-year (7 in 2.0 frame-years)"


def test_too_short_a_quiet_time_is_an_error_that_says_what_is_needed() -> None:
    table = series(2, 1)
    record = QuietRecord.of(np.arange(len(table)), table)
    assert record.frame_years == pytest.approx(2, abs=0.1)
    message = (
        r"0.1 false alarms a frame-year cannot be told from 2 frame-years.*: 30 are needed.*1.53/frame-year"
    )
    with pytest.raises(UserError, match=message):
        record.threshold(0.1)
    assert np.isfinite(record.threshold(1.53))


def test_the_threshold_lets_the_allowed_number_reach_it() -> None:
    record = QuietRecord(np.arange(100.0), 10.0, 4)
    assert record.threshold(0.5) == 95
    assert record.rate(95).alarms == 4  # the fifth is the threshold itself
    assert record.threshold(50) == float("-inf")


def test_tiles_of_an_interferogram_are_one_alarm_and_time_covered_twice_counts_once() -> None:
    first = date(2020, 1, 1)
    rows = [("A", 0, 12), ("A", 0, 12), ("A", 0, 24), ("B", 0, 12), ("B", 100, 112), ("B", None, 12)]
    table = pd.DataFrame(
        [
            {
                "frame": frame,
                "reference_date": None if a is None else first + timedelta(a),
                "secondary_date": first + timedelta(b),
            }
            for frame, a, b in rows
        ]
    )
    record = QuietRecord.of([5, 9, 1, 2, 3, 100], table)
    assert sorted(record.scores) == [1, 2, 3, 9]
    assert record.frame_years == pytest.approx((24 + 12 + 12) / 365.25)
    assert record.frames == 2
    assert covered_days(np.array([10, 0, 2]), np.array([20, 5, 3])) == 15
    with pytest.raises(UserError, match="no quiet tile has both dates"):
        QuietRecord.of([1], table.iloc[5:])


def test_without_frames_the_volcano_is_what_is_watched() -> None:
    table = series(3, 1).drop(columns="frame")
    assert QuietRecord.of(np.zeros(len(table)), table).frames == 3


def test_budgets_are_read_and_nonsense_is_refused() -> None:
    assert parse_budget("1/frame-year") == 1
    assert parse_budget("0.5/frame-years") == 0.5
    assert parse_budget("2/10-frame-years") == 0.2
    for text in ("1", "0/frame-year", "1/year", "-1/frame-year", "1/0-frame-years", "nan/frame-year"):
        with pytest.raises(UserError, match="1/frame-year"):
            parse_budget(text)
