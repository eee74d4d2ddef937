"""The direct peer's recipe on an archive: SimCLR on grey pictures of wrapped phase.

    python -m evaluation.baselines.peer --archive A --out EMB [--seed S] [--weights FILE]

Re-implemented from the description and the published settings of DeepCubeVolcano (Bountos et al., 2022, IEEE
GRSL 19): 8-bit grey phase (-pi black, pi white, no data black) in three channels, normalised by its mean of
127.07 and deviation of 71.49; the augmentations of `evaluation.baselines.peer_chain`; ResNet-18 with the
head 512-512-1000; NT-Xent at temperature .5; Adam at 1e-3 without weight decay; batches of 112. No label is
used.

Where it departs: the cosine reaches 0 with the last step (the published one waits ten epochs, is stepped once
an epoch over a period counted in batches, and climbs again); pictures of ``--size`` instead of 224 px; random
weights to begin with unless ``--weights`` gives those of ImageNet; bf16 where that is fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from lightly.loss import NTXentLoss
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines import options
from evaluation.baselines.embedding import digest_of, embed
from evaluation.baselines.loop import Settings, seeded, train
from evaluation.baselines.peer_chain import PeerChain
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.models.backbones import build
from ssl_insar.models.precision import autocast
from ssl_insar.models.pretrained import load_pretrained
from ssl_insar.phase import STEPS_PER_CYCLE
from ssl_insar.pretrain.data import usable_tiles
from ssl_insar.pretrain.recipe import DataConfig

NAME = "peer"
TEMPERATURE = 0.5
MEAN, DEVIATION = 127.0710, 71.4902
PROJECTION = 1000
"""The head ends in what was ImageNet's classifier."""
_CHANNELS = 3


class Peer(nn.Module):
    """The network: a backbone for three channels, and the head that is thrown away.

    Args:
        backbone: name of a timm model.
        size: side of the input, px.
        weights: file of ImageNet weights for the backbone; None: random ones.

    Raises:
        UserError: unknown backbone, a size that it does not take, or weights of another.
    """

    def __init__(self, backbone: str, size: int, weights: Path | None = None) -> None:
        super().__init__()
        self.backbone, wide = build(backbone, _CHANNELS, size)
        if weights:
            load_pretrained(self.backbone, weights, backbone)
        self.head = nn.Sequential(nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, PROJECTION))

    def forward(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Features of pictures in three channels, on the device where the network lies.

        Shape:
            (B, S, S, 3) -> (B, D)
        """
        device = next(self.parameters()).device
        # (B, S, S, 3) seen as (B, 3, S, S) is channels_last already.
        pixels = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
        features: Tensor = self.backbone((pixels.float() - MEAN) / DEVIATION)
        return features


def grey(archive: Archive, positions: NDArray[np.int64] | list[int], size: int) -> NDArray[np.uint8]:
    """Tiles as 8-bit pictures of phase, shrunk as pictures are: grey levels are averaged, jumps and all.

    Shape:
        n positions -> (n, size, size)
    """
    half = np.uint8(STEPS_PER_CYCLE // 2)
    levels = np.where(archive.valid(positions), archive.phases(positions) + half, np.uint8(0))
    pixels = torch.from_numpy(levels).unsqueeze(1).float()
    shrunk = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    result: NDArray[np.uint8] = shrunk[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()
    return result


def train_peer(
    archive: Archive, net: Peer, size: int, settings: Settings, folder: Path, about: dict[str, str]
) -> dict[str, Any]:
    """Train on an archive without its labels; see `evaluation.baselines.loop.train`."""
    chain = PeerChain(size, settings.seed)
    contrast = NTXentLoss(TEMPERATURE)

    def loss(positions: list[int], step: int) -> Tensor:
        views = chain(grey(archive, positions, size), step)
        first, second = net.head(net(views)).float().chunk(2)
        with torch.autocast(first.device.type, enabled=False):
            value: Tensor = contrast(first, second)
        return value

    tiles = usable_tiles(archive, DataConfig(batch_size=settings.batch_size))
    facts = about | {"baseline": NAME, "size": size, "archive_digest": archive.digest}
    return train(net, loss, tiles, settings, folder, facts)


@torch.no_grad()
def features_of(archive: Archive, net: Peer, size: int, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features without augmentation, before the head.

    Shape:
        (n,) positions -> (n, D)
    """
    pictures = np.repeat(grey(archive, positions, size)[..., None], _CHANNELS, axis=-1)
    with autocast(next(net.parameters()).device):
        found = net(pictures)
    result: NDArray[np.float32] = found.float().cpu().numpy()
    return result


@click.command(epilog="\b\nThe same command again goes on where it was interrupted.")
@options.archives
@options.trained_on
@options.training(batch_size=112, epochs=40)
@click.option("--weights", type=click.Path(path_type=Path), help="ImageNet weights to begin with.")
def command(
    asked: options.Training, archive: Path, out: Path, trained_on: Path | None, weights: Path | None
) -> None:
    """Train the direct peer's SimCLR on grey pictures, and embed an archive with it."""
    tiles = Archive.open(archive)
    with seeded(asked.seed):
        net = Peer(asked.backbone, asked.size, weights)
    about = {"backbone": asked.backbone, "weights": weights.name if weights else "random"}
    source, elsewhere = options.source(trained_on, tiles)
    state = train_peer(source, net, asked.size, asked.settings(views=2), asked.run_folder(out), about)
    how = f"{asked.epochs} epochs, seed {asked.seed}{elsewhere}"
    name = f"{NAME} ({asked.backbone}, {asked.size} px, {how})"
    digest = digest_of(f"{NAME} {asked.backbone} {asked.size}", net.backbone.state_dict())
    found = embed(tiles, lambda index: features_of(tiles, net, asked.size, index), name, digest, out)
    click.echo(f"trained on {state['images']:,} images, {state['images_per_s']} a second")
    click.echo(f"{out}: {len(found):,} tiles, {found.matrix.shape[1]} features each, of {name}")


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
