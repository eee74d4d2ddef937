"""ISCE2: headers that disagree, layers beside, and what is no phase."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.readers import UnreadableError, looks_readable, read

HEIGHT, WIDTH = 40, 30
RNG = np.random.default_rng(6)
PHASE = RNG.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32)
NAMES = {"f4": "FLOAT", "f8": "double", "c8": "CFLOAT", "u1": "BYTE"}
GDAL = {"f4": "Float32", "c8": "CFloat32"}


def header(
    kind: str = "f4",
    bands: int = 2,
    scheme: str = "BIL",
    order: str = "l",
    size: tuple[int, int] = (HEIGHT, WIDTH),
    geo: bool = False,
) -> str:
    """As ISCE writes it: properties, and the coordinates as components."""
    first, steps = ((40.5, 13.25), (-0.001, 0.002)) if geo else ((0, 0), (1, 1))

    def one(name: str, value: Any) -> str:
        return f'<property name="{name}"><value>{value}</value><doc>what it is</doc></property>'

    def axis(name: str, start: Any, step: Any) -> str:
        return f'<component name="{name}">{one("delta", step)}{one("startingvalue", start)}</component>'

    return (
        "<imageFile>"
        + one("ISCE_VERSION", "Release: 2.6.1, svn-, 20220811.")
        + one("byte_order", order)
        + axis("coordinate1", first[1], steps[1])
        + axis("coordinate2", first[0], steps[0])
        + one("data_type", NAMES[kind])
        + one("length", size[0])
        + one("number_bands", bands)
        + one("scheme", scheme)
        + one("width", size[1])
        + "</imageFile>"
    )


def vrt(kind: str = "f4", bands: int = 2, quote: str = '""', line: int | None = None) -> str:
    """GDAL's description of line-interleaved bands."""
    size = int(kind[1])
    left, right = quote
    text = f"<VRTDataset rasterXSize={left}{WIDTH}{right} rasterYSize={left}{HEIGHT}{right}>"
    for index in range(bands):
        text += (
            f'<VRTRasterBand band="{index + 1}" dataType="{GDAL[kind]}" subClass="VRTRawRasterBand">'
            '<SourceFilename relativeToVRT="1">a</SourceFilename><ByteOrder>LSB</ByteOrder>'
            f"<ImageOffset>{index * WIDTH * size}</ImageOffset><PixelOffset>{size}</PixelOffset>"
            f"<LineOffset>{line or bands * WIDTH * size}</LineOffset></VRTRasterBand>"
        )
    return text + "</VRTDataset>"


def write(path: Path, values: Any, xml: str | None = None, **others: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(values).tobytes())
    for end, text in {"xml": xml, **others}.items():
        if text is not None:
            Path(f"{path}.{end}").write_text(text, encoding="utf-8")
    return path


def unwrapped(phase: Any = PHASE, amplitude: float = 1.0, dtype: str = "<f4") -> Any:
    """Amplitude and phase, line by line."""
    return np.stack([np.full_like(phase, amplitude), phase], axis=1).astype(dtype)


@pytest.mark.parametrize("order", ["l", "b"])
def test_made_unwrapped(tmp_path: Path, order: str) -> None:
    values = unwrapped(dtype="<f4" if order == "l" else ">f4")
    frame = read(write(tmp_path / "20190105_20190117/filt_fine.unw", values, header(order=order)))
    np.testing.assert_array_equal(frame.phase, PHASE)
    assert frame.valid.all()
    assert not frame.wrapped
    assert (frame.family, frame.crs, frame.transform) == ("ISCE2", None, None)
    assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
    assert "ISCE2 2.6.1" in (frame.provenance or "")


@pytest.mark.parametrize("suffix", [".int", ".flat"])
def test_made_wrapped(tmp_path: Path, suffix: str) -> None:
    values = np.exp(1j * PHASE).astype("<c8")
    values[2, 3] = 0
    frame = read(write(tmp_path / f"a{suffix}", values, header("c8", 1, "BIP")))
    assert frame.wrapped
    assert (~frame.valid).sum() == 1
    assert not frame.valid[2, 3]
    np.testing.assert_allclose(np.exp(1j * frame.phase[3:]), np.exp(1j * PHASE[3:]), atol=1e-5)


def test_made_geocoded(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "filt_topophase.unw.geo", unwrapped(), header(geo=True)))
    assert frame.crs == "EPSG:4326"
    assert frame.transform == (0.002, 0, 13.25, 0, -0.001, 40.5)
    np.testing.assert_array_equal(frame.phase, PHASE)


