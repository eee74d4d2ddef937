"""What is compared: encoders in one or more seeds, baselines that were made beforehand, and the nulls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.baselines import pca
from evaluation.feature_cache import FeatureCache
from evaluation.leaks import refuse_labelled, refuse_labels
from ssl_insar.archive import Archive
from ssl_insar.classify.compare import GLOBAL
from ssl_insar.classify.held_out import LeakError
from ssl_insar.classify.nulls import GLOBAL_STATISTICS, global_statistics
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder
from ssl_insar.models.embeddings import unit_rows

RANDOM, IMAGENET, PCA = "random weights", "ImageNet weights", "PCA of the phasor"
COHERENCE = "coherence only"
_COHERENCE = ("valid_fraction", "coherence_mean", "coherence_std", "coherence_high_share")
_PCA_SIZE, _PCA_COMPONENTS = 32, 64
_CHUNK = 256


@dataclass(frozen=True)
class Method:
    """One row of every comparison.

    Attributes:
        name: as it stands in the tables.
        features: one matrix a run (seed), (N, D) over the archive each; empty for ready scores.
        ready: one a run, (N,) scores out of fold by something that has seen labels, NaN where it scored
            nothing; empty for features.
        hashes: one a run: of encoder and input.
        recipe: hash of the recipe, "" where there is none.
        trained_on: digest of the archive that it was pretrained on, "" where not known.
    """

    name: str
    features: tuple[NDArray[np.float32], ...] = ()
    ready: tuple[NDArray[np.float64], ...] = ()
    hashes: tuple[str, ...] = ()
    recipe: str = ""
    trained_on: str = ""

    @property
    def runs(self) -> int:
        """Number of seeds."""
        return len(self.features) or len(self.ready)

    def facts(self) -> dict[str, Any]:
        """What a line of results says of the method."""
        return {
            "encoder_hash": " ".join(self.hashes),
            "recipe_hash": self.recipe,
            "pretrained_on": self.trained_on,
        }


@dataclass(frozen=True)
class _Run:
    """One seed of one method; exactly one of the first two is there."""

    features: NDArray[np.float32] | None
    ready: NDArray[np.float64] | None
    hash: str
    about: dict[str, Any]
    encoder: Encoder | None = None


def named(given: Sequence[str], default: str) -> dict[str, list[Path]]:
    """``NAME=A,B`` (repeatable) or plain ``A`` as name -> folders, in the order given.

    Args:
        given: as on the command line.
        default: name of a plain one.

    Raises:
        UserError: a name or folder is missing, or a folder is given twice.
    """
    found: dict[str, list[Path]] = {}
    for word in given:
        name, equals, places = word.partition("=")
        name, places = (name.strip(), places) if equals else (default, word)
        if not name or not places.strip(","):
            raise UserError(f"'{word}': write NAME=FOLDER, or NAME=FOLDER,FOLDER for several seeds")
        found.setdefault(name, []).extend(Path(place) for place in places.split(",") if place)
    for name, folders in found.items():
        if len(set(folders)) < len(folders):
            raise UserError(f"{name}: a folder is given twice; the seeds of a method are different runs")
    return found


def build_methods(
    archive: Archive,
    encoders: dict[str, list[Path]],
    baselines: dict[str, list[Path]],
    cache: FeatureCache,
    imagenet: Path | None = None,
    seed: int = 0,
    fitted_on: Archive | None = None,
) -> list[Method]:
    """Methods in the order of the tables: as given, then ImageNet and random weights, PCA and the nulls.

    Random and ImageNet weights have the architecture of the first encoder, random ones as many seeds
    as the method that has most.

    Args:
        archive: tiles to make features of.
        encoders: name -> run, encoder or embedding folders, one a seed.
        baselines: the same, and tables of scores out of fold.
        cache: where features are kept.
        imagenet: file of ImageNet weights; None: no such row.
        seed: of the random weights.
        fitted_on: archive whose tiles the PCA is of; None: ``archive``.

    Raises:
        UserError: nothing to compare, a folder that is none of these, or embeddings of another archive.
        LeakError: an encoder that was pretrained with labels, or embeddings of one.
    """
    if not encoders and not baselines:
        raise UserError("nothing to evaluate; give --encoder RUN or --embeddings EMB")
    runs = {
        name: [_run(archive, place, cache) for place in places]
        for name, places in _merged(encoders, baselines).items()
    }
    methods = [_method(name, each) for name, each in runs.items()]
    first = next((run.encoder for each in runs.values() for run in each if run.encoder), None)
    if first:
        if imagenet:
            copy = Encoder(first.card.backbone, first.spec, weights=imagenet)
            methods.append(_method(IMAGENET, [_of_encoder(archive, copy, cache)]))
        seeds = range(seed, seed + max(len(each) for each in runs.values()))
        untrained = [_of_encoder(archive, first.random_like(number), cache) for number in seeds]
        methods.append(_method(RANDOM, untrained))
    elif imagenet:
        raise UserError("--imagenet needs an --encoder, whose architecture the weights are put into")
    statistics = cache.features(archive, _digest(GLOBAL, *GLOBAL_STATISTICS), lambda: statistics_of(archive))
    columns = [GLOBAL_STATISTICS.index(name) for name in _COHERENCE]
    return [
        *methods,
        Method(PCA, (_components(archive, fitted_on or archive, cache),)),
        Method(GLOBAL, (statistics,)),
        Method(COHERENCE, (statistics[:, columns],)),
    ]


def statistics_of(archive: Archive) -> NDArray[np.float32]:
    """Global statistics of every tile of an archive, a chunk at a time.

    Shape:
        archive of n tiles -> (n, 11)
    """
    out = np.empty((len(archive), len(GLOBAL_STATISTICS)), np.float32)
    for start in range(0, len(archive), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, len(archive)))
        out[index] = global_statistics(archive.phasors(index))
    return out


def _merged(encoders: dict[str, list[Path]], baselines: dict[str, list[Path]]) -> dict[str, list[Path]]:
    both = sorted(set(encoders) & set(baselines))
    if both:
        raise UserError(f"{both[0]}: is given as --encoder and as --baseline; one name is one method")
    return {**encoders, **baselines}


def _method(name: str, runs: list[_Run]) -> Method:
    kinds = {run.ready is None for run in runs}
    if len(kinds) > 1 or len({run.hash for run in runs}) < len(runs):
        raise UserError(f"{name}: its runs are the same, or of different kinds; one name is one method")
    about = runs[0].about
    return Method(
        name,
        tuple(run.features for run in runs if run.features is not None),
        tuple(run.ready for run in runs if run.ready is not None),
        tuple(run.hash for run in runs),
        str(about.get("recipe_hash", "")),
        str(about.get("archive_digest", "")),
    )


def _run(archive: Archive, place: Path, cache: FeatureCache) -> _Run:
    """An encoder, embeddings or a table of scores, whichever lies there."""
    if place.suffix.casefold() == ".csv":
        scores = _ready_scores(archive, place)
        return _Run(None, scores, _digest("scores", str(scores.tobytes())), {})
    if (place / "embeddings.npy").exists():
        return _of_embeddings(archive, place)
    encoder = Encoder.load(place)
    refuse_labelled(encoder.card, place)
    return _of_encoder(archive, encoder, cache)


def _of_encoder(archive: Archive, encoder: Encoder, cache: FeatureCache) -> _Run:
    def compute() -> NDArray[np.float32]:
        return encoder.embed(archive).normalised()

    features = cache.features(archive, encoder.hash, compute)
    return _Run(features, None, encoder.hash, encoder.card.about, encoder)


def _of_embeddings(archive: Archive, place: Path) -> _Run:
    held = Embeddings.open(place)
    if held.provenance.archive_digest != archive.digest:
        raise UserError(f"{place}: embeddings of another archive than {archive.path}; embed that one")
    refuse_labels(held.labels, place)
    return _Run(unit_rows(held.matrix), None, held.provenance.encoder_hash, {})


def _ready_scores(archive: Archive, path: Path) -> NDArray[np.float64]:
    """Scores out of fold of an archive's tiles, as `evaluation.baselines.supervised` writes them.

    Raises:
        UserError: no such table, or not of this archive.
        LeakError: a volcano was scored in two folds, so that networks of one had seen it in the other.
    """
    try:
        table = pd.read_csv(path, dtype={"id": str, "volcano": str}).set_index("id")
        known = table[["score", "fold", "volcano"]]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not scores out of fold (id, volcano, fold, score): {error}") from error
    torn = known.groupby("volcano")["fold"].nunique()
    if (torn > 1).any():
        raise LeakError(f"leak: volcano {torn[torn > 1].index[0]} is in several folds of {path}")
    if not known.index.isin(archive.catalogue["id"]).all():
        raise UserError(f"{path}: scores of another archive than {archive.path}; score that one")
    scores: NDArray[np.float64] = known["score"].reindex(archive.catalogue["id"]).to_numpy(np.float64)
    return scores


def _components(archive: Archive, fitted_on: Archive, cache: FeatureCache) -> NDArray[np.float32]:
    """Principal components; fewer where the archive is small."""

    def compute() -> NDArray[np.floating[Any]]:
        model = pca.fit(fitted_on, _PCA_SIZE, min(_PCA_COMPONENTS, len(fitted_on) // 2))
        index = np.arange(len(archive))
        parts = [
            model.transform(pca.pixels(archive, index[start : start + _CHUNK], _PCA_SIZE))
            for start in range(0, len(index), _CHUNK)
        ]
        return np.concatenate(parts)

    return cache.features(archive, _digest(PCA, fitted_on.digest, _PCA_SIZE, _PCA_COMPONENTS), compute)


def _digest(*what: object) -> str:
    return hashlib.sha256("\n".join(map(str, what)).encode()).hexdigest()[:16]
