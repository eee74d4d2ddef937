"""The flow of the demo: ingest, pretrain, embed, index, classify, search, map, report.

Every step is the one that the command of its name runs, and every step leaves its files, so that
the demo's folder is also a worked example. Run again, it goes on where it was.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ssl_insar.archive import Archive, ingest
from ssl_insar.archive.catalogue import LABEL_PREFIX, label_names
from ssl_insar.atomic import check_replaceable, write_json
from ssl_insar.demo.budget import epochs_for, epochs_of_run
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder
from ssl_insar.models.encoder import is_finished
from ssl_insar.pretrain.monitor import pick_label
from ssl_insar.pretrain.recipe import load
from ssl_insar.pretrain.run import pretrain
from ssl_insar.search import Gallery, Index, as_table, find, make_gallery, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssl_insar.classify.compare import Row
    from ssl_insar.classify.linear_probe import LinearProbe

SHOTS = 10
QUERIES = 3
NEIGHBOURS = 8
OURS, RANDOM = "this encoder", "same network, random weights"


@dataclass
class Outcome:
    """All that the report tells.

    Attributes:
        out: the demo's folder.
        simulated: whether the archive was simulated.
        archive: the tiles.
        target: label that is classified, or None without labels.
        embeddings: of the trained encoder.
        galleries: queries and their neighbours.
        rows: the comparison with baselines; empty without labels.
        why_no_scores: said in the report where there is no comparison.
        points: which tiles are on the map, and where.
        seconds: how long each step took.
        skipped: files that could not be read.
    """

    out: Path
    simulated: bool
    archive: Archive
    target: str | None = None
    embeddings: Embeddings | None = None
    galleries: list[Gallery] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    why_no_scores: str = ""
    points: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and time it."""
        tqdm.write(f"\n== {name}")
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


def run_demo(
    out: str | Path,
    *,
    data: str | Path | None = None,
    labels: str | Path | None = None,
    minutes: float = 3.0,
    count: int = 1200,
    tile: int = 224,
    seed: int = 0,
    recipe: str | Path = "demo",
    overrides: tuple[str, ...] = (),
) -> Path:
    """Run the whole flow and write ``report.html``.

    Args:
        out: folder for everything.
        data: folder of interferograms; None: simulated ones, by the preset ``demo``.
        labels: CSV for ``data``; None: ``labels.csv`` in that folder or beside it, if there.
        minutes: for pretraining.
        count: interferograms to simulate.
        tile: side of a tile, px.
        seed: of simulation, training and evaluation.
        recipe: of the pretraining; its number of epochs is set by ``minutes``.
        overrides: ``section.key=value`` for the recipe.

    Returns:
        path of the report.

    Raises:
        UserError: see the steps.
    """
    from ssl_insar.demo.report import write_report

    out = Path(out)
    asked = {
        "data": str(Path(data).resolve()) if data else None,
        "labels": str(Path(labels).resolve()) if labels else None,
        "minutes": minutes,
        "count": None if data else count,
        "tile": tile,
        "seed": seed,
        "recipe": str(recipe),
        "overrides": list(overrides),
    }
    _claim(out, asked)
    started = time.monotonic()
    source, labels = _data(out, data, labels, count, tile, seed)
    tqdm.write("\n== ingest")
    began = time.monotonic()
    report = ingest(source, out / "archive", tile=tile, labels=labels)
    outcome = Outcome(out, data is None, report.archive, skipped=len(report.skipped))
    outcome.seconds["ingest"] = time.monotonic() - began
    tqdm.write(f"{len(report.archive):,} tiles; {len(report.skipped):,} files skipped")
    outcome.target = pick_label(report.archive.catalogue, None)

    with outcome.step("pretrain"):
        encoder = _pretrain(outcome, recipe, overrides, minutes, seed)
    with outcome.step("embed"):
        outcome.embeddings = encoder.embed(outcome.archive, out=out / "embeddings")
    with outcome.step("index and search"):
        index = Index.build(outcome.embeddings, out / "index")
        outcome.galleries = _search(outcome, index, seed)
    with outcome.step("classify and compare"):
        _classify(outcome, encoder, seed)
    with outcome.step("map"):
        outcome.points = _map(outcome, seed)
    outcome.seconds["everything"] = time.monotonic() - started
    path = write_report(outcome, encoder)
    tqdm.write(f"\nreport: {path}")
    return path


def _claim(out: Path, asked: dict[str, Any]) -> None:
    """Make the folder this demo's own; a folder of another demo is refused, not mixed with.

    Raises:
        UserError: the folder holds a demo of something else, or no demo.
    """
    path = out / "demo.json"
    check_replaceable(out, path.name)
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        other = next((key for key in asked if held.get(key) != asked[key]), None)
        if other is not None:
            raise UserError(
                f"{out}: holds a demo with {other} {held.get(other)}, not {asked[other]}; "
                "give --out a new folder, or the same options to go on"
            )
    write_json(path, asked)


def _data(
    out: Path, data: str | Path | None, labels: str | Path | None, count: int, tile: int, seed: int
) -> tuple[Path, Path | None]:
    """The folder to ingest and its labels; simulated if none was given."""
    if data is not None:
        folder = Path(data)
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; --data needs a folder of interferograms")
        found = labels or next(
            (p for p in (folder / "labels.csv", folder.resolve().parent / "labels.csv") if p.is_file()), None
        )
        tqdm.write(f"labels: {found}" if found else "no labels.csv in or beside the folder: no scores")
        return folder, Path(found) if found else None
    from ssl_insar.synth.chunks import Scenes
    from ssl_insar.synth.files import LABELS, simulate_files

    tqdm.write("== simulate")
    folder = simulate_files(Scenes("demo", size=tile, seed=seed), out / "data", count=count)
    return folder, folder / LABELS


