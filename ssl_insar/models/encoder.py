"""The encoder: a backbone, what it expects as input, and how tiles get there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssl_insar.archive import Archive
from ssl_insar.atomic import check_replaceable, present_folder, replacing_folder
from ssl_insar.augment import field as fd
from ssl_insar.augment.sampling import reduce, sample, whole
from ssl_insar.errors import UserError
from ssl_insar.models import backbones
from ssl_insar.models.card import Card
from ssl_insar.models.embeddings import Embeddings, Provenance
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.models.pretrained import load_pretrained
from ssl_insar.progress import bar

WEIGHTS = "encoder.safetensors"
CARD = "encoder.json"
CHANNELS = (("re", "im"), ("cos", "sin"), ("cos", "sin", "coherence"))
"""What a backbone may see; see `InputSpec`."""
_CHUNKS_PER_SAVE = 40


@dataclass(frozen=True)
class InputSpec:
    """What a backbone sees.

    Attributes:
        size: side of the input, px; a tile of any size is multilooked and resampled to it.
        channels: ``("re", "im")`` is the multilooked phasor, whose length is the local coherence, so
            that noise is faint and fringes stand out; ``("cos", "sin")`` is the same with unit
            length; ``("cos", "sin", "coherence")`` has the length in a channel of its own.
    """

    size: int = 96
    channels: tuple[str, ...] = ("re", "im")

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS:
            offered = ", ".join(f"[{', '.join(choice)}]" for choice in CHANNELS)
            raise UserError(f"channels [{', '.join(self.channels)}]: choose one of {offered}")

    def assemble(self, view: Tensor, coherence: Tensor) -> Tensor:
        """The backbone's input from a unit phasor and its local coherence.

        Shape:
            (B, 2, S, S), (B, 1, S, S) -> (B, C, S, S)
        """
        if self.channels == ("re", "im"):
            return view * coherence
        return view if self.channels == ("cos", "sin") else torch.cat([view, coherence], 1)

    def prepare(self, tiles: Tensor) -> Tensor:
        """The backbone's input from whole tiles, without augmentation.

        Shape:
            (B, 2, T, T) phasor -> (B, C, S, S)
        """
        mean, share = reduce(tiles, self.size)
        return self.assemble(*sample(mean, share, whole(mean, self.size)))


class Encoder(nn.Module):
    """Tile in, feature vector out.

    Attributes:
        loaded_from: the folder it was loaded from, if any.
        keep_maps: whether a forward pass leaves the feature maps in ``maps``.
        maps: (B, M, h, w) of the last pass, with their gradient; None if they are not kept.

    Args:
        backbone: name of a timm model, such as ``resnet18``, or ``alexnet``.
        spec: the input it expects.
        about: facts for the card.
        pool: how feature maps become one vector, see `ssl_insar.models.backbones.POOLS`.
        weights: file of weights for colour images to begin with, else random ones; what it was goes
            into the card. See `ssl_insar.models.pretrained`.

    Raises:
        UserError: unknown backbone, a size or channels that it does not take, or weights of another.
    """

    def __init__(
        self,
        backbone: str,
        spec: InputSpec | None = None,
        about: dict[str, Any] | None = None,
        pool: str = "mean",
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        self.loaded_from: Path | None = None
        self.spec = spec or InputSpec()
        self.backbone: nn.Module
        self.dimension: int
        channels, size = self.spec.channels, self.spec.size
        self.backbone, self.dimension = backbones.build(backbone, len(channels), size, pool)
        about = dict(about or {})
        if weights is not None:
            about["weights"] = load_pretrained(self.backbone, Path(weights), backbone)
        self.card = Card(backbone, size, channels, pool, about)
        self.keep_maps = False
        self.maps: Tensor | None = None

    @property
    def map_channels(self) -> int:
        """Channels of the feature maps."""
        return backbones.map_channels(self.backbone, len(self.spec.channels), self.spec.size)

    def forward(self, x: Tensor) -> Tensor:
        """Features of prepared input.

        Shape:
            (B, C, S, S) -> (B, D)
        """
        if self.keep_maps:
            features, self.maps = backbones.features_and_maps(self.backbone, x)
        else:
            features = self.backbone(x)
        return features

    @property
    def hash(self) -> str:
        """Hash of weights and input specification: two encoders that agree embed alike."""
        digest = hashlib.sha256(f"{self.card.backbone} {self.card.size} {self.card.channels}".encode())
        if self.card.pool != "mean":
            digest.update(self.card.pool.encode())
        for name, value in sorted(self.backbone.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @torch.no_grad()
    def embed_phasors(self, z: NDArray[np.complexfloating[Any, Any]]) -> NDArray[np.float32]:
        """Embed tiles given as complex fields.

        Shape:
            (n, T, T) complex, 0 = no data -> (n, D) float32
        """
        tiles = fd.from_complex(torch.from_numpy(np.ascontiguousarray(z, dtype=np.complex64)))
        return self._embed_field(tiles.to(self._device))

    def embed_tiles(self, archive: Archive, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embed some tiles of an archive, on the device where the encoder lies.

        Shape:
            (n,) positions -> (n, D) float32
        """
        counts = torch.from_numpy(archive.phases(indices)).to(self._device)
        valid_bits = torch.from_numpy(archive.valid_bits(indices)).to(self._device)
        return self._embed_field(fd.from_counts(counts, valid_bits))

    def embed(
        self,
        archive: Archive,
        *,
        out: str | Path | None = None,
        batch_size: int = 256,
        progress: bool = True,
    ) -> Embeddings:
        """Embed every tile of an archive.

        Args:
            archive: tiles of any size.
            out: where to save the embeddings; an interrupted run leaves its work beside it, and
                the same call goes on there.
            batch_size: tiles at a time.
            progress: draw a progress bar.

        Returns:
            the embeddings, in the order of the archive's catalogue.
        """
        provenance = Provenance(
            encoder=str(self.loaded_from or ""),
            encoder_hash=self.hash,
            archive=str(archive.path.resolve()),
            archive_digest=archive.digest,
        )
        work = _Work(Path(out), len(archive), self.dimension, provenance) if out else None
        matrix = work.matrix if work else np.empty((len(archive), self.dimension), np.float16)
        first = work.done if work else 0
        self.eval()
        self.to(best_device()).to(memory_format=torch.channels_last)
        with bar(len(archive), "embed", "tile", shown=progress, initial=first) as progress_bar:
            for count, start in enumerate(range(first, len(archive), batch_size), 1):
                index = np.arange(start, min(start + batch_size, len(archive)))
                matrix[index] = self.embed_tiles(archive, index)
                progress_bar.update(len(index))
                if work and count % _CHUNKS_PER_SAVE == 0:
                    work.save(int(index[-1]) + 1)
        labels = str(self.card.about.get("labels") or "")
        embeddings = Embeddings(np.array(matrix), archive.catalogue, provenance, labels)
        if work:
            embeddings.save(Path(work.out))
            work.clear()
        return embeddings

    def save(self, path: str | Path) -> None:
        """Write ``encoder.safetensors`` and ``encoder.json`` into a folder, atomically."""
        from safetensors.torch import save_file

        with replacing_folder(Path(path), CARD) as folder:
            # Contiguous: safetensors refuses the channels_last strides of training.
            weights = {k: v.detach().cpu().contiguous() for k, v in self.backbone.state_dict().items()}
            save_file(weights, folder / WEIGHTS)
            self.card.write(folder / CARD, self.hash, self.dimension)

    @classmethod
    def load(cls, path: str | Path) -> Encoder:
        """Load an encoder from its folder, or from the folder of a finished run.

        Raises:
            UserError: nothing there, the run is not finished, or files are damaged or newer.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        given = Path(path)
        if not is_finished(given):
            raise UserError(f"{given}: this run has not finished; run the same ssl-insar pretrain again")
        folder = given if (given / CARD).exists() else given / "encoder"
        folder = present_folder(folder)
        if not (folder / CARD).exists():
            raise UserError(f"{given}: no encoder here; give a run folder made by ssl-insar pretrain")
        card, hash_ = Card.read(folder / CARD)
        try:
            encoder = cls(card.backbone, InputSpec(card.size, card.channels), card.about, card.pool)
            encoder.backbone.load_state_dict(load_file(folder / WEIGHTS))
        except UserError as error:  # of a backbone that this timm does not know, or a card that was edited
            raise UserError(f"{folder}: {error}") from error
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            line = " ".join(str(error).split())[:200]  # torch lists all keys that do not fit
            raise UserError(f"{folder}: damaged encoder ({line}); take it from the run again") from error
        if encoder.hash != hash_:
            raise UserError(
                f"{folder}: weights and card do not belong together; take both from the run again"
            )
        encoder.loaded_from = folder.resolve()
        return encoder.eval()

    def random_like(self, seed: int = 0) -> Encoder:
        """The same architecture with random weights: a baseline that any training must beat."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            about = {"weights": f"random, seed {seed}"}
            return Encoder(self.card.backbone, self.spec, about, self.card.pool).eval()

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    @torch.no_grad()
    def _embed_field(self, tiles: Tensor) -> NDArray[np.float32]:
        x = self.spec.prepare(tiles).contiguous(memory_format=torch.channels_last)
        with autocast(tiles.device):
            features = self(x)
        result: NDArray[np.float32] = features.float().cpu().numpy()
        return result


