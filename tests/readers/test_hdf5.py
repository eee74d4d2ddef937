"""Opening HDF5 files with suspicion, whatever product they are."""

from __future__ import annotations

import gc
import struct
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ssl_insar.readers import UnreadableError, frames, looks_readable, read
from ssl_insar.readers.hdf5 import Hdf5, day, member, printable, track_of
from ssl_insar.readers.hdf5_heap import text_is_sound
from ssl_insar.readers.layers import Plane
from ssl_insar.readers.pixels import Window

PHASE = np.random.default_rng(5).normal(0, 6, (3, 70, 90)).astype(np.float32)
BASE = 731237
"""2003-01-22."""


def made_stack(path: Path, phase: Any = PHASE, **storage: Any) -> Path:
    """A KFTS stack, the smallest layout there is."""
    with h5py.File(path, "w") as file:
        if phase is not None:
            file.create_dataset("igram", data=phase, **storage)
        file["Jmat"] = np.array([[1, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1]], float)
        file["dates"] = BASE + 35 * np.arange(4)
    return path


def test_made_windows_are_those_of_the_dataset(tmp_path: Path) -> None:
    path = made_stack(tmp_path / "a.h5", chunks=(2, 16, 16), compression="gzip", shuffle=True)
    second = frames(path)[1]
    np.testing.assert_array_equal(second.window(13, 21, 40, 30).phase, PHASE[1, 13:53, 21:51])
    assert second.shape == (70, 90)


def test_the_contents_decide_not_the_suffix(tmp_path: Path) -> None:
    assert frames(made_stack(tmp_path / "stack.dat"))[0].family == "KFTS-InSAR"


