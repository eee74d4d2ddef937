"""What a Hephaestus annotation says about an interferogram, as labels.

Keys and values follow the example annotation in the README of github.com/Orion-AI-Lab/Hephaestus
(Bountos et al. 2022, sec. 2.2). Every ground deformation counts as positive, earthquakes too, as in
that project's own loaders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FLAGS = (
    "corrupted",
    "processing_error",
    "glacier_fringes",
    "orbital_fringes",
    "atmospheric_fringes",
    "low_coherence",
    "no_info",
    "image_artifacts",
    "is_crowd",
)
"""Whole numbers, kept under their own names."""

_POSITIVE = frozenset({"deformation", "earthquake"})
_NEGATIVE = "non_deformation"
_NOTHING = frozenset({"", "none", "nan"})


def facts_of_annotation(record: Mapping[str, Any]) -> dict[str, Any]:
    """Labels of a whole interferogram.

    ``deformation`` is 1 or 0; it is left out where the annotation says both or neither, and where
    quiet was seen in a corrupted image or one that shows nothing. ``activity_type`` and
    ``intensity`` list what occurs, joined by ``+``; the volcano's ``phase`` becomes
    ``activity_phase``, for a phase is something else here.

    Args:
        record: an annotation; what it lacks is left out.
    """
    facts: dict[str, Any] = {}
    for name in FLAGS:
        number = _number(record.get(name))
        if number is not None:
            facts[name] = int(number)
    words = {word.casefold().replace(" ", "_").replace("-", "_") for word in texts(record.get("label"))}
    if _NEGATIVE in words:
        if not words & _POSITIVE and not facts.get("corrupted") and not facts.get("no_info"):
            facts["deformation"] = 0
    elif words & _POSITIVE:
        facts["deformation"] = 1
    told = {
        "activity_type": joined(texts(record.get("activity_type"))),
        "intensity": joined(texts(record.get("intensity_level"))),
        "activity_phase": joined(texts(record.get("phase"))),
        "caption": joined(texts(record.get("caption"))),
        "confidence": _number(record.get("confidence")),
    }
    return facts | {name: value for name, value in told.items() if value is not None}


def at_tile(facts: Mapping[str, Any], verdict: int | None, **shown: str | None) -> dict[str, Any]:
    """Labels of one tile of an interferogram.

    Args:
        facts: what `facts_of_annotation` says of the whole.
        verdict: whether the deformation that was mapped lies in the tile, as `deforms` says.
        shown: ``activity_type`` and ``intensity`` of what lies in it, where that is known.
    """
    kept = {name: value for name, value in facts.items() if name != "deformation"}
    if verdict != 1:
        # They tell of the deformation, which is elsewhere.
        kept = {name: value for name, value in kept.items() if name not in ("activity_type", "intensity")}
        # Not seeing anything means nothing in an image that shows nothing.
        if verdict is None or facts.get("corrupted") or facts.get("no_info"):
            return kept
        return {"deformation": 0} | kept
    return {"deformation": 1} | kept | {name: value for name, value in shown.items() if value is not None}


def texts(value: Any) -> list[str]:
    """The words of an entry that may be one or a list of them; ``None`` spelt out is no word."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    several = value if isinstance(value, (list, tuple)) else [value]
    words = [v.strip() for v in several if isinstance(v, str)]
    return [word for word in words if word.casefold() not in _NOTHING]


def joined(words: list[str]) -> str | None:
    """The different words in alphabetical order, joined by ``+``; None for none."""
    return "+".join(sorted(set(words))) or None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
