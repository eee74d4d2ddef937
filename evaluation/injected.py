"""Quiet real tiles, and simulated sources put into them: what the protocols on detection work with."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluation.linear_probe import git_commit
from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import label_names
from ssl_insar.archive.groups import assign_groups
from ssl_insar.atomic import replacing
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.phase import local_coherence
from ssl_insar.pretrain.pairs import Pairs, inject, pattern_of
from ssl_insar.pretrain.quiet import Quiet, flatness, quiet_tiles
from ssl_insar.pretrain.sources import Sources, make_sources
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.preset import load_preset
from ssl_insar.synth.turbulence import HANSSEN

CHUNK = 64
SPACING = 100.0
"""m between pixels of an archive that does not tell."""
_GRID = 28


@dataclass(frozen=True)
class Backgrounds:
    """Quiet tiles of an archive.

    Attributes:
        archive: that holds them.
        rows: (n,) positions.
        groups: (n,) volcanoes.
        how: how they were found to be quiet.
        excluded: number of quiet tiles left out because an encoder was trained at their volcano.
    """

    archive: Archive
    rows: NDArray[np.intp]
    groups: NDArray[np.str_]
    how: Quiet
    excluded: int

    def chunks(self) -> Iterator[NDArray[np.intp]]:
        """Places in ``rows``, a chunk at a time."""
        for start in range(0, len(self.rows), CHUNK):
            yield np.arange(start, min(start + CHUNK, len(self.rows)))

    def phasors(self, chosen: NDArray[np.intp]) -> NDArray[np.complex64]:
        """Some of them, (k, T, T)."""
        return self.archive.phasors(self.rows[chosen])


def backgrounds(
    archive: Archive, quiet: str, trained: Path | None, most: int, seed: int, least_volcanoes: int = 1
) -> Backgrounds:
    """Choose quiet tiles.

    Args:
        archive: the tiles.
        quiet: ``labelled``, ``presumed``, or ``auto``: labelled where the archive has labels.
        trained: run folder, at whose volcanoes no tile is taken; None: no matter.
        most: number of tiles, at random.
        seed: of the choice.
        least_volcanoes: that are needed.

    Raises:
        UserError: too few are left, or there is no such run.
    """
    if quiet == "auto":
        quiet = "labelled" if label_names(archive.catalogue) else "presumed"
    rows = quiet_tiles(archive, cast(Quiet, quiet))
    groups = assign_groups(archive.catalogue).names[rows]
    unseen = np.ones(len(rows), bool) if trained is None else ~np.isin(groups, _trained_groups(trained))
    excluded = int((~unseen).sum())
    rows, groups = rows[unseen], groups[unseen]
    if len(rows) > most:
        kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        rows, groups = rows[kept], groups[kept]
    if len(np.unique(groups)) < least_volcanoes:
        where = f", {excluded} more at volcanoes that {trained} was trained on" if trained else ""
        raise UserError(
            f"{archive.path}: {len(rows)} quiet tiles ({quiet}) at {len(np.unique(groups))} volcanoes{where}"
            f"; at least {least_volcanoes} volcanoes are needed: give another archive"
        )
    return Backgrounds(archive, rows, groups, cast(Quiet, quiet), excluded)


def _trained_groups(run: Path) -> NDArray[np.str_]:
    """Volcanoes of the archive that a run was trained on."""
    try:
        state = json.loads((run / "run.json").read_text(encoding="utf-8"))
        place, digest = str(state["archive"]), str(state["archive_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run}: not a pretraining run ({error}); give --exclude-trained a run") from error
    archive = Archive.open(place)
    if archive.digest != digest:
        raise UserError(f"{run}: its archive {place} has changed since, so its volcanoes are not known")
    return np.unique(assign_groups(archive.catalogue).names)


def spacing_of(archive: Archive) -> float:
    """Median m between the pixels; `SPACING` where the archive does not tell."""
    known = archive.catalogue["spacing"].dropna()
    return float(known.median()) if len(known) else SPACING


class Injection(NamedTuple):
    """Sources for n backgrounds, each at one or more strengths.

    Attributes:
        sources: patterns of a peak of 1 rad, at the full resolution of the tiles.
        pairs: which source each background gets, and how it is mirrored (`ssl_insar.pretrain.pairs`).
        peak: (n, L) rad, with sign.
        displacement: (n, L) peak along the line of sight, m.
        natural: (n, L) whether it neither aliases nor is larger than in nature.
    """

    sources: Sources
    pairs: Pairs
    peak: Tensor
    displacement: NDArray[np.float64]
    natural: NDArray[np.bool_]

    def put(self, tiles: Tensor, chosen: NDArray[np.intp], level: int) -> Tensor:
        """Tiles with their source at one of the strengths.

        Shape:
            (k, 2, T, T), (k,) places -> (k, 2, T, T)
        """
        part = self._part(chosen)
        peak = self.peak[torch.from_numpy(chosen), level].to(tiles.device)
        return inject(tiles, part.to(tiles.device)._replace(peak=peak), self.sources.to(tiles.device))

    def at_ratio(self, snr: float) -> Injection:
        """The same sources, each at the one strength of this GLS ratio in 1 rad of atmosphere.

        Weaker where it would alias or exceed what occurs in nature.
        """
        number = self.pairs.source
        peak = (snr / self.sources.snr[number]).minimum(self.sources.most[number])
        return self._replace(peak=peak[:, None] * self.peak[:, :1].sign())

    def patterns(self, chosen: NDArray[np.intp]) -> Tensor:
        """Their phase at a peak of 1 rad, (k, T, T)."""
        return pattern_of(self._part(chosen), self.sources, torch.arange(len(chosen)))

    def _part(self, chosen: NDArray[np.intp]) -> Pairs:
        rows = torch.from_numpy(chosen)
        return Pairs(*(each[rows] for each in self.pairs))


def draw_sources(
    tiles: Backgrounds, preset: str, count: int, span: tuple[float, float], levels: int, seed: int
) -> Injection:
    """One source a background, by a preset's laws, at strengths spread evenly over a logarithmic span.

    Args:
        tiles: where they will be put.
        preset: of the simulator.
        count: patterns drawn.
        span: least and largest peak displacement, m.
        levels: L, strengths of each.
        seed: of all draws.

    Raises:
        UserError: no such preset, or one without sources.
    """
    archive, n = tiles.archive, len(tiles.rows)
    sources = make_sources(preset, count, archive.tile, spacing_of(archive), seed, shown=True)
    generator = torch.Generator().manual_seed(seed)
    number = torch.randint(len(sources), (n,), generator=generator)
    low, high = (math.log(value) for value in span)
    part = (torch.arange(levels) + torch.rand(n, levels, generator=generator)) / levels
    displacement = torch.exp(low + part * (high - low))
    band = WAVELENGTHS[load_preset(preset).geometry.band]
    wavelength = archive.catalogue["wavelength"].to_numpy(float)[tiles.rows]
    wavelength = np.where(np.isfinite(wavelength), wavelength, band)
    peak = displacement * torch.from_numpy(4 * np.pi / wavelength).float()[:, None]
    sign = torch.where(torch.rand(n, 1, generator=generator) < 0.5, -1.0, 1.0)
    own = torch.arange(n)
    mirror = torch.rand(n, 2, generator=generator) < 0.5
    pairs = Pairs(own, own, number, torch.zeros(n), torch.zeros(n), mirror)
    natural = peak <= sources.most[number, None]
    return Injection(sources, pairs, peak * sign, displacement.double().numpy(), natural.numpy())


def unit_snr(
    tiles: Backgrounds, injection: Injection, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """GLS ratio, at a peak of 1 rad, of the sources in the tiles that they are put into.

    The atmosphere of a tile has Hanssen's spectrum and the RMS that the tile itself shows: its phase
    leaves the best plane by sqrt(-2 ln R), R its `ssl_insar.pretrain.quiet.flatness` (Mardia and Jupp
    2000, "Directional Statistics", eq. 2.3.11), to which the plane's share is added. The noise of a pixel
    has the variance (1 - g^2) / g^2, g its local coherence; where that exceeds 1 rad^2, and where there
    is no data, a pixel says nothing. What is rougher than some 1.8 rad looks no rougher, so that the
    ratio there is too large.

    Shape:
        (k,) places -> ratio (k,), RMS of the atmosphere (k,), rad
    """
    z = tiles.phasors(chosen)
    flat = flatness(fd.from_complex(torch.from_numpy(z))).clamp(1e-3, 1 - 1e-6)
    spacing = spacing_of(tiles.archive)
    rms = (-2 * flat.log()).sqrt() / _share_beside_plane(tiles.archive.tile * spacing / _GRID) ** 0.5
    nothing = torch.zeros(len(z), 0)
    air = Atmosphere((spacing, spacing), HANSSEN, rms, nothing, nothing)
    local = torch.from_numpy(local_coherence(z))
    information = phase_information(local, 0.5, torch.from_numpy(z != 0))
    return gls_snr(injection.patterns(chosen), air, information).numpy(), rms.double().numpy()


def _share_beside_plane(spacing: float) -> float:
    """Share of the variance of turbulence that no plane takes away."""
    one = Atmosphere((spacing, spacing), HANSSEN, torch.ones(1), torch.zeros(1, 0), torch.zeros(1, 0))
    covariance = one.between_cells(torch.zeros(1, dtype=torch.long), (_GRID, _GRID))[0]
    basis, _ = torch.linalg.qr(plane(_GRID))
    return float((covariance.trace() - (basis.T @ covariance @ basis).trace()) / len(basis))


def plane(side: int) -> Tensor:
    """Columns of offset and ramp over a square, (side^2, 3) float64."""
    row, col = torch.meshgrid(*[torch.linspace(-0.5, 0.5, side, dtype=torch.float64)] * 2, indexing="ij")
    return torch.stack([torch.ones(side**2, dtype=torch.float64), row.flatten(), col.flatten()], 1)


def resampled(groups: NDArray[Any], draws: int, seed: int) -> NDArray[np.float64]:
    """Weights of tiles in a bootstrap over volcanoes; the first row is the sample itself.

    Shape:
        (n,) -> (1 + draws, n)
    """
    names, member = np.unique(groups, return_inverse=True)
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    return np.concatenate([np.ones((1, len(groups))), times[:, member]])


def with_interval(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """A value and its 95 % interval, in columns: of the sample itself, which comes first, and of the draws.

    What a draw does not reach (NaN) counts as infinitely far.
    """
    drawn = np.where(np.isnan(values[1:]), np.inf, values[1:])
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}


@dataclass(frozen=True)
class Asked:
    """What both protocols are asked on the command line; see `common_options`."""

    place: Path
    trained: Path | None
    quiet: str
    preset: str
    sources: int
    tiles: int
    draws: int
    seed: int
    out: Path

    def backgrounds(self, least_volcanoes: int) -> Backgrounds:
        """The quiet tiles; see `backgrounds`."""
        archive = Archive.open(self.place)
        return backgrounds(archive, self.quiet, self.trained, self.tiles, self.seed, least_volcanoes)

    def facts(self, tiles: Backgrounds) -> list[str]:
        """What a page has to say of them."""
        return [
            f"{len(tiles.rows):,} quiet tiles ({tiles.how}) of {len(np.unique(tiles.groups)):,} volcanoes; "
            + (
                f"{tiles.excluded:,} at volcanoes of the archive of {self.trained} left out"
                if self.trained
                else "the encoder may have been trained on these volcanoes"
            ),
            f"archive {tiles.archive.digest[:12]}, seed {self.seed}, "
            f"commit {git_commit(Path(__file__).parent) or 'unknown'}",
        ]

    def publish(self, name: str, table: pd.DataFrame, page: str, pictures: dict[str, bytes]) -> None:
        """Write ``name.csv``, ``name.md`` and PNG files, and print the page."""
        with replacing(self.out / f"{name}.csv") as scratch:
            table.to_csv(scratch, index=False, float_format="%.6g")
        for picture, content in pictures.items():
            with replacing(self.out / f"{picture}.png") as scratch:
                scratch.write_bytes(content)
        with replacing(self.out / f"{name}.md") as scratch:
            scratch.write_text(page, encoding="utf-8")
        click.echo(page)


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of both protocols, which reach the command as one `Asked`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        command(Asked(**{each.name: given.pop(each.name) for each in dataclasses.fields(Asked)}), **given)

    options = [
        click.option("--archive", "place", required=True, type=click.Path(path_type=Path)),
        click.option(
            "--exclude-trained", "trained", metavar="RUN", type=click.Path(path_type=Path),
            help="Take no tile of a volcano of this run's archive.",
        ),
        click.option(
            "--quiet", type=click.Choice(["auto", "labelled", "presumed"]), default="auto", show_default=True,
            help="Tiles with label 0, or of flat phase; auto: labelled where there are labels.",
        ),
        click.option("--preset", default="volcanoes", show_default=True, help="Whose sources are injected."),
        click.option("--sources", default=256, show_default=True, type=click.IntRange(1), help="Patterns."),
        click.option("--tiles", default=500, show_default=True, type=click.IntRange(2), help="Most tiles."),
        click.option(
            "--draws", default=500, show_default=True, type=click.IntRange(1), help="Of the bootstrap."
        ),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(0)),
        click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results."),
    ]  # fmt: skip
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
