"""Images that are told to be wider or narrower than they are, in files of just that size."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_products.scenes import amplitude, scene
from numpy.typing import NDArray

from ssl_insar.readers import UnreadableError, read
from ssl_insar.readers.binary import Layout
from ssl_insar.readers.width import refuse_wrong_width

SHAPE = (90, 60)
SINGLE = Layout(np.dtype("<f4"), *SHAPE)
COMPLEX = Layout(np.dtype(">c8"), *SHAPE)
LEVELS = Layout(np.dtype("u1"), *SHAPE)


def interleaved(scheme: str) -> Layout:
    return Layout(np.dtype("<f4"), *SHAPE, bands=2, scheme=scheme)


def stored(
    path: Path, layout: Layout, phase: NDArray[np.float32], first: NDArray[np.float32] | None = None
) -> Path:
    """Write a phase, behind another band where the layout has two."""
    if layout.dtype.kind == "c":
        phase = amplitude(phase.shape) * np.exp(1j * phase)
    if layout.dtype.kind == "u":
        phase = np.rint(phase * (256 / (2 * np.pi))) % 256
    axis = {"BSQ": 0, "BIL": 1, "BIP": 2}[layout.scheme]
    values = phase if first is None else np.stack([first, phase], axis=axis)
    path.write_bytes(values.astype(layout.dtype).tobytes())
    return path


@pytest.mark.parametrize(
    "layout",
    [SINGLE, COMPLEX, LEVELS, interleaved("BIL"), interleaved("BIP"), interleaved("BSQ")],
    ids=["float", "complex", "levels", "by line", "by pixel", "by band"],
)
def test_rows_that_belong_to_another_width_are_refused(tmp_path: Path, layout: Layout) -> None:
    two = layout.bands > 1
    path = stored(tmp_path / "a", layout, scene(SHAPE), amplitude(SHAPE) if two else None)
    refuse_wrong_width(path, layout, layout.bands - 1)
    for height, width in ((60, 90), (108, 50), (72, 75), (216, 25)):
        other = dataclasses.replace(layout, height=height, width=width)
        with pytest.raises(UnreadableError) as caught:
            refuse_wrong_width(path, other, layout.bands - 1, "a.hdr")
        assert str(caught.value).startswith(
            f"{path}: neighbouring rows do not match at the {width} columns of a.hdr, but at 60 they do"
        )


@pytest.mark.parametrize("first", ["ones", "copy", "speckle"])
def test_no_amplitude_makes_the_right_width_look_wrong(tmp_path: Path, first: str) -> None:
    """Real files have 1 throughout or the phase once more where amplitude should be."""
    phase = scene(SHAPE) + np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)
    others = {"ones": np.ones_like(phase), "copy": phase, "speckle": amplitude(SHAPE)}
    refuse_wrong_width(
        stored(tmp_path / "a", interleaved("BIL"), phase, others[first]), interleaved("BIL"), 1
    )


@pytest.mark.parametrize("shape", [(60, 90), (45, 120), SHAPE])
def test_noise_fits_any_width(tmp_path: Path, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).uniform(-3, 3, SHAPE).astype(np.float32)
    refuse_wrong_width(stored(tmp_path / "a", SINGLE, noise), Layout(SINGLE.dtype, *shape))


def test_too_little_data_tells_nothing(tmp_path: Path) -> None:
    phase = np.zeros(SHAPE, np.float32)
    phase[:40, :10] = scene(SHAPE)[10:50, 10:20]
    refuse_wrong_width(stored(tmp_path / "a", SINGLE, phase), Layout(SINGLE.dtype, 60, 90))


@pytest.mark.parametrize("shape", [(1, 5400), (5400, 1)])
def test_a_single_row_or_column(tmp_path: Path, shape: tuple[int, int]) -> None:
    refuse_wrong_width(stored(tmp_path / "a", SINGLE, scene(SHAPE)), Layout(SINGLE.dtype, *shape))


@pytest.mark.real
def test_real_images_fit_their_own_width_and_not_the_swapped_one(shared_data: Path, tmp_path: Path) -> None:
    # Whatever their formats, as flat binaries of floats.
    paths = [
        *(shared_data / "products").rglob("*.unw"),
        *(shared_data / "products").rglob("*_unw.tif"),
        *sorted((shared_data / "quicklooks").rglob("*.png"))[:20],
    ]
    refused = []
    for path in paths:
        phase = read(path).phase
        layout = Layout(np.dtype("<f4"), *phase.shape)
        flat = stored(tmp_path / "a", layout, phase)
        refuse_wrong_width(flat, layout)
        if len(set(phase.shape)) == 2:
            try:
                refuse_wrong_width(flat, Layout(layout.dtype, *phase.shape[::-1]))
            except UnreadableError:
                refused.append(True)
            else:
                refused.append(False)
    assert len(refused) > 30
    assert np.mean(refused) > 0.9
