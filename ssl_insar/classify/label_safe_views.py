"""Views for training on labels: as varied as may be without a label becoming untrue."""

from __future__ import annotations

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import (
    CropConfig,
    CutoutConfig,
    DecorrelationConfig,
    ElasticConfig,
    FlipConfig,
    RampConfig,
    RewrapConfig,
    RotateConfig,
    SwapConfig,
    TurbulenceConfig,
)
from ssl_insar.models import InputSpec
from ssl_insar.pretrain.data import TileDataset
from ssl_insar.pretrain.imaging import completed


def label_safe(signed: bool = False) -> ViewsConfig:
    """Effects that neither hide a deformation, nor make one up, nor change its kind or size.

    Pretraining takes stronger ones: there the two views of a tile must be hard to match, here each must
    still deserve its label. So nothing is cut out or blanked, fringes keep their number and shape, crops
    leave four fifths of a tile, and what is added stays well under a fringe: at most 0.3 rad of turbulence
    and a quarter of a fringe of ramp.

    Args:
        signed: the classes differ by the sign of the phase (inflation, deflation), so that the dates are
            not swapped.
    """
    return ViewsConfig(
        cap=0.3,
        crop=CropConfig(area=(0.8, 1.0), stretch=1.05, keep=0.9),
        flip=FlipConfig(left_right=0.5, up_down=0.3),
        rotate=RotateConfig(p=0.5, degrees=10.0),
        elastic=ElasticConfig(p=0.0),
        swap=SwapConfig(p=0.0 if signed else 0.5),
        rewrap=RewrapConfig(p=0.0),
        turbulence=TurbulenceConfig(p=0.3, rms=(0.05, 0.3)),
        ramp=RampConfig(p=0.3, fringes=0.25),
        decorrelation=DecorrelationConfig(p=0.2, coherence=(0.8, 0.98)),
        cutout=CutoutConfig(p=0.0),
    )


class LabelledViews:
    """One view of each tile of a batch, as an encoder's input.

    Where an archive knows what deforms, the views leave it whole (`ssl_insar.augment.label_safe`). Pixel
    spacing and wavelength are those of the archive where the effects name none
    (`ssl_insar.pretrain.imaging.completed`).

    Args:
        archive: the tiles.
        config: effects.
        spec: of the encoder's input.
        seed: of the views.
        device: where they are made.
    """

    def __init__(
        self, archive: Archive, config: ViewsConfig, spec: InputSpec, seed: int, device: torch.device
    ) -> None:
        self.spec = spec
        self.device = device
        complete, _ = completed(config, archive)
        self.views = Views(complete, archive.tile, spec.size, seed).to(device)
        self.data = TileDataset(archive, complete)

    def __call__(self, positions: list[int], step: int) -> tuple[Tensor, Tensor]:
        """Input of the step, which follows from seed and step, and the positions on the device.

        Shape:
            B positions -> (B, C, S, S), (B,)
        """
        batch = self.data.__getitems__(positions)
        counts, valid_bits, where, extras = move_data_to_device(batch, self.device)
        # Positions and phases need the digits that mixed precision, in which a loss runs, would cut off.
        with torch.autocast(self.device.type, enabled=False):
            field = fd.from_counts(counts, valid_bits)
            ((view, coherence),) = self.views(field, step, count=1, extras=extras)
        x = self.spec.assemble(view, coherence).contiguous(memory_format=torch.channels_last)
        return x, where
