"""`Views`: from a batch of tiles to the views that the encoder is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.atmosphere import Offset, Ramp, Turbulence
from ssl_insar.augment.blanks import Blanks
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.cutout import Cutout, kept
from ssl_insar.augment.decorrelation import Decorrelation
from ssl_insar.augment.donor import Donor
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.frame_edge import FrameEdge
from ssl_insar.augment.fused import fusible, fusing
from ssl_insar.augment.ionosphere import Ionosphere
from ssl_insar.augment.label_safe import most_air
from ssl_insar.augment.multilook import Multilook
from ssl_insar.augment.pools import Pools, Terrain, Turbulent
from ssl_insar.augment.sampling import SamplingGrid, interpolated, normalised, reduce
from ssl_insar.augment.sign import Rewrap, Swap
from ssl_insar.augment.stratified import Stratified
from ssl_insar.augment.unwrapped import RealFactor, Unwrapped, field_of
from ssl_insar.augment.view import View

LARGE = 2**20
"""Pixels of a batch of views from which on `Views` compiles."""
LONG = 100
"""Step from which on it does."""


class Extras(NamedTuple):
    """What is known of a batch of tiles besides their phase.

    Attributes:
        height: (B, 1, T, T) of the ground, m, NaN where unknown; or None.
        deformation: (B, 1, T, T), not 0 where a tile is known to deform; or None.
        snr: (B,) GLS ratio of that deformation, NaN where nothing is known; or None.
        own: (B,) RMS of the tiles' own atmosphere, rad, wherever ``snr`` is known; or None.
        unwrapped: the unwrapped phase of those that have one; or None.
    """

    height: Tensor | None = None
    deformation: Tensor | None = None
    snr: Tensor | None = None
    own: Tensor | None = None
    unwrapped: Unwrapped | None = None


class Views(nn.Module):
    """Makes views of a batch of phasor tiles, on the device where they lie.

    The order follows the physics: what is on the ground is sampled once (crop, flip, rotation,
    elastic warp), then the interferogram is formed (swap, rewrap), then disturbed (a donor's
    atmosphere; decorrelation; offset, ramp, and turbulence, stratified delay and ionosphere as one
    screen: phases add in any order), looked at more coarsely, and last loses pixels (cut-out, blanks,
    frame edge).

    Turbulence, stratified delay and ionosphere together are kept to ``cap``: on unlabelled tiles stronger
    ones bury what deforms. Where a deformation is known, crops and blanks leave most of it, and what is
    added leaves its GLS ratio at ``snr`` (`ssl_insar.augment.label_safe`).

    What a sample gets follows from (seed, rank, step, view) and its id, so that views of a batch are
    those of its tiles one by one, to rounding. Turbulence, made terrain and noise are cut from pools
    (`ssl_insar.augment.pools`).

    Args:
        config: the ``views`` section of a recipe; with no spacing or wavelength, 100 m and C band are
            taken (`ssl_insar.pretrain.imaging` asks the archive).
        tile: side of the tiles, px.
        size: side of a view, px.
        seed: of the run.
        rank: of the process, so that processes draw different views.
        bank: (K, 2, S, S) donors (`ssl_insar.augment.donor.bank_of`), of which those louder than ``cap``
            are left out; None: no donor is used.
        exact: draw turbulence and noise anew for each view instead of from pools; takes several times
            as long, and views then depend on what else is in the batch.
        compiled: fuse the pointwise work with torch.compile; the same to 1e-5. None: for batches of
            `LARGE` pixels and from step `LONG` on, when it pays back the seconds that compiling takes.
            A matter of the step alone, so that a resumed run gets what an uninterrupted one would.
    """

    def __init__(
        self,
        config: ViewsConfig,
        tile: int,
        size: int,
        seed: int = 0,
        rank: int = 0,
        bank: Tensor | None = None,
        *,
        exact: bool = False,
        compiled: bool | None = None,
    ) -> None:
        super().__init__()
        spacing = config.pixel_spacing * tile / size
        self.config = config
        self.size = size
        self.seed = seed
        self.rank = rank
        self.exact = exact
        self.compiled = compiled
        self.real_factor = RealFactor(config.real_factor)
        self.grid = SamplingGrid(config, tile, size)
        self.swap = Swap(config.swap)
        self.rewrap = Rewrap(config.rewrap)
        self.offset = Offset(config.offset)
        self.ramp = Ramp(config.ramp, size)
        self.turbulence = Turbulence(config.turbulence, size, spacing)
        self.stratified = Stratified(config.stratified, size, spacing)
        self.ionosphere = Ionosphere(config.ionosphere, size, spacing, config.radar_wavelength)
        self.donor = Donor(config.donor)
        self.decorrelation = Decorrelation(config.decorrelation)
        self.multilook = Multilook(config.multilook)
        self.cutout = Cutout(config.cutout, size)
        self.blanks = Blanks(config.blanks, size)
        self.frame_edge = FrameEdge(config.frame_edge, size)
        self.pools = Pools(size, spacing, config.decorrelation.looks, seed, rank)
        donors = torch.empty(0, 2, size, size) if bank is None else bank
        self.register_buffer("bank", donors[spread(donors) <= config.cap], persistent=False)
        self.bank: Tensor
        self.loudest = float(spread(self.bank).max()) if len(self.bank) else 0.0

    @torch.no_grad()
    def forward(
        self,
        field: Tensor,
        step: int,
        count: int = 2,
        extras: Extras | None = None,
        ids: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """Views of a batch; the same (seed, rank, step) and ids always give the same views.

        Args:
            field: (B, 2, T, T) phasor tiles, 0 or NaN = no data.
            step: of the training run.
            count: views a tile.
            extras: what else is known of the tiles.
            ids: (B,) int64 on the CPU, by which tiles of a step are told apart; None: their places.

        Returns:
            for each view: unit phasors (B, 2, S, S), and the local coherence (B, 1, S, S) that the
            resampling yields.
        """
        reduced, extras = self.reduced(field), extras or Extras()
        views = []
        for number in range(count):
            mine, known = self.rewrapped(reduced, step, number, extras, ids)
            views.append(self.one(mine, step, number, known, ids))
        return [(view.phasor.to(field.dtype), view.coherence.to(field.dtype)) for view in views]

    @torch.no_grad()
    def reduced(self, field: Tensor) -> Tensor:
        """What all views of a batch are sampled from: mean phasor and share of valid pixels.

        Shape:
            (B, 2, T, T) -> (B, 3, T', T')
        """
        if field.shape[-1] != field.shape[-2]:
            raise ValueError(f"tiles are square, not {tuple(field.shape[-2:])}")
        field = field.float()  # positions and sums need its digits, whatever the tiles come in
        if field.shape[-1] >= 2 * self.size:
            return torch.cat(reduce(field, self.size), 1)
        with fusing(self.compiled is True):
            return _joined(field)

    @torch.no_grad()
    def rewrapped(
        self, reduced: Tensor, step: int, number: int, extras: Extras, ids: Tensor | None = None
    ) -> tuple[Tensor, Extras]:
        """The same with the phase of some unwrapped tiles multiplied by a real factor, for one view.

        Args:
            reduced: (B, 3, T', T'), see `reduced`.
            step: of the training run.
            number: which of the views of a tile.
            extras: what else is known of the tiles; without unwrapped phase nothing changes.
            ids: as for `forward`.

        Returns:
            that, and what is known of the tiles then: their own atmosphere has been multiplied, too.
        """
        known = extras.unwrapped
        if known is None or not self.config.real_factor.p:
            return reduced, extras
        ids = torch.arange(len(reduced)) if ids is None else ids
        draw = Draw(reduced.device, self.seed, self.rank, step, number, "real factor", ids=ids)
        factor = self.real_factor(known.counts, known.which, draw, known.valid_bits)
        touched = torch.nonzero(factor != 1)[:, 0]
        if extras.own is not None:
            extras = extras._replace(own=extras.own * factor.to(extras.own))
        if not len(touched):
            return reduced, extras
        field = field_of(known.counts[touched], known.valid_bits[touched], factor[touched])
        return reduced.index_copy(0, touched, self.reduced(field)), extras

    @torch.no_grad()
    def one(
        self, reduced: Tensor, step: int, number: int, extras: Extras | None = None, ids: Tensor | None = None
    ) -> View:
        """One view of each tile.

        Args:
            reduced: (B, 3, T', T'), see `reduced`.
            step: of the training run.
            number: which of the views of a tile.
            extras: what else is known of the tiles.
            ids: as for `forward`.
        """
        n, device = len(reduced), reduced.device
        if n == 0:
            return View(
                reduced.new_zeros(0, 2, self.size, self.size), reduced.new_zeros(0, 1, self.size, self.size)
            )
        large = n * self.size**2 >= LARGE and step >= LONG
        ids = torch.arange(n) if ids is None else ids
        draw = Draw(device, self.seed, self.rank, step, number, ids=ids)
        fields = None if self.exact else _Fields(self.pools, step, number, device)
        # Positions need all digits of float32, whatever the training around computes in.
        with (
            fusing(large if self.compiled is None else self.compiled),
            torch.autocast(device.type, enabled=False),
        ):
            return self._view(reduced, extras or Extras(), draw, fields)

    def _view(self, reduced: Tensor, extras: Extras, draw: Draw, fields: _Fields | None) -> View:
        n = len(reduced)
        grid, held = self.grid(n, draw.of("grid"), extras.deformation)
        protect = _at(extras.deformation, grid)
        room = self._room(extras, held)
        view, local = _formed(interpolated(reduced, grid), self.swap.signs(n, draw.of("swap")))
        # What the tile itself does not show is nobody's loss.
        spare = None if protect is None else protect * fd.validity(view)
        # Both are new: what an effect chooses is put back in place.
        chosen, steeper, factor = self.rewrap.touched(view, draw.of("rewrap"))
        view.index_copy_(0, chosen, steeper)
        # Of Gaussian phase noise, E[z^k] = E[z]^(k^2).
        lowered = local.index_select(0, chosen) ** factor.square().view(-1, 1, 1, 1)
        local.index_copy_(0, chosen, lowered)
        if self.config.donor.p and len(self.bank):
            view, room = self._with_donor(view, room, draw.of("donor"))
        if self.config.decorrelation.p:
            noise = None if self.exact else self.pools.noise(draw.device)
            chosen, noisy, lowered = self.decorrelation.touched(view, local, draw.of("decorrelation"), noise)
            view.index_copy_(0, chosen, noisy)
            local.index_copy_(0, chosen, lowered)
        across, down = self.ramp.lines(n, draw.of("ramp"))
        down = down + self.offset(n, draw.of("offset"))
        air = self._air(n, _at(extras.height, grid, "border"), draw, fields, room)
        boxes = self.cutout.boxes(n, draw.of("cutout"), spare)
        if self.config.multilook.p:
            view = _turned(view, across, down, air)
            view, local = self.multilook(view, local, draw.of("multilook"))
            view, local = _cut(view, local, *boxes)
        else:
            view, local = _turned_and_cut(view, local, across, down, air, *boxes)
        if not (self.config.blanks.p or self.config.frame_edge.p):
            return View(view, local, protect)
        if self.config.blanks.p:
            view = self.blanks(view, draw.of("blanks"), spare)
        if self.config.frame_edge.p:
            view = self.frame_edge(view, draw.of("frame edge"), spare)
        return View(view, local * fd.validity(view), protect)

    def _room(self, extras: Extras, held: Tensor | None) -> Tensor | None:
        """Largest variance of what may be added to each view, rad^2, (n,); None: nobody knows of a limit."""
        if extras.snr is None or extras.own is None:
            return None
        share = 1.0 if held is None else held.to(extras.snr.device)
        blanked = [
            part.deformation
            for part in (self.config.cutout, self.config.blanks, self.config.frame_edge)
            if part.p
        ]
        share = share * (1 - max(blanked, default=0.0))
        return most_air(extras.snr, extras.own, share, self.config.snr).square()

    def _with_donor(self, view: Tensor, room: Tensor | None, draw: Draw) -> tuple[Tensor, Tensor | None]:
        """Donors' atmosphere where there is room for it, and the room that is left."""
        given = self.donor(view, self.bank, draw)
        if room is None:
            return given, None
        fits = room >= self.loudest**2
        left = torch.where(fits, room - self.loudest**2, room)
        return torch.where(fits.view(-1, 1, 1, 1), given, view), left

    def _air(
        self,
        n: int,
        height: Tensor | None,
        draw: Draw,
        fields: _Fields | None,
        room: Tensor | None,
    ) -> Tensor | None:
        """Screens of the atmosphere, (n, S, S) rad, capped; None: there is none."""
        parts: list[tuple[Tensor, Tensor]] = []
        if self.config.turbulence.p:
            parts.append(self.turbulence(n, draw.of("turbulence"), fields.turbulent if fields else None))
        if self.config.stratified.p:
            terrain = fields.terrain if fields else None
            parts.append(self.stratified(n, draw.of("stratified"), height, terrain))
        if self.config.ionosphere.p:
            parts.append(self.ionosphere(n, draw.of("ionosphere")))
        if not parts:
            return None
        if len(parts) == 1:
            chosen, screens = parts[0]
        else:
            chosen = torch.arange(n, device=draw.device)
            screens = torch.zeros(n, self.size, self.size, device=draw.device)
            for touched, part in parts:
                screens.index_add_(0, touched, part.to(screens.dtype))
        rms = torch.linalg.vector_norm(screens.flatten(1), dim=1) / self.size
        most = torch.full_like(rms, self.config.cap)
        if room is not None:
            most = torch.minimum(most, room.index_select(0, chosen).sqrt())
        screens.mul_((most / rms.clamp_min(1e-6)).clamp_max(1.0).view(-1, 1, 1))
        if len(parts) > 1:
            return screens
        every = screens.new_zeros(n, self.size, self.size)
        return every.index_copy_(0, chosen, screens)


