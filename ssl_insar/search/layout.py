"""What lies in the folder of an index: what is named there, what is left over, what is not ours."""

from __future__ import annotations

import shutil
from pathlib import Path

from ssl_insar.errors import UserError
from ssl_insar.search import manifest as manifests
from ssl_insar.search import segment
from ssl_insar.search.lock import LOCK, WRITER
from ssl_insar.search.manifest import Manifest

SEGMENT, REMOVED = "segment-", "removed-"
"""How the names of segments and of lists of removed rows begin."""

_FORMAT_1_FILES = (segment.EMBEDDINGS, segment.INDEX, segment.CATALOGUE)


def sweep(folder: Path, manifest: Manifest | None) -> None:
    """Delete what the manifest does not name; None: there is none."""
    if manifest is None and (folder / manifests.NAME).exists():
        return  # damaged: what it named may still be wanted
    named: set[str | None] = set()
    if manifest is not None:
        named = {manifest.removed, *(about.name for about in manifest.segments)}
    for path in folder.iterdir():
        old = path.name in _FORMAT_1_FILES and "." not in named
        if path.name in named or not (old or path.name.startswith((SEGMENT, REMOVED, ".manifest."))):
            continue
        # Windows keeps files that a reader has open; the next writer sweeps them.
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def manifest_of(folder: Path) -> Manifest | None:
    """The manifest that is there; None when there is none that can be read, to start anew."""
    try:
        return manifests.read(folder)
    except manifests.NewerError:
        raise
    except UserError:
        return None


def next_segment(folder: Path, before: Manifest | None) -> int:
    """A number that no segment there has, also when the manifest cannot be read."""
    taken = (path.name.removeprefix(SEGMENT) for path in folder.glob(f"{SEGMENT}*"))
    return max([before.next_segment if before else 1, *(int(n) + 1 for n in taken if n.isdigit())])


def check_ours(folder: Path) -> None:
    """Refuse to write where something else is."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --out needs a folder")
    if not folder.exists() or manifest_of(folder) is not None:
        return
    ours = (*_FORMAT_1_FILES, manifests.NAME, LOCK, WRITER)
    marks = (SEGMENT, REMOVED, ".")
    names = {path.name for path in folder.iterdir()}
    index = segment.INDEX in names or any(name.startswith(SEGMENT) for name in names)
    foreign = [n for n in names if n not in ours and not n.startswith(marks)]
    visible = [n for n in names if not n.startswith(".")]
    if foreign or (visible and not index):
        raise UserError(f"{folder}: holds something else (no index); give --out a new folder")
