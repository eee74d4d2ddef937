"""The card that goes with an encoder's weights: JSON that a person can read and judge."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssl_insar.archive import Archive
from ssl_insar.errors import UserError

FORMAT = 2
"""2 knows the pooling; what is written without is of format 1 and pooled by the mean."""

_WHAT = "encoder of ssl_insar: wrapped phase in, feature vector out"
_NORMALISATION = (
    "none to do: channels are the phasor of the phase in rad (positive = away from the satellite) times "
    "its local coherence or beside it, within -1..1; 0 where there is no data"
)
_UNSTATED = "not stated; ask whoever trained it"


@dataclass(frozen=True)
class Card:
    """What goes with the weights: everything needed to rebuild and to judge them.

    Attributes:
        backbone: name of a timm model, or alexnet.
        size: side of the input, px.
        channels: of the input, see `ssl_insar.models.InputSpec`.
        pool: how its maps become one vector, see `ssl_insar.models.backbones.POOLS`.
        about: recipe name and hash, data (see `data_summary`), steps, scores, licence, weights
            that training began from: whatever the maker knew.
    """

    backbone: str
    size: int
    channels: tuple[str, ...]
    pool: str = "mean"
    about: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path, hash_: str, dimension: int) -> None:
        """Write the card as indented JSON.

        Args:
            path: the file.
            hash_: of the weights, see `ssl_insar.models.Encoder.hash`.
            dimension: of the features.
        """
        path.write_text(self.to_json(hash_, dimension), encoding="utf-8")

    def to_json(self, hash_: str, dimension: int) -> str:
        """The card as indented JSON; see `write`."""
        known = {"format": FORMAT, "what": _WHAT, "hash": hash_} | dataclasses.asdict(self)
        known["about"] = {"licence": _UNSTATED} | self.about
        explained = {"dimension": dimension, "normalisation": _NORMALISATION}
        return json.dumps(known | explained, indent=2, default=str) + "\n"

    @classmethod
    def read(cls, path: Path) -> tuple[Card, str]:
        """A card and the hash of the weights that it goes with.

        Raises:
            UserError: damaged, half written, or of a newer format.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if int(values["format"]) > FORMAT:
                raise UserError(f"{path}: written by a newer ssl_insar; upgrade to read it")
            card = cls(
                str(values["backbone"]),
                int(values["size"]),
                tuple(map(str, values["channels"])),
                str(values["pool"] if int(values["format"]) > 1 else "mean"),
                dict(values["about"]),
            )
            return card, str(values["hash"])
        except KeyError as error:
            raise UserError(f"{path}: damaged card (no {error}); take it from the run again") from error
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path}: damaged card ({error}); take it from the run again") from error


def data_summary(archive: Archive, size: int) -> dict[str, Any]:
    """What an encoder was trained on, for its card.

    Args:
        archive: the tiles.
        size: side of the encoder's input, px.

    Returns:
        ``tiles``; ``tile_px``; ``tile_spacing_m`` and ``input_spacing_m``, least, median and largest metres
        between pixels of the tiles and of what the encoder sees; ``wavelength_m``, ``families``,
        ``volcanoes`` (how many) and ``dates`` (first and last acquisition); only what is known.
    """
    table = archive.catalogue
    spacing = table["spacing"].dropna()
    dates = [*table["reference_date"].dropna(), *table["secondary_date"].dropna()]
    facts: dict[str, Any] = {"tiles": len(archive), "tile_px": archive.tile}
    if len(spacing):
        three = [float(value) for value in (spacing.min(), spacing.median(), spacing.max())]
        facts["tile_spacing_m"] = [round(value, 2) for value in three]
        facts["input_spacing_m"] = [round(value * archive.tile / size, 2) for value in three]
    known = {
        "wavelength_m": sorted({round(float(value), 5) for value in table["wavelength"].dropna()}),
        "families": sorted(set(table["family"].dropna())),
        "volcanoes": int(table["volcano"].nunique()),
        "dates": [str(min(dates)), str(max(dates))] if dates else [],
    }
    return facts | {name: value for name, value in known.items() if value}
