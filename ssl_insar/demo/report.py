"""``report.html``: one self-contained page, plain about what its numbers mean."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_insar import __version__
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.maps import figures
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.recipe import Recipe, load

if TYPE_CHECKING:
    from ssl_insar.classify.compare import Row
    from ssl_insar.demo.flow import Outcome
    from ssl_insar.models import Encoder
    from ssl_insar.search import Gallery
    from ssl_insar.search.gallery import Panel


@dataclass(frozen=True)
class Picture:
    """A figure for the page: its data and what it shows in words."""

    uri: str
    alt: str


def write_report(outcome: Outcome, encoder: Encoder) -> Path:
    """Write the report of a demo.

    Returns:
        its path.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    from ssl_insar.classify.nulls import GLOBAL_STATISTICS

    environment = Environment(
        loader=PackageLoader("ssl_insar.demo"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
    )
    run = outcome.out / "run"
    recipe = load(run / "recipe.yaml")
    looks = _numbers(run / "monitor.csv")
    page = environment.get_template("report.html.j2").render(
        version=__version__,
        outcome=outcome,
        encoder=encoder,
        facts=_facts(outcome),
        recipe=recipe,
        steps=_numbers(run / "loss.csv"),
        looks=looks,
        loss=_loss(outcome, recipe),
        knn=_knn(looks),
        verdict=_verdict(outcome),
        rows=outcome.rows,
        shots=sorted({n for row in outcome.rows for n in row.few_shot}),
        galleries=[_gallery(g, outcome.target) for g in outcome.galleries],
        map=_map(outcome),
        statistics=len(GLOBAL_STATISTICS),
    )
    path = outcome.out / "report.html"
    with replacing(path) as scratch:
        scratch.write_text(page, encoding="utf-8")
    return path


def _facts(outcome: Outcome) -> dict[str, str]:
    """What the archive holds, in a few lines."""
    table = outcome.archive.catalogue
    facts = {"tiles": f"{len(table):,} of {outcome.archive.tile} × {outcome.archive.tile} px"}
    if table["volcano"].notna().any():
        facts["volcanoes"] = f"{table['volcano'].nunique():,}"
    dates = table["reference_date"].dropna()
    if len(dates):
        facts["acquired"] = f"{min(dates)} to {max(table['secondary_date'].dropna())}"
    facts["mean local coherence"] = f"{table['coherence'].mean():.2f}"
    if outcome.target is not None:
        labels = table[LABEL_PREFIX + outcome.target].dropna()
        positive = table[(table[LABEL_PREFIX + outcome.target].astype("Float64") > 0).fillna(False)]
        facts[f"label “{outcome.target}”"] = (
            f"{len(positive):,} positive of {len(labels):,}, at {positive['volcano'].nunique()} volcanoes"
        )
    if outcome.skipped:
        facts["files skipped"] = f"{outcome.skipped:,} (archive/skipped.csv says why)"
    return facts


def _numbers(path: Path) -> pd.DataFrame:
    """A CSV log as numbers."""
    table: pd.DataFrame = pd.DataFrame(read_rows(path)).apply(pd.to_numeric, errors="coerce")
    return table


def _loss(outcome: Outcome, recipe: Recipe) -> Picture | None:
    steps = _numbers(outcome.out / "run" / "loss.csv")
    if steps.empty:
        return None
    per_epoch = int((steps["epoch"] == steps["epoch"].iloc[0]).sum())
    # All similarities equal: the loss is the log of the number of candidates.
    chance = math.log(2 * recipe.data.batch_size - 1)
    figure = figures.loss_curve(steps["step"].to_numpy(), steps["loss"].to_numpy(), per_epoch, chance)
    first, last = steps["loss"].head(5).mean(), steps["loss"].tail(5).mean()
    return _picture(figure, f"Contrastive loss by epoch, from {first:.2f} to {last:.2f}")


def _knn(looks: pd.DataFrame) -> Picture | None:
    if "knn_ap" not in looks or looks["knn_ap"].notna().sum() < 2:
        return None
    looks = looks.dropna(subset=["knn_ap"])
    values = looks["knn_ap"].tolist()
    figure = figures.progress_curve(
        looks["epoch"].tolist(), values, float(looks["prevalence"].iloc[-1]), "kNN average precision"
    )
    return _picture(figure, f"kNN average precision from {values[0]:.3f} to {values[-1]:.3f}")


def _map(outcome: Outcome) -> Picture | None:
    if outcome.points is None:
        return None
    rows, points = outcome.points
    table = outcome.archive.catalogue.iloc[rows]
    positive = None
    if outcome.target is not None:
        values = table[LABEL_PREFIX + outcome.target].astype("Float64") > 0
        positive = values.fillna(False).to_numpy(bool)
    figure = figures.scatter_map(points, positive, table["coherence"].to_numpy(np.float64))
    return _picture(figure, "UMAP map of the embeddings")


def _gallery(gallery: Gallery, target: str | None) -> dict[str, Any]:
    """The panels of a gallery, pictures as data; whether a neighbour is labelled positive."""
    from ssl_insar.maps.phase_image import rgb_png

    def panel(p: Panel) -> dict[str, Any]:
        positive = {"1": True, "0": False}.get(p.details.get(target or "", ""))
        return {"uri": _uri(rgb_png(p.rgb)), "title": p.title, "lines": p.lines, "positive": positive}

    return {"query": panel(gallery.query), "neighbours": [panel(p) for p in gallery.neighbours]}


def _verdict(outcome: Outcome) -> list[str]:
    """What the comparison allows one to say, in sentences."""
    from ssl_insar.classify.compare import GLOBAL, LEAKY_PRIOR
    from ssl_insar.classify.nulls import GLOBAL_STATISTICS
    from ssl_insar.demo.flow import OURS, RANDOM

    rows: dict[str, Row] = {row.name: row for row in outcome.rows}
    if OURS not in rows:
        return [outcome.why_no_scores] if outcome.why_no_scores else []
    ours, null, random = rows[OURS], rows[GLOBAL], rows[RANDOM]
    said = []
    count = len(GLOBAL_STATISTICS)
    gain = ours.gain
    if gain is not None:
        if gain.low > 0:
            said.append(
                f"The encoder beats {count} global statistics of the phase by {gain.value:+.3f} average "
                "precision; the interval of the difference lies above zero."
            )
        elif gain.high < 0:
            said.append(
                f"The encoder is worse than {count} global statistics of the phase ({gain.value:+.3f} "
                "average precision, the whole interval below zero): trained so briefly it is not worth using."
            )
        else:
            said.append(
                f"Against {count} global statistics of the phase the encoder's average precision differs by "
                f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]: the interval holds zero, so this "
                "archive does not show that one is better."
            )
    word = "above" if ours.ap.value > random.ap.value else "not above"
    said.append(
        f"With {ours.ap.value:.3f} it is {word} the same network with random weights ({random.ap.value:.3f}, "
        f"global statistics {null.ap.value:.3f})."
    )
    leak = rows[LEAKY_PRIOR]
    said.append(
        f"Splitting by file instead of by volcano, the rule “was this volcano ever positive?” alone scores "
        f"{leak.ap.value:.3f} without looking at a single pixel. That is why every number here is by volcano."
    )
    return said


def _picture(figure: Any, alt: str) -> Picture:
    return Picture(_uri(figures.png(figure)), alt)


def _uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
