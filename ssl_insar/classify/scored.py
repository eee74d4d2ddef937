"""The embeddings that a saved classifier scores, from whatever it is given: embeddings or an archive."""

from __future__ import annotations

from pathlib import Path

from ssl_insar.archive import Archive
from ssl_insar.archive.store import MANIFEST
from ssl_insar.classify.averaging import Averaging, embed_averaged
from ssl_insar.classify.saved import SavedClassifier
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.models.embeddings import Embeddings


def embeddings_for(
    saved: SavedClassifier, given: Path, *, tta: bool = False, swap: bool = False, progress: bool = True
) -> Embeddings:
    """Embeddings by the encoder of a classifier.

    Args:
        saved: the classifier.
        given: folder of embeddings, or of an archive if the classifier was fine-tuned.
        tta: average over the versions of a tile (`Averaging`). Of embeddings, their archive and encoder are
            then looked for where they lay.
        swap: of these, with swapped dates too.
        progress: draw a progress bar.

    Raises:
        UserError: an archive for a classifier without an encoder; swapped dates where the classes depend on
            the sign; no such folder, or the archive or encoder is not the one the embeddings were made of.
    """
    if swap and saved.signed:
        raise UserError("the classes of this classifier depend on the sign (--signed); leave --tta-swap out")
    if not (given / MANIFEST).is_file():
        held = Embeddings.open(given)
        if not tta:
            return held
        encoder, archive = _origin(saved, held)
    elif saved.encoder is None:
        raise UserError(
            f"{given}: is an archive, and this classifier scores embeddings; make some with: ssl-insar embed "
            f"RUN {given} --out EMB"
        )
    else:
        encoder, archive = saved.encoder, Archive.open(given)
    if not tta:
        return encoder.embed(archive, progress=progress)
    return embed_averaged(encoder, archive, Averaging(swap=swap), progress=progress)


def _origin(saved: SavedClassifier, held: Embeddings) -> tuple[Encoder, Archive]:
    """Encoder and archive that embeddings were made of."""
    origin = held.provenance
    archive = Archive.open(origin.archive)
    if archive.digest != origin.archive_digest:
        raise UserError(f"{origin.archive}: has changed since it was embedded; run ssl-insar embed again")
    if saved.encoder is not None and saved.encoder.hash == origin.encoder_hash:
        return saved.encoder, archive
    if not origin.encoder:
        raise UserError("these embeddings do not say where their encoder lies; leave --tta out")
    encoder = Encoder.load(origin.encoder)
    if encoder.hash != origin.encoder_hash:
        raise UserError(
            f"{origin.encoder}: is not the encoder of these embeddings; run ssl-insar embed again"
        )
    return encoder, archive