def test_made_amplitude_of_zero_takes_nothing_out(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.unw", unwrapped(amplitude=0), header())).valid.all()


def test_made_xml_before_vrt_before_rsc(tmp_path: Path) -> None:
    wrong = {"vrt": vrt(line=23648), "rsc": "WIDTH 60\nFILE_LENGTH 20\nPROCESSOR isce\n"}
    path = write(tmp_path / "a.unw", unwrapped(), header(), **wrong)
    np.testing.assert_array_equal(read(path).phase, PHASE)
    Path(f"{path}.xml").unlink()
    Path(f"{path}.vrt").write_text(vrt())
    frame = read(path)
    assert frame.provenance == "ISCE2, unw by a.unw.vrt, little-endian"
    np.testing.assert_array_equal(frame.phase, PHASE)


def test_made_vrt_with_typographic_quotes(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "a.unw", unwrapped(), vrt=vrt(quote="“”")))
    np.testing.assert_array_equal(frame.phase, PHASE)


def test_made_vrt_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", unwrapped(), vrt=vrt(line=23648))
    with pytest.raises(UnreadableError, match=r"a\.unw\.vrt: contradicts itself: lines of 23648 bytes"):
        read(path)
    # A header of the other kind that fits is taken then.
    Path(f"{path}.rsc").write_text(f"WIDTH {WIDTH}\nFILE_LENGTH {HEIGHT}\nPROCESSOR isce\n")
    np.testing.assert_array_equal(read(path).phase, PHASE)


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><imageFile>&b;</imageFile>',
        "<imageFile><property",
        "<imageFile>" + "<a>" * 200_000,
        "<imageFile></imageFile>",
        header(kind="f4").replace("FLOAT", "MAGIC"),
        header().replace("BIL", "XYZ"),
        header(size=(10**9, 10**9)),
        header(size=(HEIGHT, WIDTH + 1)),
        header(size=(0, 0)),
    ],
    ids=["entity", "cut", "deep", "empty", "type", "scheme", "huge", "wide", "zero"],
)
def test_made_header_in_disorder_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.unw", unwrapped(), text)
    with pytest.raises(UnreadableError, match=r"a\.unw(\.xml)?: ") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


def test_made_header_of_the_other_byte_order_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", unwrapped(dtype=">f4"), header(order="l"))
    with pytest.raises(UnreadableError, match=r"big-endian numbers only, but a\.unw\.xml says little-endian"):
        read(path)


@pytest.mark.parametrize(("kind", "bands"), [("f4", 3), ("u1", 1), ("c8", 1)])
def test_made_bands_that_are_no_phase_are_refused(tmp_path: Path, kind: str, bands: int) -> None:
    values = np.ones((HEIGHT, bands, WIDTH), kind)
    with pytest.raises(UnreadableError, match="amplitude and phase expected"):
        read(write(tmp_path / "a.unw", values, header(kind, bands)))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("filt_fine.cor", "coherence"),
        ("phsig.cor.geo", "coherence"),
        ("filt_fine.unw.conncomp", "connected components"),
        ("los.rdr", "geometry"),
        ("hgt.rdr.full", "geometry"),
        ("20190105.slc", "an ISCE2 layer"),
    ],
)
def test_made_other_layers_are_refused_and_not_walked(tmp_path: Path, name: str, what: str) -> None:
    path = write(tmp_path / name, PHASE, header("f4", 1))
    with pytest.raises(UnreadableError, match=f"is {what}, not phase; give the"):
        read(path)
    assert not looks_readable(path)
    assert looks_readable(write(tmp_path / "a.unw", unwrapped(), header()))


def test_made_header_given_for_the_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", unwrapped(), header(), vrt=vrt())
    for end in ("xml", "vrt"):
        with pytest.raises(UnreadableError, match=r"is a header; give a\.unw"):
            read(Path(f"{path}.{end}"))


