"""Plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ssl_insar.readers import UnreadableError, read


@pytest.fixture
def phase() -> NDArray[np.float64]:
    return np.random.default_rng(2).uniform(-np.pi, np.pi, (15, 18))


def save(path: Path, values: NDArray[Any]) -> Path:
    np.save(path, values)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", np.float16])
def test_float_is_radians(tmp_path: Path, phase: NDArray[np.float64], dtype: Any) -> None:
    frame = read(save(tmp_path / "20190105_20190117.npy", (phase * 0.99).astype(dtype)))
    assert frame.wrapped
    assert frame.phase.dtype == np.float32
    assert frame.valid.all()
    np.testing.assert_allclose(frame.phase, phase * 0.99, atol=2e-3 if dtype == np.float16 else 1e-6)
    assert str(frame.secondary_date) == "2019-01-17"


def test_beyond_pi_is_unwrapped(tmp_path: Path, phase: NDArray[np.float64]) -> None:
    frame = read(save(tmp_path / "a.npy", phase * 5))
    assert not frame.wrapped
    np.testing.assert_allclose(frame.phase, phase * 5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_gives_its_argument(tmp_path: Path, phase: NDArray[np.float64], dtype: Any) -> None:
    values = (3 * np.exp(1j * phase)).astype(dtype)
    values[0, :3] = [0, np.nan, np.inf]
    frame = read(save(tmp_path / "a.npy", values))
    assert frame.wrapped
    np.testing.assert_array_equal(frame.valid[0, :4], [False, False, False, True])
    np.testing.assert_allclose(frame.phase[1:], phase[1:], atol=1e-5)


def test_uint8_is_grey_phase(tmp_path: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (15, 18), dtype=np.uint8)
    frame = read(save(tmp_path / "a.npy", grey))
    np.testing.assert_allclose(frame.phase, grey / 255 * 2 * np.pi - np.pi, atol=1e-5)


def test_zero_and_not_finite_are_no_data(tmp_path: Path, phase: NDArray[np.float64]) -> None:
    phase[0, :4] = [0, np.nan, np.inf, -9999]
    frame = read(save(tmp_path / "a.npy", phase))
    np.testing.assert_array_equal(frame.valid[0, :5], [False, False, False, False, True])


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint16, bool, "U3"])
def test_other_types_are_refused(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(UnreadableError, match="are not phase"):
        read(save(tmp_path / "a.npy", np.zeros((4, 4), dtype)))


@pytest.mark.parametrize("shape", [(), (9,), (2, 4, 4), (1, 1, 4, 4)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableError, match="\\(H, W\\) array expected"):
        read(save(tmp_path / "a.npy", np.ones(shape)))


class Bomb:
    """Unpickling this writes a file."""

    def __reduce__(self) -> Any:
        return (open, ("pickle_was_run", "w"))


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "a.npy", np.array([[Bomb()]], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableError, match="pickled"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "pickle_was_run").exists()


def test_coherence_is_refused(tmp_path: Path) -> None:
    coherence = np.random.default_rng(1).uniform(0.05, 0.95, (15, 18))
    with pytest.raises(UnreadableError, match="coherence"):
        read(save(tmp_path / "cor.npy", coherence))


def test_a_header_that_claims_more_than_the_file_holds(tmp_path: Path, phase: NDArray[np.float64]) -> None:
    raw = save(tmp_path / "a.npy", phase).read_bytes()
    claimed = raw.replace(b"(15, 18), }        ", b"(150000, 180000), }")
    assert len(claimed) == len(raw)
    assert claimed != raw
    (tmp_path / "b.npy").write_bytes(claimed)
    with pytest.raises(UnreadableError, match="damaged"):
        read(tmp_path / "b.npy")


def test_a_header_that_claims_less_than_the_file_holds(tmp_path: Path, phase: NDArray[np.float64]) -> None:
    """Its rows would be of another length than those in the file."""
    raw = save(tmp_path / "a.npy", phase).read_bytes()
    (tmp_path / "b.npy").write_bytes(raw.replace(b"(15, 18)", b"(15, 16)"))
    with pytest.raises(UnreadableError, match=r"b\.npy: holds more bytes than the \(15, 16\) values"):
        read(tmp_path / "b.npy")


@pytest.mark.parametrize("kind", ["<f4", "<c8"])
def test_a_header_that_tells_the_wrong_byte_order(
    tmp_path: Path, phase: NDArray[np.float64], kind: str
) -> None:
    values = (np.exp(1j * phase) if kind == "<c8" else phase).astype(kind)
    raw = save(tmp_path / "a.npy", values).read_bytes()
    (tmp_path / "b.npy").write_bytes(raw.replace(kind.encode(), kind.replace("<", ">").encode()))
    with pytest.raises(UnreadableError, match=r"b\.npy: damaged npy file \(its values are no numbers"):
        read(tmp_path / "b.npy")
