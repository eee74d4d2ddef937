"""The search at scale: how long it takes to build, how many bytes a vector, and what a query costs and finds.

    python -m evaluation.benchmark_search --tiles 100000 --out benchmark
    python -m evaluation.benchmark_search --tiles 1000000 --engine ours --engine faiss --out benchmark

Vectors are made (`evaluation.made_embeddings`); queries are further tiles of the same places. Truth is the
comparison with every vector. Each engine is told to look harder until it finds 98 % of the true ten nearest,
and timed as it is then; where its hardest does not, with that. Times are of the threads that OMP_NUM_THREADS
allows. Each row is added to ``OUT/benchmark_search.csv``; the page beside it is of the newest row of each
engine, and works out on paper what a hundred million take.

hnswlib, usearch and LanceDB are compared with where they are installed: pip install hnswlib usearch lancedb.
"""

from __future__ import annotations

import math
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.made_embeddings import collection, queries
from evaluation.running import run
from evaluation.search_engines import ENGINES, Engine, Ours
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.search import exact
from ssl_insar.search.choice import choose, lists_for, text_of

K, GOAL = 10, 0.98
TABLE, PAGE = "benchmark_search.csv", "benchmark_search.md"
PAPER = 100_000_000
_SINGLE = 200
_REPEATS = 3


def measure(engine: Engine, matrix: NDArray[np.float16], asked: NDArray[np.float32], true: NDArray[np.int64],
            goal: float = GOAL) -> dict[str, Any]:  # fmt: skip
    """Build an engine and time its searches.

    Args:
        engine: in a new folder.
        matrix: (N, D) collection.
        asked: (q, D) queries.
        true: (q, K) rows of their nearest.
        goal: recall to reach.

    Returns:
        columns of a row of the table; times in s, and in ms a query.
    """
    began = time.perf_counter()
    what = engine.build(matrix)
    built = time.perf_counter() - began
    recall, effort = 0.0, 0
    for effort in engine.efforts:
        recall = recall_of(engine.search(asked, K, effort), true)
        if recall >= goal:
            break
    all_at_once = partial(engine.search, asked, K, effort)
    batched = min(_timed(all_at_once) for _ in range(_REPEATS)) / len(asked)
    alone = [_timed(partial(engine.search, query[None], K, effort)) for query in asked[:_SINGLE]]
    return {
        "engine": engine.name,
        "tiles": len(matrix),
        "dimension": matrix.shape[1],
        "what": what,
        "effort": effort,
        "build_s": built,
        "bytes_a_vector": engine.size() / len(matrix),
        "recall_at_10": recall,
        "single_ms": 1e3 * statistics.median(alone),
        "batched_ms": 1e3 * batched,
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **(overhead(engine, asked) if isinstance(engine, Ours) else {}),
    }


def overhead(engine: Ours, asked: NDArray[np.float32]) -> dict[str, float]:
    """What our search takes beyond FAISS's own part of it, timed in turns.

    Returns:
        of a single query in ms (median of the differences), and of all at once as a share.
    """
    apart = [
        _timed(partial(engine.search, one[None], K, 0)) - _timed(partial(engine.bare, one[None], K))
        for one in asked[:_SINGLE]
    ]
    whole, part = np.array(
        [
            [_timed(partial(engine.search, asked, K, 0)), _timed(partial(engine.bare, asked, K))]
            for _ in range(_REPEATS)
        ]
    ).min(axis=0)
    return {"single_overhead_ms": 1e3 * statistics.median(apart), "batched_overhead": whole / part - 1}


def recall_of(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """Share of the true nearest that were found.

    Shape:
        (q, k), (q, k) -> a number
    """
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, true, strict=True)]))