def test_made_layers_of_the_stack_come_along(tmp_path: Path) -> None:
    pair = tmp_path / "merged/interferograms/20190105_20190117"
    geometry = tmp_path / "merged/geom_reference"
    coherence = RNG.uniform(0, 1, (HEIGHT, WIDTH)).astype("<f4")
    heights = RNG.uniform(1, 900, (HEIGHT, WIDTH)).astype("<f8")
    angles = np.stack([np.full_like(PHASE, 39), np.full_like(PHASE, 100)], axis=1).astype("<f4")
    angles[: HEIGHT // 2, 0] = 0  # no data in the upper half
    write(pair / "phsig.cor", np.stack([coherence * 0, coherence], axis=1), header("f4", 2))
    write(geometry / "hgt.rdr", heights, header("f8", 1))
    write(geometry / "los.rdr", angles, header("f4", 2))
    frame = read(write(pair / "filt_fine_snaphu.unw", unwrapped(), header()))
    np.testing.assert_array_equal(frame.coherence, coherence)
    np.testing.assert_array_equal(frame.elevation, heights.astype(np.float32))
    # An azimuth of 100 degrees anticlockwise from north is heading -10, ascending.
    np.testing.assert_allclose(frame.los_at(HEIGHT - 1, 3), [-0.61976, -0.10928, 0.777146], atol=1e-5)
    assert frame.los_at(0, 3) is None
    assert frame.orbit_pass == "ascending"


def test_made_coherence_of_the_same_name_is_preferred(tmp_path: Path) -> None:
    for name, value in (("phsig", 0.25), ("filt_fine", 0.75)):
        write(tmp_path / f"{name}.cor", np.full_like(PHASE, value), header("f4", 1))
    frame = read(write(tmp_path / "filt_fine.unw", unwrapped(), header()))
    assert frame.coherence is not None
    assert (frame.coherence == 0.75).all()


def test_made_coherence_one_column_wider_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a.cor", np.ones((HEIGHT, WIDTH + 1), "<f4"), header("f4", 1, size=(HEIGHT, WIDTH + 1)))
    path = write(tmp_path / "a.unw", unwrapped(), header())
    with pytest.warns(UserWarning, match=r"a\.cor: 40 x 31 pixels beside a phase of 40 x 30; left out"):
        frame = read(path)
    assert frame.coherence is None
    np.testing.assert_array_equal(frame.phase, PHASE)


def test_made_connected_component_0_takes_no_phase_out(tmp_path: Path) -> None:
    write(tmp_path / "a.unw.conncomp", np.zeros((HEIGHT, WIDTH), "u1"), header("u1", 1))
    assert read(write(tmp_path / "a.unw", unwrapped(), header())).valid.all()


@pytest.mark.real
def test_unzen_wrapped_and_unwrapped_are_one(shared_data: Path) -> None:
    folder = shared_data / "products/isce2_unzen_simulated"
    wrapped, unwrapped = read(folder / "sim.int"), read(folder / "sim.unw")
    assert wrapped.wrapped
    assert not unwrapped.wrapped
    both = wrapped.valid & unwrapped.valid
    assert both.mean() > 0.9999
    apart = np.angle(np.exp(1j * (wrapped.phase.astype(float) - unwrapped.phase)))[both]
    assert np.abs(apart).max() < 1e-5
    for frame in (wrapped, unwrapped):
        assert frame.coherence is not None
        assert set(np.unique(frame.coherence.round(3))) == {np.float32(0.001), np.float32(0.6)}
        assert frame.wavelength == 0.05546576
        assert (frame.reference_date, frame.secondary_date) == (date(2014, 12, 13), date(2014, 12, 25))
        assert frame.orbit_pass == "descending"


@pytest.mark.real
def test_unzen_rsc_with_the_width_of_the_uncut_scene(shared_data: Path) -> None:
    path = shared_data / "products/isce2_unzen_simulated/bdg_snf.unw"
    frame = read(path)
    assert frame.family == "ISCE2"
    assert frame.shape == (300, 300)
    np.testing.assert_array_equal(frame.phase, np.fromfile(path, "<f4").reshape(300, 2, 300)[:, 1])


@pytest.mark.real
def test_unzen_component_0_takes_no_phase_out(shared_data: Path) -> None:
    folder = shared_data / "products/isce2_unzen_simulated"
    assert (np.fromfile(folder / "snf.unw.conncomp", "u1") == 0).sum() == 32644
    assert read(folder / "snf.unw").valid.all()


@pytest.mark.real
@pytest.mark.parametrize("name", ["sim.cor", "snf.unw.conncomp", "sim.unw.xml", "sim.unw.vrt", "sim.unw.rsc"])
def test_unzen_other_files_are_refused_and_not_walked(shared_data: Path, name: str) -> None:
    path = shared_data / "products/isce2_unzen_simulated" / name
    with pytest.raises(UnreadableError, match="; give "):
        read(path)
    assert not looks_readable(path)


@pytest.mark.real
@pytest.mark.parametrize("name", ["sim.unw", "sim.int"])
def test_unzen_vrt_alone_is_refused_because_it_contradicts_itself(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    for end in ("", ".vrt"):
        source = shared_data / "products/isce2_unzen_simulated" / (name + end)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    with pytest.raises(UnreadableError, match=r"contradicts itself: lines of 23648 bytes are not 300"):
        read(tmp_path / name)
