"""How many labels an encoder needs: a probe from a handful of them, tested at other volcanoes.

    python -m evaluation.few_shot --encoder RUN --archive A --labels labels.csv --out R

Each of ``--label-draws`` draws deals the volcanoes into two halves (`ssl_insar.classify.few_shot`): labels
come from one, all tiles of the other are scored. Labels of a draw are nested (the first 5 a class are among
the first 10, 1 % is in 5 %) and the same for every method. From a number a class the regularisation is fixed,
since so few cannot choose it; from a share of all labels it is chosen inside their volcanoes where they
allow that. Scores made elsewhere from all labels (``--baseline NAME=SCORES.csv``) stand at 100 %: the tiles
that are scored are the same, though they come from networks that had more volcanoes to learn from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from evaluation.measures import Floats
from evaluation.methods import Method
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import RANKING, checked_ready, leader, number_line, span
from ssl_insar.archive.groups import is_binary
from ssl_insar.classify.compare import PRIOR
from ssl_insar.classify.few_shot import Draw, draws_of, fit_shots
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.nulls import volcano_prior
from ssl_insar.progress import bar

SHOTS = (1, 2, 5, 10, 20, 50)
SHARES = (1, 5, 10, 25, 100)
"""Of the labels of the support half, %."""
LEAST_SUPPORT = 20
"""Labels a class that a support half should hold. With more, a volcano that holds most of the positives
would always be on that side, and never be scored; draws with too few labels for a number are left out there.
"""


def part_of(count: int, unit: str) -> str:
    """``5 a class`` or ``10 %``."""
    return f"{count} {unit}"


def parts() -> list[str]:
    """All parts, in their order."""
    return [part_of(n, "a class") for n in SHOTS] + [part_of(n, "%") for n in SHARES]


def share_of(draw: Draw, percent: int) -> NDArray[np.intp]:
    """Rows of the first labels of each class, so many % of them and at least one; nested in ``percent``."""
    return np.concatenate([rows[: max(1, round(len(rows) * percent / 100))] for rows in draw.order.values()])


def labels_of(draw: Draw) -> dict[str, NDArray[np.intp] | None]:
    """Part -> labelled rows of a draw, None where a class has too few."""
    shots = {part_of(count, "a class"): draw.shots(count) for count in SHOTS}
    return shots | {part_of(percent, "%"): share_of(draw, percent) for percent in SHARES}


Scores = Callable[[NDArray[np.intp], str, Draw], "Floats | None"]
"""(labelled rows, part, draw) -> scores of the query rows, None where the method has none."""


def probe_scores(cases: Labelled, matrix: NDArray[Any], seed: int) -> Scores:
    """Scores by a linear probe on (n, D) features."""

    def scores(rows: NDArray[np.intp], part: str, draw: Draw) -> Floats:
        around = matrix[draw.support]
        if part.endswith("%"):
            probe = LinearProbe(seed=seed).fit(matrix[rows], cases.y[rows], cases.groups[rows], around)
        else:
            probe = fit_shots(matrix, cases.y, rows, around)
        odds = probe.decision_function(matrix[draw.query])
        return odds if is_binary(cases.y) or odds.ndim == 2 else np.stack([-odds, odds], axis=1)

    return scores


def ready_scores(scores: Floats) -> Scores:
    """(n,) scores that were made from all labels of other volcanoes."""
    return lambda rows, part, draw: scores[draw.query] if part == part_of(100, "%") else None


def prior_scores(cases: Labelled) -> Scores:
    """The volcano prior, which knows nothing of a query half: chance, by construction."""
    return lambda rows, part, draw: volcano_prior(cases.y, cases.groups, [(rows, draw.query)])[draw.query]


def over_draws(
    cases: Labelled, draws: Sequence[Draw], scores: Scores, done: Callable[[], object] = lambda: None
) -> dict[str, dict[str, Floats]]:
    """Metric -> part -> (draws,), NaN where a draw holds too few labels or the method has no score.

    ``done`` is called after each draw.
    """
    found = {name: {part: np.full(len(draws), np.nan) for part in parts()} for name in RANKING}
    for number, draw in enumerate(draws):
        codes = cases.codes[draw.query]
        for part, rows in labels_of(draw).items():
            values = None if rows is None else scores(rows, part, draw)
            if values is not None:
                for name, metric in RANKING.items():
                    found[name][part][number] = metric(codes, values)
        done()
    return found


def run_scores(cases: Labelled, method: Method, seed: int) -> list[Scores]:
    """What scores, one a run of a method."""
    return [
        *(probe_scores(cases, matrix[cases.rows], seed) for matrix in method.features),
        *(ready_scores(checked_ready(method, number, cases)) for number in range(len(method.ready))),
    ]


def hash_of(cases: Labelled, draws: Sequence[Draw]) -> str:
    """Hash of the labelled tiles and the draws: numbers of equal hashes can be compared draw by draw."""
    digest = hashlib.sha256("\n".join(map(str, [*cases.ids, *cases.y])).encode())
    for draw in draws:
        for rows in (*draw.order.values(), draw.query):
            digest.update(np.ascontiguousarray(rows, np.int64).tobytes())
    return digest.hexdigest()[:16]


def few_shot_lines(
    cases: Labelled, draws: Sequence[Draw], methods: Sequence[Method], seed: int
) -> list[dict[str, Any]]:
    """Lines of results; ``_lead`` is the first method minus this one, draw by draw.

    Intervals are of the draws: other volcanoes to learn from and to be tested at, and other labels.
    ``draw_values`` are the scores of the draws, means over runs, NaN where a draw has none; ``draws_hash``
    tells which draws they are, see `hash_of`.

    Raises:
        UserError: ready scores that lack a labelled tile, or labels other than 0 and 1 for them.
    """
    makers = {method.name: run_scores(cases, method, seed) for method in methods}
    makers[PRIOR] = [prior_scores(cases)]
    facts = {method.name: method.facts() for method in methods}
    with bar(len(draws) * sum(map(len, makers.values())), "fit and score", "draw") as progress:
        values = {
            name: [over_draws(cases, draws, one, progress.update) for one in each]
            for name, each in makers.items()
        }
    first = next(iter(values))
    same = leader(first, methods) | cases.facts() | {"draws_hash": hash_of(cases, draws)}
    lines: list[dict[str, Any]] = []
    for name, runs in values.items():
        for metric in RANKING:
            for part in parts():
                each = np.stack([run[metric][part] for run in runs])
                kept = np.isfinite(each).all(axis=0)
                if not kept.any():
                    continue
                about = {"part": part, "method": name, "runs": len(runs), "draws": int(kept.sum())}
                about |= facts.get(name, {}) | same
                means = each[:, kept].mean(axis=1).tolist()
                told = {"draw_values": " ".join(f"{value:.6f}" for value in each.mean(axis=0))}
                lines.append(about | told | number_line(metric, means, span(each[:, kept].mean(axis=0))))
                lead = np.mean([run[metric][part] for run in values[first]], axis=0) - each.mean(axis=0)
                if name != first and np.isfinite(lead).any():
                    mean = [float(np.nanmean(lead))]
                    lines.append(about | number_line(f"{metric}_lead", mean, span(lead)))
    return lines


@click.command()
@protocol_options
@click.option("--label-draws", "count", default=20, show_default=True, type=click.IntRange(2))
def command(asked: Asked, count: int) -> None:
    """Score encoders from 1 to 50 labels a class and 1 to 100 % of the labels, beside baselines and nulls."""
    cases = asked.labelled()
    draws = draws_of(cases.y, cases.groups, LEAST_SUPPORT, count, asked.seed)
    cases.refuse_torn([(draw.support, draw.query) for draw in draws])
    methods = asked.methods(cases.archive)
    asked.keep("few_shot", few_shot_lines(cases, draws, methods, asked.seed), cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