@fusible
def _joined(field: Tensor) -> Tensor:
    """Phasor and validity, (B, 3, T, T): `reduce` at one look."""
    return torch.cat(fd.finite(field), 1)


@fusible
def _formed(values: Tensor, signs: Tensor) -> tuple[Tensor, Tensor]:
    """Unit phasor and local coherence, (n, 2, S, S) and (n, 1, S, S), of interpolated values."""
    view, local = normalised(values)
    return view * signs, local


@fusible
def _turned(view: Tensor, across: Tensor, down: Tensor, air: Tensor | None) -> Tensor:
    """Add a phase: (n, 1, S) along the columns, (n, S, 1) along the rows and (n, S, S) in each pixel."""
    plane = across + down
    return fd.rotate(view, plane if air is None else plane + air)


@fusible
def _cut(view: Tensor, local: Tensor, in_x: Tensor, in_y: Tensor) -> tuple[Tensor, Tensor]:
    """No data in a box."""
    outside = kept(in_x, in_y)
    return view * outside, local * outside


@fusible
def _turned_and_cut(
    view: Tensor,
    local: Tensor,
    across: Tensor,
    down: Tensor,
    air: Tensor | None,
    in_x: Tensor,
    in_y: Tensor,
) -> tuple[Tensor, Tensor]:
    """Both in one pass."""
    return _cut(_turned(view, across, down, air), local, in_x, in_y)


