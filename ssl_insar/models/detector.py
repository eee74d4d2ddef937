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
from ssl_insar.models.backbones import features_and_maps
from ssl_insar.models.coarse_map import fine_map, largest
from ssl_insar.models.encoder import Encoder
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.progress import bar

if TYPE_CHECKING:
    from ssl_insar.pretrain.recipe import Recipe

WEIGHTS = "detector.safetensors"
CARD = "detector.json"
FORMAT = 2
"""1 had no coarse map."""
NO_LABELS = "none"
"""What `label_use` says of a run in which no label had a part."""

Averaging = Literal["none", "exact", "offsets"]
"""Over which pictures of a tile a score is averaged: the tile as it is; also mirrored left-right (which
toggles ascending and descending) and with its dates swapped, 4 pictures; those at 4 reference phases, 16.
Measured on 2,405 real crops, after two epochs of training: no gain in AP or AUROC by either."""

_WHAT = (
    "linear head on the features of the encoder named here: logit of 'a simulated source was put into this "
    "tile', trained without labels of deformation unless said below; it ranks tiles and is no probability"
)
_OFFSETS = 4
_WHERE = "where."
"""What the names of the weights of the coarse map begin with."""


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


@dataclass(frozen=True)
class Scored:
    """What a detector says of N tiles.

    Attributes:
        logits: (N,); the higher, the more a tile looks as if it deforms.
        place: (N, 2) row and column, px of the tile, where the coarse map is largest; None without a map.
        peak: (N,) its logit there; None without a map.
    """

    logits: NDArray[np.float32]
    place: NDArray[np.int64] | None = None
    peak: NDArray[np.float32] | None = None


def label_use(recipe: Recipe) -> str:
    """Which labels have a part in a pretraining run, for its cards: ``none`` as a rule.

    Evaluations refuse an encoder whose card says, under ``labels``, anything else.

    Args:
        recipe: of the run; what it leaves out (``positives.injected=0``, ``views.donor.p=0``) chooses
            nothing.
    """
    quiet = {
        "tiles that got a source": recipe.positives.quiet if recipe.positives.injected else "",
        "donors of atmosphere": recipe.views.donor.quiet if recipe.views.donor.p else "",
    }
    labelled = [what for what, how in quiet.items() if how == "labelled"]
    return f"label 0 chose the {' and the '.join(labelled)}" if labelled else NO_LABELS


