"""Interferograms in chunks, each made from the seed and its number alone, whatever they are written as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.atomic import write_json
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth.background import Backgrounds
from ssl_insar.synth.plan import Plan, plan_stack
from ssl_insar.synth.preset import Preset, load_preset
from ssl_insar.synth.render import Simulated, render

_CHUNK = 32
"""Interferograms computed together. Fixed, because the noise depends on it."""

_FEWEST_KEPT = 0.02
"""A preset whose rules keep fewer of the scenes that deform than that is not what its user wants."""

_REHEARSED = 100
"""Stacks planned before the work begins."""

_SMALLEST = 32

LAWS = 1
"""Raised whenever the same seed would give other interferograms, so that no folder mixes the two."""


class Scenes:
    """Makes chunks of interferograms of a preset.

    Args:
        preset: name, YAML file, or the preset itself.
        size: side of an interferogram, px.
        seed: another seed gives others.
        background: archive of real interferograms whose quiet tiles stand in for noise.
        device: where to compute, such as ``cuda``.

    Raises:
        UserError: a number is out of range, or the preset and the background do not go together.
    """

    def __init__(
        self,
        preset: Preset | str | Path,
        *,
        size: int = 224,
        seed: int = 0,
        background: Archive | str | Path | None = None,
        device: str = "cpu",
    ) -> None:
        self.preset = preset if isinstance(preset, Preset) else load_preset(preset)
        self.size, self.seed = size, seed
        _check(self.preset, size, seed, background, device)
        self.backgrounds = _quiet(background, size, self.preset)
        self._device = device
        stack = plan_stack(self.preset, 0, seed, size)
        self._stacks = max(1, _CHUNK // len(stack.pairs))
        self._deforming = self._left = 0

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what the interferograms are."""
        return {
            "preset": self.preset.name,
            "preset_hash": self.preset.hash,
            "size": self.size,
            "seed": self.seed,
            "background": self.background_digest,
            "laws": LAWS,
            "device": torch.device(self._device).type,
        }

    @property
    def background_digest(self) -> str | None:
        """Of the archive of real interferograms, if there is one."""
        return self.backgrounds.archive.digest if self.backgrounds else None

    def rehearse(self) -> None:
        """Plan many stacks and make one, so that a preset of impossible numbers fails before the work.

        Raises:
            UserError: it does.
        """
        for index in range(_REHEARSED):
            plan_stack(self.preset, index, self.seed, self.size)
        self._render([plan_stack(self.preset, 0, self.seed, self.size)], 0)

    def plans(self, number: int) -> list[Plan]:
        """Stacks of a chunk."""
        first = number * self._stacks
        return [
            plan_stack(self.preset, index, self.seed, self.size)
            for index in range(first, first + self._stacks)
        ]

    def make(self, number: int) -> tuple[Simulated, NDArray[np.int64]]:
        """The interferograms of a chunk, and the rows of those that the preset's rules keep.

        Raises:
            UserError: the rules keep hardly any that deforms.
        """
        made = self._render(self.plans(number), number)
        kept = np.flatnonzero(_kept(made, self.preset))
        self._count(made, kept)
        return made, kept

    def volcano(self, made: Simulated, row: int, stack: str) -> str:
        """What groups interferograms: the stack's own name, or the place that the background is of."""
        if self.backgrounds is None or made.backgrounds is None:
            return stack
        return str(self.backgrounds.places[int(made.backgrounds[row])])

    def _render(self, plans: list[Plan], number: int) -> Simulated:
        state = np.random.SeedSequence([self.seed, 2, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator(self._device).manual_seed(int(state >> np.uint64(1)))
        try:
            return render(plans, self.preset, self.size, generator, self.backgrounds, self.seed)
        except ValueError as error:
            raise UserError(f"preset {self.preset.name}: {error}") from error

    def _count(self, made: Simulated, kept: NDArray[np.int64]) -> None:
        deforms = made.deforms.cpu().numpy()
        self._deforming += int(deforms.sum())
        self._left += int(deforms[kept].sum())
        if self._deforming * _FEWEST_KEPT > self._left + 1:
            raise UserError(
                f"preset {self.preset.name}: its rules (keep) left {self._left} of {self._deforming} scenes "
                "that deform; relax them"
            )


def check_count(count: int) -> None:
    """Refuse to make no interferogram.

    Raises:
        UserError: the count is not positive.
    """
    if count < 1:
        raise UserError(f"--count {count}: must be 1 or more")


def claim(folder: Path, record: Path, settings: dict[str, Any]) -> None:
    """Take an empty folder, or one begun with the same settings, and write these down in it.

    Args:
        folder: to write to.
        record: file within it that holds the settings.
        settings: that another call has to have, too, to go on there.

    Raises:
        UserError: the folder holds something else, or was begun with other settings.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --out needs a folder")
    if record.is_file():
        try:
            held = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{record}: damaged ({error}); give --out a new folder") from error
        if held != settings:
            differs = ", ".join(
                f"{key} {held.get(key)}" for key in settings if held.get(key) != settings[key]
            )
            raise UserError(f"{folder}: was begun with other settings ({differs}); give --out a new folder")
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: holds other files; give --out an empty or new folder")
    else:
        write_json(record, settings)


def _kept(made: Simulated, preset: Preset) -> NDArray[np.bool_]:
    """Scenes that satisfy the preset's rules; those that do not deform always do."""
    good = made.snr >= preset.keep.snr
    if preset.keep.variance_ratio > 0:
        good &= made.variance_ratio >= preset.keep.variance_ratio
    kept: NDArray[np.bool_] = (~made.deforms | good).cpu().numpy()
    return kept


def _quiet(background: Archive | str | Path | None, size: int, preset: Preset) -> Backgrounds | None:
    if background is None:
        return None
    archive = background if isinstance(background, Archive) else Archive.open(background)
    if preset.deformation.rewrap != 1:
        raise UserError(f"preset {preset.name}: rewraps, which real backgrounds cannot be")
    quiet = Backgrounds(archive, size, wrapped=preset.wrapped)
    quiet.check_fits(WAVELENGTHS[preset.geometry.band], preset.geometry.spacing)
    return quiet


def _check(preset: Preset, size: int, seed: int, background: object, device: str) -> None:
    if seed < 0:
        raise UserError(f"--seed {seed}: must be 0 or more")
    if size < _SMALLEST:
        raise UserError(f"--size {size}: a scene needs {_SMALLEST} px or more")
    if preset.background == "real" and background is None:
        raise UserError(
            f"preset {preset.name}: is made on real quiet interferograms; give an archive of them with "
            "--background"
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise UserError(f"device {device!r} cannot be used here; try cpu") from error
