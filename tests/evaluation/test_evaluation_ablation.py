"""The ablation at a small size: every variant differs in what its name says, and the table is told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from made_presets import lively

from evaluation import ablation
from evaluation.families import of_positives, of_views
from ssl_insar.archive import Archive
from ssl_insar.augment.alone import silent
from ssl_insar.errors import UserError
from ssl_insar.pretrain.recipe import load
from ssl_insar.synth.archive import simulate_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return simulate_archive(lively(), tmp_path_factory.mktemp("ab") / "a", count=96, size=64, progress=False)


def test_each_effect_is_left_out_once_and_alone_once() -> None:
    recipe = load("ablation-views")
    family = of_views(recipe)
    off = silent(recipe.views)
    for name in ("crop", "flip", "turbulence", "donor", "frame_edge"):
        without = family[f"without {name}"].views
        assert getattr(without, name) == getattr(off, name)
        assert without.model_copy(update={name: getattr(recipe.views, name)}) == recipe.views
        only = family[f"only {name}"].views
        assert only != off
        assert only.model_copy(update={name: getattr(off, name)}) == off
    assert "only real_factor" not in family, "off in the recipe"
    assert family["none"].views == off


def test_positives_differ_in_what_they_say() -> None:
    family = of_positives(load("ablation-positives"))
    assert family["self"].positives.injected == 0
    assert family["self"].heads.presence == 0
    assert family["self + events"].positives.events == 1
    assert family["self + sources"].positives.twins
    assert family["self + sources, presence"].heads.presence > 0
    assert family["presence alone"].heads.contrast == 0
    assert family["self"].optim.epochs > family["self + sources"].optim.epochs
    hashes = [recipe.hash for recipe in family.values()]
    assert len(set(hashes)) == len(hashes)


def test_a_table_is_written_and_a_second_call_trains_nothing(archive: Archive, tmp_path: Path) -> None:
    small = [
        "--set=data.batch_size=16",
        "--set=model.size=32",
        "--set=optim.epochs=1",
        "--set=positives.sources=8",
    ]
    call = [
        "--archive", str(archive.path), "--out", str(tmp_path), "--family", "positives",
        "--label", "deformation",
        "--variant", "self + source pairs + events, all heads", *small,
    ]  # fmt: skip
    result = CliRunner().invoke(ablation.main, call, catch_exceptions=False)
    assert result.exit_code == 0
    table = pd.read_csv(tmp_path / "ablation.csv").set_index("variant")
    assert list(table.index) == [
        ablation.NULL, ablation.RANDOM, "self", "self + source pairs + events, all heads"
    ]  # fmt: skip
    assert table["ap"].between(0, 1).all()
    assert table["ap_change"].notna().sum() == 1
    page = (tmp_path / "ablation.md").read_text()
    assert "Changes are from `self`" in page
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("encoder.safetensors")}
    assert len(before) == 2
    CliRunner().invoke(ablation.main, call, catch_exceptions=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("encoder.safetensors")} == before


def test_an_unknown_variant_is_an_error(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no variant nope; there are: self"):
        ablation.main(
            [
                "--archive",
                str(archive.path),
                "--out",
                str(tmp_path),
                "--family",
                "positives",
                "--variant",
                "nope",
            ],
            standalone_mode=False,
        )
