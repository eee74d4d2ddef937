"""Donor atmosphere: the phase of a quiet interferogram of another place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar import phase as ph
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import DonorConfig
from ssl_insar.augment.draw import Draw

WINDOW = 5
"""Side of the box of the local mean, px; pure noise has a local coherence of about 1 / WINDOW."""


class Donor(nn.Module):
    """Multiplies some views by the phasor of a donor, as if its atmosphere lay over them.

    A donor is turned so that its mean phase is 0, mirrored at random and conjugated at random. Real
    atmosphere has what made screens lack (fronts, lee waves, noise of its own), but whatever
    deforms in a donor is added too: a bank must be of quiet interferograms. Hides weaker deformation.
    The simulator does the same with signals, see `ssl_insar.synth.background`.
    """

    def __init__(self, config: DonorConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, field: Tensor, bank: Tensor, draw: Draw) -> Tensor:
        """Add the phase of donors. No data stays no data, and data stays data.

        Args:
            field: (B, 2, S, S) phasors.
            bank: (K, 2, S, S) unit phasors on the same device, 0 = no data, see `bank_of`; where a donor
                has no data the view is left as it is. With no donor, all views are.
            draw: of the views.

        Returns:
            (B, 2, S, S) phasors of the same lengths.

        Raises:
            ValueError: donors have another size than the views.
        """
        if bank.shape[1:] != field.shape[1:]:
            raise ValueError(f"donors are {tuple(field.shape[1:])}, not {tuple(bank.shape[1:])}")
        chosen, draw = draw.subset(field.shape[0], self.config.p)
        k = len(chosen)
        if k == 0 or len(bank) == 0:
            return field
        which = draw.to_device(draw.below(k, len(bank)), k)
        donor = bank.index_select(0, which).to(field.dtype)
        for axis in (2, 3):
            mirrored = draw.to_device(draw.sign(k, 0.5), k, 1, 1, 1) < 0
            donor = torch.where(mirrored, donor.flip(axis), donor)
        donor, _ = fd.renormalise(fd.times(donor, _conjugate(donor.mean((2, 3), keepdim=True))))
        donor = _conjugate(donor, draw.to_device(draw.sign(k, 0.5), k, 1, 1).to(field.dtype))
        one = torch.tensor([1.0, 0.0], dtype=field.dtype, device=field.device).view(1, 2, 1, 1)
        donor = torch.where(fd.validity(donor) > 0, donor, one)
        return field.index_copy(0, chosen, fd.times(field.index_select(0, chosen), donor))


def bank_of(fields: Tensor, coherence: float) -> tuple[Tensor, int]:
    """Keep those donors whose phase is more than noise.

    Args:
        fields: (N, 2, S, S) phasors of quiet interferograms, 0 = no data.
        coherence: least mean over the valid pixels of the length of the local mean phasor. Steep
            fringes lower it too, which is welcome here.

    Returns:
        the bank (K, 2, S, S) of unit phasors, and K, how many remain; none is an empty bank.
    """
    unit, _ = fd.renormalise(fields)
    z = torch.view_as_complex(unit.float().permute(0, 2, 3, 1).contiguous()).cpu().numpy()
    local = torch.from_numpy(ph.local_coherence(z, WINDOW)).to(fields.device)
    valid = fd.validity(unit)[:, 0]
    mean = local.sum((1, 2)) / valid.sum((1, 2)).clamp_min(1)
    bank = unit[(mean >= coherence) & (valid.sum((1, 2)) > 0)]
    return bank, len(bank)


def _conjugate(field: Tensor, sign: Tensor | float = -1.0) -> Tensor:
    """Times ``sign`` the imaginary part; (B, 2, H, W) -> the same."""
    return torch.stack([field[:, 0], field[:, 1] * sign], dim=1)