class Detector(nn.Module):
    """An encoder and a linear head on its features, whose logit scores deformation.

    Args:
        encoder: whose features the head was trained on.
        head: D features to one logit.
        training: how.
        where: one logit a cell of the feature maps, "a simulated source moves the ground here"; None: the
            recipe trained no such head.

    Raises:
        ValueError: a head does not fit the encoder.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Linear, training: Training, where: nn.Conv2d | None = None
    ) -> None:
        super().__init__()
        if (head.in_features, head.out_features) != (encoder.dimension, 1):
            raise ValueError(f"a head of {head} does not fit {encoder.dimension} features and one logit")
        if where is not None and (where.in_channels, where.out_channels) != (encoder.map_channels, 1):
            raise ValueError(f"a head of {where} does not fit maps of {encoder.map_channels} channels")
        self.encoder = encoder
        self.head = head
        self.where = where
        self.training_facts = training
        self.eval()

    @classmethod
    def trained_by(
        cls, recipe: Recipe, encoder: Encoder, head: nn.Linear, where: nn.Conv2d | None = None
    ) -> Detector:
        """The detector that a pretraining run leaves behind.

        Args:
            recipe: of the run.
            encoder: that the run keeps.
            head: `ssl_insar.pretrain.heads.Heads.presence`.
            where: `ssl_insar.pretrain.heads.Heads.where`.
        """
        positives = recipe.positives
        facts = Training(recipe.name, recipe.hash, positives.preset, positives.snr, label_use(recipe))
        return cls(encoder, head, facts, where)

    @property
    def hash(self) -> str:
        """Hash of the heads and of the encoder that they belong to."""
        digest = hashlib.sha256(self.encoder.hash.encode())
        for value in _weights(self.head, self.where).values():
            digest.update(value.numpy().tobytes())
        return digest.hexdigest()[:16]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of prepared input (`ssl_insar.models.InputSpec.prepare`).

        Shape:
            (B, C, S, S) -> (B,) float32
        """
        return self._look(x)[0]

    def _look(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits, (B,), and those of the cells of the coarse map, (B, 1, h, w), or None."""
        x, maps = x.contiguous(memory_format=torch.channels_last), None
        with autocast(x.device):
            if self.where is None:
                features = self.encoder(x)
            else:
                features, maps = features_and_maps(self.encoder.backbone, x)
        logit: Tensor = self.head(features.float())[:, 0]
        return logit, None if self.where is None or maps is None else self.where(maps.float())

    @torch.no_grad()
    def logits(self, tiles: Tensor, averaging: Averaging = "none") -> Tensor:
        """Scores of whole tiles.

        Args:
            tiles: phasors, 0 = no data, on the device of the detector.
            averaging: over which pictures of each.

        Shape:
            (B, 2, T, T) -> (B,) float32
        """
        return self._looks(tiles, averaging)[0]

    @torch.no_grad()
    def coarse_map(self, tiles: Tensor) -> Tensor:
        """Where in a tile a source moves the ground: logits, as fine as the tile, as sharp as a cell.

        Interpolated bicubically between the cells of the last feature maps, of some 32 px of the network's
        input each.

        Args:
            tiles: phasors, 0 = no data, on the device of the detector.

        Shape:
            (B, 2, T, T) -> (B, T, T) float32, -inf where there is no data

        Raises:
            UserError: the recipe trained no such head.
        """
        return fine_map(self._cells(tiles), tiles)

    @torch.no_grad()
    def places(self, tiles: Tensor) -> Tensor:
        """Row and column, px, where the coarse map of each tile is largest; see `coarse_map`.

        Shape:
            (B, 2, T, T) -> (B, 2) int64
        """
        cells = self._cells(tiles)
        return largest(fine_map(cells, tiles), cells.shape[-1])[0]

    def _cells(self, tiles: Tensor) -> Tensor:
        cells = self._looks(tiles, "none")[1]
        if cells is None:
            raise UserError(
                "this detector has no coarse map; it comes of pretraining with --set heads.where=1"
            )
        return cells

    def _looks(self, tiles: Tensor, averaging: Averaging) -> tuple[Tensor, Tensor | None]:
        """Averaged logits, and the coarse map of the tiles as they are."""
        looks = [self._look(picture) for picture in _pictures(self.encoder.spec.prepare(tiles), averaging)]
        return torch.stack([logit for logit, _ in looks]).mean(0), looks[0][1]

    def score(
        self,
        archive: Archive,
        *,
        averaging: Averaging = "none",
        batch_size: int = 256,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """The logits of `survey`, (N,)."""
        found = self.survey(archive, averaging=averaging, batch_size=batch_size, progress=progress)
        return found.logits

    @torch.no_grad()
    def survey(
        self,
        archive: Archive,
        *,
        averaging: Averaging = "none",
        batch_size: int = 256,
        progress: bool = True,
    ) -> Scored:
        """Score every tile of an archive, and say where in it, if there is a head for that.

        Args:
            archive: N tiles of any size.
            averaging: over which pictures of each its score is averaged; the place is that of the tile as
                it is.
            batch_size: tiles at a time.
            progress: draw a progress bar.

        Returns:
            in the order of the archive's catalogue.

        Raises:
            UserError: a part of the archive is missing or damaged.
        """
        device = best_device()
        self.eval().to(device)
        self.encoder.to(memory_format=torch.channels_last)
        logits, peak = np.empty((2, len(archive)), np.float32)
        place = np.empty((len(archive), 2), np.int64)
        with bar(len(archive), "score", "tile", shown=progress) as progress_bar:
            for start in range(0, len(archive), batch_size):
                index = np.arange(start, min(start + batch_size, len(archive)))
                counts = torch.from_numpy(archive.phases(index)).to(device)
                tiles = fd.from_counts(counts, torch.from_numpy(archive.valid_bits(index)).to(device))
                found, cells = self._looks(tiles, averaging)
                logits[index] = found.cpu().numpy()
                if cells is not None:
                    at, most = largest(fine_map(cells, tiles), cells.shape[-1])
                    place[index], peak[index] = at.cpu().numpy(), most.cpu().numpy()
                progress_bar.update(len(index))
        return Scored(logits) if self.where is None else Scored(logits, place, peak)

    def save(self, path: str | Path) -> None:
        """Write ``detector.safetensors`` and ``detector.json`` into a folder, atomically; not the encoder."""
        from safetensors.torch import save_file

        card = {"format": FORMAT, "what": _WHAT, "hash": self.hash, "encoder_hash": self.encoder.hash}
        card |= {"dimension": self.encoder.dimension, "training": dataclasses.asdict(self.training_facts)}
        with replacing_folder(Path(path), CARD) as folder:
            save_file(_weights(self.head, self.where), folder / WEIGHTS)
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
        head, where = nn.Linear(encoder.dimension, 1), None
        try:
            weights = load_file(folder / WEIGHTS)
            mapped = {
                name.removeprefix(_WHERE): weights.pop(name) for name in list(weights) if _WHERE in name
            }
            head.load_state_dict(weights)
            if mapped:
                where = nn.Conv2d(encoder.map_channels, 1, 1)
                where.load_state_dict(mapped)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            line = " ".join(str(error).split())[:200]
            raise UserError(f"{folder}: damaged detector ({line}); take it from the run again") from error
        detector = cls(encoder, head, training, where)
        if detector.hash != card["hash"]:
            raise UserError(
                f"{folder}: weights and card do not belong together; take both from the run again"
            )
        return detector


def _weights(head: nn.Linear, where: nn.Conv2d | None) -> dict[str, Tensor]:
    """What is saved, by name; without a coarse map that of format 1."""
    named = dict(head.state_dict())
    if where is not None:
        named |= {_WHERE + name: value for name, value in where.state_dict().items()}
    return {name: value.detach().cpu().contiguous() for name, value in named.items()}


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
