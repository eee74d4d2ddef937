"""Simulated archives: like any other, with their truth, and never half of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from made import write_frames
from made_presets import MOGI, lively, preset

from ssl_insar import phase as ph
from ssl_insar.archive import Archive, ingest
from ssl_insar.cli.synth import command
from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth import chunks as module
from ssl_insar.synth.archive import simulate_archive

SIZE = 48


def simulate(law: Any, out: Path, count: int = 40, **options: Any) -> Archive:
    return simulate_archive(law, out, count=count, size=SIZE, progress=False, **options)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return simulate(lively(), tmp_path_factory.mktemp("simulated") / "archive")


def same(one: Archive, two: Archive) -> None:
    assert one.digest == two.digest
    drop = ["part", "slot"]
    left, right = (a.catalogue.drop(columns=drop).astype(str) for a in (one, two))
    assert left.equals(right)
    rows = range(len(one))
    np.testing.assert_array_equal(one.phases(rows), two.phases(rows))
    np.testing.assert_array_equal(one.deformation(rows), two.deformation(rows))


def test_labels_masks_and_truth_agree(simulated: Archive) -> None:
    table = simulated.catalogue
    assert len(table) == 40
    assert table["id"].is_unique
    positive = (table["label_deformation"] == 1).to_numpy(bool)
    assert 8 < positive.sum() < 32
    assert set(table["label_source"][positive]) == {"mogi"}
    assert set(table["label_source"][~positive]) == {"none"}
    assert (table["truth_peak_los"].abs()[positive] >= 0.02 * 0.999).all()
    assert (table["truth_peak_los"][~positive] == 0).all()
    assert (table["truth_snr"][positive] > 0).all()
    masks = simulated.deformation(range(40))
    np.testing.assert_array_equal(masks.any(axis=(1, 2)), positive)
    np.testing.assert_allclose(
        masks.mean(axis=(1, 2))[positive], table["truth_deforming_fraction"][positive], rtol=1e-5
    )
    assert table["volcano"].nunique() == 40
    assert (table["temporal_baseline"] == 12).all()
    assert table["truth_rms_turbulence"].between(0.2, 2.5).all()


def test_layers_and_catalogue_are_those_of_any_archive(simulated: Archive) -> None:
    table = simulated.catalogue
    rows = range(40)
    assert (simulated.valid(rows)).all()
    assert table["has_coherence"].all()
    coherence, height = simulated.coherence(rows), simulated.elevation(rows)
    assert 0.3 < np.nanmean(coherence) <= 1
    assert np.nanmax(height) > 400
    assert (table["family"] == "simulated").all()
    assert table["provenance"].str.contains("preset made").all()
    assert table["pass"].isin(["ascending", "descending"]).all()


def test_the_phase_is_as_coherent_as_the_layer_says(tmp_path: Path) -> None:
    noise = {"decorrelation": {"looks": 3.0, "tau": {"log_uniform": [4, 400]}, "floor": 0.0}}
    archive = simulate(lively(noise=noise, filter=None), tmp_path / "a")
    told = archive.coherence(range(40)).mean(axis=(1, 2))
    assert np.corrcoef(archive.catalogue["coherence"], told)[0, 1] > 0.9


def test_sources_in_the_truth_give_the_displacement_back(tmp_path: Path) -> None:
    """Computed anew from the catalogue alone, the source is what the noiseless interferogram shows."""
    import torch

    from ssl_insar.geometry import line_of_sight
    from ssl_insar.synth.sources import SOURCES
    from ssl_insar.synth.stratified import ground

    law = preset(
        deformation={"share": 1.0, "sources": MOGI, "peak": 0.05},
        geometry={"heading_ascending": -12.0, "ascending": 1.0, "incidence": 37.0},
        wrapped=False,
    )
    archive = simulate(law, tmp_path / "a", count=3)
    for row in range(3):
        (told,) = json.loads(archive.catalogue["truth_sources"][row])
        east, north = ground((SIZE, SIZE), (100.0, 100.0))
        moved = SOURCES[told["function"]].function(east, north, **told["parameters"])[0]
        toward = told["share"] * moved @ torch.tensor(line_of_sight(-12.0, 37.0))
        expected = toward.numpy() * (-4 * np.pi / WAVELENGTHS["C"])
        shown = ph.decode(archive.unwrapped([row]))[0]
        off = shown - expected
        np.testing.assert_allclose(off, off.mean(), atol=2 * np.pi / 256)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_stopped_and_begun_again(
    simulated: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    real, calls = module.render, []

    def stops(*arguments: Any) -> Any:
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(module, "_CHUNK", 10)
    whole = simulate(lively(), tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(module, "render", stops)
        with pytest.raises(KeyboardInterrupt):
            simulate(lively(), tmp_path / "a")
    with pytest.raises(UserError):
        Archive.open(tmp_path / "a")
    calls.clear()
    same(simulate(lively(), tmp_path / "a"), whole)


def test_more_are_added_to_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 10)
    whole = simulate(lively(), tmp_path / "whole")
    first = simulate(lively(), tmp_path / "a", count=17)
    assert len(first) == 17
    assert list(first.catalogue["id"]) == list(whole.catalogue["id"][:17])
    same(simulate(lively(), tmp_path / "a"), whole)


def test_stacks_share_their_volcano(tmp_path: Path) -> None:
    law = lively(stack={"acquisitions": 4, "neighbours": 2})
    table = simulate(law, tmp_path / "a", count=20).catalogue
    assert table["volcano"].value_counts().tolist() == [5, 5, 5, 5]
    assert (table["reference_date"] < table["secondary_date"]).all()
    by_volcano = table.groupby("volcano")["incidence"].nunique()
    assert (by_volcano == 1).all()


def test_rules_of_the_preset_keep_what_they_say(tmp_path: Path) -> None:
    kept = simulate(_keeping(8.0), tmp_path / "a")
    positive = kept.catalogue[kept.catalogue["label_deformation"] == 1]
    assert len(kept) == 40
    assert positive["truth_snr"].min() >= 8
    free = simulate(_keeping(0.0), tmp_path / "b").catalogue
    assert free["truth_snr"][free["label_deformation"] == 1].min() < 8


def _keeping(snr: float) -> Any:
    peak = {"log_uniform": [0.002, 0.1]}
    return lively(deformation={"share": 0.7, "sources": MOGI, "peak": peak}, keep={"snr": snr})


def test_rules_that_keep_nothing_come_to_an_end(tmp_path: Path) -> None:
    law = lively(deformation={"share": 1.0, "sources": MOGI, "peak": 0.01}, keep={"snr": 1e6})
    with pytest.raises(UserError, match=r"its rules \(keep\) left 0 of"):
        simulate(law, tmp_path / "a")


class TestBackground:
    def test_the_source_is_in_the_real_phase(self, simulated: Archive, tmp_path: Path) -> None:
        law = preset(deformation={"share": 1.0, "sources": MOGI, "peak": 0.04})
        made = simulate(law, tmp_path / "a", count=12, background=simulated)
        table = made.catalogue
        assert table["truth_background"].isin(simulated.catalogue["id"]).all()
        quiet = simulated.catalogue.set_index("id")["label_deformation"]
        assert (quiet[table["truth_background"]] == 0).all()
        rows = [simulated.position(name) for name in table["truth_background"]]
        signal = np.angle(made.phasors(range(12)) * simulated.phasors(rows).conj())
        peak = 0.04 * 4 * np.pi / WAVELENGTHS["C"]
        # Toward the satellite: the phase falls, by the peak somewhere and by little in most places.
        folded = np.angle(np.exp(1j * (signal + peak)))
        assert (np.abs(folded).min(axis=(1, 2)) < 0.05).all()
        assert table["truth_variance_ratio"].isna().all()
        assert table["truth_snr"].between(1, 200).all()

    def test_unwrapped_backgrounds_keep_their_cycles(self, tmp_path: Path) -> None:
        ramp = preset(noise={"ramp": {"fringes": 4.0}}, wrapped=False)
        quiet = simulate(ramp, tmp_path / "quiet", count=6)
        law = preset(deformation={"share": 1.0, "sources": MOGI, "peak": 0.2}, wrapped=False)
        made = simulate(law, tmp_path / "a", count=6, background=quiet)
        rows = [quiet.position(name) for name in made.catalogue["truth_background"]]
        moved = ph.decode(made.unwrapped(range(6))) - ph.decode(quiet.unwrapped(rows))
        moved -= moved.max(axis=(1, 2), keepdims=True)
        # Its farthest corners move a little, too.
        expected = 0.2 * 4 * np.pi / WAVELENGTHS["C"]
        np.testing.assert_allclose(-moved.min(axis=(1, 2)), expected, rtol=0.15)

    def test_tiles_that_nobody_called_quiet_are_not_used(self, simulated: Archive, tmp_path: Path) -> None:
        law = preset(deformation={"share": 1.0, "sources": MOGI, "peak": 0.04})
        frames = write_frames(tmp_path / "in", 12)
        unlabelled = ingest(frames, tmp_path / "u", tile=SIZE, progress=False).archive
        with pytest.raises(UserError, match="has no label 'deformation'"):
            simulate(law, tmp_path / "a", background=unlabelled)
        rows = (frames / "labels.csv").read_text().splitlines()
        (tmp_path / "few.csv").write_text("\n".join([rows[0], *rows[7:10]]) + "\n")
        partly = ingest(
            frames, tmp_path / "p", tile=SIZE, labels=tmp_path / "few.csv", progress=False
        ).archive
        negative = partly.catalogue.loc[(partly.catalogue["label_deformation"] == 0).fillna(False), "id"]
        used = simulate(law, tmp_path / "b", count=20, background=partly).catalogue["truth_background"]
        assert 0 < len(negative) < len(partly)
        assert set(used) <= set(negative)

    def test_the_rms_of_a_background_is_measured(self, tmp_path: Path) -> None:
        import torch

        from ssl_insar.synth.background import Backgrounds
        from ssl_insar.synth.turbulence import HANSSEN

        measured = []
        for rms in (0.5, 1.0):
            law = preset(noise={"turbulence": {"rms": rms}, "decorrelation": {"looks": 20.0}})
            quiet = Backgrounds(simulate(law, tmp_path / f"{rms}"), SIZE)
            measured.append(float(torch.median(quiet.rms(quiet.rows, (100.0, 100.0), HANSSEN))))
        np.testing.assert_allclose(measured, [0.5, 1.0], rtol=0.2)

    def test_what_does_not_fit_is_refused(self, simulated: Archive, tmp_path: Path) -> None:
        law = preset(background="real", deformation={"share": 1.0, "sources": MOGI, "peak": 0.04})
        with pytest.raises(UserError, match="--background"):
            simulate(law, tmp_path / "a")
        with pytest.raises(UserError, match=f"--size {SIZE}"):
            simulate_archive(law, tmp_path / "a", count=4, size=64, background=simulated, progress=False)
        unwrapped = law.model_copy(update={"wrapped": False})
        with pytest.raises(UserError, match="holds no unwrapped tile"):
            simulate(unwrapped, tmp_path / "a", background=simulated)


class TestRefusals:
    def test_another_simulation(self, simulated: Archive) -> None:
        for options, said in (({"seed": 1}, "seed 0"), ({}, "preset_hash")):
            law = lively() if options else lively(filter=None)
            with pytest.raises(UserError, match=f"other settings .*{said}"):
                simulate(law, simulated.path, **options)

    def test_other_folders(self, tmp_path: Path, simulated: Archive) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(UserError, match="is a file"):
            simulate(lively(), tmp_path / "file")
        with pytest.raises(UserError, match="holds other files"):
            simulate(lively(), tmp_path)
        np.save(tmp_path / "a.npy", np.ones((SIZE, SIZE), np.complex64))
        with pytest.raises(UserError, match="simulated archive"):
            ingest(tmp_path / "a.npy", simulated.path, tile=SIZE, progress=False)

    @pytest.mark.parametrize(
        ("options", "said"),
        [({"count": 0}, "--count"), ({"size": 8}, "--size"), ({"device": "warp"}, "try cpu")],
    )
    def test_numbers(self, tmp_path: Path, options: dict[str, Any], said: str) -> None:
        with pytest.raises(UserError, match=said):
            simulate_archive(lively(), tmp_path / "a", **{"size": SIZE, "progress": False, **options})


class TestCommand:
    def test_an_archive_and_its_preview(self, tmp_path: Path) -> None:
        arguments = ["--preset", "gaddes2024", "--count", "6", "--size", "64"]
        preview = tmp_path / "p.png"
        result = CliRunner().invoke(
            command,
            [*arguments, "--out", str(tmp_path / "a"), "--preview", str(preview)],
            catch_exceptions=False,
        )
        assert result.exit_code == 0, result.output
        assert "6 interferograms" in result.output
        assert len(Archive.open(tmp_path / "a")) == 6
        assert preview.read_bytes().startswith(b"\x89PNG")

    def test_help_has_examples(self) -> None:
        result = CliRunner().invoke(command, ["--help"])
        assert result.exit_code == 0
        assert "ssl-insar synth --preset gaddes2024 --count 5000 --out simulated\n" in result.output

    def test_the_list_names_every_preset_and_its_source(self) -> None:
        result = CliRunner().invoke(command, ["--list"], catch_exceptions=False)
        for name in ("gaddes2024", "zhu2024", "volcanoes"):
            assert f"\n{name}\n" in "\n" + result.output
        assert "doi.org" in result.output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--preset", "nobody2020", "--out", "x"], "no preset 'nobody2020'; there are abdallah2024"),
            ([], "--out"),
            (["--files", "--out", "x", "--preview", "p.png"], "--preview: goes not with --files"),
            (["--seed", "-1", "--out", "x"], "--seed -1"),
        ],
    )
    def test_mistakes_are_one_line(self, arguments: list[str], said: str, tmp_path: Path) -> None:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code != 0
        assert said in str(result.exception)
        assert "\n" not in str(result.exception)
