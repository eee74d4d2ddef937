"""What a file name tells: dates, track, frame, and, in crop collections, volcano and region.

LiCSAR writes frames as ``OOOP_AAAAA_BBBBBB`` (relative orbit and pass, frame, bursts of the three
sub-swaths) and pairs as ``YYYYMMDD_YYYYMMDD``. Volcano crop collections put
``region_volcano_FRAME_volcano_YYYYMMDD_YYYYMMDD`` into one name. HyP3 and Sentinel names may carry the
time of day (``20150504T120217_20150621T120220``); ROI_PAC pairs have years of two digits
(``061002-070219``).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_FRAME = re.compile(r"(?<!\d)(\d{3}[AD])_(\d{5})_(\d{6})(?!\d)")
_DAY = r"((?:19|20)\d{6})(T\d{6})?"
_PAIR = re.compile(rf"(?<!\d){_DAY}[_-]{_DAY}(?!\d)")
_SHORT_PAIR = re.compile(r"(?<!\d)(\d{6})-(\d{6})(?!\d)")
_FIRST_SHORT_YEAR = 80
"""Years 80 to 99 are of the last century, which is when radar satellites began to fly."""


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
    dates, in_name = _dates(stem), _FRAME.search(stem)
    frame = in_name
    if dates is None or frame is None:
        dates_above, frame_above = _told_above(str(path.parent))
        dates, frame = dates or dates_above, frame or frame_above
    volcano, region = _place(stem, in_name) if in_name else (None, None)
    return NameFacts(
        reference_date=dates[0],
        secondary_date=dates[1],
        track=frame[1] if frame else None,
        frame=frame[0] if frame else None,
        volcano=volcano,
        region=region,
    )


# One folder holds thousands of files.
@lru_cache(maxsize=64)
def _told_above(folder: str) -> tuple[tuple[date | None, date | None], re.Match[str] | None]:
    """Dates of a pair and frame, out of the closest folder whose name tells them."""
    names = Path(folder).parts[::-1]
    dates = next(filter(None, map(_dates, names)), (None, None))
    return dates, next(filter(None, map(_FRAME.search, names)), None)


def _dates(part: str) -> tuple[date | None, date | None] | None:
    """Dates of the pair in a part of a path; None, None if it is no pair of days; None without a pair."""
    pair = _PAIR.search(part)
    if pair:
        days = _day(pair[1]), _day(pair[3])
        # One acquisition is named by its start and its end; that is no pair.
        return (None, None) if None in days or days[0] == days[1] else days
    for short in _SHORT_PAIR.finditer(part):
        days = _day(_with_century(short[1])), _day(_with_century(short[2]))
        if None not in days and days[0] != days[1]:
            return days
    return None


def _with_century(digits: str) -> str:
    return ("19" if int(digits[:2]) >= _FIRST_SHORT_YEAR else "20") + digits


def _day(digits: str) -> date | None:
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
