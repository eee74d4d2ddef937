"""The whole audit: measure, compare, tell, and write it all into one folder."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_insar import __version__
from ssl_insar.archive import Archive
from ssl_insar.atomic import check_replaceable, replacing_folder
from ssl_insar.audit import balance
from ssl_insar.audit.acquisitions import Acquisitions, find_acquisitions
from ssl_insar.audit.baselines import Score, labels_for, score_baselines
from ssl_insar.audit.contradictions import conflicts
from ssl_insar.audit.copies import Copies, find_copies
from ssl_insar.audit.curate import Curation, curate
from ssl_insar.audit.findings import Finding, as_table, counts, write_table
from ssl_insar.audit.leaks import Leak, find_leaks, leak_findings
from ssl_insar.audit.overlaps import Overlaps, find_overlaps
from ssl_insar.audit.quality import Quality, judge
from ssl_insar.audit.scan import Scan, scan
from ssl_insar.audit.split import Split, read_split
from ssl_insar.audit.targets import check_apart
from ssl_insar.errors import UserError

FINDINGS = "findings.csv"
SUMMARY = "summary.json"
REPORT = "report.html"


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        archive: the archive.
        table: all findings, columns ``kind``, ``tile``, ``other``, ``value``, ``detail``.
        scan: what was measured of each tile.
        quality: empty, constant and noise tiles.
        copies: tiles that repeat others.
        overlaps: tiles of one interferogram that show the same ground.
        acquisitions: how tiles share acquisitions.
        balance: for each label the tiles of each class at each volcano.
        split: the split that was looked at, if one was.
        leaks: what its held-out parts share with training.
        scores: what the null baselines score on it.
        curation: which tiles the rules keep.
        notes: what could not be told, and why.
        seconds: what the parts took.
    """

    archive: Archive
    table: pd.DataFrame
    scan: Scan
    quality: Quality
    copies: Copies
    overlaps: Overlaps
    acquisitions: Acquisitions
    balance: dict[str, pd.DataFrame]
    split: Split | None
    leaks: list[Leak]
    scores: list[Score]
    curation: Curation
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The numbers of the report, ready for JSON; what is not defined is null."""
        found, planted = self.copies, self.copies.planted
        facts = {
            "archive": str(self.archive.path.resolve()),
            "digest": self.archive.digest,
            "tiles": len(self.archive),
            "findings": counts(self.table),
            "copies": {
                "tiles": len(found.found),
                "threshold": found.threshold,
                "threshold_chosen": found.reason,
                "pairs_compared": len(found.correlations),
                "every_pair_searched": found.exhaustive,
                "planted": {"copies": planted[1], "found": planted[0]},
            },
            "overlaps": {
                "tiles": self.overlaps.tiles,
                "pairs": len(self.overlaps.found),
                "pairs_not_compared": self.overlaps.untold,
            },
            "acquisitions": {
                "all": len(self.acquisitions.table),
                "shared": len(self.acquisitions.shared),
                "pairs_of_tiles_sharing_one": self.acquisitions.pairs,
                "undated_tiles": self.acquisitions.undated,
            },
            "labels": {
                name: {str(value): int(total) for value, total in table.sum().items()}
                for name, table in self.balance.items()
            },
            "split": self.split.name if self.split else None,
            "leaks": [
                {"part": k.part, "what": k.what, "tiles": k.tiles, "leaked": k.leaked, "share": k.share}
                for k in self.leaks
            ],
            "baselines": [asdict(score) for score in self.scores],
            "curation": {
                "kept": int(self.curation.keep.sum()),
                "dropped": self.curation.counts(),
                "labels_made_unknown": self.curation.labels_made_unknown(),
                "rules": self.curation.rules,
            },
            "notes": self.notes,
            "seconds": {name: round(seconds, 2) for name, seconds in self.seconds.items()},
            "ssl_insar": __version__,
        }
        cleaned: dict[str, Any] = _without_nan(facts)
        return cleaned


def audit(
    archive: Archive,
    *,
    split: str | None = None,
    label: str | None = None,
    threshold: float | None = None,
    drop_noise: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Audit:
    """Audit an archive.

    Args:
        archive: N tiles; few of them are in memory at a time.
        split: ``CSV:COLUMN`` or a column of the catalogue, see `read_split`.
        label: label that the baselines predict; None: the only one, else ``deformation`` or ``label``.
        threshold: least correlation of copies; None: chosen from the data.
        drop_noise: let the curation leave out tiles of noise.
        seed: of folds and bootstrap.
        progress: draw progress bars.

    Raises:
        UserError: no such split or label, or FAISS is not installed.
    """
    from ssl_insar.search.backend import import_faiss

    import_faiss()
    catalogue = archive.catalogue
    given = read_split(catalogue, split) if split else None  # told before the long work
    labels = labels_for(catalogue, given, label) if given and label else None
    clock = _Clock()
    measured = scan(archive, progress=progress)
    quality = judge(measured)
    clock.lap("scan")
    copies = find_copies(archive, measured, quality.comparable, threshold, progress=progress)
    clock.lap("copies")
    telling = quality.comparable & ~quality.noise
    overlaps = find_overlaps(archive, measured, telling, copies.group, copies.threshold, progress=progress)
    acquisitions = find_acquisitions(catalogue)
    clock.lap("overlaps")
    tables = balance.tables(catalogue)
    leaks: list[Leak] = []
    scores: list[Score] = []
    notes: list[str] = []
    if overlaps.untold:
        notes.append(
            f"up to {overlaps.untold:,} pairs of tiles of one interferogram have no place: not compared"
        )
    if given:
        leaks = find_leaks(catalogue, given, copies, overlaps)
        notes += given.notes
        try:
            labels = labels if labels is not None else labels_for(catalogue, given, None)
        except UserError as error:
            notes.append(f"the baselines are not scored: {error}")
        else:
            scores, more = score_baselines(archive, given, labels, seed=seed, progress=progress)
            notes += more
        clock.lap("split")
    findings = [
        *_copy_findings(archive, copies),
        *conflicts(catalogue, copies),
        *_quality_findings(archive, measured, quality),
        *overlaps.findings(catalogue),
        *acquisitions.findings(),
        *balance.imbalance(tables),
        *(leak_findings(catalogue, given, leaks, copies) if given else ()),
    ]
    return Audit(
        archive,
        as_table(findings),
        measured,
        quality,
        copies,
        overlaps,
        acquisitions,
        tables,
        given,
        leaks,
        scores,
        curate(catalogue, quality, copies, drop_noise=drop_noise),
        notes,
        clock.laps,
    )


def check_out(archive: Archive, out: Path) -> None:
    """Refuse a folder for the report that must not be replaced, before the long work.

    Raises:
        UserError: it is the archive itself, inside it or around it, or holds something else than a report.
    """
    check_apart([("--out", out), ("the archive", archive.path)])
    check_replaceable(out, FINDINGS)


def write(result: Audit, out: Path) -> None:
    """Write findings, summary, pictures and the report into a folder, whole or not at all.

    Raises:
        UserError: what `check_out` raises.
    """
    from ssl_insar.audit.report import draw, page

    check_out(result.archive, out)
    with replacing_folder(out, FINDINGS) as scratch:
        write_table(result.table, scratch / FINDINGS)
        text = json.dumps(result.summary(), indent=2, default=str)
        (scratch / SUMMARY).write_text(text + "\n", encoding="utf-8", errors="replace")
        pictures = draw(result, scratch)
        (scratch / REPORT).write_text(page(result, pictures), encoding="utf-8", errors="replace")


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._last = now - self._last, now


def _copy_findings(archive: Archive, copies: Copies) -> list[Finding]:
    ids = archive.catalogue["id"].tolist()
    return [
        Finding(copy.kind, ids[copy.tile], ids[copy.other], round(copy.correlation, 6), copy.detail)
        for copy in copies.found
    ]


def _quality_findings(archive: Archive, measured: Scan, quality: Quality) -> list[Finding]:
    ids = archive.catalogue["id"].tolist()
    kinds = (
        ("no-data", quality.empty, measured.valid),
        ("constant", quality.constant, measured.commonest),
        ("noise", quality.noise, measured.peak),
    )
    return [
        Finding(kind, ids[row], value=round(float(values[row]), 4))
        for kind, which, values in kinds
        for row in which.nonzero()[0].tolist()
    ]


def _without_nan(value: Any) -> Any:
    """The same with None for not-a-number, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
