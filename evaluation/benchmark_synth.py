"""How many scenes a second the simulator makes, beside straightforward numpy of the same law.

    python -m evaluation.benchmark_synth [--scenes 8] [--repeats 5] [--device cuda] [--out benchmark]

One run, the ways alternating, ratios of medians. The simulator works in batches, one on each of --threads
cores. Numpy makes one scene after another on one core, with
the same spectrum on a domain padded alike and, for decorrelation, in two ways: by the sampler of two draws a
pixel that the simulator has, and as textbooks define it, by drawing L single-look pixels of both acquisitions
and summing their products; the second takes longer the more looks there are. Neither way keeps anything from
one scene to the next, and all return wrapped phase.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click
import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth.decorrelation import gamma_samples, noise_vector, phase_noise
from ssl_insar.synth.filtering import adaptive_filter
from ssl_insar.synth.scene import compose
from ssl_insar.synth.turbulence import HANSSEN, fast_length, standardise, turbulence
from ssl_insar.threads import torch_threads

SPACING = (111.0, 100.0)
"""m, north-south and east-west: a pixel of LiCSAR at 26 degrees of latitude."""

RMS = 1.0
COHERENCE = 0.6
FILTER_RADIUS, FILTER_EXPONENT = 1.5, 2.0

Field: TypeAlias = NDArray[np.float64]
Work: TypeAlias = Callable[[], object]


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_synth --looks 20 --out benchmark")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for synth.md and synth.png.")
@click.option("--size", default=224, show_default=True, type=click.IntRange(min=16), help="Side, px.")
@click.option("--scenes", default=8, show_default=True, type=click.IntRange(min=2), help="In a batch.")
@click.option("--looks", default=10, show_default=True, type=click.IntRange(min=1), help="Looks a pixel.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", type=click.IntRange(min=1), help="Batches at once; by default one a core.")
@click.option("--device", default="cpu", show_default=True, help="Where the simulator computes.")
def main(
    out: Path | None, size: int, scenes: int, looks: int, repeats: int, threads: int | None, device: str
) -> None:
    """Time the simulator against numpy, and say where its time goes."""
    # A GPU has one queue: batches made at once would wait for each other.
    count = threads or (os.cpu_count() or 1 if device == "cpu" else 1)
    with torch_threads(1):
        page, parts = measure(size, scenes, looks, repeats, device, count)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "synth.md").write_text(page, encoding="utf-8")
        _draw(parts, out / "synth.png")
    click.echo(page)


def measure(
    size: int, scenes: int, looks: int, repeats: int, device: str, threads: int
) -> tuple[str, dict[str, float]]:
    """The page, and the milliseconds a scene of each component of the simulator."""
    made = [Simulator(size, scenes, looks, device, seed) for seed in range(threads)]
    plain = Plain(size, looks)
    lines = [
        f"{size} px, {looks} looks. Simulator: batches of {scenes} scenes, {threads} at once, on {device}. "
        f"Numpy: one scene after another. Median of {repeats}.",
        "",
        "| scenes/s | simulator | numpy, two draws | numpy, sum of looks | to two draws | to sum of looks |",
        "|---|---|---|---|---|---|",
    ]
    with ThreadPoolExecutor(threads) as pool:
        for name, ours, theirs in (
            ("turbulence and decorrelation", Simulator.noise, plain.noise),
            ("whole scene, filtered", Simulator.scene, plain.scene),
        ):
            ways = [
                _rate(partial(_at_once, pool, [partial(ours, one) for one in made]), scenes * threads),
                _rate(partial(theirs, two_draws), 1),
                _rate(partial(theirs, sum_of_looks), 1),
            ]
            fast, *slow = _medians(ways, repeats)
            cells = [
                f"{fast:.0f}",
                *(f"{rate:.1f}" for rate in slow),
                *(f"{fast / rate:.1f}" for rate in slow),
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    parts = made[0].parts()
    works = [*parts.values(), made[0].scene]
    rates = _medians([_rate(partial(_waited, work), scenes) for work in works], repeats)
    *each, whole = (1000 / rate for rate in rates)
    milliseconds = dict(zip(parts, each, strict=True)) | {"all else": max(whole - sum(each), 0.0)}
    told = ", ".join(f"{name} {ms:.2f} ms ({ms / whole:.0%})" for name, ms in milliseconds.items())
    lines += ["", f"Where {whole:.2f} ms of a scene go, each part measured alone on one core: {told}."]
    return "\n".join(lines) + "\n", milliseconds


class Simulator:
    """The simulator's own code, a batch at a time.

    Args:
        size: side of a scene, px.
        scenes: in a batch.
        looks: equivalent number of looks.
        device: where to compute.
        seed: of all draws.
    """

    def __init__(self, size: int, scenes: int, looks: int, device: str, seed: int = 0) -> None:
        self.shape, self.scenes, self.looks = (size, size), scenes, looks
        self.generator = torch.Generator(device).manual_seed(seed)
        self.rms = torch.full((scenes,), RMS, device=device)
        self.coherence = torch.full((scenes, size, size), COHERENCE, device=device)
        self.valid = torch.ones((scenes, size, size), dtype=torch.bool, device=device)
        self.still = torch.zeros((scenes, size, size), dtype=torch.float64, device=device)

    def screens(self) -> torch.Tensor:
        """Turbulence, rad."""
        return turbulence(self.rms, self.shape, SPACING, generator=self.generator)

    def noise(self) -> torch.Tensor:
        """Turbulence and decorrelation, wrapped."""
        noise = phase_noise(self.coherence, self.looks, generator=self.generator)
        return torch.remainder(self.screens() + noise, 2 * torch.pi)

    def scene(self) -> torch.Tensor:
        """The same composed into a scene, with the filter."""
        return compose(
            displacement=self.still,
            components={"turbulence": self.screens()},
            coherence=self.coherence,
            valid=self.valid,
            wavelength=WAVELENGTHS["C"],
            looks=self.looks,
            filter_exponent=FILTER_EXPONENT,
            filter_radius=FILTER_RADIUS,
            generator=self.generator,
        ).phase

    def parts(self) -> dict[str, Work]:
        """What a scene is made of, each to be measured alone on what the one before has made."""
        gamma = gamma_samples(self.coherence, self.looks, generator=self.generator)
        normal = torch.randn((*gamma.shape, 2), generator=self.generator, device=gamma.device)
        real, imag = noise_vector(self.coherence, gamma, normal)
        phasor = torch.polar(torch.ones_like(real), torch.atan2(imag, real))
        # Two screens come of one complex field.
        padded = ((self.scenes + 1) // 2, fast_length(2 * self.shape[0]), fast_length(2 * self.shape[1]), 2)

        def draw(shape: tuple[int, ...]) -> torch.Tensor:
            return torch.randn(shape, generator=self.generator, device=gamma.device)

        white = torch.view_as_complex(draw(padded))
        spectrum = torch.ones(padded[1:3], device=gamma.device)

        def amplitude() -> torch.Tensor:
            rows, cols = (
                torch.fft.fftfreq(side, step, dtype=torch.float64, device=gamma.device)
                for side, step in zip(padded[1:3], SPACING, strict=True)
            )
            return HANSSEN.density(torch.hypot(rows[:, None], cols)).sqrt()

        parts: dict[str, Work] = {
            "turbulence: amplitudes": amplitude,
            "turbulence: normal draws": lambda: draw(padded),
            "turbulence: FFT": lambda: torch.fft.ifft2(white * spectrum),
            "turbulence: crop to unit variance": lambda: standardise(real),
            "decorrelation: gamma draws": lambda: gamma_samples(
                self.coherence, self.looks, generator=self.generator
            ),
            "decorrelation: normal draws": lambda: draw(tuple(normal.shape)),
            "decorrelation: phase of the sum": lambda: torch.atan2(
                *reversed(noise_vector(self.coherence, gamma, normal))
            ),
            "filter": lambda: adaptive_filter(phasor, FILTER_RADIUS, FILTER_EXPONENT),
        }
        return parts


class Plain:
    """The same laws as one writes them in numpy for one scene.

    Args:
        size: side of a scene, px.
        looks: number of looks.
    """

    def __init__(self, size: int, looks: int) -> None:
        self.shape, self.looks = (size, size), looks
        self.rng = np.random.default_rng(0)
        self.coherence = np.full(self.shape, COHERENCE)

    def screen(self) -> Field:
        """Turbulence, rad: white noise shaped by the spectrum on a domain twice as large, and cropped."""
        tall, wide = (2 * side for side in self.shape)
        frequency = np.hypot(np.fft.fftfreq(tall, SPACING[0])[:, None], np.fft.fftfreq(wide, SPACING[1]))
        amplitude = np.sqrt(three_regimes(frequency))
        field = np.fft.ifft2(np.fft.fft2(self.rng.normal(size=(tall, wide))) * amplitude).real
        crop = field[: self.shape[0], : self.shape[1]]
        screen: Field = RMS * (crop - crop.mean()) / crop.std()
        return screen

    def noise(self, decorrelate: Callable[[np.random.Generator, Field, int], Field]) -> Field:
        """Turbulence and decorrelation, wrapped."""
        total = self.screen() + decorrelate(self.rng, self.coherence, self.looks)
        wrapped: Field = np.mod(total, 2 * np.pi)
        return wrapped

    def scene(self, decorrelate: Callable[[np.random.Generator, Field, int], Field]) -> Field:
        """The same, filtered."""
        z = np.exp(1j * self.noise(decorrelate))
        margin = int(4 * FILTER_RADIUS) + 1
        size = (self.shape[0] + margin, self.shape[1] + margin)
        transfer = np.exp(
            -2
            * (np.pi * FILTER_RADIUS) ** 2
            * (np.fft.fftfreq(size[0])[:, None] ** 2 + np.fft.fftfreq(size[1]) ** 2)
        )
        sums = [np.fft.ifft2(np.fft.fft2(field, size) * transfer) for field in (z, np.ones(self.shape))]
        mean = (sums[0] / np.maximum(sums[1].real, 1e-3))[: self.shape[0], : self.shape[1]]
        length = np.abs(mean)
        weight = np.minimum(length, 1) ** FILTER_EXPONENT
        phase: Field = np.angle((1 - weight) * z + weight * mean / np.maximum(length, 1e-6))
        return phase


def three_regimes(frequency: Field) -> Field:
    """Hanssen's spectrum as the simulator has it, up to a factor.

    Args:
        frequency: radial, cycles/m, any shape.
    """
    softened = np.hypot(frequency, 1 / HANSSEN.outer_scale)
    first, second, third = HANSSEN.exponents
    long, short = HANSSEN.breaks
    power = softened**-first
    power = np.where(softened * long > 1, power * (softened * long) ** (first - second), power)
    power = np.where(softened * short > 1, power * (softened * short) ** (second - third), power)
    return np.where(frequency > 0, power, 0)


def two_draws(rng: np.random.Generator, coherence: Field, looks: int) -> Field:
    """Phase noise from a gamma and a complex normal number a pixel, which is exact.

    Shape:
        (H, W) -> (H, W), rad
    """
    g = rng.gamma(looks, size=coherence.shape)
    n = (rng.normal(size=coherence.shape) + 1j * rng.normal(size=coherence.shape)) / np.sqrt(2)
    noise: Field = np.angle(coherence * g + np.sqrt(1 - coherence**2) * np.sqrt(g) * n)
    return noise


def sum_of_looks(rng: np.random.Generator, coherence: Field, looks: int) -> Field:
    """Phase noise by its definition: L pairs of correlated single-look pixels, their products summed.

    Shape:
        (H, W) -> (H, W), rad
    """
    shape = (looks, *coherence.shape)
    first = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    other = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    second = coherence * first + np.sqrt(1 - coherence**2) * other
    noise: Field = np.angle((second * np.conj(first)).sum(axis=0))
    return noise


def _at_once(pool: ThreadPoolExecutor, works: list[Work]) -> None:
    for done in [pool.submit(_waited, work) for work in works]:
        done.result()


def _waited(work: Work) -> None:
    """Do the work and wait for the GPU, if there is one that has not finished."""
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _rate(work: Work, scenes: int) -> Callable[[], float]:
    """A clock of one call, in scenes/s."""

    def once() -> float:
        began = time.perf_counter()
        work()
        return scenes / (time.perf_counter() - began)

    return once


def _medians(ways: list[Callable[[], float]], repeats: int) -> list[float]:
    """Median of each, in alternation; the first round warms up and does not count."""
    rounds = [[way() for way in ways] for _ in range(repeats + 1)]
    return [statistics.median(rates) for rates in zip(*rounds[1:], strict=True)]


def _draw(parts: dict[str, float], path: Path) -> None:
    from ssl_insar.maps.figures import BLUE, new_figure, png

    figure, axes = new_figure(6.4, 2.8)
    axes.barh(list(parts), list(parts.values()), color=BLUE, height=0.6)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a scene, measured alone", fontsize=9)
    path.write_bytes(png(figure))


if __name__ == "__main__":
    main()
