"""The detection limit: thresholds, folds, ratios and the optimal filter; the protocol end to end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch
from made_detector import write_run

from evaluation import matched_filter
from evaluation.backgrounds import backgrounds
from evaluation.detection_limit import (
    LIMIT,
    LOGIT,
    NULL,
    PROBE,
    Scores,
    command,
    crossing,
    curve,
    detections,
    fold_of,
    probe_scores,
)
from evaluation.injected import draw_sources, unit_snr
from evaluation.volcano_bootstrap import resampled, with_interval
from ssl_insar.archive import Archive, ingest
from ssl_insar.errors import UserError
from ssl_insar.synth.turbulence import power_law_fields

SMALL = ["--sources", "4", "--levels", "3", "--draws", "20"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


def test_the_protocol_runs_from_end_to_end(archive_path: Path, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "limit"
    words = ["--detector", str(run), "--archive", str(archive_path), "--out", str(out), *SMALL]
    command.main(words, standalone_mode=False)
    assert {path.name for path in out.iterdir()} == {
        "detection_limit.csv",
        "detection_limit.md",
        "detection_limit_displacement.png",
        "detection_limit_snr.png",
    }
    table = pd.read_csv(out / "detection_limit.csv")
    assert set(table["detector"]) == {LIMIT, LOGIT, NULL, PROBE}
    assert set(table["axis"]) == {"displacement_m", "snr"}
    assert (table["sources"] >= 10).all()
    by_snr = table[(table["detector"] == LIMIT) & (table["axis"] == "snr")]
    assert by_snr["detected"].is_monotonic_increasing
    page = (out / "detection_limit.md").read_text()
    # Every third of the sixty made tiles deforms, and is no background.
    assert "40 quiet tiles (labelled) of 10 volcanoes; the encoder may have been trained on these" in page
    assert "labels that had a part in it: none" in page


def test_volcanoes_of_a_run_are_left_out(archive_path: Path, run: Path, tmp_path: Path) -> None:
    archive = Archive.open(archive_path)
    with pytest.raises(UserError, match="not a pretraining run"):
        backgrounds(archive, "auto", run, 100, 0)
    state = {"archive": str(archive_path), "archive_digest": archive.digest}
    (tmp_path / "run.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match="40 more at volcanoes"):
        backgrounds(archive, "auto", tmp_path, 100, 0)
    (tmp_path / "run.json").write_text(json.dumps(state | {"archive_digest": "other"}))
    with pytest.raises(UserError, match="has changed since"):
        backgrounds(archive, "auto", tmp_path, 100, 0)

    seen = list(Path(archive.catalogue["source"][0]).parent.glob("*mt_[a-d]_*.npy"))
    ingest(seen, tmp_path / "seen", tile=64, progress=False)
    digest = Archive.open(tmp_path / "seen").digest
    state = {"archive": str(tmp_path / "seen"), "archive_digest": digest}
    (tmp_path / "run.json").write_text(json.dumps(state))
    left = backgrounds(archive, "auto", tmp_path, 100, 0)
    assert sorted(set(left.groups)) == [f"mt_{letter}" for letter in "efghij"]
    assert (len(left.rows), left.excluded) == (24, 16)


def test_a_threshold_is_of_other_volcanoes_of_the_same_half() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 50)
    folds = fold_of(groups, 10, 0)
    assert all(len(np.unique(folds[groups == name])) == 1 for name in range(40))
    scores = Scores(rng.normal(size=2000), rng.normal(size=(2000, 1)) + 10)
    flat = np.ones((1, 2000))
    quiet, holding = detections(scores, folds, flat)
    assert 0.003 < quiet.mean() < 0.025
    assert holding.all()
    # One half's scores may be of another scale; and a volcano's own loud tiles do not shield it.
    scaled = Scores(np.where(folds % 2, scores.quiet, 1000 * scores.quiet), scores.holding)
    np.testing.assert_array_equal(detections(scaled, folds, flat)[0], quiet)
    loud = Scores(np.where(folds == 0, 100.0, scores.quiet), scores.holding)
    assert detections(loud, folds, flat)[0][0, folds == 0].all()


def test_a_weighting_is_a_repetition() -> None:
    rng = np.random.default_rng(1)
    groups, scores = np.repeat(np.arange(8), 30), Scores(rng.normal(size=240), rng.normal(size=(240, 2)))
    folds, times = fold_of(groups, 4, 0), np.array([0, 1, 2, 1, 3, 1, 1, 2])[groups]
    rows = np.repeat(np.arange(240), times)
    repeated = Scores(scores.quiet[rows], scores.holding[rows])
    weighted = detections(scores, folds, times[None].astype(float))
    plain = detections(repeated, folds[rows], np.ones((1, len(rows))))
    for ours, theirs in zip(weighted, plain, strict=True):
        np.testing.assert_array_equal(ours[0][rows], theirs[0])


def test_a_curve_is_the_weighted_share_of_each_bin() -> None:
    found = np.array([[[True, False], [True, True]]])
    where = np.array([[0, 1], [0, -1]])
    share = curve(found, where, np.array([[1.0, 1.0], [3.0, 0.0]]), 3)
    np.testing.assert_array_equal(share[:, :2], [[1, 0], [1, 0]])
    assert np.isnan(share[:, 2]).all()


def test_crossings() -> None:
    x = np.array([1.0, 10.0, 100.0, 1000.0])
    assert crossing(x, np.array([0.0, 0.25, 0.75, 1.0]), 0.5) == pytest.approx(10**1.5)
    assert crossing(x, np.array([0.0, np.nan, 1.0, 1.0]), 0.5) == pytest.approx(10.0)
    assert crossing(x, np.array([0.6, 0.7, 0.8, 0.9]), 0.5) == 1.0
    assert math.isnan(crossing(x, np.zeros(4), 0.5))


def test_resampling_and_its_interval() -> None:
    weights = resampled(np.array(["a", "a", "b", "c"]), 50, 0)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(1) == 3).all()
    told = with_interval("x", np.array([5.0, *np.arange(99), np.nan]))
    assert told == {"x": 5.0, "x_low": 2.0, "x_high": 97.0}


def test_a_probe_is_fitted_on_the_other_half() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    folds = fold_of(groups, 4, 0)
    quiet = rng.normal(size=(120, 6)).astype(np.float32)
    holding = rng.normal(size=(120, 2, 6)).astype(np.float32)
    holding[..., 0] += 6
    usable = np.ones((120, 2), bool)
    scores = probe_scores(quiet, holding, usable, groups, folds, 0)
    assert (scores.holding > np.quantile(scores.quiet, 0.95)).mean() > 0.9
    # What is done to one half does not reach its own scores but through itself.
    changed = holding.copy()
    changed[folds % 2 == 0] *= -1
    again = probe_scores(quiet, changed, usable, groups, folds, 0)
    np.testing.assert_allclose(again.quiet[folds % 2 == 0], scores.quiet[folds % 2 == 0])
    assert not np.allclose(again.quiet[folds % 2 == 1], scores.quiet[folds % 2 == 1])


def test_the_optimal_filter_detects_what_theory_says() -> None:
    assert matched_filter.probability(0, 0.01) == pytest.approx(0.01)
    assert matched_filter.probability(2.326348, 0.01) == pytest.approx(0.5)
    axis = torch.linspace(-1, 1, 56)
    bowl = torch.exp(-(axis[:, None] ** 2 + axis**2) / 0.1)[None]
    levels = [0.0, 1, 2, 3, 4]
    generator = torch.Generator().manual_seed(0)
    counted = matched_filter.simulated(bowl, 400.0, levels, 0.05, generator, draws=3000)
    np.testing.assert_allclose(counted, matched_filter.probability(levels, 0.05), atol=0.04)


def test_ratio_and_atmosphere_of_a_tile_are_its_own(tmp_path: Path) -> None:
    """Turbulence of known RMS under a ramp; the same source stands out in proportion to calm."""
    generator = torch.Generator().manual_seed(0)
    fields = power_law_fields(24, (64, 64), (100.0, 100.0), generator=generator).numpy()
    (tmp_path / "frames").mkdir()
    for i, field in enumerate(fields):
        rms = 0.3 if i % 2 else 1.0
        phase = (rms * field + 0.05 * np.arange(64) + np.pi) % (2 * np.pi) - np.pi
        name = f"x_peak_001A_00100_131313_peak_201801{i + 1:02d}_201802{i + 1:02d}.npy"
        np.save(tmp_path / "frames" / name, phase.astype(np.float32))
    ingest(tmp_path / "frames", tmp_path / "archive", tile=64, progress=False)
    archive = Archive.open(tmp_path / "archive")
    tiles = backgrounds(archive, "presumed", None, 100, 0)
    injection = draw_sources(tiles, "volcanoes", 1, (0.01, 0.1), 2, 0)
    chosen = np.arange(len(tiles.rows))
    ratio, rms = unit_snr(tiles, injection, chosen)
    calm = np.array([int(name.split("_201801")[1][:2]) % 2 == 0 for name in archive.catalogue["id"]])[
        tiles.rows
    ]
    assert calm.sum() >= 8
    assert np.median(rms[calm]) == pytest.approx(0.3, rel=0.25)
    assert np.median(ratio[calm] * rms[calm]) == pytest.approx(float(injection.sources.snr[0]), rel=0.35)


def test_what_is_put_in_has_the_displacement_it_is_said_to_have(archive_path: Path) -> None:
    tiles = backgrounds(Archive.open(archive_path), "labelled", None, 6, 0)
    injection = draw_sources(tiles, "volcanoes", 3, (0.001, 0.01), 4, 0)
    assert (np.diff(injection.displacement, axis=1) > 0).all()
    assert ((injection.displacement >= 0.001) & (injection.displacement <= 0.01)).all()
    chosen = np.arange(6)
    blank = torch.cat([torch.ones(6, 1, 64, 64), torch.zeros(6, 1, 64, 64)], 1)
    put = injection.put(blank, chosen, 3)
    phase = torch.atan2(put[:, 1], put[:, 0]).flatten(1)
    expected = 4 * np.pi / 0.0555 * injection.displacement[:, 3]
    kept = expected < 3
    assert kept.any()
    np.testing.assert_allclose(phase.abs().amax(1).numpy()[kept], expected[kept], rtol=2e-3)
    weaker = injection.at_ratio(1e-3)
    np.testing.assert_allclose(
        (weaker.peak[:, 0].abs() * weaker.sources.snr[weaker.pairs.source]).numpy(), 1e-3, rtol=1e-5
    )


def test_a_span_must_ascend(run: Path, archive_path: Path, tmp_path: Path) -> None:
    words = ["--detector", str(run), "--archive", str(archive_path), "--out", str(tmp_path / "x")]
    with pytest.raises(click.UsageError, match="the smaller first"):
        command.main([*words, "--span", "0.1", "0.01"], standalone_mode=False)
