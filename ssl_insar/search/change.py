"""One change of an index: new files beside the old, then a new manifest, then away with what is left over."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.search import manifest as manifests
from ssl_insar.search import segment
from ssl_insar.search.choice import EXACT_UP_TO, Choice, choose
from ssl_insar.search.layout import REMOVED, SEGMENT, manifest_of, sweep
from ssl_insar.search.manifest import Manifest
from ssl_insar.search.segment import Part


@dataclass(frozen=True)
class Fresh:
    """What goes into a new segment.

    Attributes:
        parts: the vectors, one after the other.
        keys: (n,) the rows' keys.
        catalogue: n rows.
    """

    parts: Sequence[Part]
    keys: NDArray[np.int64]
    catalogue: pd.DataFrame


@dataclass(frozen=True)
class Change:
    """What makes one change of the index in a folder.

    Attributes:
        folder: where it is.
    """

    folder: Path

    def publish(
        self,
        manifest: Manifest,
        fresh: Fresh | None = None,
        live: Sequence[NDArray[np.int64]] = (),
        *,
        progress: bool = False,
    ) -> None:
        """Publish a manifest.

        Args:
            manifest: names the segments that stay.
            fresh: a segment that is new; None: there is none.
            live: rows of each segment that stays that are left in the index, ascending.
            progress: draw progress bars.
        """
        generation = manifest.generation + 1
        left: dict[str, Any] = {
            about.name: np.delete(np.arange(about.count), rows)
            for about, rows in zip(manifest.segments, live, strict=True)
            if len(rows) < about.count
        }
        name = f"{REMOVED}{generation:06d}.npz" if left else None
        if name is not None:
            np.savez(self.folder / name, **left)
        published = dataclasses.replace(
            manifest, removed=name, removed_count=sum(map(len, left.values())), generation=generation
        )
        if fresh is not None:
            published = dataclasses.replace(
                published,
                segments=(*manifest.segments, self._write(manifest, fresh, progress)),
                next_key=max(manifest.next_key, int(fresh.keys.max()) + 1),
                next_segment=manifest.next_segment + 1,
            )
        manifests.flush_folder(self.folder)
        manifests.publish(self.folder, published)
        sweep(self.folder, published)

    def _write(self, manifest: Manifest, fresh: Fresh, progress: bool) -> segment.About:
        about = segment.write(
            self.folder / f"{SEGMENT}{manifest.next_segment:06d}",
            fresh.parts,
            fresh.keys,
            fresh.catalogue,
            choice_for(manifest, sum(map(len, fresh.parts))),
            goal=manifest.goal,
            progress=progress,
        )
        manifests.flush_folder(self.folder / about.name)
        return about


@contextmanager
def changing(folder: Path, before: Manifest | None) -> Iterator[Change]:
    """Give what makes one change, and sweep what is left over, before and after."""
    sweep(folder, before)
    try:
        yield Change(folder)
    except BaseException:
        sweep(folder, manifest_of(folder))
        raise


def choice_for(manifest: Manifest, count: int) -> Choice:
    """The index for a segment of so many vectors."""
    return choose(
        count,
        manifest.dimension,
        memory=manifest.memory,
        changing=manifest.changing,
        exact_up_to=manifest.exact_up_to or EXACT_UP_TO,
    )
