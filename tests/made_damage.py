"""What happens to files on their way: every kind of damage that readers are tested with.

A damage changes the product in its folder and tells what may come of it (`Promise`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
from made_products import PRODUCTS, SHAPE
from PIL import Image

Rng = np.random.Generator

SIZES = ((47, 40), (48, 41), (40, 48), (60, 32), (96, 20))
"""Shapes of the products that sidecars are borrowed from; the last three have as many pixels as `SHAPE`."""

SAME_BYTES = (("ISCE2 unw", "ROI_PAC unw"), ("ISCE2 int", "ROI_PAC int", "GAMMA diff"))
"""Amplitude and phase take the bytes of complex values, and neither kind of file has any mark: one under
the name of the other cannot be told."""

_HEADER_BYTES = 512
"""Where most formats keep what decides about everything else."""

_NPY_HEADER = 128


class Promise(Enum):
    """What a damaged product must be, beside refused."""

    NOTHING = "it has to be refused"
    SAME = "what is valid must be as it was"
    ALIKE = "the same, but that other pixels may be valid"
    MOSTLY = "at least half of what is valid must be as it was"
    RELABELLED = "as ALIKE, but a date or a wavelength may have become another"
    DONOR = "as ALIKE, of the product that was put in its place"


@dataclass
class Patient:
    """A product to be damaged.

    Attributes:
        path: the file (or folder) that is read.
        folder: the product's folder, which holds it.
        shelf: whole products by name (``<shelf>/<name>``), and of other sizes (``<shelf>/<H>x<W>/<name>``).
        name: of the product.
        others: names of the other products.
        main: the file to read of every product, below its folder.
        donor: product whose file was put in place of this one's, once that has happened.
    """

    path: Path
    folder: Path
    shelf: Path
    name: str
    others: tuple[str, ...]
    main: dict[str, Path]
    donor: str | None = None

    def beside(self) -> list[Path]:
        """All files of the product but the one that is read."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [path for path in files if path != self.path and self.path not in path.parents]

    def body(self, rng: Rng) -> Path:
        """The file that is read; of a product that is a folder, any file in there."""
        return self.path if self.path.is_file() else _any(rng, _files(self.path))

    @property
    def is_flat(self) -> bool:
        """Whether the file is nothing but values."""
        return self.name.startswith(("ISCE2", "ROI_PAC", "GAMMA", "LiCSBAS", "raw"))


@dataclass
class Shelf:
    """Whole products, from which damaged ones are made.

    Attributes:
        folder: ``<name>`` holds a product, ``<H>x<W>/<name>`` one of another size.
        main: the file to read of every product, below its folder.
    """

    folder: Path
    main: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def filled(cls, folder: Path) -> Shelf:
        """Write every product, and those that have files beside them in other sizes, too."""
        shelf = cls(folder)
        for name, made in PRODUCTS.items():
            shelf.main[name] = made.write(folder / name, SHAPE).relative_to(folder / name)
            if shelf.patient(name, folder / name).beside():
                for height, width in SIZES:
                    made.write(folder / f"{height}x{width}" / name, (height, width))
        (folder / "main.json").write_text(json.dumps({name: str(path) for name, path in shelf.main.items()}))
        return shelf

    @classmethod
    def found(cls, folder: Path) -> Shelf:
        """A shelf that was filled before."""
        told = json.loads((folder / "main.json").read_text())
        return cls(folder, {name: Path(path) for name, path in told.items()})

    def patient(self, name: str, folder: Path) -> Patient:
        """The product, in a folder of its own."""
        others = tuple(other for other in PRODUCTS if other != name)
        return Patient(folder / self.main[name], folder, self.folder, name, others, self.main)


Damage = Callable[[Patient, Rng], Promise]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _any(rng: Rng, files: list[Path]) -> Path:
    return files[rng.integers(len(files))]


def _cut_short(path: Path, rng: Rng) -> None:
    size = path.stat().st_size
    # A download that stopped, anywhere or just before its end.
    keep = rng.integers(size) if rng.integers(3) else max(size - int(rng.integers(1, 9)), 0)
    os.truncate(path, int(keep))


def _flip(path: Path, rng: Rng, reach: int | None = None) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 6) if raw else 0):
        raw[rng.integers(min(reach or len(raw), len(raw)))] ^= 1 << rng.integers(8)
    path.write_bytes(raw)


