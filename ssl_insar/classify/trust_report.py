"""What a fitted classifier can promise at unseen volcanoes, in sentences for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ssl_insar.classify.calibration import cross_calibrated
from ssl_insar.classify.conformal import coverage, cross_conformal
from ssl_insar.classify.false_alarms import LEAST_EXPECTED
from ssl_insar.classify.metrics import expected_calibration_error
from ssl_insar.classify.trusted import Fit


def trust_lines(fit: Fit) -> Iterator[str]:
    """One sentence a property; every figure is of tiles whose volcano nothing was learned from.

    Calibration and sets are learned from the other folds for this: the error that a calibration has on
    the tiles it was fitted to would flatter it.
    """
    trusted, held = fit.classifier, fit.held
    if held is None:
        yield "no volcano could be held out: probabilities are not calibrated, there are no conformal sets"
        return
    told = cross_calibrated(held)
    before, after = (expected_calibration_error(held.codes, p) for p in (held.raw, told))
    yield f"calibration error (ECE)  {before:.3f} before, {after:.3f} after temperature and offset"
    sets = trusted.sets
    if sets is not None:
        inside = cross_conformal(held, told, sets.level)
        yield (
            f"conformal sets     promise {sets.level:.0%}; hold the true class in "
            f"{coverage(inside, held.codes, held.groups):.1%} (mean over volcanoes), "
            f"{inside.sum(axis=1).mean():.2f} classes on average"
        )
        for k, name in enumerate(held.classes):
            rows = held.codes == k
            share = coverage(inside[rows], held.codes[rows], held.groups[rows])
            few = (
                ""
                if np.isfinite(sets.thresholds[k])
                else f"; {sets.volcanoes[k]} volcanoes are too few to promise this, so it is in every set"
            )
            yield f"  class '{name}': {share:.1%} at {sets.volcanoes[k]} volcanoes{few}"
    quiet = trusted.quiet
    if quiet is None:
        yield "false alarms       cannot be told: no quiet tiles with dates"
    else:
        yield (
            f"false alarms       {len(quiet.scores):,} quiet interferograms of {quiet.frames} frames in "
            f"{quiet.frame_years:.1f} frame-years: {LEAST_EXPECTED / quiet.frame_years:.2g}/frame-year or "
            "more can be told"
        )