def _pretrain(
    outcome: Outcome, recipe_name: str | Path, overrides: tuple[str, ...], minutes: float, seed: int
) -> Encoder:
    """Pretrain for about the minutes given, or go on with what an earlier call began."""
    folder = outcome.out / "run"
    recipe = load(recipe_name, (f"seed={seed}", *overrides))
    size = min(recipe.data.batch_size, max(2, len(outcome.archive) // 4))
    epochs = epochs_of_run(folder) or epochs_for(recipe, outcome.archive, minutes)
    recipe = load(
        recipe_name, (f"seed={seed}", *overrides, f"data.batch_size={size}", f"optim.epochs={epochs}")
    )
    if (folder / "encoder" / "encoder.json").exists() and is_finished(folder):
        encoder = Encoder.load(folder)
        made_of = (encoder.card.about.get("recipe_hash"), encoder.card.about.get("archive_digest"))
        if made_of == (recipe.hash, outcome.archive.digest):
            tqdm.write(f"{folder}: already trained")
            return encoder
    tqdm.write(f"{epochs} epochs fit into {minutes:g} minutes")
    return pretrain(recipe, outcome.archive, folder)


def _search(outcome: Outcome, index: Index, seed: int) -> list[Gallery]:
    """Galleries of a few queries: deforming tiles of different volcanoes, or coherent ones."""
    galleries = []
    for position in _queries(outcome, seed):
        tile_id = str(outcome.archive.catalogue["id"].iloc[position])
        query = resolve(index, tile_id)
        table = as_table(index, query, find(index, query, NEIGHBOURS))
        if len(table):
            galleries.append(make_gallery(index, query, table, outcome.archive))
    return galleries


def _queries(outcome: Outcome, seed: int) -> list[int]:
    """Tiles to search for, drawn at random before anything is known of their neighbours."""
    table = outcome.archive.catalogue
    good = table["coherence"] >= table["coherence"].median()
    if outcome.target is not None:
        positive = (table[LABEL_PREFIX + outcome.target].astype("Float64") > 0).fillna(False)
        good = positive if positive.any() else good
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(good.to_numpy(bool)))
    chosen: list[int] = []
    places: set[Any] = set()
    for position in drawn.tolist():
        place = table["volcano"].iloc[position] or table["source"].iloc[position]
        if place not in places:
            places.add(place)
            chosen.append(position)
        if len(chosen) == QUERIES:
            break
    return chosen


def _classify(outcome: Outcome, encoder: Encoder, seed: int) -> None:
    """Compare with the baselines by volcano, and keep a probe for the user to try."""
    from ssl_insar.archive.groups import NotEvaluableError
    from ssl_insar.archive.labels import labels_in
    from ssl_insar.classify.compare import GLOBAL, compare

    assert outcome.embeddings is not None
    if outcome.target is None:
        names = ", ".join(label_names(outcome.archive.catalogue)) or "none"
        outcome.why_no_scores = f"There is no 0/1 label to score against (label columns: {names})."
        return
    y = labels_in(outcome.archive.catalogue, outcome.target)
    random = encoder.random_like(seed).embed(outcome.archive)
    features = {
        OURS: outcome.embeddings.normalised(),
        RANDOM: random.normalised(),
        GLOBAL: _statistics(outcome.archive),
    }
    try:
        outcome.rows = compare(features, outcome.archive.catalogue, y, seed=seed, shots=(5, SHOTS))
    except NotEvaluableError as error:
        outcome.why_no_scores = f"No scores: {error}."
        return
    _few_label_probe(outcome, y, seed).save(outcome.out / "classifier")


def _statistics(archive: Archive) -> NDArray[np.float32]:
    """Global statistics of every tile, a few hundred at a time."""
    from ssl_insar.classify.nulls import global_statistics

    pieces = np.array_split(np.arange(len(archive)), -(-len(archive) // 256))
    return np.concatenate([global_statistics(archive.phasors(piece)) for piece in pieces])


def _few_label_probe(outcome: Outcome, y: Any, seed: int) -> LinearProbe:
    """A probe from ten labels a class, spread over volcanoes, fitted on this archive's embeddings."""
    from ssl_insar.archive.groups import groups_of
    from ssl_insar.archive.labels import known
    from ssl_insar.classify.few_shot import draws_of
    from ssl_insar.classify.linear_probe import FALLBACK_C, LinearProbe

    assert outcome.embeddings is not None
    mask, labels = known(y)
    groups = groups_of(outcome.archive.catalogue)[mask]
    draw = draws_of(labels, groups, SHOTS, draws=1, seed=seed)[0]
    rows = draw.shots(SHOTS)
    chosen = np.flatnonzero(mask) if rows is None else np.flatnonzero(mask)[rows]
    table = outcome.archive.catalogue.iloc[chosen].reset_index(drop=True)
    few = Embeddings(np.asarray(outcome.embeddings.matrix)[chosen], table, outcome.embeddings.provenance)
    probe = LinearProbe(c=FALLBACK_C)
    return probe.fit(few, known(y.iloc[chosen])[1], population=outcome.embeddings)


def _map(outcome: Outcome, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
    """The UMAP layout; none for a handful of tiles."""
    from ssl_insar.maps.umap_map import layout

    assert outcome.embeddings is not None
    if len(outcome.embeddings) < 10:
        return None
    return layout(np.asarray(outcome.embeddings.matrix), seed)
