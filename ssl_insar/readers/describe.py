"""What was recognised in a frame, in words."""

from __future__ import annotations

import numpy as np

from ssl_insar.readers.frame import Frame
from ssl_insar.readers.pixels import EAGER_PIXELS


def describe(frame: Frame) -> dict[str, str]:
    """Facts of a frame that are known, by their name, in the order of interest; no pixel is read."""
    height, width = frame.shape
    spacing = frame.spacing
    facts: dict[str, str | None] = {
        "family": frame.family,
        "member": frame.member,
        "size": f"{height} x {width} px" + (f" of {spacing[0]:.1f} x {spacing[1]:.1f} m" if spacing else ""),
        "phase": ("wrapped" if frame.wrapped else "unwrapped") + ", rad, positive = away from the satellite",
        "dates": _dates(frame),
        "baseline": _metres(frame.perpendicular_baseline, "perpendicular"),
        "wavelength": None if frame.wavelength is None else f"{frame.wavelength * 100:.2f} cm",
        "track": " ".join(filter(None, (frame.track, frame.frame, frame.orbit_pass))) or None,
        "line of sight": _line_of_sight(frame),
        "georeference": _georeference(frame),
        "place": ", ".join(filter(None, (frame.volcano, frame.region))) or None,
        "provenance": frame.provenance,
    }
    return {name: value for name, value in facts.items() if value}


def describe_values(frame: Frame) -> dict[str, str]:
    """What the pixels say; a large frame is looked at some rows at a time."""
    height, width = frame.shape
    step = max(EAGER_PIXELS // max(width, 1), 1)
    valid = 0
    lows: dict[str, list[float]] = {"phase": [], "elevation": []}
    highs: dict[str, list[float]] = {"phase": [], "elevation": []}
    coherence = 0.0
    delivered = False
    for row in range(0, height, step):
        patch = frame.window(row, 0, min(step, height - row), width)
        valid += int(patch.valid.sum())
        if patch.coherence is not None:
            delivered = True
            coherence += float(patch.coherence[patch.valid].sum(dtype=np.float64))
        for name, layer in (("phase", patch.phase[patch.valid]), ("elevation", patch.elevation)):
            known = np.empty(0) if layer is None else layer[np.isfinite(layer)]
            if known.size:
                lows[name].append(float(known.min()))
                highs[name].append(float(known.max()))
    facts = {"valid": f"{valid / (height * width):.1%} of the pixels"}
    if lows["phase"]:
        facts["values"] = f"{min(lows['phase']):.3f} to {max(highs['phase']):.3f} rad"
    if delivered and valid:
        facts["coherence"] = f"mean {coherence / valid:.2f}, as delivered"
    if lows["elevation"]:
        facts["elevation"] = f"{min(lows['elevation']):.0f} to {max(highs['elevation']):.0f} m"
    return facts


def _dates(frame: Frame) -> str | None:
    if frame.reference_date is None or frame.secondary_date is None:
        return None
    return f"{frame.reference_date} to {frame.secondary_date} ({frame.temporal_baseline} days)"


def _metres(value: float | None, what: str) -> str | None:
    return None if value is None else f"{value:.1f} m {what}"


def _line_of_sight(frame: Frame) -> str | None:
    height, width = frame.shape
    los = frame.los_at(height / 2, width / 2)
    if los is None:
        return None
    incidence = np.degrees(np.arccos(np.clip(los[2], -1, 1)))
    return f"E {los[0]:+.3f} N {los[1]:+.3f} U {los[2]:+.3f} (incidence {incidence:.1f} deg at the centre)"


def _georeference(frame: Frame) -> str | None:
    if frame.transform is None:
        return "none (radar coordinates or a plain image)"
    a, b, c, d, e, f = frame.transform
    name = "" if frame.crs is None else frame.crs if len(frame.crs) < 20 else "projected (WKT)"
    turned = "" if b == d == 0 else ", rotated"
    return f"{name} upper left {c:.6g}, {f:.6g}; step {a:.6g}, {e:.6g}{turned}"
