"""What raw raster values mean: which are data, whether they are wrapped, whether they are phase at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.pixels import EAGER_PIXELS, Pixels, Window, whole

FILLS = (-9999.0, -32768.0)
"""Fill values in wide use that real files forget to tag."""

BEYOND_PHASE = 1e6
"""rad; no unwrapped phase is that large, but untagged float fills (3.4e38) are."""

WRAPPED_SLACK = 1e-3
"""rad; products round pi, so values just beyond it still count as wrapped."""

HEIGHTS = (-500.0, 9000.0)
"""m; what lies beyond is a fill value."""

_WILD = 1e12
"""No phase or amplitude is larger, only fills; of arbitrary bytes read as floats a third are."""

_MOST_WILD = (0.05, 16)
"""Share of such values, each different from the others, and number of them that only damage explains:
resampling makes some of large fills, along their edges."""

_MOST_TINY = 0.5
"""Share of values below the least normal number, which those of float32 are that were made wider and
stand in the wrong byte order; the tails of a simulated deformation hold some."""

_LOOKED_AT = 4096

_ENDS_AS_COHERENCE = re.compile(
    r"[._-](cc|cor|corr|coh|coherence)(\.(npy|tiff?|bin|dat|raw|r4|flt|geo))?$", re.IGNORECASE
)

_SAMPLE = 256
_SAMPLES = 4


def phase_and_validity(
    values: NDArray[Any], no_data: float | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Phase in rad and validity of raw raster values.

    Not valid: 0, NaN and infinity, the tagged value, and the fills that files forget to tag.
    They are taken out *before* any wrapping, which would turn -9999 into plausible phase.

    Args:
        values: float (rad) or complex (its argument is the phase).
        no_data: the tagged value.

    Shape:
        (H, W) -> (H, W), (H, W)

    Raises:
        ValueError: the values are arbitrary bytes; to be told with the file's name (`Frame.window`).
    """
    if values.dtype == np.float16:  # too narrow for the fill values compared with below
        values = values.astype(np.float32)
    if values.dtype.kind in "fc":
        _refuse_nonsense(values)
    if values.dtype.kind == "c":
        phase, valid = _of_phasors(values)
    else:
        phase = values
        valid = values != 0
        # Neither fills nor NaN as a rule, which two quick passes tell: both make one of these false.
        if not (values.min(initial=0) > max(FILLS) and values.max(initial=0) < BEYOND_PHASE):
            valid &= np.abs(values) < BEYOND_PHASE  # also false for NaN and infinity
            for fill in FILLS:
                valid &= values != values.dtype.type(fill)
    if no_data and np.isfinite(no_data):
        valid &= values != values.dtype.type(no_data)
    if not valid.all():
        phase = np.where(valid, phase, 0)
    return phase.astype(np.float32, copy=False), valid


def _of_phasors(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Argument and validity of complex values; a third of the time that asking complex numbers takes."""
    real, imag = np.ascontiguousarray(values.real), np.ascontiguousarray(values.imag)
    valid = real != 0
    valid |= imag != 0
    # Finite throughout as a rule, which two quick passes tell: NaN makes one of these false.
    if not all(part.min(initial=0) > -np.inf and part.max(initial=0) < np.inf for part in (real, imag)):
        valid &= np.isfinite(values)
    return np.arctan2(imag, real), valid


def _refuse_nonsense(values: NDArray[Any]) -> None:
    """Some codecs unpack anything, and nothing else tells values that stand in the wrong byte order."""
    step = max(int(np.sqrt(values.size / _LOOKED_AT)), 1)
    seen = np.abs(values[::step, ::step])
    share, count = _MOST_WILD
    least = max(share * seen.size, count)
    wild = seen[seen > _WILD]
    wild = wild[wild < np.inf]
    tiny = np.count_nonzero(seen < np.finfo(seen.dtype).tiny)
    if tiny > count:  # zeros are none
        tiny -= np.count_nonzero(seen == 0)
    if (wild.size > least and np.unique(wild).size > least) or tiny > max(_MOST_TINY * seen.size, count):
        raise ValueError(
            "its values are no numbers that make sense; damaged, or in another byte order than told"
        )


def is_wrapped(pixels: Pixels, name: str) -> bool:
    """Whether values lie within +-pi and the name does not call them unwrapped.

    Of a large frame 16 windows are looked at. Should unwrapped phase pass for wrapped because all of
    them are quiet, its wrapped phase is still right.
    """
    return not named_unwrapped(name) and all(
        np.abs(phase).max(initial=0) <= np.pi + WRAPPED_SLACK for phase in _samples(pixels)
    )


def refuse_coherence(path: Path, pixels: Pixels) -> None:
    """Refuse float values that are coherence by all appearance.

    Coherence layers lie beside the phase in most archives, under names without a standard. Phase
    fills +-pi or goes beyond it; a raster confined to [0, 1] is taken at its word only if its name
    says ``unw`` and does not end as that of a coherence layer.

    Raises:
        UnreadableError: there is data, all of it within [0, 1], and the name does not say ``unw``, or
            says it of the phase that the coherence belongs to (``pair.unw.cc``).
    """
    if named_unwrapped(path.name) and not _ENDS_AS_COHERENCE.search(path.name):
        return
    looks = (_samples, _bands) if pixels.shape[0] * pixels.shape[1] > EAGER_PIXELS else (_bands,)
    for parts in looks:
        seen = False
        for phase in parts(pixels):
            seen = seen or phase.size > 0
            if phase.min(initial=0) < 0 or phase.max(initial=0) > 1:
                return
    if seen:
        raise UnreadableError(
            f"{path}: all values lie in [0, 1], which is coherence and not phase; give the phase "
            "layer (if this is unwrapped phase, put 'unw' into its name)"
        )


def named_unwrapped(name: str) -> bool:
    """Whether a file name says ``unw``."""
    return re.search(r"(?<![a-z])unw", name, re.IGNORECASE) is not None


def _samples(pixels: Pixels) -> Iterator[NDArray[np.float32]]:
    """Valid phases of windows spread over a large frame, or of all of a small one."""
    height, width = pixels.shape
    if height * width <= EAGER_PIXELS:
        yield from _bands(pixels)
        return
    size = (min(_SAMPLE, height), min(_SAMPLE, width))
    for row in np.linspace(0, height - size[0], _SAMPLES).astype(int):
        for col in np.linspace(0, width - size[1], _SAMPLES).astype(int):
            patch = pixels.read(Window(int(row), int(col), *size))
            yield patch.phase[patch.valid]


def _bands(pixels: Pixels) -> Iterator[NDArray[np.float32]]:
    """Valid phases of the whole frame, some rows at a time."""
    height, width = whole(pixels)[2:]
    step = max(EAGER_PIXELS // max(width, 1), 1)
    for row in range(0, height, step):
        patch = pixels.read(Window(row, 0, min(step, height - row), width))
        yield patch.phase[patch.valid]
