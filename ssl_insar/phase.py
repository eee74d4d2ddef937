r"""Phasor algebra and the fixed-point phase codec: exact operations on wrapped phase.

A wrapped phase is an angle, so arithmetic on it as if it were a grey level is wrong at the
:math:`\pm\pi` jump. Here a frame is the complex field ``z = m exp(i phi)``: ``phi`` the phase in
radians (positive = motion away from the satellite), ``m`` the validity, 0 where there is no data.

Every function takes numpy arrays of any leading shape; phases are in radians. The batched torch
versions used in training live in `ssl_insar.augment` and are tested against these.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]
BoolArray: TypeAlias = NDArray[np.bool_]

TWO_PI = 2.0 * np.pi
STEPS_PER_CYCLE = 256
"""Codec resolution: 1/256 cycle, 0.11 mm of line-of-sight motion at C band."""


def wrap(phase: FloatArray) -> FloatArray:
    """Wrap a phase into [-pi, pi).

    Shape:
        any -> the same. NaN stays NaN.
    """
    phase = np.asarray(phase)
    kept = phase.dtype if phase.dtype.kind == "f" else np.dtype(np.float64)  # an integer would truncate
    wrapped: FloatArray = (phase + np.pi) % TWO_PI - np.pi
    # Float rounding can lift the remainder of a tiny negative number onto the modulus itself.
    result: FloatArray = np.where(wrapped >= np.pi, wrapped - TWO_PI, wrapped).astype(kept)
    return result


def phasor(phase: FloatArray, valid: BoolArray | None = None) -> NDArray[np.complex64]:
    """Phase and validity to the field ``m exp(i phi)``; 0 where not valid or not finite.

    Args:
        phase: radians, wrapped or not; any shape.
        valid: True where there is data; same shape. None: wherever the phase is finite.
    """
    finite = np.isfinite(phase)
    mask = finite if valid is None else finite & valid
    # Reduced in double precision first: float32 loses the fringe of a large unwrapped phase.
    angle = wrap(np.where(mask, phase, 0.0).astype(np.float64)).astype(np.float32)
    z = np.empty(angle.shape, np.complex64)
    z.real = np.cos(angle) * mask
    z.imag = np.sin(angle) * mask
    return z


def phase_of(z: ComplexArray) -> FloatArray:
    """Wrapped phase of a phasor, radians in [-pi, pi]; NaN where there is no data (z = 0)."""
    angle: FloatArray = np.where(z == 0, np.nan, np.angle(z)).astype(z.real.dtype)
    return angle


def encode_wrapped(phase: FloatArray) -> NDArray[np.uint8]:
    """Wrapped phase to 1/256 cycle counts; the integer overflow *is* the wrap.

    Phase 0 is 0, +pi and -pi are both 128. Not-finite values become 0: keep the validity beside.
    """
    return encode_unwrapped_wide(phase).astype(np.uint8)


def encode_unwrapped(phase: FloatArray) -> NDArray[np.int16]:
    """Unwrapped phase to 1/256 cycle counts in int16, good for +-128 cycles.

    The low byte equals `encode_wrapped` of the same phase. Beyond +-128 cycles (3.5 m at C band)
    the count itself wraps, which keeps the wrapped phase right; `fits_unwrapped` tells.
    """
    return encode_unwrapped_wide(phase).astype(np.int16)


def encode_unwrapped_wide(phase: FloatArray) -> NDArray[np.int32] | NDArray[np.int64]:
    """Phase to 1/256 cycle counts without any overflow; not-finite values become 0.

    Counts are int32 where they fit, which is half the work of the 64 bits that huge values take.
    """
    values = np.asarray(phase)
    # Single precision stays single: its own spacing is finer than a step wherever it can hold one.
    kept = np.float32 if values.dtype == np.float32 else np.float64
    cycles: FloatArray = np.empty(values.shape, kept)
    np.multiply(values, STEPS_PER_CYCLE / TWO_PI, out=cycles, dtype=kept)
    peak = _peak(cycles)
    if not np.isfinite(peak):
        cycles[~np.isfinite(cycles)] = 0
        peak = _peak(cycles)
    np.rint(cycles, out=cycles)
    return cycles.astype(np.int32) if peak < 2.0**30 else cycles.astype(np.int64)


def _peak(values: FloatArray) -> float:
    """Largest absolute value; NaN or infinity if any value is, two quick passes that need no memory."""
    return float(max(values.max(initial=0), -values.min(initial=0)))


def fits_unwrapped(counts: NDArray[np.integer[Any]]) -> bool:
    """Whether counts without overflow lie within the int16 codec's +-128 cycles."""
    info = np.iinfo(np.int16)
    return bool(counts.min(initial=0) >= info.min and counts.max(initial=0) <= info.max)


