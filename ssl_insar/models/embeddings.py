"""The embedding of an archive: a float16 matrix, the tiles it belongs to, and where it came from."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import read_table, write_catalogue
from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.errors import UserError

FORMAT = 1


@dataclass(frozen=True)
class Provenance:
    """Which encoder saw which archive.

    Attributes:
        encoder: path of the encoder folder.
        encoder_hash: hash of its weights and input specification.
        archive: path of the archive.
        archive_digest: digest of the archive's tiles.
    """

    encoder: str
    encoder_hash: str
    archive: str
    archive_digest: str


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of the tiles of an archive.

    Attributes:
        matrix: (N, D) float16, as the encoder gave them (not normalised).
        catalogue: N rows, the archive's catalogue in the order of the matrix.
        provenance: encoder and archive.
        labels: what the encoder's card tells, under ``labels``, of labels that it was trained with; "" for
            none, and where it is not known.
    """

    matrix: NDArray[np.float16]
    catalogue: pd.DataFrame
    provenance: Provenance
    labels: str = ""

    def __post_init__(self) -> None:
        if len(self.matrix) != len(self.catalogue):
            raise ValueError(f"{len(self.matrix)} embeddings for {len(self.catalogue)} catalogue rows")

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def ids(self) -> list[str]:
        """Tile ids in the order of the matrix."""
        return list(self.catalogue["id"])

    def normalised(self) -> NDArray[np.float32]:
        """(N, D) float32 with rows of unit length, so that a dot product is the cosine."""
        return unit_rows(self.matrix)

    def save(self, path: str | Path) -> None:
        """Write ``embeddings.npy``, ``catalogue.parquet`` and ``manifest.json`` into a folder."""
        with replacing_folder(Path(path), "embeddings.npy") as folder:
            np.save(folder / "embeddings.npy", self.matrix)
            write_catalogue(self.catalogue, folder / "catalogue.parquet")
            manifest = {"format": FORMAT, "count": len(self), "dimension": int(self.matrix.shape[1])}
            manifest |= dataclasses.asdict(self.provenance) | {"labels": self.labels}
            (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, path: str | Path) -> Embeddings:
        """Open a folder written by `save`; the matrix is memory-mapped.

        Raises:
            UserError: no such folder, not embeddings, a part missing or damaged, or a newer format.
        """
        folder = present_folder(Path(path))
        manifest = read_manifest(folder, "embeddings", "ssl-insar embed RUN ARCHIVE --out")
        if manifest["format"] > FORMAT:
            raise UserError(f"{folder}: written by a newer ssl_insar; upgrade to read it")
        try:
            matrix = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
            catalogue = read_table(folder / "catalogue.parquet")
            provenance = Provenance(**{f.name: manifest[f.name] for f in dataclasses.fields(Provenance)})
            # Manifests of earlier releases do not tell of labels.
            return cls(matrix, catalogue, provenance, str(manifest.get("labels") or ""))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder}: damaged embeddings ({error}); run ssl-insar embed again") from error


def unit_rows(matrix: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Rows scaled to unit length, float32; a zero row stays zero.

    Shape:
        (N, D) -> (N, D)
    """
    values = np.asarray(matrix, np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
    return unit


def read_manifest(folder: Path, kind: str, how: str) -> dict[str, Any]:
    """The ``manifest.json`` of an artefact folder.

    Args:
        folder: where it should be.
        kind: what it should be, for the message.
        how: the command that makes one, for the message.

    Raises:
        UserError: the folder or its manifest is missing or damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; make {kind} with: {how} {folder}")
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        manifest["format"] = int(manifest["format"])
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no {kind} here (no manifest.json); make some with: {how} {folder}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: damaged manifest.json ({error}); make {kind} again with: {how} {folder}"
        ) from error
    return dict(manifest)