def _blank(path: Path, rng: Rng) -> None:
    raw = bytearray(path.read_bytes())
    count = min(int(rng.choice([8, 64, 512])), max(len(raw) // 3, 1))
    start = int(rng.integers(max(len(raw) - count, 1)))
    raw[start : start + count] = bytes(count)
    path.write_bytes(raw[: path.stat().st_size])


def _photograph(rng: Rng, kind: str) -> bytes:
    """A colour picture of anything but phase."""
    rows, cols = np.mgrid[:48, :40] / 40
    pixels = np.stack([np.sin(3 * rows) ** 2, cols / 2 + rows / 4, (rows - cols) ** 2], axis=-1)
    pixels = np.clip(pixels * 220 + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def _something_else(path: Path, rng: Rng, *, same_size: bool) -> None:
    """Other contents under the same name."""
    size = path.stat().st_size if same_size else int(rng.integers(1, 2 * path.stat().st_size + 2))
    words = "Error 403: Forbidden. <html><body>Please log in to see this page.</body></html>\n"
    contents = [
        b"",
        (words * (size // len(words) + 1)).encode()[:size],
        rng.bytes(size),
        bytes(size),
        _photograph(rng, "JPEG"),
        _photograph(rng, "PNG"),
    ]
    path.write_bytes(contents[rng.integers(len(contents))])


def truncated(patient: Patient, rng: Rng) -> Promise:
    """The file ends too early."""
    _cut_short(patient.body(rng), rng)
    return Promise.SAME


def flipped(patient: Patient, rng: Rng) -> Promise:
    """Some bits of the file are the other way round."""
    _flip(patient.body(rng), rng)
    return Promise.MOSTLY


def header_flipped(patient: Patient, rng: Rng) -> Promise:
    """Some bits of its first bytes are; of folders, of the files that describe the others."""
    path = patient.path
    if path.is_dir():
        path = _any(rng, [file for file in _files(path) if file.name.startswith(".z")])
    _flip(path, rng, _HEADER_BYTES)
    return Promise.MOSTLY


def zeroed(patient: Patient, rng: Rng) -> Promise:
    """A block of the file was never written."""
    _blank(patient.body(rng), rng)
    return Promise.MOSTLY


def replaced(patient: Patient, rng: Rng) -> Promise:
    """The file is text, nothing, noise or a photograph."""
    if patient.path.is_dir():
        _something_else(patient.body(rng), rng, same_size=bool(rng.integers(2)))
        return Promise.MOSTLY
    # Any bytes are phase to a format of one byte a pixel.
    _something_else(patient.path, rng, same_size=patient.name != "DIAPASON" and bool(rng.integers(2)))
    return Promise.NOTHING


def no_file(patient: Patient, rng: Rng) -> Promise:
    """There is a folder, a dangling link or a pipe where the file should be."""
    shutil.rmtree(patient.path) if patient.path.is_dir() else patient.path.unlink()
    kind = rng.integers(3)
    if kind == 0:
        patient.path.mkdir()
    elif kind == 1:
        patient.path.symlink_to("nowhere")
    else:
        os.mkfifo(patient.path)
    return Promise.NOTHING


def mislabelled(patient: Patient, rng: Rng) -> Promise:
    """Under the product's name lies another product's file."""
    unlike = [names for names in SAME_BYTES if patient.name in names]
    others = [
        name for name in patient.others if not unlike or name in unlike[0] or name not in sum(SAME_BYTES, ())
    ]
    patient.donor = str(rng.choice(others))
    shutil.rmtree(patient.path) if patient.path.is_dir() else patient.path.unlink()
    source = patient.shelf / patient.donor / patient.main[patient.donor]
    shutil.copytree(source, patient.path) if source.is_dir() else shutil.copy(source, patient.path)
    return Promise.DONOR


def swapped(patient: Patient, rng: Rng) -> Promise:
    """The values stand in the other byte order than the header says."""
    raw = patient.path.read_bytes()
    start = 0 if patient.is_flat else _NPY_HEADER
    patient.path.write_bytes(raw[:start] + np.frombuffer(raw[start:], "u4").byteswap().tobytes())
    return Promise.SAME


def sidecar_missing(patient: Patient, rng: Rng) -> Promise:
    """One of the files beside it is gone, or all of them."""
    files = patient.beside() or _files(patient.path)
    for path in files if rng.integers(4) == 0 else [_any(rng, files)]:
        path.unlink()
    return Promise.ALIKE


def sidecar_truncated(patient: Patient, rng: Rng) -> Promise:
    """One of the files beside it ends too early."""
    _cut_short(_any(rng, patient.beside()), rng)
    return Promise.RELABELLED


def sidecar_flipped(patient: Patient, rng: Rng) -> Promise:
    """Some bits of a file beside it are the other way round."""
    _flip(_any(rng, patient.beside()), rng)
    return Promise.RELABELLED


def sidecar_zeroed(patient: Patient, rng: Rng) -> Promise:
    """A block of a file beside it was never written."""
    _blank(_any(rng, patient.beside()), rng)
    return Promise.RELABELLED


def sidecar_replaced(patient: Patient, rng: Rng) -> Promise:
    """A file beside it is text, nothing, noise or a photograph."""
    _something_else(_any(rng, patient.beside()), rng, same_size=bool(rng.integers(2)))
    return Promise.ALIKE


def sidecar_of_another(patient: Patient, rng: Rng) -> Promise:
    """The files beside it, one or all, are those of a product of another size."""
    height, width = SIZES[rng.integers(len(SIZES))]
    source = patient.shelf / f"{height}x{width}" / patient.name
    files = patient.beside()
    for path in files if rng.integers(2) else [_any(rng, files)]:
        shutil.copy(source / path.relative_to(patient.folder), path)
    return Promise.ALIKE


DAMAGES: dict[str, Damage] = {
    "truncated": truncated,
    "bits flipped": flipped,
    "header flipped": header_flipped,
    "zeroed": zeroed,
    "replaced": replaced,
    "no file": no_file,
    "mislabelled": mislabelled,
    "bytes swapped": swapped,
    "sidecar missing": sidecar_missing,
    "sidecar truncated": sidecar_truncated,
    "sidecar flipped": sidecar_flipped,
    "sidecar zeroed": sidecar_zeroed,
    "sidecar replaced": sidecar_replaced,
    "sidecar of another": sidecar_of_another,
}
"""By name."""


def applies(damage: str, patient: Patient) -> bool:
    """Whether a product can be damaged so."""
    if damage == "bytes swapped":
        return patient.is_flat or patient.name in ("npy float", "npy complex")
    if damage.startswith("sidecar"):
        return bool(patient.beside()) or (damage == "sidecar missing" and patient.path.is_dir())
    return not (damage == "header flipped" and patient.is_flat)
