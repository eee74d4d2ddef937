"""The retrieval section of the page of results, beside its tables."""

from __future__ import annotations

import pandas as pd

from evaluation.retrieval import ALL, RANDOM_ORDER


def compared(lines: pd.DataFrame) -> str:
    """The first method's mAP as a multiple of the best other method's, in a sentence; "" without another."""
    scores = lines[(lines["part"] == ALL) & (lines["metric"] == "map")].set_index("method")["value"]
    others = scores.iloc[1:].drop(RANDOM_ORDER, errors="ignore")
    if others.empty:
        return ""
    best = str(others.idxmax())
    ratio, chance = scores.iloc[0] / others[best], scores.get(RANDOM_ORDER, float("nan"))
    return (
        f"{scores.index[0]} has an mAP of {scores.iloc[0]:.3f}, {ratio:.2f} times that of the best other "
        f"method, {best} ({others[best]:.3f}); a random order has {chance:.3f}.\n"
    )
