"""Product files on disk: readable, labelled truly, fair, reproducible, and safe to interrupt."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from made_presets import MOGI, lively, preset

from ssl_insar.archive import Archive, ingest
from ssl_insar.classify.metrics import auroc
from ssl_insar.cli.synth import command
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import read
from ssl_insar.synth.archive import simulate_archive
from ssl_insar.synth.chunks import Scenes
from ssl_insar.synth.files import COLUMNS, simulate_files
from ssl_insar.synth.plan import plan_stack
from ssl_insar.synth.preset import load_preset
from ssl_insar.synth.render import render

COUNT, SIZE, SEED = 20, 48, 2


def simulate(out: Path, law: Any = "demo", count: int = COUNT, **options: Any) -> Path:
    scenes = Scenes(law, **{"size": SIZE, "seed": SEED} | options)
    return simulate_files(scenes, out, count=count, progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def path_of(folder: Path, name: str) -> Path:
    (path,) = folder.rglob(name)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "files")


@pytest.fixture(scope="module")
def archive(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    out = tmp_path_factory.mktemp("ingested") / "archive"
    return ingest(folder, out, tile=SIZE, labels=folder / "labels.csv", progress=False).archive


class TestFiles:
    def test_every_file_reads_as_its_label_says(self, folder: Path) -> None:
        rows = rows_of(folder / "labels.csv")
        assert len(rows) == COUNT
        assert list(rows[0]) == list(COLUMNS)
        assert {path.name for path in folder.rglob("*.diff_pha.tif")} == {row["file"] for row in rows}
        for row in rows:
            frame = read(path_of(folder, row["file"]))
            assert frame.family == "LiCSAR GeoTIFF"
            assert frame.wrapped
            assert frame.shape == (SIZE, SIZE)
            assert frame.wavelength == WAVELENGTHS["C"]
            assert (frame.volcano, frame.frame) == (row["volcano"], row["frame"])
            assert frame.region == "simulated"
            assert f"{frame.reference_date:%Y%m%d}" == row["reference_date"]
            assert f"{frame.secondary_date:%Y%m%d}" == row["secondary_date"]
            assert frame.crs == "EPSG:4326"
            assert frame.valid.mean() > 0.3

    def test_what_lies_beside_is_of_the_same_interferogram(self, folder: Path) -> None:
        for row in rows_of(folder / "labels.csv")[::6]:
            path = path_of(folder, row["file"])
            wrapped = read(path)
            unwrapped = read(path.with_name(path.name.replace("diff_pha", "unw")))
            assert not unwrapped.wrapped
            off = np.angle(np.exp(1j * (wrapped.phase - unwrapped.phase)))[wrapped.valid]
            assert np.abs(off).max() < 0.01
            for frame in (wrapped, unwrapped):
                assert frame.coherence is not None
                assert frame.elevation is not None
                assert 100 < np.nanmax(frame.elevation) < 6000
                assert frame.los is not None
                assert np.linalg.norm(np.nanmean(frame.los, axis=(1, 2))) == pytest.approx(1, abs=1e-5)

    def test_labels_agree_with_the_truth_of_their_stack(self, folder: Path) -> None:
        told = {row["file"]: row for path in folder.rglob("truth.csv") for row in rows_of(path)}
        rows = rows_of(folder / "labels.csv")
        assert set(told) == {row["file"] for row in rows}
        assert {row["deformation"] for row in rows} == {"0", "1"}
        for row in rows:
            deforms = row["deformation"] == "1"
            sources = json.loads(told[row["file"]]["truth_sources"])
            assert deforms == (row["kind"] != "none") == (float(row["peak_los_m"]) != 0)
            assert deforms <= (row["kind"] in {source["kind"] for source in sources})
            assert float(row["peak_los_m"]) == float(told[row["file"]]["truth_peak_los"])
            assert row["reference_date"] < row["secondary_date"]

    def test_ingest_reads_them_back_as_the_archive_of_the_same_simulation(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        direct = simulate_archive(
            "demo", tmp_path / "direct", count=COUNT, size=SIZE, seed=SEED, progress=False
        )
        assert len(archive) == COUNT
        key = ["reference_date", "secondary_date", "incidence"]
        theirs, ours = (a.catalogue.round({"incidence": 3}).reset_index() for a in (direct, archive))
        both = theirs.merge(ours, on=key, suffixes=("", "_read"), validate="one_to_one")
        assert len(both) == COUNT
        assert (both["label_deformation"] == both["label_deformation_read"]).all()
        assert (both["label_source"] == both["label_kind"]).all()
        np.testing.assert_allclose(both["truth_snr"], both["label_snr"].astype(float), rtol=1e-5)
        np.testing.assert_allclose(both["spacing"], both["spacing_read"], rtol=1e-3)
        assert both["volcano"].nunique() == both["volcano_read"].nunique() == 2
        assert (both["pass"] == both["pass_read"]).all()
        one = direct.phasors(both["index"].tolist())
        two = archive.phasors(both["index_read"].tolist())
        np.testing.assert_array_equal(one != 0, two != 0)
        assert np.abs(np.angle(one * two.conj())).max() < 2 * 2 * np.pi / 256
        assert archive.catalogue["has_coherence"].all()

    def test_presets_of_other_bands_and_spacings(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="L band"):
            simulate(tmp_path / "a", preset(geometry={"band": "L"}))
        assert not (tmp_path / "a").exists()
        law = preset(geometry={"spacing": 30.0}, stack={"acquisitions": 3})
        made = simulate(tmp_path / "b", law, count=2)
        assert read(next(made.rglob("*.diff_pha.tif"))).spacing == pytest.approx((30, 30), rel=1e-3)

    def test_real_backgrounds_keep_their_place(self, archive: Archive, tmp_path: Path) -> None:
        law = lively(geometry={"spacing": load_preset("demo").geometry.spacing}, noise={}, filter=None)
        made = simulate(tmp_path / "a", law, count=6, background=archive)
        rows = rows_of(made / "labels.csv")
        assert {row["volcano"] for row in rows} <= set(archive.catalogue["volcano"])
        assert not list(made.rglob("*.hgt.tif"))
        read_back = ingest(
            made, tmp_path / "b", tile=SIZE, labels=made / "labels.csv", progress=False
        ).archive
        assert set(read_back.catalogue["volcano"]) == {row["volcano"] for row in rows}

    def test_rules_of_the_preset_hold_for_files_too(self, tmp_path: Path) -> None:
        peak = {"log_uniform": [0.002, 0.1]}
        law = lively(
            deformation={"share": 0.8, "sources": MOGI, "peak": peak},
            stack={"acquisitions": 3, "neighbours": 2},
            keep={"snr": 8.0},
        )
        made = simulate(tmp_path / "a", law, count=30)
        rows = rows_of(made / "labels.csv")
        assert len(rows) == len(list(made.rglob("*.diff_pha.tif"))) == 30
        positive = [float(row["snr"]) for row in rows if row["deformation"] == "1"]
        assert min(positive) >= 8
        pairs = [len(rows_of(path)) for path in made.rglob("truth.csv")]
        assert min(pairs) < max(pairs) == 3


class TestFairnessOfTheDemo:
    def test_shares(self) -> None:
        law = load_preset("demo")
        deforming = [plan_stack(law, index, 0, 224) for index in range(400)]
        assert 0.4 < np.mean([bool(plan.acts) for plan in deforming]) < 0.6
        assert {act.kind for plan in deforming for act in plan.acts} == set(law.deformation.sources)

    def test_coherence_of_the_ground_does_not_tell_deformation(self) -> None:
        law = load_preset("demo")
        plans = [plan_stack(law, index, SEED, SIZE) for index in range(60)]
        made = render(plans, law, SIZE, torch.Generator().manual_seed(0))
        positive = made.deforms.numpy()
        assert 0.15 < positive.mean() < 0.3
        assert 0.4 < auroc(positive, made.scene.coherence.mean((1, 2)).numpy()) < 0.6

    def test_coherence_does_not_fall_with_time(self) -> None:
        law = load_preset("demo")
        made = render([plan_stack(law, 0, 0, SIZE)], law, SIZE, torch.Generator().manual_seed(0))
        still = made.scene.coherence[~made.deforms]
        torch.testing.assert_close(still, still[:1].expand_as(still))


class TestReproducible:
    def test_the_same_seed_gives_the_same_bytes(self, folder: Path, tmp_path: Path) -> None:
        assert contents(simulate(tmp_path / "again")) == contents(folder)

    def test_another_seed_gives_another_collection(self, folder: Path, tmp_path: Path) -> None:
        other = contents(simulate(tmp_path / "other", seed=1))
        assert not {name for name in other if name.endswith(".tif")} & set(contents(folder))

    def test_what_is_there_is_kept_and_what_is_missing_is_made(self, folder: Path, tmp_path: Path) -> None:
        again = simulate(tmp_path / "again")
        for path in sorted(again.rglob("*.diff_pha.tif"))[::5]:
            path.unlink()
        (again / "labels.csv").unlink()
        next(again.rglob("truth.csv")).unlink()
        kept = {path: path.stat().st_mtime_ns for path in again.rglob("*.tif")}
        simulate(again)
        assert contents(again) == contents(folder)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept

    @pytest.mark.skipif(os.name != "posix", reason="kills by signal")
    def test_killed_and_begun_again(self, folder: Path, tmp_path: Path) -> None:
        target = tmp_path / "killed"
        script = (
            "from ssl_insar.synth.chunks import Scenes; from ssl_insar.synth.files import simulate_files; "
            f"scenes = Scenes('demo', size={SIZE}, seed={SEED}); "
            f"simulate_files(scenes, {str(target)!r}, count={COUNT}, progress=False)"
        )
        child = subprocess.Popen([sys.executable, "-c", script])
        deadline = time.monotonic() + 120
        while len(list(target.rglob("simulated*.tif"))) < 3 and child.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        simulate(target)
        finished = {
            name: raw for name, raw in contents(target).items() if not Path(name).name.startswith(".")
        }
        assert finished == contents(folder)


class TestRefusals:
    def test_a_folder_of_another_simulation(self, folder: Path) -> None:
        before = contents(folder)
        for options in ({"seed": 9}, {"count": 21}, {"law": lively()}):
            with pytest.raises(UserError, match="other settings"):
                simulate(folder, **options)
        assert contents(folder) == before

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("precious")
        with pytest.raises(UserError, match="holds other files"):
            simulate(tmp_path)
        assert contents(tmp_path) == {"thesis.tex": b"precious"}

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="is a file"):
            simulate(tmp_path / "file")

    def test_damaged_settings(self, tmp_path: Path) -> None:
        (tmp_path / "simulation.json").write_text("{")
        with pytest.raises(UserError, match="damaged"):
            simulate(tmp_path)

    @pytest.mark.parametrize(
        ("options", "said"),
        [({"count": 0}, "--count"), ({"seed": -1}, "--seed"), ({"device": "abacus"}, "try cpu")],
    )
    def test_numbers_out_of_range(self, tmp_path: Path, options: dict[str, Any], said: str) -> None:
        with pytest.raises(UserError, match=said):
            simulate(tmp_path / "a", **options)
        assert not (tmp_path / "a").exists()


class TestCommand:
    def test_writes_a_collection_of_any_preset(self, tmp_path: Path) -> None:
        out = tmp_path / "sim"
        arguments = ["--files", "--preset", "gaddes2024", "--count", "4", "--size", "32", "--seed", "3"]
        result = CliRunner().invoke(command, [*arguments, "--out", str(out)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert "4 interferograms" in result.output
        assert len(rows_of(out / "labels.csv")) == 4
