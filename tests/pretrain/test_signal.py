from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made import write_frames
from made_presets import lively

from ssl_insar.archive import Archive, ingest
from ssl_insar.pretrain.signal import OWN_RMS, known_signals
from ssl_insar.synth.archive import simulate_archive


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return simulate_archive(
        lively(), tmp_path_factory.mktemp("signal") / "a", count=24, size=64, progress=False
    )


def test_simulated_tiles_say_theirs(simulated: Archive) -> None:
    signals = known_signals(simulated)
    assert signals is not None
    table = simulated.catalogue
    masked = table["label_deformation"].to_numpy(int) == 1
    assert 5 < masked.sum() < len(table)
    np.testing.assert_allclose(signals.snr[masked], table["truth_snr"][masked], rtol=1e-6)
    assert np.isnan(signals.snr[~masked]).all()
    expected = np.hypot(table["truth_rms_turbulence"], table["truth_rms_stratified"])[masked]
    np.testing.assert_allclose(signals.own[masked], expected, rtol=1e-5)


def test_of_a_mask_alone_half_a_cycle_is_taken(simulated: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    untold = simulated.catalogue.drop(columns="truth_snr")
    monkeypatch.setattr(simulated, "catalogue", untold)
    signals = known_signals(simulated)
    assert signals is not None
    masked = untold["label_deformation"].to_numpy(int) == 1
    assert (signals.snr[masked] > 0).all()
    assert np.isnan(signals.snr[~masked]).all()
    assert (signals.own[masked] == OWN_RMS).all()


def test_archives_without_masks_know_nothing(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "in", 4)
    assert known_signals(ingest(frames, tmp_path / "a", tile=64, progress=False).archive) is None
