"""Loss of coherence: phase noise with the exact L-look distribution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DecorrelationConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.decorrelation import noise_vector


class Decorrelation(nn.Module):
    """Multiplies some views by phase noise of one coherence and one number of looks each."""

    def __init__(self, config: DecorrelationConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, field: Tensor, local: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Add decorrelation noise. No data stays no data.

        Args:
            field: (B, 2, H, W) unit phasors.
            local: (B, 1, H, W) their local coherence.
            draw: of the view.

        Returns:
            both, for the touched views with the noise added and the local coherence lowered by it.
        """
        chosen = draw.choose(field.shape[0], self.config.p)
        k = len(chosen)
        if k == 0:
            return field, local
        coherence = draw.to_device(draw.uniform(k, *self.config.coherence), k, 1, 1)
        looks = draw.to_device(draw.uniform(k, *map(float, self.config.looks)).round(), k, 1, 1)
        shape = field.shape[-2:]
        # torch offers seeded Gamma draws under this private name only (its public distribution
        # uses the global generator, which would break reproducibility).
        gamma = torch._standard_gamma(looks.expand(k, *shape).contiguous(), generator=draw.fields)
        vector = noise_vector(coherence, gamma, draw.normal(k, *shape, 2))
        noise, _ = fd.renormalise(torch.stack(vector, dim=1))
        touched = field.index_select(0, chosen)
        real = touched[:, 0] * noise[:, 0] - touched[:, 1] * noise[:, 1]
        imag = touched[:, 0] * noise[:, 1] + touched[:, 1] * noise[:, 0]
        lowered = local.index_select(0, chosen) * coherence.unsqueeze(1)
        noisy = field.index_copy(0, chosen, torch.stack([real, imag], 1))
        return noisy, local.index_copy(0, chosen, lowered)