def is_finished(run: Path) -> bool:
    """Whether a run folder's encoder is its result; True for a folder that is no run at all.

    While a run is under way, an encoder in its folder is of an earlier one.

    Raises:
        UserError: the run's state is damaged.
    """
    try:
        return bool(json.loads((run / "run.json").read_text(encoding="utf-8")).get("finished", False))
    except FileNotFoundError:
        return True
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{run / 'run.json'}: damaged ({error}); pretrain again") from error


class _Work:
    """Embeddings under way, kept beside ``out`` so that an interrupted run can go on."""

    def __init__(self, out: Path, count: int, dimension: int, provenance: Provenance) -> None:
        self.out = out
        check_replaceable(out, "embeddings.npy")
        out.parent.mkdir(parents=True, exist_ok=True)
        self._file = out.with_name(f".{out.name}.matrix.partial")
        self._note = out.with_name(f".{out.name}.json.partial")
        self._key = dataclasses.asdict(provenance) | {"count": count, "dimension": dimension}
        self.done = self._resume()
        mode: Any = "r+" if self.done else "w+"
        self.matrix: NDArray[np.float16] = np.memmap(self._file, np.float16, mode, shape=(count, dimension))

    def save(self, done: int) -> None:
        """Record that the first ``done`` rows are on disk."""
        assert isinstance(self.matrix, np.memmap)
        self.matrix.flush()
        scratch = self._note.with_suffix(".new")
        scratch.write_text(json.dumps(self._key | {"done": done}), encoding="utf-8")
        scratch.replace(self._note)

    def clear(self) -> None:
        """Remove the scratch files."""
        self._file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _resume(self) -> int:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            done = int(note.pop("done"))
        except (OSError, ValueError, KeyError):
            return 0
        return done if note == self._key and self._file.exists() else 0
