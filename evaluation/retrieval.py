"""Does a search with one example find the like, somewhere else? No label is used but to judge the answers.

    python -m evaluation.retrieval --encoder ours=RUN --baseline peer=EMB --archive SIMULATED --out R
    python -m evaluation.retrieval --encoder ours=RUN --baseline peer=EMB --archive REAL --labels L --out R

Every tile that deforms is a query; answers are all tiles of other volcanoes (simulated: of other places, made
with noise of their own), quiet ones too, less copies and the query's own interferogram, by the cosine of the
features. Relevant is what has the query's label: the kind of source in archives of ``ssl-insar synth``, else
deformation. Besides: the share of the ten nearest that are of the query's own frame or volcano while nothing
is left out but the query itself (place leakage), and how far depth, volume and strike of the ten nearest
deforming tiles of other places are from the query's (simulated archives).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from evaluation.methods import COHERENCE, Method
from evaluation.protocol_options import Asked, protocol_options
from evaluation.retrieval_measures import (
    Floats,
    chance_scores,
    macro_mean,
    ranking_scores,
    weighted_mean,
    weighted_median,
)
from evaluation.retrieval_tiles import KIND, PARAMETERS, SOURCES, Tiles, parameter_errors
from evaluation.running import run
from evaluation.scoring import leader, number_line, span
from evaluation.volcano_bootstrap import resampled
from ssl_insar.classify.compare import GLOBAL
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.synth.truth import NONE

K = 10
RANDOM_ORDER = "random order"
ALL, PLACE, PARAMETER = "all", "place leakage", "parameters of neighbours"
_CHUNK = 256


@dataclass(frozen=True)
class Number:
    """One number of one method: of the sample, then of each draw; one row a run.

    Attributes:
        part: of the protocol.
        metric: name.
        drawn: (runs, 1 + draws).
    """

    part: str
    metric: str
    drawn: Floats


def space(method: str, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors whose dot product ranks: as the search has them; columns of unlike units standardised.

    Shape:
        (n, D) -> (n, D)
    """
    if method in (GLOBAL, COHERENCE):
        spread = features.std(axis=0)
        features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return unit_rows(features)


def similarity(vectors: NDArray[np.float32]) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
    """Cosines of some rows with all: (q,) -> (q, n)."""
    return lambda rows: vectors[rows] @ vectors.T


def retrieved(
    tiles: Tiles, cosines: Callable[[NDArray[np.intp]], NDArray[Any]] | None, weights: Floats
) -> Iterator[Number]:
    """Mean average precision and precision at `K`, over all kinds and of each.

    Args:
        tiles: n tiles.
        cosines: of some of them with all; None: the expectation of a random order.
        weights: (1 + draws, n) of the bootstrap over volcanoes.
    """
    scores: list[tuple[Floats, Floats]] = []
    y = tiles.cases.y
    for rows in _chunks(tiles.queries):
        relevant, allowed = y[rows, None] == y, tiles.allowed(rows)
        scores.append(
            chance_scores(relevant, allowed)
            if cosines is None
            else ranking_scores(cosines(rows), relevant, allowed, K)
        )
    average, precision = (np.concatenate(part) for part in zip(*scores, strict=True))
    kinds, own = y[tiles.queries].astype(str), weights[:, tiles.queries]
    for metric, values in (("map", average), (f"precision_at_{K}", precision)):
        yield Number(ALL, metric, macro_mean(values, own, kinds)[None])
        for kind in np.unique(kinds) if len(np.unique(kinds)) > 1 else ():
            here = kinds == kind
            yield Number(str(kind), metric, weighted_mean(values[here], own[:, here])[None])


def leaked(
    tiles: Tiles, cosines: Callable[[NDArray[np.intp]], NDArray[Any]] | None, weights: Floats
) -> Iterator[Number]:
    """Share of the `K` nearest others that are of the tile's own frame, and of its own volcano.

    Tiles whose frame is not known, or the only one of theirs, are not asked. Arguments as in `retrieved`.
    """
    n = len(tiles.cases)
    near = None
    if cosines is not None:
        near = np.empty((n, min(K, n - 1)), np.intp)
        for rows in _chunks(np.arange(n)):
            found = cosines(rows).astype(np.float32)
            found[np.arange(len(rows)), rows] = -np.inf
            near[rows] = np.argsort(-found, axis=1, kind="stable")[:, :K]
    table = tiles.cases.catalogue
    frames = table["frame"].astype(object) if "frame" in table else None
    places = {"same_volcano": tiles.cases.groups.astype(object)}
    if frames is not None:
        places = {"same_frame": frames.where(frames.notna(), None).to_numpy(object)} | places
    for metric, names in places.items():
        known = np.array([name is not None for name in names])
        codes = np.unique(names.astype(str), return_inverse=True)[1]
        others = np.bincount(codes)[codes] - 1.0
        asked = known & (others > 0)
        if not asked.any():
            continue
        share = others / (n - 1) if near is None else (codes[near] == codes[:, None]).mean(axis=1)
        yield Number(PLACE, metric, weighted_mean(np.where(asked, share, np.nan), weights)[None])


