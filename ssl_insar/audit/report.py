"""``report.html``: the findings on one self-contained page, with what they mean."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssl_insar import __version__
from ssl_insar.archive.groups import is_binary
from ssl_insar.audit import pictures
from ssl_insar.audit.copies import COPY_KINDS
from ssl_insar.audit.findings import counts
from ssl_insar.audit.leaks import SHARED
from ssl_insar.audit.quality import NOISE

if TYPE_CHECKING:
    from ssl_insar.audit.run import Audit

_ROWS = 15
"""Rows of a table on the page; ``findings.csv`` has them all."""


def draw(result: Audit, folder: Path) -> dict[str, Path]:
    """Draw the pictures that there is something to show in; by what they show, in the page's order."""
    drawn: dict[str, Path] = {}

    def at(name: str) -> Path:
        drawn[name] = folder / f"{name}.png"
        return drawn[name]

    archive, copies = result.archive, result.copies
    if copies.found:
        pictures.pair_sheet(archive, pictures.sample_pairs(archive, copies), at("copies"))
    if copies.look_alikes:
        pictures.pair_sheet(archive, pictures.look_alikes(archive, copies.look_alikes), at("look-alikes"))
    if len(copies.correlations):
        pictures.correlation_histogram(copies, at("correlations"))
    overlapping = pictures.overlapping(archive, result.overlaps)
    if overlapping:
        pictures.pair_sheet(archive, overlapping, at("overlaps"))
    for name, which, order in (
        ("noise", result.quality.noise, -result.scan.peak),  # the least certain first
        ("constant", result.quality.constant, -result.scan.valid),
    ):
        rows = np.flatnonzero(which)
        if len(rows):
            rows = rows[np.argsort(order[rows], kind="stable")]
            titles = archive.catalogue["id"].iloc[rows].tolist()
            pictures.tile_sheet(archive, rows.tolist(), titles, at(name))
    for name, table in result.balance.items():
        value = table.columns[-1] if is_binary(table.columns) else table.sum().idxmin()
        if len(table) > 1 and table[value].sum():
            pictures.balance_bars(name, table, value, at(f"label-{_plain(name)}"))
    if any(leak.tiles for leak in result.leaks):
        pictures.leak_bars(result.leaks, at("leaks"))
    return drawn


def page(result: Audit, drawn: dict[str, Path]) -> str:
    """The report as HTML, the pictures inside; names in it are text, never markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        version=__version__,
        audit=result,
        tiles=len(result.archive),
        counts=counts(result.table),
        rows={kind: _rows(result, kind) for kind in counts(result.table)},
        most=_ROWS,
        copy_kinds=COPY_KINDS,
        acquisitions=result.acquisitions.shared,
        shared=SHARED,
        noise=NOISE,
        images={name: _uri(path) for name, path in drawn.items()},
        labels={name: f"label-{_plain(name)}" for name in result.balance},
    )


def _rows(result: Audit, kind: str) -> list[Any]:
    of_kind = result.table[result.table["kind"] == kind]
    return list(of_kind.head(_ROWS).itertuples(index=False))


def _plain(name: str) -> str:
    """A label's name as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
