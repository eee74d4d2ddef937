"""A folder with all that scores tiles: one classifier, or one a label, and the encoder if fine-tuned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.classify.frozen import damage_told, read_facts
from ssl_insar.classify.trusted import CARRIED, MIN_COHERENT, TrustedClassifier, marker_of
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.models.embeddings import Embeddings

if TYPE_CHECKING:
    from ssl_insar.classify.fine_tune import FineTuned

FORMAT = 1
SEVERAL = "labels.json"
"""Marks a folder of several labels, whose classifiers lie in folders ``0``, ``1``, ... of it."""
ENCODER = "encoder"
"""Folder of the encoder; `Encoder.load` finds it in the classifier's, and so does ``ssl-insar embed``."""
_SHARED = (*CARRIED, "abstained", "geometry")
"""Columns of an assessment that are the same for each label."""


@dataclass(frozen=True)
class SavedClassifier:
    """See the module.

    Attributes:
        parts: name of a label -> its classifier.
        encoder: that makes the embeddings; None: those of whatever encoder they were fitted on.
        several: whether these are several labels rather than one, be it of one name.
    """

    parts: dict[str, TrustedClassifier]
    encoder: Encoder | None = None
    several: bool = False

    @classmethod
    def of(cls, model: FineTuned) -> SavedClassifier:
        """A fine-tuned classifier of which nothing is known from volcanoes held out."""
        parts = {
            name: TrustedClassifier(
                head, model.volcanoes_, None, None, None, None, 0 if head.binary else None, name
            )
            for name, head in zip(model.labels_ or ("",), model.heads_, strict=True)
        }
        return cls(parts, model.encoder_, model.labels_ is not None)

    @property
    def only(self) -> TrustedClassifier | None:
        """The classifier, if there is one label."""
        return None if self.several else next(iter(self.parts.values()))

    @property
    def signed(self) -> bool:
        """Whether it was fine-tuned on classes that differ by the sign of the phase."""
        about = {} if self.encoder is None else self.encoder.card.about.get("fine_tuned", {})
        return bool(about.get("settings", {}).get("signed", False))

    def assess(
        self, held: Embeddings, rate: float | None = None, min_coherent: float = MIN_COHERENT
    ) -> pd.DataFrame:
        """What can be said of each tile; see `TrustedClassifier.assess`.

        Of several labels, what depends on them has their name at the end of the column's
        (``probability_dyke``), and the tiles that are most probably any of them come first.
        """
        if self.only is not None:
            return self.only.assess(held, rate, min_coherent)
        table = pd.DataFrame()
        for name, part in self.parts.items():
            found = part.assess(held, rate, min_coherent).set_index("id")
            if table.empty:
                table = found[[c for c in found if c in _SHARED and c != "geometry"]].copy()
                places = found.get("geometry")
            own = [column for column in found if column not in _SHARED]
            table = table.join(found[own].add_suffix(f"_{name}"))
        if places is not None:
            table["geometry"] = places
        leading = -table[[f"probability_{name}" for name in self.parts]].max(axis=1)
        order = table.assign(leading=leading).rename_axis("id").reset_index().sort_values(["leading", "id"])
        return order.drop(columns="leading").reset_index(drop=True)

    def save(self, path: str | Path) -> None:
        """Write a folder; nothing in it is pickled. Of one label, `TrustedClassifier.load` reads it too.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        folder = present_folder(Path(path))
        with replacing_folder(folder, marker(folder)) as scratch:
            if self.only is not None:
                self.only.write(scratch)
            else:
                for number, part in enumerate(self.parts.values()):
                    (scratch / str(number)).mkdir()
                    part.write(scratch / str(number))
                facts = {"format": FORMAT, "labels": list(self.parts)}
                (scratch / SEVERAL).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            if self.encoder is not None:
                self.encoder.save(scratch / ENCODER)

    @classmethod
    def load(cls, path: str | Path) -> SavedClassifier:
        """Read what `save`, or `TrustedClassifier.save`, wrote.

        Raises:
            UserError: no classifier there, damaged, or a newer format; or an encoder of another one.
        """
        folder = present_folder(Path(path))
        encoder = Encoder.load(folder / ENCODER) if (folder / ENCODER).is_dir() else None
        several = (folder / SEVERAL).is_file()
        if several:
            with damage_told(folder):
                names = [str(name) for name in read_facts(folder / SEVERAL, FORMAT)["labels"]]
                parts = {name: TrustedClassifier.load(folder / str(i)) for i, name in enumerate(names)}
        else:
            part = TrustedClassifier.load(folder)
            parts = {part.target: part}
        if encoder is not None and any(part.model.encoder_hash_ != encoder.hash for part in parts.values()):
            raise UserError(f"{folder}: encoder and classifier do not belong together; fine-tune again")
        return cls(parts, encoder, several)


def marker(folder: Path) -> str:
    """The file that tells a folder of this kind."""
    return SEVERAL if (folder / SEVERAL).exists() else marker_of(folder)
