"""Made embeddings and catalogues, and a tiny real archive with an encoder of random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ssl_insar.archive import Archive, ingest
from ssl_insar.archive.catalogue import to_table
from ssl_insar.models import Embeddings, Encoder
from ssl_insar.models.embeddings import Provenance
from ssl_insar.models.encoder import InputSpec
from ssl_insar.search import Index

TILE = 32
FRAMES = ("014A_07688_131313", "079D_07694_131313", "128D_09014_090400")


def row(number: int, **facts: Any) -> dict[str, Any]:
    """A catalogue row: by default a place, a pair and a file of its own."""
    name = f"tile{number:05d}"
    first = date(2016, 1, 1) + timedelta(days=12 * number)
    return {
        "id": name,
        "source": f"/data/{name}/phase.png",
        "file": "phase.png",
        "fingerprint": f"hash {number}",
        "family": "made",
        "row": 0,
        "col": 0,
        "height": 224,
        "width": 224,
        "reference_date": first,
        "secondary_date": first + timedelta(days=12),
        "track": None,
        "frame": None,
        "volcano": None,
        "region": None,
        "wavelength": 0.0555,
        "wrapped": True,
        "valid_fraction": 1.0,
        "coherence": 0.7,
        "part": 0,
        "slot": number,
        "geometry": None,
    } | facts


@pytest.fixture(scope="session")
def catalogue() -> Callable[..., pd.DataFrame]:
    """Make a catalogue from the facts in which rows differ from `row`."""

    def make(*facts: dict[str, Any]) -> pd.DataFrame:
        table: pd.DataFrame = to_table([row(number, **differs) for number, differs in enumerate(facts)])
        return table

    return make


@pytest.fixture(scope="session")
def made() -> Callable[..., Embeddings]:
    """Make embeddings: vectors in clusters, of any length, as encoders give them."""

    def make(count: int, dimension: int = 24, clusters: int = 20, seed: int = 0) -> Embeddings:
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(clusters, dimension))
        matrix = centres[rng.integers(clusters, size=count)] + 0.3 * rng.normal(size=(count, dimension))
        matrix *= rng.uniform(0.5, 20, size=(count, 1))
        table = to_table([row(number) for number in range(count)])
        return Embeddings(matrix.astype(np.float16), table, Provenance("", "a hash", "", "a digest"))

    return make


@dataclass(frozen=True)
class World:
    """A folder of interferograms and what a user makes of it."""

    folder: Path
    sources: list[Path]
    archive: Archive
    encoder: Path
    embeddings: Path
    index: Path


def fringes(seed: int, height: int, width: int) -> np.ndarray[Any, Any]:
    """A smooth wrapped phase as a complex field, different for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / TILE
    phase = sum(
        a * np.sin(p * x + q * y + s) for a, p, q, s in rng.uniform((0, -4, -4, 0), (3, 4, 4, 6), (5, 4))
    )
    z: np.ndarray[Any, Any] = np.exp(1j * (phase + 0.1 * rng.normal(size=x.shape)))
    return z.astype(np.complex64)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three frames at three volcanoes, four pairs each, two tiles by two; indexed."""
    folder = tmp_path_factory.mktemp("world")
    sources = []
    for place, frame in enumerate(FRAMES):
        for pair in range(4):
            days = f"2018{pair + 1:02d}01_2018{pair + 1:02d}13"
            path = folder / "files" / f"land_hill{place}_{frame}_hill{place}_{days}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, fringes(10 * place + pair, 2 * TILE, 2 * TILE))
            sources.append(path)
    labels = pd.DataFrame({"file": [s.name for s in sources], "deformation": [i % 2 for i in range(12)]})
    labels.to_csv(folder / "labels.csv", index=False)
    report = ingest(
        folder / "files", folder / "archive", tile=TILE, labels=folder / "labels.csv", progress=False
    )
    encoder = random_encoder(0)
    encoder.save(folder / "encoder")
    Encoder.load(folder / "encoder").embed(report.archive, out=folder / "embeddings", progress=False)
    Index.build(Embeddings.open(folder / "embeddings"), folder / "index")
    return World(folder, sources, report.archive, folder / "encoder", folder / "embeddings", folder / "index")


def random_encoder(seed: int) -> Encoder:
    """A small backbone whose random weights give every tile features."""
    import torch

    torch.manual_seed(seed)
    encoder = Encoder("resnet18", InputSpec(size=TILE))
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # timm starts the residual branches at zero
            torch.nn.init.ones_(module.weight)
            torch.nn.init.normal_(module.bias, std=0.2)
    return encoder.eval()


@pytest.fixture(scope="session")
def other_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder that did not make the index."""
    path = tmp_path_factory.mktemp("other") / "encoder"
    random_encoder(1).save(path)
    return path
