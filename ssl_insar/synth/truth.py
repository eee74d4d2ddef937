"""What is known of simulated interferograms, as rows of a catalogue."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import torch

from ssl_insar.archive.catalogue import LABEL_PREFIX, TRUTH_PREFIX
from ssl_insar.synth.background import Backgrounds
from ssl_insar.synth.plan import Plan
from ssl_insar.synth.render import Simulated
from ssl_insar.synth.sources import SOURCES

NONE = "none"
"""Label of the source where there is none."""


def truth(made: Simulated, row: int, plan: Plan, backgrounds: Backgrounds | None) -> dict[str, Any]:
    """Labels and truth of one interferogram."""
    moved = made.scene.displacement[row].flatten()
    peak = float(moved[moved.abs().argmax()])
    deforms = bool(made.deforms[row])
    motion, stack = made.motion, int(made.stack[row])
    acts = [
        (int(act), float(motion.share[act, row]))
        for act in torch.nonzero(motion.stack == stack)[:, 0].tolist()
        if float(motion.share[act, row]) != 0
    ]
    sources = []
    for number, share in acts:
        act, factor = motion.acts[number], float(motion.factor[number])
        strength = SOURCES[act.function].strength
        east, north = motion.place[number].tolist()
        scaled = {strength: act.parameters.get(strength, 1.0) * factor, "east": east, "north": north}
        sources.append(
            {
                "kind": act.kind,
                "function": act.function,
                "parameters": act.parameters | scaled,
                "share": share,
                "onset": str(plan.dates[0] + timedelta(days=int(act.onset))),
                "course": act.course,
                "time_scale": act.scale,
                "negative": act.negative,
            }
        )
    found = [pair for pair in acts if not motion.acts[pair[0]].negative]
    largest = max(
        found, key=lambda pair: float(motion.size[pair[0]].abs().max()) * abs(pair[1]), default=None
    )
    facts: dict[str, Any] = {
        "peak_los": peak if deforms else 0.0,
        "snr": float(made.snr[row]),
        "variance_ratio": float(made.variance_ratio[row]) if deforms else None,
        "deforming_fraction": float(made.mask[row].float().mean()) if deforms else 0.0,
        "sources": json.dumps(sources),
        "rewrap": plan.rewrap,
        "background": _background(made, row, backgrounds),
    }
    for name, field in made.scene.components.items():
        if name != "offset":
            facts[f"rms_{name.replace(' ', '_')}"] = float(field[row].std())
    labels = {
        "deformation": int(deforms),
        "source": motion.acts[largest[0]].kind if deforms and largest else NONE,
    }
    return {TRUTH_PREFIX + name: value for name, value in facts.items()} | {
        LABEL_PREFIX + name: value for name, value in labels.items()
    }


def _background(made: Simulated, row: int, backgrounds: Backgrounds | None) -> str | None:
    if backgrounds is None or made.backgrounds is None:
        return None
    return str(backgrounds.archive.catalogue["id"][int(made.backgrounds[row])])
