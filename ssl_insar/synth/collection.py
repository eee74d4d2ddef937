"""A collection of simulated product files, laid out and named like a real one.

Each volcano has its own place, and a series of acquisitions joined to their next three neighbours,
as LiCSAR joins them. Atmosphere belongs to acquisitions, so that interferograms share it as real
ones do. Deformation comes as events between two acquisitions; an interferogram deforms if it spans
one. Volcanoes that never deform are drawn from the same laws as those that do.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.atomic import replacing, write_json
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.progress import bar
from ssl_insar.synth.events import KINDS, Event, draw_event
from ssl_insar.synth.place import METRES_PER_DEGREE, PIXEL, Place, coherence_field, draw_place, render_ground
from ssl_insar.synth.scene import Scene, compose
from ssl_insar.synth.stratified import ground, stratified_delay
from ssl_insar.synth.turbulence import log_uniform, turbulence
from ssl_insar.threads import torch_threads

SETTINGS = "simulation.json"
LABELS = "labels.csv"
COLUMNS = (
    "file",
    "deformation",
    "source",
    "volcano",
    "frame",
    "reference_date",
    "secondary_date",
    "peak_los_m",
)
LAWS = 2
"""Raised whenever the same seed would give another collection, so that no folder mixes the two."""

NEIGHBOURS = 3
"""Interferograms join an acquisition to this many following ones."""

DEFORMING_SHARE = 0.35
"""At least this share of the interferograms of a volcano that deforms; half of the volcanoes do."""

TURBULENCE_RMS = (0.2, 2.0)
"""rad, of an interferogram."""

_STEP = 2.0**-9
"""rad; phases are rounded to this, a tenth of the noise at its least, and files halve in size."""

_SMALLEST = 16
_MOST_WORKERS = 8
"""Each holds a volcano in memory, some 100 MB."""


@dataclass(frozen=True)
class Pair:
    """One interferogram to make: indices of its two acquisitions, and the event it spans, if any."""

    file: str
    reference: int
    secondary: int
    event: int | None


@dataclass(frozen=True)
class Volcano:
    """All that is decided before anything is rendered."""

    name: str
    frame: str
    place: Place
    dates: tuple[date, ...]
    events: tuple[Event, ...]
    pairs: tuple[Pair, ...]
    noise_seed: int


def simulate_collection(
    folder: str | Path,
    count: int = 1200,
    size: int = 224,
    volcanoes: int = 40,
    seed: int = 0,
    progress: bool = True,
    device: str = "cpu",
) -> Path:
    """Write simulated wrapped interferograms as LiCSAR-style GeoTIFFs, with their labels.

    The files are float32 radians, 0 where there is no data, in EPSG:4326, named like crops of LiCSAR
    products so that dates, frame and volcano are found in their names. About one in five deforms.
    ``labels.csv`` has one row a file: ``deformation`` 0 or 1, ``source`` (kind of source, empty if
    none), volcano, frame, dates, and ``peak_los_m``, the largest line-of-sight displacement of the
    event in either direction, 0 if none.

    An interrupted run is continued by the same call: files that are there are whole and are kept.

    Args:
        folder: where to write; new, empty, or begun by the same call.
        count: number of files.
        size: side of a file, pixels of 0.001 degree.
        volcanoes: number of places; half of them deform at times.
        seed: the same seed gives the same collection (to the last bit on the same machine).
        progress: whether to show a progress bar.
        device: where to compute, such as ``cuda``.

    Returns:
        the folder.

    Raises:
        UserError: a number is out of range, or the folder holds something else.
    """
    folder = Path(folder)
    _check(count, size, volcanoes, device)
    settings = {"count": count, "size": size, "volcanoes": volcanoes, "seed": seed, "laws": LAWS}
    _claim(folder, settings)
    plan = plan_collection(count, size, volcanoes, seed)
    missing = {pair.file for v in plan for pair in v.pairs if not (folder / pair.file).is_file()}
    drawn = bar(count, "simulate", "scene", shown=progress, initial=count - len(missing))

    def make(volcano: Volcano) -> None:
        wanted = [index for index, pair in enumerate(volcano.pairs) if pair.file in missing]
        if wanted:
            scene, corners = render(volcano, size, device)
            phase, valid = scene.phase.cpu().numpy(), scene.valid.cpu().numpy()
        for index in wanted:
            write_product(folder / volcano.pairs[index].file, phase[index], valid[index], corners[index])
            drawn.update()

    # One thread a volcano, and one core a thread: torch and GDAL both work without Python's lock, and
    # many small operations each split over all cores are slower by far when the cores are busy.
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    with drawn, torch_threads(1), ThreadPoolExecutor(workers, thread_name_prefix="simulate") as pool:
        try:
            for made in as_completed([pool.submit(make, volcano) for volcano in plan]):
                made.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _write_labels(folder / LABELS, plan)
    return folder


def plan_collection(count: int, size: int, volcanoes: int, seed: int) -> list[Volcano]:
    """Decide everything but the pixels: places, acquisitions, events and file names."""
    volcanoes = min(volcanoes, count)
    rng = np.random.default_rng([seed, 0])
    # Coherence levels cover their range evenly, and of each two volcanoes with neighbouring levels
    # one deforms: among so few places chance alone would tie deformation to coherence.
    levels = (np.arange(volcanoes) + rng.uniform(size=volcanoes)) / volcanoes
    deforms = np.zeros(volcanoes, bool)
    for first in range(0, volcanoes, 2):
        deforms[min(first + int(rng.integers(2)), volcanoes - 1)] = True
    order = rng.permutation(volcanoes)
    sizes = np.full(volcanoes, count // volcanoes)
    sizes[: count % volcanoes] += 1
    return [
        _plan_volcano(index, int(pairs), float(levels[which]), bool(deforms[which]), size, seed)
        for index, (which, pairs) in enumerate(zip(order, sizes, strict=True))
    ]


def render(volcano: Volcano, size: int, device: str = "cpu") -> tuple[Scene, list[tuple[float, float]]]:
    """Make all interferograms of a volcano.

    Returns:
        the scene, with fields of (pairs, size, size), and the (longitude, latitude) of the upper
        left corner of each.
    """
    place, pairs = volcano.place, volcano.pairs
    generator = torch.Generator(device).manual_seed(volcano.noise_seed)
    # Crops of a wider field: real collections do not centre their volcano to the pixel.
    margin = size // 8
    shape = (size + 2 * margin, size + 2 * margin)
    land = render_ground(place, shape, generator)
    east, north = ground(shape, place.spacing, device=generator.device)

    def uniform(low: float, high: float, *dims: int) -> torch.Tensor:
        drawn = torch.rand(dims, generator=generator, device=generator.device)
        return drawn * (high - low) + low

    acquisitions = len(volcano.dates)
    rms = log_uniform(*TURBULENCE_RMS, (acquisitions,), generator) / 2**0.5
    screens = turbulence(rms, shape, place.spacing, place.atmosphere, generator=generator)
    gradients = torch.randn(acquisitions, generator=generator, device=generator.device) * place.stratification
    delays = stratified_delay(land.height, gradients)
    first = torch.tensor([pair.reference for pair in pairs])
    second = torch.tensor([pair.secondary for pair in pairs])

    events = [event.line_of_sight(east, north, place.los) for event in volcano.events]
    still = torch.zeros(shape, dtype=torch.float64, device=generator.device)
    displacement = torch.stack([still if pair.event is None else events[pair.event] for pair in pairs])

    across = torch.linspace(-0.5, 0.5, shape[0], device=generator.device)
    tilt = torch.randn((2, len(pairs), 1, 1), generator=generator, device=generator.device) * 1.5
    offset = uniform(-np.pi, np.pi, len(pairs), 1, 1)
    ramp = offset + tilt[0] * across[:, None] + tilt[1] * across[None, :]

    # Not made to depend on the time between acquisitions: interferograms that span an event are
    # longer on average, and coherence alone would then tell that something happened.
    dryness = torch.randn(len(pairs), generator=generator, device=generator.device) * 0.4
    coherence = coherence_field(place, land, dryness, uniform(0.85, 1.0, len(pairs)))

    offsets = torch.randint(0, 2 * margin + 1, (len(pairs), 2), generator=generator, device=generator.device)
    corners = [tuple(corner) for corner in offsets.tolist()]

    def crop(fields: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [field[r : r + size, c : c + size] for field, (r, c) in zip(fields, corners, strict=True)]
        )

    scene = compose(
        displacement=crop(displacement),
        components={
            "turbulence": crop(screens[second] - screens[first]),
            "stratified": crop(delays[second] - delays[first]),
            "ramp": crop(ramp),
        },
        coherence=crop(coherence),
        valid=crop(land.valid.expand(len(pairs), *shape)),
        wavelength=WAVELENGTHS["C"],
        looks=place.looks,
        filter_exponent=place.filter_exponent,
        generator=generator,
    )
    west = place.longitude - shape[1] / 2 * PIXEL
    top = place.latitude + shape[0] / 2 * PIXEL
    return scene, [(west + col * PIXEL, top - row * PIXEL) for row, col in corners]


def write_product(
    path: Path, phase: NDArray[np.float32], valid: NDArray[np.bool_], corner: tuple[float, float]
) -> None:
    """Write one wrapped interferogram as LiCSAR does: float32 radians, untagged 0 for no data.

    Args:
        path: the file; it is there whole or not at all.
        phase: (H, W), rad.
        valid: (H, W).
        corner: (longitude, latitude) of the upper left corner, degrees.
    """
    import rasterio
    from rasterio.transform import Affine

    rounded = np.round(phase / _STEP) * _STEP
    # An honest phase of 0 would read as no data.
    values = np.where(valid, np.where(rounded == 0, _STEP, rounded), 0).astype(np.float32)
    with (
        replacing(path) as scratch,
        rasterio.open(
            scratch,
            "w",
            driver="GTiff",
            height=values.shape[0],
            width=values.shape[1],
            count=1,
            dtype="float32",
            crs="EPSG:4326",
            transform=Affine(PIXEL, 0, corner[0], 0, -PIXEL, corner[1]),
            compress="deflate",
            zlevel=1,
        ) as dataset,
    ):
        dataset.write(values, 1)


def _plan_volcano(index: int, pairs: int, level: float, deforms: bool, size: int, seed: int) -> Volcano:
    rng = np.random.default_rng([seed, 1, index])
    place = draw_place(rng, level, size)
    name = volcano_name(index)
    track = f"{rng.integers(1, 176):03d}{'A' if place.ascending else 'D'}"
    frame = f"{track}_{round((90 - place.latitude) * 100):05d}_131313"
    joined = _network(pairs)
    acquisitions = 1 + max(second for _, second in joined)
    day = date(2015, 1, 1) + timedelta(days=int(rng.integers(0, 2000)))
    dates = [day]
    for _ in range(acquisitions - 1):
        day += timedelta(days=int(rng.choice([6, 12, 12, 12, 24])))
        dates.append(day)
    gaps = _event_gaps(joined, acquisitions, rng) if deforms else []
    reach = 0.22 * size * PIXEL * METRES_PER_DEGREE
    scale = min(size / 224, 1.0)
    events = [draw_event(rng, str(rng.choice(KINDS)), reach, scale) for _ in gaps]
    planned = []
    for first, second in joined:
        spanned = [i for i, gap in enumerate(gaps) if first <= gap < second]
        file = (
            f"simulated_{name}_{frame}_{name}_{dates[first]:%Y%m%d}_{dates[second]:%Y%m%d}.geo.diff_pha.tif"
        )
        planned.append(Pair(file, first, second, spanned[0] if spanned else None))
    noise_seed = int(np.random.SeedSequence([seed, 2, index]).generate_state(1, np.uint64)[0] >> 1)
    return Volcano(name, frame, place, tuple(dates), tuple(events), tuple(planned), noise_seed)


def _network(pairs: int) -> list[tuple[int, int]]:
    """The first ``pairs`` interferograms of a series joined to its next neighbours."""
    joined = [(second - lag, second) for second in range(1, pairs + 1) for lag in range(1, NEIGHBOURS + 1)]
    return [pair for pair in joined if pair[0] >= 0][:pairs]


def _event_gaps(joined: list[tuple[int, int]], acquisitions: int, rng: np.random.Generator) -> list[int]:
    """Intervals between acquisitions in which something happens, each the index of the earlier one.

    They lie so far apart that no interferogram spans two, and are added until the wanted share of
    interferograms spans one.
    """
    gaps: list[int] = []
    spanned = 0
    for gap in rng.permutation(acquisitions - 1).tolist():
        if all(abs(gap - other) >= NEIGHBOURS for other in gaps):
            gaps.append(gap)
            spanned += sum(first <= gap < second for first, second in joined)
        if spanned >= DEFORMING_SHARE * len(joined):
            break
    return sorted(gaps)


def volcano_name(index: int) -> str:
    """A name that no real volcano has to share: ``mt_`` and three syllables, another for each index."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    syllables = [c + v for c in consonants for v in vowels]
    # The factor has no divisor in common with 70, so that neighbours in the list differ visibly and
    # no name repeats before 343,000.
    scattered = (index * 123_457 + 91_733) % len(syllables) ** 3
    parts = []
    for _ in range(3):
        scattered, which = divmod(scattered, len(syllables))
        parts.append(syllables[which])
    return "mt_" + "".join(parts)


