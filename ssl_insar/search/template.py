"""A simulated source as a query: what a deformation would look like that nobody has seen yet.

``mogi depth=4000 peak=0.05 heading=-12``: a kind of source of `ssl_insar.synth`, its parameters in SI units
and degrees, the peak of its line-of-sight displacement and how the satellite looked. It is drawn several
times, each with noise of its own, and the embeddings are averaged: what they share is the source.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssl_insar.errors import UserError
from ssl_insar.search.embedding import encoder_of, mean_vector, tile_of
from ssl_insar.search.exclude import Facts
from ssl_insar.search.index import Index
from ssl_insar.search.query import Query

if TYPE_CHECKING:
    from ssl_insar.models.encoder import Encoder
    from ssl_insar.synth.preset import Preset
    from ssl_insar.synth.render import Simulated

DRAWS = 8
"""Scenes that a template is the mean of."""

VIEW = {"peak": 0.05, "heading": -12.0, "incidence": 39.0}
"""What every template has, with its default: m (positive toward the satellite), degrees, degrees."""

_NOISE = "demo"
"""Preset whose noise the scenes have: hardly any of them is without coherence."""

_NEVER_GIVEN = frozenset({"x", "y", "slope_east", "slope_north"})


@dataclass(frozen=True)
class Template:
    """A source and how it is seen.

    Attributes:
        text: as it was given.
        kind: of source, see `ssl_insar.synth.sources.SOURCES`.
        parameters: of the source, SI units and degrees; the peak scales its strength.
        peak: largest line-of-sight displacement, m, positive toward the satellite.
        heading: of the satellite, degrees clockwise from north.
        incidence: of its view, degrees from the vertical.
    """

    text: str
    kind: str
    parameters: dict[str, float]
    peak: float
    heading: float
    incidence: float

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read ``KIND name=value ...``; east and north are 0, in the middle, unless given.

        Raises:
            UserError: no such source or parameter, one that is missing, or no number; the message lists what
                there is.
        """
        from ssl_insar.synth.sources import SOURCES

        kind, *words = text.split() or [""]
        if kind not in SOURCES:
            raise UserError(f"--like {text!r}: no source '{kind}'{_meant(kind, SOURCES)}; there are "
                            f"{', '.join(SOURCES)}")  # fmt: skip
        source = SOURCES[kind]
        takes = inspect.signature(source.function).parameters
        names = [name for name in takes if name not in {*_NEVER_GIVEN, source.strength}]
        offered = f"{kind} takes {', '.join(names)}, and every source {', '.join(VIEW)}"
        given: dict[str, float] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if name == source.strength:
                raise UserError(f"--like {text!r}: {name} follows from peak, m; leave it out")
            if name not in {*names, *VIEW}:
                raise UserError(f"--like {text!r}: no parameter '{name}'{_meant(name, [*names, *VIEW])}; "
                                f"{offered}")  # fmt: skip
            try:
                given[name] = float(value)
            except ValueError:
                given[name] = math.nan
            if not equals or not math.isfinite(given[name]):
                raise UserError(f"--like {text!r}: '{word}' is no number; write {name}=VALUE")
        given = {"east": 0.0, "north": 0.0} | VIEW | given
        missing = [n for n in names if takes[n].default is inspect.Parameter.empty and n not in given]
        if missing:
            raise UserError(f"--like {text!r}: lacks {', '.join(missing)}; {offered}")
        if given["peak"] == 0 or not 0 < given["incidence"] < 90:
            raise UserError(f"--like {text!r}: peak must not be 0, and incidence must be between 0 and 90")
        seen = {name: given.pop(name) for name in VIEW}
        return cls(text, kind, given, **seen)

    def preset(self, spacing: float, wavelength: float) -> Preset:
        """The laws of its scenes: this source, in every one, under mild noise of all kinds.

        Args:
            spacing: of the pixels, m.
            wavelength: m; the nearest radar band is taken.
        """
        from ssl_insar.geometry import WAVELENGTHS
        from ssl_insar.synth.preset import (
            Deformation,
            Geometry,
            Masks,
            SourceLaw,
            Stack,
            TimeLaw,
            load_preset,
        )

        laws = load_preset(_NOISE)
        geometry = {
            "band": min(WAVELENGTHS, key=lambda band: abs(math.log(WAVELENGTHS[band] / wavelength))),
            "spacing": spacing,
            "ascending": 1.0,
            "heading_ascending": self.heading,
            "incidence": self.incidence,
        }
        return laws.model_copy(
            update={
                "name": "template",
                "geometry": Geometry.model_validate(geometry),
                "stack": Stack(),
                "deformation": Deformation(
                    share=1.0,
                    peak=self.peak,
                    sources={self.kind: SourceLaw(parameters=dict(self.parameters))},
                    time=TimeLaw(onset=0.5),
                ),
                "terrain": laws.terrain.model_copy(update={"water": 0.0}),
                "masks": Masks(water_masked=0.0),
            }
        )


def like(index: Index, text: str, encoder: str | Path | Encoder | None = None, draws: int = DRAWS) -> Query:
    """Make a query of a simulated source.

    Args:
        index: where to search; its tiles tell side, pixel spacing and wavelength of the scenes.
        text: see `Template.parse`.
        encoder: as in `ssl_insar.search.query.resolve`.
        draws: scenes to average.

    Raises:
        UserError: what `Template.parse` raises, an impossible source, or the encoder is out of reach.
    """
    template, side = Template.parse(text), tile_of(index)
    eye = encoder_of(index, encoder)
    made = _scenes(index, template, side, draws)
    scenes = made.scene.phasor.cpu().numpy()
    # No tile of the index is of this file, pair or place.
    nowhere = f"simulated {text}"
    facts = Facts(source=nowhere, frame=nowhere, volcano=nowhere)
    return Query(text, mean_vector(eye, scenes), [facts], frame=_frame(made, template), scenes=scenes)


def _scenes(index: Index, template: Template, side: int, draws: int) -> Simulated:
    import torch

    from ssl_insar.geometry import WAVELENGTHS
    from ssl_insar.synth.plan import plan_stack
    from ssl_insar.synth.render import render

    wavelength = _median(index, "wavelength") or WAVELENGTHS["C"]
    preset = template.preset(index.spacing or _median(index, "spacing") or 100.0, wavelength)
    try:
        plans = [plan_stack(preset, number, 0, side) for number in range(draws)]
        made = render(plans, preset, side, torch.Generator().manual_seed(0))
    except (ValueError, UserError) as error:
        raise UserError(f"--like {template.text!r}: {error}") from error
    if not bool(made.deforms.any()):
        raise UserError(f"--like {template.text!r}: moves nothing within a tile of {side} px; make it larger")
    return made


def _frame(made: Simulated, template: Template) -> Any:
    """The first scene, for the picture."""
    from ssl_insar.readers import Frame

    scene = made.scene.only(0)
    phase = scene.phase.cpu().numpy().astype(np.float32)
    return Frame.of(
        phase, scene.valid.cpu().numpy(), wrapped=True, source=Path(template.text), family="simulated"
    )


def _median(index: Index, column: str) -> float | None:
    """What the tiles have in common; None where they do not tell."""
    if column not in index.catalogue or index.catalogue[column].isna().all():
        return None
    return float(index.catalogue[column].median())


def _meant(word: str, names: Any) -> str:
    close = get_close_matches(word, list(names), 1)
    return f" (did you mean {close[0]}?)" if close else ""
