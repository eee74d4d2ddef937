"""What a file name tells: dates, track, frame, and, in crop collections, volcano and region.

LiCSAR writes frames as ``OOOP_AAAAA_BBBBBB`` (relative orbit and pass, frame, bursts of the three
sub-swaths) and pairs as ``YYYYMMDD_YYYYMMDD``. Volcano crop collections put
``region_volcano_FRAME_volcano_YYYYMMDD_YYYYMMDD`` into one name.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

_FRAME = re.compile(r"(?<!\d)(\d{3}[AD])_(\d{5})_(\d{6})(?!\d)")
_PAIR = re.compile(r"(?<!\d)((?:19|20)\d{6})[_-]((?:19|20)\d{6})(?!\d)")


class NameFacts(NamedTuple):
    """What was found, under the names `Frame` uses; None where the name is silent.

    The dates stand in the order in which they are written.
    """

    reference_date: date | None = None
    secondary_date: date | None = None
    track: str | None = None
    frame: str | None = None
    volcano: str | None = None
    region: str | None = None


def facts_of(path: Path) -> NameFacts:
    """Read the facts out of a file's name, or, for dates and frame, out of its parent folders."""
    stem = path.name
    pair = _first(_PAIR, path)
    frame = _first(_FRAME, path)
    dates = (_date(pair[1]), _date(pair[2])) if pair else (None, None)
    if None in dates:
        dates = (None, None)
    in_name = _FRAME.search(stem)
    volcano, region = _place(stem, in_name) if in_name else (None, None)
    return NameFacts(
        reference_date=dates[0],
        secondary_date=dates[1],
        track=frame[1] if frame else None,
        frame=frame[0] if frame else None,
        volcano=volcano,
        region=region,
    )


def _first(pattern: re.Pattern[str], path: Path) -> re.Match[str] | None:
    """The match nearest the file name: in the name, else in a parent, the closest first."""
    for part in (path.name, *(parent.name for parent in path.parents)):
        match = pattern.search(part)
        if match:
            return match
    return None


def _date(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None


def _place(stem: str, frame: re.Match[str]) -> tuple[str | None, str | None]:
    """Volcano and region around the frame: the volcano is the words that stand on both sides."""
    before = stem[: frame.start()].strip("_")
    after = stem[frame.end() :]
    pair = _PAIR.search(after)
    volcano = after[: pair.start()].strip("_") if pair else ""
    if volcano and (before == volcano or before.endswith("_" + volcano)):
        return volcano, before[: -len(volcano)].strip("_") or None
    return (before or None), None