def _check(count: int, size: int, volcanoes: int, device: str) -> None:
    if count < 1 or volcanoes < 1:
        raise UserError(f"count and volcanoes must be at least 1, not {count} and {volcanoes}")
    if size < _SMALLEST:
        raise UserError(f"size must be at least {_SMALLEST} pixels, not {size}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise UserError(f"device {device!r} cannot be used here; try cpu") from error


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    """Take an empty folder, or one begun with the same settings."""
    path = folder / SETTINGS
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder to write to")
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != settings:
            raise UserError(
                f"{folder}: holds a simulation with other settings ({found}); "
                "delete it or give another folder"
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: is not empty; give a new folder")
    else:
        write_json(path, settings)


def _write_labels(path: Path, plan: list[Volcano]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_label_rows(plan))
    with replacing(path) as scratch:
        scratch.write_text(text.getvalue(), encoding="utf-8")


def _label_rows(plan: list[Volcano]) -> Iterator[tuple[Any, ...]]:
    for volcano in plan:
        for pair in volcano.pairs:
            event = None if pair.event is None else volcano.events[pair.event]
            yield (
                pair.file,
                int(event is not None),
                event.kind if event else "",
                volcano.name,
                volcano.frame,
                f"{volcano.dates[pair.reference]:%Y%m%d}",
                f"{volcano.dates[pair.secondary]:%Y%m%d}",
                f"{event.peak_los:.4f}" if event else "0",
            )
