"""Simulated interferograms as an archive like any other, with labels, masks and truth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.archive import Archive, store
from ssl_insar.archive.cutting import Cut, cut_strip
from ssl_insar.archive.publish import merged, publish
from ssl_insar.archive.shards import ShardWriter, current, finished
from ssl_insar.archive.tiling import Strip
from ssl_insar.atomic import write_json
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.progress import bar
from ssl_insar.readers import Frame
from ssl_insar.readers.pixels import Patch
from ssl_insar.synth.background import Backgrounds
from ssl_insar.synth.plan import Plan, plan_stack
from ssl_insar.synth.preset import Preset, load_preset
from ssl_insar.synth.render import Simulated, render
from ssl_insar.synth.truth import truth

SETTINGS = "settings.json"
_CHUNK = 32
"""Interferograms computed together. Fixed, because the noise depends on it."""

_FEWEST_KEPT = 0.02
"""A preset whose rules keep fewer of the scenes that deform than that is not what its user wants."""

_REHEARSED = 100
"""Stacks planned before the work begins."""

LAWS = 1
"""Raised whenever the same seed would give other interferograms, so that no archive mixes the two."""


def simulate_archive(
    preset: Preset | str | Path,
    out: str | Path,
    *,
    count: int = 1000,
    size: int = 224,
    seed: int = 0,
    background: Archive | str | Path | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Archive:
    """Simulate interferograms by a preset and keep them as an archive.

    The catalogue has the labels ``deformation`` (0 or 1) and ``source``, and the truth in columns
    ``truth_...``: peak, SNR, variance ratio, sources with all their parameters (JSON), RMS of each
    component of the noise. Masks of where it deforms are a layer (`Archive.deformation`); coherence and
    elevation are layers, too. All interferograms of a stack are of one ``volcano``.

    The same call goes on where an interrupted one stopped, and with a larger ``count`` adds to it.

    Args:
        preset: name, YAML file, or the preset itself.
        out: archive folder; new, empty, or begun by the same call.
        count: interferograms.
        size: side of an interferogram, px.
        seed: another seed gives others.
        background: archive of real interferograms whose quiet tiles stand in for noise.
        device: where to compute, such as ``cuda``.
        progress: draw a progress bar.

    Raises:
        UserError: a number is out of range, ``out`` holds something else, or the preset needs a background.
    """
    preset = preset if isinstance(preset, Preset) else load_preset(preset)
    folder = Path(out)
    _check(preset, count, size, seed, background, device)
    quiet = _quiet(background, size, preset)
    scenes = _Scenes(preset, size, seed, quiet, device)
    scenes.rehearse()
    _claim(folder, preset, size, seed, quiet, device)
    parts = finished(folder)
    held = _held(parts)
    writer = ShardWriter(folder, parts)
    total = number = 0
    with bar(count, "simulate", "scene", shown=progress) as progress_bar:
        try:
            while total < count:
                if number not in held or (held[number].incomplete and total + held[number].tiles < count):
                    cut, kept = scenes.chunk(number, count - total)
                    if cut is not None:
                        writer.add(Path(cut.rows[0]["source"]), cut, kept)
                        total += len(cut.rows)
                        progress_bar.update(len(cut.rows))
                else:
                    total += held[number].tiles
                    progress_bar.update(held[number].tiles)
                number += 1
        finally:  # also of Ctrl-C: what is computed is kept
            writer.flush()
    parts = finished(folder)
    about = {
        "spacing": preset.geometry.spacing,
        "preset": preset.model_dump(mode="json"),
        "seed": seed,
        "background": quiet.archive.digest if quiet else None,
    }
    return publish(folder, merged(parts), len(parts), tile=size, stride=size, about=about)


@dataclass(frozen=True)
class _Chunk:
    """What an archive holds of a chunk."""

    tiles: int
    whole: int

    @property
    def incomplete(self) -> bool:
        """Whether the last count asked for fewer than the chunk has."""
        return self.tiles < self.whole


class _Scenes:
    """Makes chunks of interferograms, each from the seed and its number alone."""

    def __init__(
        self, preset: Preset, size: int, seed: int, backgrounds: Backgrounds | None, device: str
    ) -> None:
        self._preset, self._size, self._seed = preset, size, seed
        self._backgrounds, self._device = backgrounds, device
        stack = plan_stack(preset, 0, seed, size)
        self._stacks = max(1, _CHUNK // len(stack.pairs))
        self._deforming = self._left = 0

    def rehearse(self) -> None:
        """Plan many stacks and make one, so that a preset of impossible numbers fails before the work.

        Raises:
            UserError: it does.
        """
        for index in range(_REHEARSED):
            plan_stack(self._preset, index, self._seed, self._size)
        self._render([plan_stack(self._preset, 0, self._seed, self._size)], 0)

    def chunk(self, number: int, most: int) -> tuple[Cut | None, int]:
        """Tiles of a chunk that the preset's rules keep, at most so many.

        Returns:
            the tiles, and how many there would be without the bound.

        Raises:
            UserError: the rules keep hardly any that deforms.
        """
        first = number * self._stacks
        plans = [
            plan_stack(self._preset, index, self._seed, self._size)
            for index in range(first, first + self._stacks)
        ]
        made = self._render(plans, number)
        kept = np.flatnonzero(_kept(made, self._preset))
        self._count(made, kept)
        cuts = [self._cut(made, row, number) for row in kept[:most].tolist()]
        full = [cut for cut in cuts if cut is not None]
        if not full:
            return None, len(kept)
        rows = [row | {"source_size": len(full)} for cut in full for row in cut.rows]
        layers = {name: np.concatenate([cut.layers[name] for cut in full]) for name in full[0].layers}
        return Cut(rows, layers), len(kept)

    def _render(self, plans: list[Plan], number: int) -> Simulated:
        state = np.random.SeedSequence([self._seed, 2, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator(self._device).manual_seed(int(state >> np.uint64(1)))
        try:
            return render(plans, self._preset, self._size, generator, self._backgrounds, self._seed)
        except ValueError as error:
            raise UserError(f"preset {self._preset.name}: {error}") from error

    def _count(self, made: Simulated, kept: NDArray[np.int64]) -> None:
        deforms = made.deforms.cpu().numpy()
        self._deforming += int(deforms.sum())
        self._left += int(deforms[kept].sum())
        if self._deforming * _FEWEST_KEPT > self._left + 1:
            raise UserError(
                f"preset {self._preset.name}: its rules (keep) left {self._left} of {self._deforming} scenes "
                "that deform; relax them"
            )

    def _cut(self, made: Simulated, row: int, number: int) -> Cut | None:
        """One interferogram encoded, with its row of the catalogue."""
        plan = made.plans[int(made.stack[row])]
        frame = self._frame(made, row, plan)
        patch = Patch(frame.phase, frame.valid, frame.coherence, frame.elevation)
        cut = cut_strip(frame, Strip(0, [0], self._size, patch), 0.0)
        if cut is None:
            return None
        cut.layers["deformation"] = np.packbits(made.mask[row].cpu().numpy(), axis=-1)[None]
        stem = f"{self._preset.name}_{self._seed}_{plan.index:06d}_{made.pairs[row][0]}-{made.pairs[row][1]}"
        cut.rows[0].update(
            {
                "source": f"{self._preset.name}-{self._seed}",
                "member": f"{number:06d}",
                "file": stem,
                "fingerprint": hashlib.sha256(stem.encode()).hexdigest()[:32],
                "source_mtime": 0,
                "family": frame.family,
                "provenance": frame.provenance,
                "height": self._size,
                "width": self._size,
                "spacing": self._preset.geometry.spacing,
                "reference_date": frame.reference_date,
                "secondary_date": frame.secondary_date,
                "temporal_baseline": frame.temporal_baseline,
                "pass": "ascending" if plan.ascending else "descending",
                "volcano": frame.volcano,
                "wavelength": frame.wavelength,
                "wrapped": frame.wrapped,
                "has_deformation": True,
                "geometry": None,
                "_stem": stem,
            }
            | truth(made, row, plan, self._backgrounds)
        )
        return cut

    def _frame(self, made: Simulated, row: int, plan: Plan) -> Frame:
        scene = made.scene
        phase = scene.phase[row] if self._preset.wrapped else scene.unwrapped[row]
        reference, secondary = made.pairs[row]
        simulated = self._backgrounds is None
        return Frame.of(
            phase.cpu().numpy().astype(np.float32),
            scene.valid[row].cpu().numpy(),
            coherence=_array(scene.coherence[row]),
            elevation=_array(made.height[made.stack[row]]) if simulated else None,
            wrapped=self._preset.wrapped,
            source=Path(self._preset.name),
            family="simulated",
            provenance=f"ssl_insar preset {self._preset.name} {self._preset.hash}",
            wavelength=WAVELENGTHS[self._preset.geometry.band],
            reference_date=plan.dates[reference],
            secondary_date=plan.dates[secondary],
            los=np.array(plan.los),
            volcano=self._place(made, row, plan),
        )

    def _place(self, made: Simulated, row: int, plan: Plan) -> str:
        """What groups tiles: the stack, or the place that the background is of."""
        if self._backgrounds is None or made.backgrounds is None:
            return f"{self._preset.name}_{plan.index:06d}"
        return str(self._backgrounds.places[int(made.backgrounds[row])])


def _array(field: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = field.to(torch.float32).cpu().numpy()
    return array


def _kept(made: Simulated, preset: Preset) -> NDArray[np.bool_]:
    """Scenes that satisfy the preset's rules; those that do not deform always do."""
    good = made.snr >= preset.keep.snr
    if preset.keep.variance_ratio > 0:
        good &= made.variance_ratio >= preset.keep.variance_ratio
    kept: NDArray[np.bool_] = (~made.deforms | good).cpu().numpy()
    return kept


