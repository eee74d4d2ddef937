"""Simulated interferograms as an archive like any other, with labels, masks and truth."""

from __future__ import annotations

import hashlib
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
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.progress import bar
from ssl_insar.readers import Frame
from ssl_insar.readers.pixels import Patch
from ssl_insar.synth.chunks import Scenes, check_count, claim
from ssl_insar.synth.plan import Plan
from ssl_insar.synth.preset import Preset
from ssl_insar.synth.render import Simulated
from ssl_insar.synth.truth import truth

SETTINGS = "settings.json"


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
    folder = Path(out)
    check_count(count)
    scenes = Scenes(preset, size=size, seed=seed, background=background, device=device)
    scenes.rehearse()
    claim(folder, folder / store.PARTS / SETTINGS, scenes.settings)
    for scratch in (folder / store.PARTS).glob(".*"):  # of a killed run
        scratch.unlink()
    parts = finished(folder)
    held = _held(parts)
    writer = ShardWriter(folder, parts)
    total = number = 0
    with bar(count, "simulate", "scene", shown=progress) as progress_bar:
        try:
            while total < count:
                if number not in held or (held[number].incomplete and total + held[number].tiles < count):
                    cut, kept = _chunk(scenes, number, count - total)
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
        "spacing": scenes.preset.geometry.spacing,
        "preset": scenes.preset.model_dump(mode="json"),
        "seed": seed,
        "background": scenes.background_digest,
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


def _chunk(scenes: Scenes, number: int, most: int) -> tuple[Cut | None, int]:
    """Tiles of a chunk that the preset's rules keep, at most so many.

    Returns:
        the tiles, and how many there would be without the bound.
    """
    made, kept = scenes.make(number)
    cuts = [_cut(scenes, made, row, number) for row in kept[:most].tolist()]
    full = [cut for cut in cuts if cut is not None]
    if not full:
        return None, len(kept)
    rows = [row | {"source_size": len(full)} for cut in full for row in cut.rows]
    layers = {name: np.concatenate([cut.layers[name] for cut in full]) for name in full[0].layers}
    return Cut(rows, layers), len(kept)


def _cut(scenes: Scenes, made: Simulated, row: int, number: int) -> Cut | None:
    """One interferogram encoded, with its row of the catalogue."""
    plan, preset = made.plans[int(made.stack[row])], scenes.preset
    frame = _frame(scenes, made, row, plan)
    patch = Patch(frame.phase, frame.valid, frame.coherence, frame.elevation)
    cut = cut_strip(frame, Strip(0, [0], scenes.size, patch), 0.0)
    if cut is None:
        return None
    cut.layers["deformation"] = np.packbits(made.mask[row].cpu().numpy(), axis=-1)[None]
    stem = f"{preset.name}_{scenes.seed}_{plan.index:06d}_{made.pairs[row][0]}-{made.pairs[row][1]}"
    cut.rows[0].update(
        {
            "source": f"{preset.name}-{scenes.seed}",
            "member": f"{number:06d}",
            "file": stem,
            "fingerprint": hashlib.sha256(stem.encode()).hexdigest()[:32],
            "source_mtime": 0,
            "family": frame.family,
            "provenance": frame.provenance,
            "height": scenes.size,
            "width": scenes.size,
            "spacing": preset.geometry.spacing,
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
        | truth(made, row, plan, scenes.backgrounds)
    )
    return cut


def _frame(scenes: Scenes, made: Simulated, row: int, plan: Plan) -> Frame:
    scene, preset = made.scene.only(row), scenes.preset
    phase = scene.phase if preset.wrapped else scene.unwrapped
    reference, secondary = made.pairs[row]
    return Frame.of(
        phase.cpu().numpy().astype(np.float32),
        scene.valid.cpu().numpy(),
        coherence=_array(scene.coherence),
        elevation=_array(made.height[made.stack[row]]) if scenes.backgrounds is None else None,
        wrapped=preset.wrapped,
        source=Path(preset.name),
        family="simulated",
        provenance=f"ssl_insar preset {preset.name} {preset.hash}",
        wavelength=WAVELENGTHS[preset.geometry.band],
        reference_date=plan.dates[reference],
        secondary_date=plan.dates[secondary],
        los=np.array(plan.los),
        volcano=scenes.volcano(made, row, f"{preset.name}_{plan.index:06d}"),
    )


def _array(field: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = field.to(torch.float32).cpu().numpy()
    return array


def _held(parts: dict[int, Any]) -> dict[int, _Chunk]:
    """Chunks that an archive holds already."""
    if not parts:
        return {}
    rows = current(parts)
    return {
        int(str(member)): _Chunk(len(some), int(some["source_members"].iloc[0]))
        for member, some in rows.groupby("member")
    }