def parameters(
    tiles: Tiles, cosines: Callable[[NDArray[np.intp]], NDArray[Any]] | None, weights: Floats
) -> Iterator[Number]:
    """How far the parameters of the `K` nearest deforming tiles of other places are from the query's.

    The median over queries of the median over neighbours. Arguments as in `retrieved`.
    """
    for name in PARAMETERS:
        values = tiles.parameters[name].to_numpy(float)
        known = tiles.queries[np.isfinite(values[tiles.queries])]
        if len(known) <= K:
            continue
        errors = []
        for rows in _chunks(known):
            apart = parameter_errors(name, values[rows, None], values[known][None])
            free = tiles.allowed(rows)[:, known]
            if cosines is not None:
                order = np.argsort(np.where(free, -cosines(rows)[:, known], np.inf), axis=1, kind="stable")
                apart = np.take_along_axis(apart, order[:, :K], 1)
                free = np.take_along_axis(free, order[:, :K], 1)
            errors.append([np.median(a[f]) if f.any() else np.nan for a, f in zip(apart, free, strict=True)])
        yield Number(PARAMETER, name, weighted_median(np.concatenate(errors), weights[:, known])[None])


def retrieval_lines(
    cases: Labelled, methods: Sequence[Method], *, draws: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Lines of results of every method, and of a random order.

    Args:
        cases: the tiles; labels 0 and ``none`` are quiet.
        methods: with features; others are left out.
        draws: of the bootstrap over volcanoes, which resamples queries; the answers stay the same.
        seed: of the draws.

    Raises:
        UserError: nothing deforms, or at one volcano only.
    """
    tiles = Tiles(cases)
    if len(np.unique(cases.groups[tiles.queries])) < 2:
        raise UserError("tiles that deform are needed at two volcanoes or more: one asks, another answers")
    weights = resampled(cases.groups, draws, seed)
    facts = cases.facts()
    numbers = {
        method.name: _over_runs(
            [_numbers(tiles, space(method.name, matrix[cases.rows]), weights) for matrix in method.features]
        )
        for method in methods
        if method.features
    }
    lead = next(iter(numbers.values()), {})
    facts |= leader(next(iter(numbers), ""), methods)
    numbers[RANDOM_ORDER] = _over_runs([_numbers(tiles, None, weights)])
    facts["chance_ap"] = float(numbers[RANDOM_ORDER][ALL, "map"].drawn[0, 0])
    about = {method.name: method.facts() for method in methods}
    lines = []
    for name, found in numbers.items():
        for (part, metric), number in found.items():
            head = {"part": part, "method": name, "runs": len(number.drawn), **about.get(name, {}), **facts}
            lines.append(head | _line(metric, number.drawn))
            if metric == "map" and number is not lead.get((part, metric)) and (part, metric) in lead:
                ahead = lead[part, metric].drawn.mean(axis=0) - number.drawn.mean(axis=0)
                lines.append(head | _line("map_lead", ahead[None]))
    return lines


def _numbers(tiles: Tiles, vectors: NDArray[np.float32] | None, weights: Floats) -> list[Number]:
    cosines = None if vectors is None else similarity(vectors)
    return [number for make in (retrieved, leaked, parameters) for number in make(tiles, cosines, weights)]


def _over_runs(runs: list[list[Number]]) -> dict[tuple[str, str], Number]:
    return {
        (same[0].part, same[0].metric): replace(same[0], drawn=np.concatenate([one.drawn for one in same]))
        for same in zip(*runs, strict=True)
    }


def _line(metric: str, drawn: Floats) -> dict[str, Any]:
    return number_line(metric, drawn[:, 0].tolist(), span(drawn[:, 1:].mean(axis=0)))


def _chunks(rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def by_kind(cases: Labelled) -> Labelled:
    """Simulated tiles with the kind of their source as label; others as they are."""
    if KIND not in cases.catalogue or SOURCES not in cases.catalogue:
        return cases
    return replace(cases, target="kind of source", y=cases.catalogue[KIND].fillna(NONE).to_numpy(str))


@click.command()
@protocol_options
def command(asked: Asked) -> None:
    """Score encoders by what a search finds at other volcanoes, beside baselines and a random order."""
    cases = by_kind(asked.labelled()) if asked.target is None else asked.labelled()
    methods = asked.methods(cases.archive)
    lines = retrieval_lines(cases, methods, draws=asked.draws, seed=asked.seed)
    asked.keep("retrieval", lines, cases)
    for line in lines:
        if line["part"] in (ALL, PLACE, PARAMETER) and not line["metric"].endswith("_lead"):
            click.echo(
                f"{line['part']}: {line['method']}: {line['metric']} {line['value']:.3f} "
                f"[{line['low']:.3f}, {line['high']:.3f}]"
            )


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