def page(table: pd.DataFrame) -> str:
    """The newest row of each engine and number of tiles, and what `PAPER` vectors would take."""
    table = table.reindex(columns=list(dict.fromkeys([*table, "single_overhead_ms", "batched_overhead"])))
    newest = table.drop_duplicates(["engine", "tiles", "dimension"], keep="last")
    parts = ["# Search at scale\n"]
    for (tiles, dimension), rows in newest.groupby(["tiles", "dimension"]):
        parts.append(f"## {tiles:,} vectors of {dimension}\n")
        parts.append(
            "| engine | what | build, s | bytes a vector | recall@10 | one query, ms | batched, ms |"
        )
        parts.append("| --- | --- | --- | --- | --- | --- | --- |")
        parts += [
            f"| {r.engine} | {r.what} | {r.build_s:.1f} | {r.bytes_a_vector:.0f} | {r.recall_at_10:.3f} "
            f"| {r.single_ms:.2f} | {r.batched_ms:.3f} |"
            for r in rows.itertuples()
        ]
        parts.append("")
        parts += [
            f"{r.engine}: {r.single_overhead_ms:.2f} ms a single query and {r.batched_overhead:.1%} of a "
            "batch beyond the time of FAISS's part.\n"
            for r in rows.dropna(subset=["single_overhead_ms"]).itertuples()
        ]
        ours = rows[rows["engine"].str.startswith("ours") & rows["what"].str.startswith("IVF")]
        if len(ours):
            parts.append(on_paper(ours.iloc[-1]) + "\n")
    return "\n".join(parts)


def on_paper(row: pd.Series[Any]) -> str:
    """What a hundred million vectors take, worked out from a measured row.

    Bytes a vector are as measured. A query visits as many lists as it did; with 4 sqrt(N) lists a list grows
    as sqrt(N), and so does the time. Building compares each vector with all lists, N times 4 sqrt(N), which
    is an upper bound: from 30,000 lists on they are found through a graph.
    """
    dimension, count = int(row["dimension"]), int(row["tiles"])
    choice = choose(PAPER, dimension, memory=2**62)
    codes, total = choice.bytes_per_vector * PAPER, row["bytes_a_vector"] * PAPER
    longer = math.sqrt(PAPER / count)
    lists = lists_for(PAPER) / lists_for(count)
    hours = row["build_s"] * PAPER / count * lists / 3600
    small = choose(PAPER, dimension, memory=64 * 10**9)
    disk = ", lists on disk" if small.on_disk else ""
    return (
        f"On paper, {PAPER:,} vectors of {dimension}: {choice.factory}, {text_of(codes)} of memory for the "
        f"codes, {text_of(total)} on disk with the float16 vectors; {row['batched_ms'] * longer:.1f} ms a "
        f"query batched, {row['single_ms'] * longer:.0f} ms alone, up to {hours:,.0f} h to build on as many "
        f"cores as here. In 64 GB of memory: {small.factory}{disk}, "
        f"{text_of(small.bytes_per_vector * PAPER)}."
    )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_search --tiles 100000 --out benchmark")
@click.option("--tiles", default=100_000, show_default=True, type=click.IntRange(1000), help="Vectors.")
@click.option("--dimension", default=512, show_default=True, type=click.IntRange(16))
@click.option("--queries", "asked", default=500, show_default=True, type=click.IntRange(1))
@click.option(
    "--engine",
    "names",
    multiple=True,
    type=click.Choice(list(ENGINES)),
    help="Default: all that are installed.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for table, page and vectors."
)
def command(tiles: int, dimension: int, asked: int, names: tuple[str, ...], seed: int, out: Path) -> None:
    """Time the search among made vectors, beside FAISS called bare and other engines."""
    absent = [name for name in names if not ENGINES[name].installed()]
    if absent:
        raise UserError(f"--engine {absent[0]}: not installed; pip install {ENGINES[absent[0]].module}")
    chosen = [ENGINES[name] for name in names] or [
        engine for engine in ENGINES.values() if engine.installed()
    ]
    matrix = collection(out / "vectors" / f"{tiles}x{dimension}-{seed}.npy", tiles, dimension, seed)
    vectors = queries(asked, tiles, dimension, seed)
    true = exact.nearest(matrix, vectors, K)
    for kind in chosen:
        folder = out / "scratch"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            row = measure(kind(folder / "index"), matrix, vectors, true)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        click.echo(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
        _append(pd.DataFrame([row]), out)
    click.echo(f"wrote {out / PAGE}")


def _append(row: pd.DataFrame, out: Path) -> None:
    path = out / TABLE
    table = pd.concat([pd.read_csv(path), row], ignore_index=True) if path.exists() else row
    with replacing(path) as scratch:
        table.to_csv(scratch, index=False)
    with replacing(out / PAGE) as scratch:
        scratch.write_text(page(table), encoding="utf-8")


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
