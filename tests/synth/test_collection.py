"""The collection on disk: readable, labelled truly, fair, reproducible, and safe to interrupt."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from click.testing import CliRunner

from ssl_insar import phase as ph
from ssl_insar.cli.synth import command
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import read
from ssl_insar.synth import simulate_collection
from ssl_insar.synth.collection import (
    COLUMNS,
    Volcano,
    plan_collection,
    render,
    volcano_name,
    write_product,
)

COUNT, SIZE, VOLCANOES = 36, 64, 6


def simulate(folder: Path, seed: int = 0, count: int = COUNT) -> Path:
    return simulate_collection(folder, count=count, size=SIZE, volcanoes=VOLCANOES, seed=seed, progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def labels_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "collection")


@pytest.fixture(scope="module")
def plan() -> list[Volcano]:
    return plan_collection(1200, 224, 40, seed=0)


class TestFiles:
    def test_every_file_reads_as_its_label_says(self, folder: Path) -> None:
        rows = labels_of(folder)
        assert len(rows) == COUNT
        assert tuple(rows[0]) == COLUMNS
        assert {path.name for path in folder.glob("*.tif")} == {row["file"] for row in rows}
        for row in rows:
            frame = read(folder / row["file"])
            assert frame.family == "LiCSAR GeoTIFF"
            assert frame.wrapped
            assert frame.shape == (SIZE, SIZE)
            assert frame.wavelength == WAVELENGTHS["C"]
            assert (frame.volcano, frame.frame) == (row["volcano"], row["frame"])
            assert frame.region == "simulated"
            assert f"{frame.reference_date:%Y%m%d}" == row["reference_date"]
            assert f"{frame.secondary_date:%Y%m%d}" == row["secondary_date"]
            assert frame.crs == "EPSG:4326"
            assert frame.transform is not None
            assert frame.transform[0] == pytest.approx(0.001)
            assert frame.transform[4] == pytest.approx(-0.001)
            assert abs(frame.transform[5]) < 46
            assert frame.valid.mean() > 0.3

    def test_labels_agree_with_themselves(self, folder: Path) -> None:
        for row in labels_of(folder):
            deforms = row["deformation"] == "1"
            assert deforms == (row["source"] != "")
            assert deforms == (float(row["peak_los_m"]) > 0)
            assert float(row["peak_los_m"]) <= 0.15
            assert row["reference_date"] < row["secondary_date"]

    def test_crops_of_one_volcano_overlap_and_differ_in_place(self, folder: Path) -> None:
        corners: dict[str, set[tuple[float, float]]] = {}
        for row in labels_of(folder):
            transform = read(folder / row["file"]).transform
            assert transform is not None
            corners.setdefault(row["volcano"], set()).add((transform[2], transform[5]))
        for places in corners.values():
            assert len(places) > 1
            assert max(abs(a[0] - b[0]) for a in places for b in places) <= SIZE / 4 * 0.001 + 1e-9

    def test_an_honest_phase_of_zero_is_not_written_as_no_data(self, tmp_path: Path) -> None:
        phase = np.array([[0.0, 1e-5, -1e-5], [1.0, -2.0, 3.0]], np.float32)
        valid = np.array([[True, True, True], [True, True, False]])
        write_product(tmp_path / "a.geo.diff_pha.tif", phase, valid, (10.0, 20.0))
        with rasterio.open(tmp_path / "a.geo.diff_pha.tif") as dataset:
            stored = dataset.read(1)
            assert dataset.nodata is None
            assert dataset.dtypes == ("float32",)
        np.testing.assert_array_equal(stored != 0, valid)
        np.testing.assert_allclose(stored[valid], phase[valid], atol=3e-3)


class TestTruth:
    def test_a_pair_deforms_if_it_spans_its_event_and_none_spans_two(self, plan: list[Volcano]) -> None:
        for volcano in plan:
            spans: dict[int, list[tuple[int, int]]] = {}
            for pair in volcano.pairs:
                if pair.event is not None:
                    spans.setdefault(pair.event, []).append((pair.reference, pair.secondary))
            gaps = {}
            for event, pairs in spans.items():
                # All spans of one event have an interval in common: the one in which it happened.
                first, second = max(a for a, _ in pairs), min(b for _, b in pairs)
                assert first < second
                gaps[event] = (first, second)
            for pair in volcano.pairs:
                inside = [e for e, (a, b) in gaps.items() if pair.reference <= a and b <= pair.secondary]
                assert inside == ([] if pair.event is None else [pair.event])

    def test_displacement_is_there_and_of_its_size_or_not_at_all(self) -> None:
        seen = 0
        for volcano in plan_collection(60, SIZE, 6, seed=3):
            scene, _ = render(volcano, SIZE)
            for displacement, pair in zip(scene.displacement, volcano.pairs, strict=True):
                if pair.event is None:
                    assert (displacement == 0).all()
                    continue
                peak = displacement.abs().max().item()
                planned = volcano.events[pair.event].peak_los
                assert peak <= planned * (1 + 1e-9)
                assert peak > 0.5 * planned, "the source has to lie in the crop"
                seen += 1
        assert seen >= 8

    def test_removing_the_parts_leaves_noise_only(self) -> None:
        """What is on disk is the sum of the recorded parts, up to decorrelation and filter."""
        for volcano in plan_collection(24, SIZE, 4, seed=5):
            scene, _ = render(volcano, SIZE)
            parts = scene.noise
            toward = scene.displacement * (-4 * np.pi / WAVELENGTHS["C"])
            residual = scene.phasor * torch.polar(torch.ones_like(parts), -(parts + toward.float()))
            clear = (scene.coherence > 0.75) & scene.valid
            if clear.sum() > 200:
                assert residual[clear].mean().abs() > 0.9
                assert abs(float(residual[clear].mean().angle())) < 0.1

    def test_acquisitions_share_their_atmosphere(self) -> None:
        volcano = plan_collection(9, SIZE, 1, seed=0)[0]
        scene, corners = render(volcano, SIZE)
        atmosphere = scene.components["turbulence"] + scene.components["stratified"]
        index = {(pair.reference, pair.secondary): i for i, pair in enumerate(volcano.pairs)}

        def part(pair: tuple[int, int]) -> torch.Tensor:
            """What all three crops have in common, on the ground."""
            _, (lon, lat) = index[pair], corners[index[pair]]
            row, col = round((top - lat) * -1000), round((left - lon) * 1000)
            return atmosphere[index[pair], row : row + 40, col : col + 40]

        triangle = ((0, 1), (1, 2), (0, 2))
        top = min(corners[index[pair]][1] for pair in triangle)
        left = max(corners[index[pair]][0] for pair in triangle)
        closure = part((0, 1)) + part((1, 2)) - part((0, 2))
        assert closure.abs().max() < 1e-4


class TestFairness:
    def test_shares(self, plan: list[Volcano]) -> None:
        deforms = [pair.event is not None for volcano in plan for pair in volcano.pairs]
        assert len(deforms) == 1200
        assert 0.15 < np.mean(deforms) < 0.25
        assert sum(bool(volcano.events) for volcano in plan) == 20
        kinds = {event.kind for volcano in plan for event in volcano.events}
        assert kinds == {"mogi", "sill", "dyke", "earthquake"}

    def test_names_are_unique(self, plan: list[Volcano]) -> None:
        files = [pair.file for volcano in plan for pair in volcano.pairs]
        assert len(set(files)) == len(files)
        assert len({volcano_name(index) for index in range(20_000)}) == 20_000

    @pytest.mark.parametrize("seed", range(5))
    def test_quiet_places_are_as_coherent_as_the_others(self, seed: int) -> None:
        places = plan_collection(400, 224, 40, seed)
        share = [
            np.mean([v.place.coherent_share for v in places if bool(v.events) is e]) for e in (True, False)
        ]
        assert abs(share[0] - share[1]) < 0.05

    def test_coherence_of_the_pixels_does_not_tell_deformation(self) -> None:
        """AUROC of the mean local coherence, over scenes of many places."""
        coherence, deforms = [], []
        for volcano in plan_collection(240, 48, 60, seed=2):
            scene, _ = render(volcano, 48)
            for z, pair in zip(scene.phasor.numpy(), volcano.pairs, strict=True):
                coherence.append(ph.local_coherence(z).mean())
                deforms.append(pair.event is not None)
        ranks = np.argsort(np.argsort(coherence))
        positive = np.array(deforms)
        n, m = positive.sum(), (~positive).sum()
        auroc = (ranks[positive].sum() - n * (n - 1) / 2) / (n * m)
        assert 0.35 < auroc < 0.65


class TestReproducible:
    def test_the_same_seed_gives_the_same_bytes(self, folder: Path, tmp_path: Path) -> None:
        assert contents(simulate(tmp_path / "again")) == contents(folder)

    def test_another_seed_gives_another_collection(self, folder: Path, tmp_path: Path) -> None:
        other = contents(simulate(tmp_path / "other", seed=1))
        assert not {name for name in other if name.endswith(".tif")} & set(contents(folder))

    def test_threads_of_torch_are_put_back(self, tmp_path: Path) -> None:
        before = torch.get_num_threads()
        simulate(tmp_path / "a", count=3)
        assert torch.get_num_threads() == before

    def test_what_is_there_is_kept_and_what_is_missing_is_made(self, folder: Path, tmp_path: Path) -> None:
        again = simulate(tmp_path / "again")
        files = sorted(again.glob("*.tif"))
        for path in files[::5]:
            path.unlink()
        (again / "labels.csv").unlink()
        kept = {path.name: path.stat().st_mtime_ns for path in again.glob("*.tif")}
        simulate(again)
        assert contents(again) == contents(folder)
        assert {name: (again / name).stat().st_mtime_ns for name in kept} == kept

    @pytest.mark.skipif(os.name != "posix", reason="kills by signal")
    def test_killed_and_begun_again(self, folder: Path, tmp_path: Path) -> None:
        target = tmp_path / "killed"
        arguments = f"{str(target)!r}, count={COUNT}, size={SIZE}, volcanoes={VOLCANOES}, progress=False"
        script = f"from ssl_insar.synth import simulate_collection; simulate_collection({arguments})"
        child = subprocess.Popen([sys.executable, "-c", script])
        deadline = time.monotonic() + 120
        while len(list(target.glob("simulated*.tif"))) < 3 and child.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        simulate(target)
        finished = {name: raw for name, raw in contents(target).items() if not name.startswith(".")}
        assert finished == contents(folder)


class TestRefusals:
    def test_a_folder_of_another_simulation(self, folder: Path) -> None:
        before = contents(folder)
        with pytest.raises(UserError, match="other settings"):
            simulate(folder, seed=9)
        assert contents(folder) == before

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("precious")
        with pytest.raises(UserError, match="not empty"):
            simulate(tmp_path)
        assert contents(tmp_path) == {"thesis.tex": b"precious"}

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="is a file"):
            simulate(tmp_path / "file")

    def test_damaged_settings(self, tmp_path: Path) -> None:
        (tmp_path / "simulation.json").write_text("{")
        with pytest.raises(UserError, match="other settings"):
            simulate(tmp_path)

    @pytest.mark.parametrize(
        ("numbers", "word"), [({"count": 0}, "count"), ({"volcanoes": 0}, "volcanoes"), ({"size": 8}, "size")]
    )
    def test_numbers_out_of_range(self, tmp_path: Path, numbers: dict[str, int], word: str) -> None:
        with pytest.raises(UserError, match=word):
            simulate_collection(tmp_path / "a", progress=False, **numbers)
        assert not (tmp_path / "a").exists()

    def test_a_device_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="device"):
            simulate_collection(tmp_path / "a", progress=False, device="abacus")
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("count", "volcanoes"), [(1, 40), (2, 1), (5, 5), (7, 3)])
def test_small_collections(tmp_path: Path, count: int, volcanoes: int) -> None:
    made = simulate_collection(tmp_path / "a", count=count, size=16, volcanoes=volcanoes, progress=False)
    assert len(labels_of(made)) == count
    assert len(list(made.glob("*.tif"))) == count


class TestCommand:
    def test_writes_a_collection(self, tmp_path: Path) -> None:
        out = tmp_path / "sim"
        result = CliRunner().invoke(
            command, ["--files", "--out", str(out), "--count", "4", "--size", "32", "--seed", "3"]
        )
        assert result.exit_code == 0, result.output
        assert "4 interferograms" in result.output
        assert len(labels_of(out)) == 4
