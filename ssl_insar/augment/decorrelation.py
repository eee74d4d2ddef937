"""Loss of coherence: phase noise with the exact L-look distribution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DecorrelationConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.fused import fusible
from ssl_insar.augment.pools import Noise
from ssl_insar.synth.decorrelation import noise_vector


class Decorrelation(nn.Module):
    """Multiplies some views by phase noise of one coherence and one number of looks each.

    Source: the exact law of L looks, Goodman (1976) and Lee et al. (1994); see
    `ssl_insar.synth.decorrelation`. Destroys faint and narrow fringes.
    """

    def __init__(self, config: DecorrelationConfig) -> None:
        super().__init__()
        self.config = config

    def forward(
        self, field: Tensor, local: Tensor, draw: Draw, pool: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Add decorrelation noise. No data stays no data.

        Args:
            field: (B, 2, H, W) unit phasors.
            local: (B, 1, H, W) their local coherence.
            draw: of the view.
            pool: where the noise is taken from; None: drawn anew, which takes many times as long and
                depends on which other views are touched.

        Returns:
            both, for the touched views with the noise added and the local coherence lowered by it.
        """
        chosen, noisy, lowered = self.touched(field, local, draw, pool)
        return field.index_copy(0, chosen, noisy), local.index_copy(0, chosen, lowered)

    def touched(
        self, field: Tensor, local: Tensor, draw: Draw, pool: Noise | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Only those views that the effect chooses.

        Returns:
            which of the B views (k,), and what becomes of their field and of their local coherence.
        """
        chosen, draw = draw.subset(field.shape[0], self.config.p)
        k = len(chosen)
        field, local = field.index_select(0, chosen), local.index_select(0, chosen)
        if k == 0:
            return chosen, field, local
        coherence = draw.to_device(draw.uniform(k, *self.config.coherence), k, 1, 1)
        intensity, normal = self._drawn(k, field, draw) if pool is None else pool.pieces(k, draw)
        shape = (k, *field.shape[-2:])
        noisy = _noisy(field, coherence, intensity.view(shape), normal.view(2, *shape))
        return chosen, noisy, local * coherence.unsqueeze(1)

    def _drawn(self, k: int, field: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """What `Noise.pieces` gives, of draws that are used once."""
        looks = draw.to_device(draw.uniform(k, *map(float, self.config.looks)).round(), k, 1)
        pixels = field.shape[-2] * field.shape[-1]
        # Under a private name, as in `Noise`.
        intensity = torch._standard_gamma(looks.expand(k, pixels).contiguous(), generator=draw.fields)
        return intensity, draw.normal(2, k, pixels)


@fusible
def _noisy(field: Tensor, coherence: Tensor, intensity: Tensor, normal: Tensor) -> Tensor:
    """Phasors times noise of unit length.

    Shape:
        (k, 2, H, W), (k, 1, 1), (k, H, W), (2, k, H, W) -> (k, 2, H, W)
    """
    vector = noise_vector(coherence, intensity, normal.movedim(0, -1))
    noise, _ = fd.renormalise(torch.stack(vector, 1))
    return fd.times(field, noise)