def decode(counts: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Cycle counts back to radians: int16 unwrapped; uint8 wrapped, in [-pi, pi).

    Raises:
        TypeError: for any other dtype.
    """
    signed: NDArray[np.integer[Any]]
    if counts.dtype == np.uint8:
        signed = counts.astype(np.int8)  # 128..255 become -128..-1: the half cycle below zero
    elif counts.dtype == np.int16:
        signed = counts
    else:
        raise TypeError(f"phase counts are uint8 (wrapped) or int16 (unwrapped), not {counts.dtype}")
    return (signed * np.float64(TWO_PI / STEPS_PER_CYCLE)).astype(np.float32)


def rewrap(z: ComplexArray, factor: int) -> ComplexArray:
    """Over-wrap a phasor: phase times an integer, exact on wrapped data.

    ``W(k W(phi)) = W(k phi)`` for integer k only, because wrapping adds whole cycles. Zero stays
    zero and the magnitude (validity or coherence) is kept.

    Raises:
        ValueError: if ``factor`` is not a non-zero integer; use `rewrap_unwrapped` for real factors.
    """
    if int(factor) != factor or factor == 0:
        raise ValueError(f"a phasor can be rewrapped by a non-zero integer only, not {factor}")
    base = z if factor > 0 else np.conj(z)
    magnitude = np.abs(z)
    unit = np.divide(base, magnitude, out=np.zeros_like(base), where=magnitude > 0)
    result: ComplexArray = unit ** abs(int(factor)) * magnitude
    return result


def rewrap_unwrapped(phase: FloatArray, factor: float) -> FloatArray:
    """Wrap ``factor * phase``: another wavelength, or amplified fringes; needs *unwrapped* phase."""
    return wrap(np.asarray(phase) * factor)


def renormalise(z: ComplexArray, floor: float = 1e-6) -> tuple[ComplexArray, FloatArray]:
    """Split an averaged phasor into its unit phasor and its magnitude, the local coherence.

    Args:
        z: averaged phasor, ``abs(z) <= 1``.
        floor: magnitudes at or below this carry no phase and become no-data.

    Returns:
        unit phasor (0 where there is no data), local coherence in [0, 1].
    """
    magnitude = np.abs(z)
    unit = np.divide(z, magnitude, out=np.zeros_like(z), where=magnitude > floor)
    return unit, np.minimum(magnitude, 1.0)


def multilook(
    z: ComplexArray, looks: int | tuple[int, int], min_valid: float = 0.5
) -> tuple[ComplexArray, FloatArray]:
    """Average blocks of the phasor; rows and columns left over are dropped.

    Only valid pixels count (normalised average); a block needs a share of at least ``min_valid``
    valid pixels.

    Args:
        z: phasor.
        looks: side of a block, or its (rows, columns).
        min_valid: least share of valid pixels in a block that has data.

    Shape:
        (..., H, W) -> (..., H // rows, W // columns), for both results.

    Returns:
        unit phasor, local coherence in [0, 1] (0 where there is no data).
    """
    down, across = (looks, looks) if isinstance(looks, int) else looks
    height, width = z.shape[-2] // down, z.shape[-1] // across
    blocks = z[..., : height * down, : width * across].reshape(*z.shape[:-2], height, down, width, across)
    # Rows first: whole rows add up as vectors, three times as fast as both axes at once.
    total = blocks.sum(axis=-3).sum(axis=-1)
    count = (blocks != 0).sum(axis=-3, dtype=np.float32).sum(axis=-1)
    enough = count >= max(min_valid * down * across, 1)
    mean = np.where(enough, total / np.maximum(count, 1), 0).astype(z.dtype)
    return renormalise(mean)


def local_coherence(z: ComplexArray, window: int = 5) -> FloatArray:
    """Length of the mean unit phasor in a ``window x window`` box: 1 smooth, 1/window pure noise.

    The estimate counts only valid pixels and is 0 at no-data pixels. Steep fringes lower it too,
    as they do any coherence estimate without slope compensation.

    Shape:
        (..., H, W) -> the same, float32.
    """
    from scipy.ndimage import uniform_filter

    box = (*(1,) * (z.ndim - 2), window, window)

    unit, _ = renormalise(z)
    valid = (unit != 0).astype(np.float32)
    share = uniform_filter(valid, box, mode="constant")
    real = uniform_filter(unit.real.astype(np.float32), box, mode="constant")
    imag = uniform_filter(unit.imag.astype(np.float32), box, mode="constant")
    length = np.hypot(real, imag) / np.maximum(share, 1.0 / window**2)
    result: FloatArray = (np.minimum(length, 1.0) * valid).astype(np.float32)
    return result


def resample(
    z: ComplexArray, rows: FloatArray, cols: FloatArray, min_valid: float = 0.5
) -> tuple[ComplexArray, FloatArray]:
    """Bilinear resampling of a phasor field at fractional pixel positions.

    Normalised convolution: phasor and validity are interpolated together, so that no-data never
    bleeds into phase. Outside the field there is no data.

    Args:
        z: (H, W) phasor.
        rows: row positions, any shape; 0 is the centre of the first row.
        cols: column positions, same shape.
        min_valid: least interpolated validity of an output pixel that has data.

    Returns:
        unit phasor and local coherence, both of the shape of ``rows``.
    """
    from scipy.ndimage import map_coordinates

    unit, _ = renormalise(z)
    at = np.stack([np.asarray(rows, np.float64), np.asarray(cols, np.float64)])

    def sample(field: FloatArray) -> FloatArray:
        values: FloatArray = map_coordinates(field, at, order=1, mode="constant", cval=0.0)
        return values

    weight = sample((unit != 0).astype(np.float64))
    mean = sample(unit.real.astype(np.float64)) + 1j * sample(unit.imag.astype(np.float64))
    mean = np.where(weight >= min_valid, mean / np.maximum(weight, 1e-9), 0)
    return renormalise(mean.astype(z.dtype))