def _held(parts: dict[int, Any]) -> dict[int, _Chunk]:
    """Chunks that an archive holds already."""
    if not parts:
        return {}
    rows = current(parts)
    return {
        int(str(member)): _Chunk(len(some), int(some["source_members"].iloc[0]))
        for member, some in rows.groupby("member")
    }


def _quiet(background: Archive | str | Path | None, size: int, preset: Preset) -> Backgrounds | None:
    if background is None:
        return None
    archive = background if isinstance(background, Archive) else Archive.open(background)
    if preset.deformation.rewrap != 1:
        raise UserError(f"preset {preset.name}: rewraps, which real backgrounds cannot be")
    quiet = Backgrounds(archive, size, wrapped=preset.wrapped)
    quiet.check_fits(WAVELENGTHS[preset.geometry.band], preset.geometry.spacing)
    return quiet


def _check(preset: Preset, count: int, size: int, seed: int, background: object, device: str) -> None:
    if count < 1:
        raise UserError(f"--count {count}: must be 1 or more")
    if seed < 0:
        raise UserError(f"--seed {seed}: must be 0 or more")
    if size < 32:
        raise UserError(f"--size {size}: a scene needs 32 px or more")
    if preset.background == "real" and background is None:
        raise UserError(
            f"preset {preset.name}: is made on real quiet interferograms; give an archive of them with "
            "--background"
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise UserError(f"device {device!r} cannot be used here; try cpu") from error


def _claim(
    folder: Path, preset: Preset, size: int, seed: int, quiet: Backgrounds | None, device: str
) -> None:
    """Take an empty folder, or one begun with the same settings."""
    settings = {
        "preset": preset.name,
        "preset_hash": preset.hash,
        "size": size,
        "seed": seed,
        "background": quiet.archive.digest if quiet else None,
        "laws": LAWS,
        "device": torch.device(device).type,
    }
    path = folder / store.PARTS / SETTINGS
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --out needs a folder")
    if path.is_file():
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}); give --out a new folder") from error
        if held != settings:
            differs = ", ".join(
                f"{key} {held.get(key)}" for key in settings if held.get(key) != settings[key]
            )
            raise UserError(f"{folder}: was begun with other settings ({differs}); give --out a new folder")
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: holds other files; give --out an empty or new folder")
    else:
        write_json(path, settings)
    for scratch in (folder / store.PARTS).glob(".*"):  # of a killed run
        scratch.unlink()
