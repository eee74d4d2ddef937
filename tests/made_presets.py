"""Small presets for tests."""

from __future__ import annotations

from typing import Any

from ssl_insar.synth.preset import Preset

MOGI = {"mogi": {"parameters": {"depth": 2500.0}}}


def preset(**changed: Any) -> Preset:
    """A still and silent preset with changes."""
    plain: dict[str, Any] = {
        "name": "made",
        "source": "Made for tests, 2026.",
        "known": "All numbers are ours.",
        "deformation": {"share": 0.0},
    }
    return Preset.model_validate(plain | changed)


def lively(**changed: Any) -> Preset:
    """Half of the scenes deform, under turbulence and decorrelation."""
    parts: dict[str, Any] = {
        "terrain": {"relief": 500.0, "edifice": 800.0},
        "deformation": {
            "share": 0.5,
            "sources": MOGI,
            "peak": {"log_uniform": [0.02, 0.1], "sign": "random"},
        },
        "noise": {
            "turbulence": {"rms": 0.7},
            "stratified": {"gradient": {"normal": [0, 1]}},
            "decorrelation": {"looks": 10.0},
        },
        "filter": {"exponent": 2.0},
    }
    return preset(**parts | changed)