class TestDamage:
    @pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
    def test_a_file_that_was_cut_short_is_damaged_and_not_unknown(self, tmp_path: Path, share: float) -> None:
        whole = made_stack(tmp_path / "a.h5").read_bytes()
        (tmp_path / "b.h5").write_bytes(whole[: max(int(len(whole) * share), 20)])
        with pytest.raises(UnreadableError, match=r"b\.h5: damaged HDF5 file \(.*truncated") as caught:
            read(tmp_path / "b.h5")
        assert "\n" not in str(caught.value)

    def test_contents_that_do_not_unpack_are_damaged_there(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", chunks=(1, 70, 90), compression="gzip")
        raw = path.read_bytes()
        packed = zlib.compress(PHASE[1].tobytes(), 4)
        at = raw.find(packed[:64])
        assert at > 0
        path.write_bytes(raw[: at + 100] + bytes(200) + raw[at + 300 :])
        found = frames(path)
        assert found[0].valid.all()
        with pytest.raises(UnreadableError, match="damaged KFTS-InSAR file"):
            found[1].window(0, 0, 10, 10)

    def test_text_that_would_send_the_library_round_in_circles(self, tmp_path: Path) -> None:
        path = tmp_path / "velocity.h5"
        with h5py.File(path, "w") as file:
            file["velocity"] = PHASE[0]
            file.attrs.update({"FILE_TYPE": "velocity", "WIDTH": "90"})
        raw = bytearray(path.read_bytes())
        heap = raw.find(b"GCOL")
        at = heap + 16
        while struct.unpack_from("<H", raw, at)[0]:
            at += 16 + -(-struct.unpack_from("<Q", raw, at + 8)[0] // 8) * 8
        assert text_is_sound(path)
        raw[at + 8 : at + 16] = bytes(8)  # the free space after the last string, now without length
        path.write_bytes(raw)
        assert not text_is_sound(path)
        with pytest.raises(UnreadableError, match=r"damaged HDF5 file .*text"):
            read(path)

    def test_text_that_claims_to_be_longer_than_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["told"] = "2019-01-05"
            place = file["told"].id.get_offset()
        assert Hdf5(path).text("told") == "2019-01-05"
        raw = bytearray(path.read_bytes())
        assert raw[place : place + 4] == struct.pack("<I", 10)
        raw[place + 3] = 0x40  # 1 GiB
        path.write_bytes(raw)
        with pytest.raises(UnreadableError, match="a text in it is longer than the file"):
            Hdf5(path).text("told")

    def test_numbers_of_a_form_that_no_machine_has(self, tmp_path: Path) -> None:
        """One flipped bit in the type multiplies all values by some power of two."""
        path = made_stack(tmp_path / "a.h5")
        raw = bytearray(path.read_bytes())
        bias = struct.pack("<BBBBI", 23, 8, 0, 23, 127)  # exponent and mantissa of a float32
        assert raw.count(bias) == 1
        raw[raw.find(bias) + 4] ^= 8
        path.write_bytes(raw)
        with pytest.raises(UnreadableError, match="'igram' holds numbers of a form that no machine has"):
            read(path)

    def test_lists_of_any_length_are_no_attributes(self, tmp_path: Path) -> None:
        """Of a damaged type they make the library read anywhere in memory."""
        with h5py.File(tmp_path / "a.h5", "w") as file:
            several = np.empty(1, object)
            several[0] = np.arange(3, dtype="i4")
            file.attrs.create("list", several, dtype=h5py.vlen_dtype("i4"))
            file.attrs["name"] = "text"
        told = Hdf5(tmp_path / "a.h5").attributes("", ["list", "name"])
        assert told == {"name": "text"}

    def test_a_claim_that_the_file_cannot_hold_asks_for_no_memory(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            file.create_dataset("igram", (3, 10**6, 10**6), "f4", chunks=(1, 64, 64))
        with pytest.raises(UnreadableError, match="cannot hold 3 x 1000000 x 1000000 values of 'igram'"):
            read(path)

    def test_so_does_a_chunk_that_is_too_large(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            file.create_dataset("igram", (3, 8, 8), "f4", chunks=(1, 2**14, 2**14), maxshape=(3, None, None))
        with pytest.raises(UnreadableError, match="cannot hold"):
            read(path)


class TestNothingOutsideTheFileIsRead:
    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Path:
        with h5py.File(tmp_path / "elsewhere.h5", "w") as file:
            file["igram"] = PHASE
        return tmp_path / "elsewhere.h5"

    def test_external_links(self, tmp_path: Path, elsewhere: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            file["igram"] = h5py.ExternalLink(str(elsewhere), "/igram")
        with pytest.raises(UnreadableError, match="'igram' is a link to somewhere else"):
            read(path)

    def test_soft_links(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            file["real"] = PHASE
            file["igram"] = h5py.SoftLink("/real")
        with pytest.raises(UnreadableError, match="'igram' is a link to somewhere else"):
            read(path)

    def test_virtual_datasets(self, tmp_path: Path, elsewhere: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        layout = h5py.VirtualLayout(PHASE.shape, "f4")
        layout[:] = h5py.VirtualSource(elsewhere, "igram", PHASE.shape)
        with h5py.File(path, "a") as file:
            file.create_virtual_dataset("igram", layout)
        with pytest.raises(UnreadableError, match="'igram' lie in other files"):
            read(path)

    def test_external_storage(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        (tmp_path / "raw.bin").write_bytes(PHASE.tobytes())
        with h5py.File(path, "a") as file:
            file.create_dataset(
                "igram", PHASE.shape, "f4", external=[(tmp_path / "raw.bin", 0, PHASE.nbytes)]
            )
        with pytest.raises(UnreadableError, match="'igram' lie in other files"):
            read(path)


class TestRefusals:
    def test_an_unknown_layout_is_told_by_what_it_holds(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["weather"] = np.ones(4)
            file.create_group("pressure\n\x1b[31m")
        with pytest.raises(
            UnreadableError, match=r"none of the known layouts.*MintPy.*; it holds .*weather"
        ) as e:
            read(tmp_path / "a.h5")
        assert "\n" not in str(e.value)
        assert "\x1b" not in str(e.value)

    def test_values_that_are_not_numbers(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            kind = h5py.vlen_dtype(np.float32)
            file.create_dataset("igram", (3, 2, 2), kind)
        with pytest.raises(UnreadableError, match="'igram' holds object values"):
            read(path)

    @pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 0, 4), (1, 1, 3, 4)])
    def test_values_of_another_shape(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        path = made_stack(tmp_path / "a.h5", phase=np.zeros(shape, np.float32))
        with pytest.raises(UnreadableError, match="numbers in 3 dimensions expected"):
            read(path)

    def test_a_filter_that_is_not_installed(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5", phase=None)
        with h5py.File(path, "a") as file:
            recipe = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            recipe.set_chunk((1, 8, 8))
            recipe.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())
            space = h5py.h5s.create_simple((3, 8, 8))
            h5py.h5d.create(file.id, b"igram", h5py.h5t.IEEE_F32LE, space, recipe)
        with pytest.raises(UnreadableError, match=r"packed with filter 32001.*not installed; repack"):
            read(path)


class TestFile:
    def test_it_closes_when_the_last_layer_is_gone(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "a.h5")

        def handles() -> int:
            links = Path("/proc/self/fd").iterdir()
            return sum(link.is_symlink() and link.readlink() == path for link in links)

        found = frames(path)
        assert handles() == 1
        one = found[2]
        del found
        assert one.window(0, 0, 2, 2).valid.all()
        assert handles() == 1
        del one
        gc.collect()
        assert handles() == 0

    def test_a_row_of_chunks_stays_in_memory(self, tmp_path: Path) -> None:
        """Tiles cut row by row must not unpack a chunk that spans the frame once for each of them."""
        values = np.zeros((512, 4096), np.float32)
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("z", data=values, chunks=(512, 4096), compression="gzip")
            file.create_dataset("tiles", data=values, chunks=(64, 64))
        opened = Hdf5(tmp_path / "a.h5")
        _, size, _ = opened.array("z").id.get_access_plist().get_chunk_cache()
        assert size >= values.nbytes
        slots, size, _ = opened.array("tiles").id.get_access_plist().get_chunk_cache()
        assert size >= 5 * 64 * 4096 * 4, "256 rows of tiles touch five rows of chunks"
        assert slots > 5 * 64

    def test_single_values_come_without_their_array(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["z"] = PHASE[0]
            file["z"].attrs.update(
                {"_FillValue": np.float32([-9]), "units": np.bytes_(b"rad\0"), "two": [1, 2]}
            )
            file["n"] = np.array([7])
            file["words"] = np.array([b"one", b"two"])
            file["text"] = "2016-07-16 23:05:00"
        opened = Hdf5(tmp_path / "a.h5")
        told = opened.attributes("z", ("_FillValue", "units", "two", "absent"))
        assert (told["_FillValue"], told["units"], set(told)) == (-9.0, "rad", {"_FillValue", "units", "two"})
        assert opened.fill("z") == -9
        assert opened.number("n") == 7
        assert opened.number("z") is None
        assert opened.text("words") == "one"
        assert opened.text("n") is None
        assert opened.day("text") == date(2016, 7, 16)
        assert opened.attributes("absent", ("a",)) == {}
        assert opened.layer("absent") is None
        layer = opened.layer("z")
        assert isinstance(layer, Plane)
        np.testing.assert_array_equal(layer.values(Window(1, 2, 3, 4)), PHASE[0, 1:4, 2:6])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20160716", date(2016, 7, 16)),
        ("2016-07-16T23:05:00.000000000", date(2016, 7, 16)),
        ("20161316", None),
        ("16/07/2016", None),
        ("", None),
        (None, None),
    ],
)
def test_day(text: str | None, expected: date | None) -> None:
    assert day(text) == expected


def test_members_are_named_by_their_dates_the_earlier_first() -> None:
    assert member(date(2019, 3, 4), date(2019, 2, 26)) == "20190226_20190304"
    assert member(None, date(2019, 2, 26)) is None


@pytest.mark.parametrize(
    ("orbit", "direction", "expected"),
    [(42.0, "Descending", "042D"), (7, "ASC", "007A"), (None, "A", None), (42, None, None), (1e6, "A", None)],
)
def test_track(orbit: float | None, direction: str | None, expected: str | None) -> None:
    assert track_of(orbit, direction) == expected


def test_text_of_a_file_is_made_printable() -> None:
    assert printable(b"one\n two\0\0") == "one two"
    assert printable(b"a\xffb\x1bc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inputs/ifgramStack.h5", True),
        ("timeseries_ERA5_demErr.h5", True),
        ("geo/geo_velocity.h5", True),
        ("S1-GUNW-A-R-124-tops-20190304_20190226-042953-19661N_17420N-PP-720e-v2_0_1.nc", True),
        ("geo/geo_geometryRadar.h5", False),
        ("temporalCoherence.h5", False),
        ("maskTempCoh.h5", False),
        ("waterMask.h5", False),
        ("avgSpatialCoh.h5", False),
        ("inputs/ERA5.h5", False),
        ("inputs/ionStack.h5", False),
        ("timeseriesResidual_ramp.h5", False),
        ("NISAR_L2_PR_GUNW_009_149_A_024_010_4000_SH_QA_STATS.h5", False),
        ("phasefilt_ll.grd", True),
        ("unwrap_mask_ll.grd", True),
        ("corr.grd", False),
        ("xphase.grd", False),
        ("los_ll.grd", False),
    ],
)
def test_what_a_folder_walk_tries(name: str, expected: bool) -> None:
    assert looks_readable(Path("product") / name) is expected
