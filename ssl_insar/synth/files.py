"""Simulated interferograms as product files, laid out and named like LiCSAR's, with their labels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX, TRUTH_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.progress import bar
from ssl_insar.synth.chunks import Scenes, check_count, claim
from ssl_insar.synth.licsar import layer_path, write_interferogram, write_metadata
from ssl_insar.synth.made_up import volcano_of
from ssl_insar.synth.plan import Plan
from ssl_insar.synth.render import Simulated
from ssl_insar.synth.truth import truth

SETTINGS = "simulation.json"
LABELS = "labels.csv"
TRUTH = "truth.csv"
COLUMNS = {
    "file": "file",
    "deformation": LABEL_PREFIX + "deformation",
    # Not "source": to a label table that is where a tile was read from.
    "kind": LABEL_PREFIX + "source",
    "volcano": "volcano",
    "frame": "frame",
    "reference_date": "reference_date",
    "secondary_date": "secondary_date",
    "peak_los_m": TRUTH_PREFIX + "peak_los",
    "snr": TRUTH_PREFIX + "snr",
}
"""Of the labels, and under which name the truth has each."""

_MOST_WRITERS = 8


def simulate_files(scenes: Scenes, out: str | Path, *, count: int = 1200, progress: bool = True) -> Path:
    """Write simulated interferograms as LiCSAR-like GeoTIFFs, with their labels.

    The interferograms are those of `ssl_insar.synth.archive.simulate_archive`. Each stack is a frame at a
    made-up volcano of its own, in a folder as LiCSAR's (see `ssl_insar.synth.licsar`), where file names tell
    volcano, frame and dates. Its ``truth.csv`` has the columns ``truth_...`` of such an archive, one row a
    pair. ``labels.csv`` has one row a wrapped interferogram: ``deformation`` 0 or 1, ``kind`` of source
    (``none`` if nothing moves), volcano, frame, dates, ``peak_los_m`` (largest displacement along the line of
    sight in either direction, m, positive toward the satellite; 0 if none), ``snr``. With a background,
    ``volcano`` is where that is of, whatever the file's name says.

    The same call goes on where an interrupted one stopped: files that are there are whole and are kept.

    Args:
        scenes: of which preset, seed and size.
        out: folder; new, empty, or begun by the same call.
        count: interferograms.
        progress: draw a progress bar.

    Returns:
        the folder.

    Raises:
        UserError: no interferogram is asked for, ``out`` holds something else, or the preset is not of
            LiCSAR's band.
    """
    check_count(count)
    folder = Path(out)
    band = scenes.preset.geometry.band
    if band != "C":
        raise UserError(
            f"preset {scenes.preset.name}: is of {band} band, and LiCSAR files are of C band; leave --files "
            "out"
        )
    scenes.rehearse()
    claim(folder, folder / SETTINGS, scenes.settings | {"count": count})
    rows: list[dict[str, Any]] = []
    number = 0
    writers = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_WRITERS), thread_name_prefix="write")
    with bar(count, "simulate", "scene", shown=progress) as progress_bar, writers:
        while len(rows) < count:
            made = _chunk(scenes, number, count - len(rows), folder, writers)
            rows += made
            progress_bar.update(len(made))
            number += 1
    _write_table(folder / LABELS, list(COLUMNS), ([row[name] for name in COLUMNS.values()] for row in rows))
    return folder


def _chunk(
    scenes: Scenes, number: int, most: int, folder: Path, writers: ThreadPoolExecutor
) -> list[dict[str, Any]]:
    """Write what is missing of a chunk, at most so many interferograms; rows of truth of all of them."""
    made = None
    rows: list[dict[str, Any]] = []
    for position, plan in enumerate(scenes.plans(number)):
        if len(rows) == most:
            break
        stack = _Stack(scenes, plan, folder)
        told = stack.told()
        if told is None:
            made = made or scenes.make(number)
            told = stack.write(*made, position, most - len(rows), writers)
        rows += told
    return rows


class _Stack:
    """The files of one stack."""

    def __init__(self, scenes: Scenes, plan: Plan, folder: Path) -> None:
        self._scenes, self._plan = scenes, plan
        self._volcano = volcano_of(plan, scenes.seed)
        self._transform = self._volcano.transform(scenes.size, scenes.preset.geometry.spacing)
        # Frames of two volcanoes may bear the same name.
        self._folder = folder / f"{self._volcano.name}_{self._volcano.frame}"

    def told(self) -> list[dict[str, Any]] | None:
        """Rows of truth, if all files of the stack are there."""
        path = self._folder / TRUTH
        if not path.is_file():
            return None
        with path.open(encoding="utf-8", newline="") as handle:
            rows: list[dict[str, Any]] = list(csv.DictReader(handle))
        pairs = {self._base(pair).name: self._base(pair) for pair in self._plan.pairs}
        for row in rows:
            base = pairs.get(row["file"].partition(".")[0])
            if base is None or not layer_path(base, "diff_pha").is_file():
                return None
        return rows

    def write(
        self,
        made: Simulated,
        kept: NDArray[np.int64],
        position: int,
        most: int,
        writers: ThreadPoolExecutor,
    ) -> list[dict[str, Any]]:
        """Write the files that are missing, and their truth when they are there.

        Args:
            made: the chunk.
            kept: its rows that the preset's rules keep.
            position: of the stack within the chunk.
            most: interferograms to write at most.
            writers: threads that write.

        Returns:
            rows of truth, all text, as they are read back.
        """
        mine = [row for row in kept.tolist() if int(made.stack[row]) == position][:most]
        height = made.height[position].cpu().numpy() if self._scenes.backgrounds is None else None
        if mine:
            base = self._folder / "metadata" / self._volcano.frame
            shape = (self._scenes.size, self._scenes.size)
            write_metadata(base, self._transform, self._plan.los, height, shape)
        list(writers.map(partial(self._write_pair, made), mine))
        rows = [self._row(made, row) for row in mine]
        names = list(rows[0]) if rows else ["file"]
        _write_table(self._folder / TRUTH, names, (row.values() for row in rows))
        told = self.told()
        assert told is not None
        return told

    def _write_pair(self, made: Simulated, row: int) -> None:
        scene = made.scene.only(row)
        write_interferogram(
            self._base(made.pairs[row]),
            self._transform,
            wrapped=scene.phase.cpu().numpy(),
            unwrapped=scene.unwrapped.cpu().numpy(),
            coherence=scene.coherence.cpu().numpy(),
            valid=scene.valid.cpu().numpy(),
        )

    def _row(self, made: Simulated, row: int) -> dict[str, Any]:
        reference, secondary = self._days(made.pairs[row])
        return {
            "file": layer_path(self._base(made.pairs[row]), "diff_pha").name,
            "volcano": self._scenes.volcano(made, row, self._volcano.name),
            "frame": self._volcano.frame,
            "reference_date": reference,
            "secondary_date": secondary,
        } | truth(made, row, self._plan, self._scenes.backgrounds)

    def _base(self, pair: tuple[int, int]) -> Path:
        days = "_".join(self._days(pair))
        name = self._volcano.name
        stem = f"simulated_{name}_{self._volcano.frame}_{name}_{days}"
        return self._folder / "interferograms" / days / stem

    def _days(self, pair: tuple[int, int]) -> tuple[str, str]:
        reference, secondary = (f"{self._plan.dates[which]:%Y%m%d}" for which in pair)
        return reference, secondary


def _write_table(path: Path, names: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    with replacing(path) as scratch:
        scratch.write_text(text.getvalue(), encoding="utf-8")
