"""Fields and noise made once for many views: drawing them anew is most of what views would cost."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from ssl_insar.augment.config import LooksSpan
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.stratified import TERRAIN
from ssl_insar.synth.turbulence import HANSSEN, PowerLaw, fast_length, filtered_noise

FIELDS = 16
"""Fields in a pool."""
WINDOWS = 4
"""Windows of a field that do not overlap: its side is twice that of a view, or more."""
RENEWED = 64
"""Steps for which a pool of fields serves: making it then costs a view a few percent."""
LOOKS = 8
"""Numbers of looks in a pool at most."""
_CPU = torch.device("cpu")
_ALIGNMENTS = 16
"""Length of the pool of noise, in views."""

_Kind = TypeVar("_Kind", bound="Fields")


class Fields:
    """Fields of a power law, from which views are cut; subclasses say which law.

    A field is periodic and twice as large as a view, so that a window of it is distributed as
    a field of `ssl_insar.synth.turbulence.power_law_fields`, wherever it lies: neither is periodic.
    Where a sample's window lies is a hash of step and id, so that a sample has another one at each step.
    Four ids in a row, from a multiple of 4, have the quarters of one field, and those of one lap of 64
    (0 ... 63, 64 ... 127; `FIELDS` times `WINDOWS`) do not overlap. Two of different laps lie in one field
    with a chance of 1/16, and then anywhere in it, mirrored and negated at random: a chance of 1.0 % that
    they share more than half of their area, of .03 % that they share nine tenths. Windows of one field
    are not independent at lengths beyond their own side: good enough for tiles that differ, too little
    for the views of one tile, each of which has its own pool.

    Args:
        size: side of the views, px.
        spacing: of their pixels, m.
        draw: of the pool.
    """

    law: ClassVar[PowerLaw]

    def __init__(self, size: int, spacing: float, draw: Draw) -> None:
        self.size = size
        self.period = fast_length(2 * size)
        rows = torch.fft.fftfreq(self.period, spacing, dtype=torch.float64, device=draw.device)
        amplitude = self.law.density(torch.hypot(rows[:, None], rows[: self.period // 2 + 1].abs())).sqrt()
        amplitude = (amplitude / amplitude.max()).float().expand(FIELDS, -1, -1)
        square = (self.period, self.period)
        fields = filtered_noise(amplitude, square, square, generator=draw.fields)
        # A window that crosses the edge goes on beyond it.
        fields = torch.cat([fields, fields[:, : size - 1]], 1)
        self.fields = torch.cat([fields, fields[:, :, : size - 1]], 2)

    def to(self: _Kind, device: torch.device) -> _Kind:
        """The same fields on a device."""
        self.fields = self.fields.to(device)
        return self

    def windows(self, k: int, draw: Draw, only: Tensor | None = None) -> Tensor:
        """Windows for k samples, of mean 0 and standard deviation 1 over their pixels.

        Args:
            k: number of samples.
            draw: of the samples.
            only: which of them get one, indices on the CPU; None: all.

        Shape:
            -> (k, S, S), or as many as ``only`` has
        """
        size = self.size
        places, sign = self.places(k, draw), draw.sign(k, 0.5)
        if only is not None:
            places, sign, k = places[only], sign[only], len(only)
        rows = draw.to_device(places, k * size)
        cut = self.fields.view(-1).unfold(0, size, 1).index_select(0, rows).view(k, size, size)
        # Two sums in one pass each: `torch.var_mean` takes several times as long on a CPU.
        flat = cut.flatten(1)
        mean = flat.mean(1)
        power = torch.linalg.vector_norm(flat, dim=1).square() / flat.shape[1]
        scale = draw.to_device(sign, k) / (power - mean.square()).clamp_min(1e-30).sqrt()
        return cut.sub_(mean.view(k, 1, 1)).mul_(scale.view(k, 1, 1))

    def places(self, k: int, draw: Draw) -> Tensor:
        """Where the rows of the windows begin in the flattened fields.

        Shape:
            -> (k, S) int64 on the CPU
        """
        size, side = self.size, self.fields.shape[-1]
        ids = torch.arange(k) if draw.ids is None else draw.ids
        group = ids // WINDOWS
        # The fields of a lap in turn, from another one on in each; where they are cut, for each anew.
        corner = draw.shared("corner", group)
        field = (group + draw.shared("lap", group // FIELDS).below(k, FIELDS)) % FIELDS
        half = self.period // 2
        top = (corner.below(k, self.period) + ids % 2 * half) % self.period
        left = (corner.below(k, self.period) + ids // 2 % 2 * half) % self.period
        along = torch.arange(size).expand(k, size)
        along = torch.where((draw.uniform(k) < 0.5).unsqueeze(1), along, size - 1 - along)
        return ((field * side + top).unsqueeze(1) + along) * side + left.unsqueeze(1)


class Turbulent(Fields):
    """Turbulent fields; see `ssl_insar.synth.turbulence`."""

    law = HANSSEN


class Terrain(Fields):
    """Fractal terrain; see `ssl_insar.synth.stratified.TERRAIN`."""

    law = TERRAIN


class Noise:
    """Exact draws of what phase noise is made of, in long rows, from which each view gets a piece.

    Of the intensity (for `LOOKS` numbers of looks) and of the two parts of the Gaussian number, see
    `ssl_insar.synth.decorrelation`. The three pieces of a view begin anywhere, each on its own, so
    that the same pixels hardly ever meet again: the chance that two views share the intensity and
    one part is below 1e-10 at 224 px. Noise of one view is independent from pixel to pixel; that of
    two views is not where one of their pieces overlaps, at some lag.

    Args:
        pixels: of a view.
        looks: from and to.
        draw: of the pool.
    """

    def __init__(self, pixels: int, looks: LooksSpan, draw: Draw) -> None:
        self.pixels = pixels
        self.length = _ALIGNMENTS * pixels
        count = min(LOOKS, looks[1] - looks[0] + 1)
        self.looks = torch.linspace(looks[0], looks[1], count).round()
        self.intensity = torch.stack(
            [
                # torch offers seeded Gamma draws under this private name only (its public
                # distribution uses the global generator, which would break reproducibility).
                torch._standard_gamma(
                    torch.full((self.length,), float(n), device=draw.device), generator=draw.fields
                )
                for n in self.looks
            ]
        )
        self.normal = draw.normal(2, self.length)

    def to(self, device: torch.device) -> Noise:
        """The same noise on a device."""
        self.intensity, self.normal = self.intensity.to(device), self.normal.to(device)
        return self

    def pieces(self, n: int, draw: Draw) -> tuple[Tensor, Tensor]:
        """Draws of Gamma(L, 1), and of two Gaussian numbers, for each pixel of n views.

        Shape:
            -> (n, pixels), (2, n, pixels)
        """
        which = draw.below(n, len(self.looks))
        first, second, third = (draw.below(n, self.length - self.pixels + 1) for _ in range(3))
        intensity = self._piece(self.intensity, which * self.length + first, draw)
        normal = self._piece(self.normal, torch.cat([second, self.length + third]), draw)
        return intensity, normal.view(2, n, self.pixels)

    def _piece(self, row: Tensor, starts: Tensor, draw: Draw) -> Tensor:
        pieces = row.view(-1).unfold(0, self.pixels, 1)
        return pieces.index_select(0, draw.to_device(starts, len(starts)))


class Pools:
    """The pools of one process, each made when it is first asked for.

    They are drawn on the CPU, so that views are the same on every device; that takes a tenth of a second
    every `RENEWED` steps.

    Args:
        size: side of the views, px.
        spacing: of their pixels, m.
        looks: of the noise, from and to.
        *key: of the process, (seed, rank).
    """

    def __init__(self, size: int, spacing: float, looks: LooksSpan, *key: int) -> None:
        self.size = size
        self.spacing = spacing
        self.looks = looks
        self.key = key
        self._fields: dict[tuple[type[Fields], int], tuple[tuple[int, torch.device], Fields]] = {}
        self._noise: dict[torch.device, Noise] = {}

    def turbulent(self, step: int, view: int, device: torch.device) -> Turbulent:
        """Fields for one of the views of a tile, the same for `RENEWED` steps."""
        return self._renewed(Turbulent, "turbulent", step, view, device)

    def terrain(self, step: int, view: int, device: torch.device) -> Terrain:
        """Terrain for one of the views of a tile, the same for `RENEWED` steps."""
        return self._renewed(Terrain, "terrain", step, view, device)

    def noise(self, device: torch.device) -> Noise:
        """Noise for the whole run."""
        if device not in self._noise:
            made = Noise(self.size**2, self.looks, Draw(_CPU, *self.key, "noise"))
            self._noise[device] = made.to(device)
        return self._noise[device]

    def _renewed(self, kind: type[_Kind], name: str, step: int, view: int, device: torch.device) -> _Kind:
        wanted = step // RENEWED, device
        made = self._fields.get((kind, view))
        if made is not None and made[0] == wanted and isinstance(made[1], kind):
            return made[1]
        draw = Draw(_CPU, *self.key, name, wanted[0], view)
        fields = kind(self.size, self.spacing, draw).to(device)
        self._fields[kind, view] = wanted, fields
        return fields
