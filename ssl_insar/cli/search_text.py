"""What ``ssl-insar search`` says: the table for a terminal, and how the answers were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ssl_insar.search import Index


def left_out_notes(keep_same_pair: bool, keep_overlapping: bool, unlike_place: bool) -> list[str]:
    """A sentence on what was no answer."""
    left_out = [
        *([] if keep_same_pair else ["the query's own interferogram (--keep-same-pair keeps it)"]),
        *([] if keep_overlapping else ["its own ground (--keep-overlapping keeps it)"]),
        *(["its frame and volcano"] if unlike_place else []),
    ]
    if len(left_out) > 2:
        left_out = [f"{', '.join(left_out[:-1])}", left_out[-1]]
    return [f"Left out: {' and '.join(left_out)}."] if left_out else []


def found_notes(index: Index, table: pd.DataFrame, k: int | None) -> list[str]:
    """Sentences on what was found.

    Args:
        index: where.
        table: answers with their ``share_of_random_pairs``.
        k: how many were asked for; None: all there are.
    """
    notes = []
    found = len(table)
    if k is not None and found < k:
        left = f"Only {found} of the {k} neighbours asked for are left." if found else "No neighbour is left."
        notes.append(left)
    if not index.exact:
        notes.append(f"Approximate search; measured recall at 10: {index.manifest['recall_at_10']:.3f}.")
    if found:
        rare = 1 / table["share_of_random_pairs"].min()
        notes.append(
            f"1 in {rare:,.0f} random pairs of this index is as alike as the query and its best answer "
            f"(cosine {table['cosine'].max():.4f})."
        )
    return notes


def table_text(table: pd.DataFrame) -> str:
    """The table for a terminal: what matters, in columns."""
    from ssl_insar.archive.catalogue import LABEL_PREFIX
    from ssl_insar.search.gallery import plain

    labels = [name for name in table.columns if name.startswith(LABEL_PREFIX)]
    columns = ["rank", "cosine", "id", "volcano", "reference_date", "secondary_date", "track", *labels]
    shown = table[[name for name in columns if name in table]].copy()
    shown["cosine"] = shown["cosine"].map("{:.4f}".format)
    shown.columns = [name.removeprefix(LABEL_PREFIX) for name in shown.columns]
    cells = [list(shown.columns), *([plain(v) or "-" for v in row] for row in shown.itertuples(index=False))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = {"rank", "cosine"}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, cells[0], strict=True)
        ).rstrip()
        for row in cells
    )
