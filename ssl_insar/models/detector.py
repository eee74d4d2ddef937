"""The detector: does this tile deform? A linear head that has only ever seen simulated sources, no label."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ssl_insar.archive import Archive
from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.models.encoder import Encoder
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.progress import bar

if TYPE_CHECKING:
    from ssl_insar.pretrain.recipe import Recipe

WEIGHTS = "detector.safetensors"
CARD = "detector.json"
FORMAT = 1

Averaging = Literal["none", "exact", "offsets"]
"""Over which pictures of a tile a score is averaged: the tile as it is; also mirrored left-right (which
toggles ascending and descending) and with its dates swapped, 4 pictures; those at 4 reference phases, 16.
Measured on 2,405 real crops, after two epochs of training: no gain in AP or AUROC by either."""

_WHAT = (
    "linear head on the features of the encoder named here: logit of 'a simulated source was put into this "
    "tile', trained without labels of deformation unless said below; it ranks tiles and is no probability"
)
_OFFSETS = 4


@dataclass(frozen=True)
class Training:
    """How a detector was trained.

    Attributes:
        recipe: its name.
        recipe_hash: see `ssl_insar.pretrain.recipe.Recipe.hash`.
        preset: of the simulator, whose sources were injected.
        snr: least and largest GLS ratio of these in 1 rad of atmosphere.
        labels: which labels had a part in it; ``none`` as a rule.
    """

    recipe: str
    recipe_hash: str
    preset: str
    snr: tuple[float, float]
    labels: str


class Detector(nn.Module):
    """An encoder and a linear head on its features, whose logit scores deformation.

    Args:
        encoder: whose features the head was trained on.
        head: D features to one logit.
        training: how.

    Raises:
        ValueError: the head does not fit the encoder.
    """

    def __init__(self, encoder: Encoder, head: nn.Linear, training: Training) -> None:
        super().__init__()
        if (head.in_features, head.out_features) != (encoder.dimension, 1):
            raise ValueError(f"a head of {head} does not fit {encoder.dimension} features and one logit")
        self.encoder = encoder
        self.head = head
        self.training_facts = training
        self.eval()

    @classmethod
    def trained_by(cls, recipe: Recipe, encoder: Encoder, head: nn.Linear) -> Detector:
        """The detector that a pretraining run leaves behind.

        Args:
            recipe: of the run.
            encoder: that the run keeps.
            head: `ssl_insar.pretrain.heads.Heads.presence`.
        """
        quiet = {
            "tiles that got a source": recipe.positives.quiet,
            "donors of atmosphere": recipe.views.donor.quiet if recipe.views.donor.p else "",
        }
        labelled = [what for what, how in quiet.items() if how == "labelled"]
        labels = f"label 0 chose the {' and the '.join(labelled)}" if labelled else "none"
        positives = recipe.positives
        return cls(encoder, head, Training(recipe.name, recipe.hash, positives.preset, positives.snr, labels))

    @property
    def hash(self) -> str:
        """Hash of the head and of the encoder that it belongs to."""
        digest = hashlib.sha256(self.encoder.hash.encode())
        for value in (self.head.weight, self.head.bias):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of prepared input (`ssl_insar.models.InputSpec.prepare`).

        Shape:
            (B, C, S, S) -> (B,) float32
        """
        with autocast(x.device):
            features = self.encoder(x.contiguous(memory_format=torch.channels_last))
        logit: Tensor = self.head(features.float())[:, 0]
        return logit

    @torch.no_grad()
    def logits(self, tiles: Tensor, averaging: Averaging = "none") -> Tensor:
        """Scores of whole tiles.

        Args:
            tiles: phasors, 0 = no data, on the device of the detector.
            averaging: over which pictures of each.

        Shape:
            (B, 2, T, T) -> (B,) float32
        """
        pictures = _pictures(self.encoder.spec.prepare(tiles), averaging)
        return torch.stack([self(picture) for picture in pictures]).mean(0)

    def score(
        self,
        archive: Archive,
        *,
        averaging: Averaging = "none",
        batch_size: int = 256,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """Score every tile of an archive; the higher, the more it looks as if it deforms.

        Args:
            archive: tiles of any size.
            averaging: over which pictures of each.
            batch_size: tiles at a time.
            progress: draw a progress bar.

        Returns:
            (N,) logits in the order of the archive's catalogue.

        Raises:
            UserError: a part of the archive is missing or damaged.
        """
        device = best_device()
        self.eval().to(device)
        self.encoder.to(memory_format=torch.channels_last)
        scores = np.empty(len(archive), np.float32)
        with bar(len(archive), "score", "tile", shown=progress) as progress_bar:
            for start in range(0, len(archive), batch_size):
                index = np.arange(start, min(start + batch_size, len(archive)))
                counts = torch.from_numpy(archive.phases(index)).to(device)
                valid_bits = torch.from_numpy(archive.valid_bits(index)).to(device)
                scores[index] = self.logits(fd.from_counts(counts, valid_bits), averaging).cpu().numpy()
                progress_bar.update(len(index))
        return scores

    def save(self, path: str | Path) -> None:
        """Write ``detector.safetensors`` and ``detector.json`` into a folder, atomically; not the encoder."""
        from safetensors.torch import save_file

        card = {"format": FORMAT, "what": _WHAT, "hash": self.hash, "encoder_hash": self.encoder.hash}
        card |= {"dimension": self.encoder.dimension, "training": dataclasses.asdict(self.training_facts)}
        with replacing_folder(Path(path), CARD) as folder:
            weights = {k: v.detach().cpu().contiguous() for k, v in self.head.state_dict().items()}
            save_file(weights, folder / WEIGHTS)
            (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, encoder: Encoder | None = None) -> Detector:
        """Load a detector from its folder, or from the folder of a finished run.

        Args:
            path: the folder.
            encoder: that it belongs to; None: the one beside it in the run's folder.

        Raises:
            UserError: nothing there, damaged or newer files, or the detector of another encoder.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        given = Path(path).absolute()
        folder = present_folder(given if (given / CARD).exists() else given / "detector")
        if encoder is None:
            encoder = Encoder.load(folder.parent)
        if not (folder / CARD).exists():
            raise UserError(
                f"{path}: no detector here; it comes of a run of ssl-insar pretrain with "
                "--set positives.injected=1 --set heads.presence=1"
            )
        card, training = _read_card(folder / CARD)
        if card["encoder_hash"] != encoder.hash:
            raise UserError(
                f"{path}: the detector of another encoder ({card['encoder_hash']}, not {encoder.hash}); "
                "give the run that it comes from"
            )
        head = nn.Linear(encoder.dimension, 1)
        try:
            head.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            line = " ".join(str(error).split())[:200]
            raise UserError(f"{folder}: damaged detector ({line}); take it from the run again") from error
        detector = cls(encoder, head, training)
        if detector.hash != card["hash"]:
            raise UserError(
                f"{folder}: weights and card do not belong together; take both from the run again"
            )
        return detector


def share_below(scores: ArrayLike, quiet: ArrayLike) -> NDArray[np.float64]:
    """Share of quiet tiles that score lower: 1 minus the rate of false alarms at this threshold.

    Args:
        scores: of any tiles.
        quiet: scores of tiles that are presumed not to deform.

    Shape:
        (n,), (q,) -> (n,); NaN where q is 0
    """
    reference = np.sort(np.asarray(quiet, np.float64))
    if not len(reference):
        return np.full(np.shape(scores), np.nan)
    below: NDArray[np.float64] = np.searchsorted(reference, np.asarray(scores, np.float64)) / len(reference)
    return below


def _pictures(x: Tensor, averaging: Averaging) -> Iterator[Tensor]:
    """Prepared input as it is, mirrored, with swapped dates, and at other reference phases."""
    yield x
    if averaging == "none":
        return
    swapped = x.clone()
    swapped[:, 1].neg_()
    four = (x, x.flip(-1), swapped, swapped.flip(-1))
    yield from four[1:]
    if averaging == "exact":
        return
    for number in range(1, _OFFSETS):
        angle = torch.tensor(2 * math.pi * number / _OFFSETS, device=x.device)
        for picture in four:
            yield torch.cat([fd.rotate(picture[:, :2], angle), picture[:, 2:]], 1)


def _read_card(path: Path) -> tuple[dict[str, Any], Training]:
    """The card, and how the detector was trained.

    Raises:
        UserError: damaged, or of a newer format.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if int(card["format"]) > FORMAT:
            raise UserError(f"{path}: written by a newer ssl_insar; upgrade to read it")
        low, high = card["training"]["snr"]
        training = Training(**card["training"] | {"snr": (float(low), float(high))})
        return {name: str(card[name]) for name in ("hash", "encoder_hash")}, training
    except KeyError as error:
        raise UserError(f"{path}: damaged card (no {error}); take it from the run again") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged card ({error}); take it from the run again") from error