def spread(field: Tensor) -> Tensor:
    """Circular standard deviation of the phase of fields: sqrt(-2 ln R), R their mean phasor's length.

    Source: Mardia and Jupp (2000), "Directional Statistics", eq. 2.3.11.

    Shape:
        (B, 2, S, S) -> (B,), rad
    """
    valid = fd.validity(field).sum((1, 2, 3)).clamp_min(1)
    mean = torch.linalg.vector_norm(field.sum((2, 3)), dim=1) / valid
    deviation: Tensor = (-2 * mean.clamp(1e-6, 1.0).log()).sqrt()
    return deviation


def _at(layer: Tensor | None, grid: Tensor, beyond: str = "zeros") -> Tensor | None:
    """A layer at the pixels of views, of the nearest pixel: NaN stays where it is. (B, 1, S, S)."""
    if layer is None:
        return None
    here: Tensor = F.grid_sample(
        layer.to(grid.dtype), grid, mode="nearest", padding_mode=beyond, align_corners=False
    )
    return here


@dataclass(frozen=True)
class _Fields:
    """Pools of one step and view, each made when it is first asked for."""

    pools: Pools
    step: int
    number: int
    device: torch.device

    @property
    def turbulent(self) -> Turbulent:
        return self.pools.turbulent(self.step, self.number, self.device)

    @property
    def terrain(self) -> Terrain:
        return self.pools.terrain(self.step, self.number, self.device)
