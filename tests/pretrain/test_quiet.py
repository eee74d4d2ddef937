from __future__ import annotations

import numpy as np
import pytest
import torch
from made_presets import lively
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.pretrain import quiet as module
from ssl_insar.pretrain.quiet import Quiet, flatness, quiet_tiles
from ssl_insar.synth.archive import simulate_archive


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    loud = lively(noise={"turbulence": {"rms": 0.3}, "decorrelation": {"looks": 20.0}})
    return simulate_archive(loud, tmp_path_factory.mktemp("quiet") / "a", count=64, size=64, progress=False)


def test_flatness_of_a_ramp_is_1_of_its_residual_less_of_rings_little() -> None:
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    ramp = 0.11 * x - 0.07 * y
    bowl = 12 * torch.exp(-((x - 48) ** 2 + (y - 48) ** 2) / 800)
    wave = 0.57 * 2**0.5 * torch.sin(x * 2 * torch.pi / 24)
    phase = torch.stack([ramp, ramp + wave, ramp + bowl])
    flat = flatness(fd.from_complex(torch.polar(torch.ones_like(phase), phase)))
    assert flat[0] > 0.98
    assert flat[1] == pytest.approx(0.85, abs=0.03)
    assert flat[2] < 0.7


def test_labelled_quiet_tiles_are_those_labelled_0(simulated: Archive) -> None:
    rows = quiet_tiles(simulated, "labelled")
    assert len(rows)
    assert (simulated.catalogue["label_deformation"].to_numpy()[rows] == 0).all()


def test_presumed_quiet_tiles_read_no_label_and_hardly_deform(
    simulated: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = simulated.catalogue["label_deformation"].to_numpy()
    monkeypatch.setattr(simulated, "catalogue", simulated.catalogue.drop(columns="label_deformation"))
    rows = quiet_tiles(simulated, "presumed")
    assert len(rows) > 5
    assert labels[rows].mean() < 0.5 * labels.mean()
    assert np.array_equal(quiet_tiles(simulated, "labelled"), np.array([], int))


@pytest.mark.parametrize("how", ["labelled", "presumed"])
def test_a_limit_gives_some_of_them_by_the_seed(simulated: Archive, how: Quiet) -> None:
    every = quiet_tiles(simulated, how)
    some = quiet_tiles(simulated, how, limit=4, seed=1)
    assert len(some) == 4 < len(every)
    assert set(some) < set(every)
    assert (np.diff(some) > 0).all()
    np.testing.assert_array_equal(quiet_tiles(simulated, how, limit=4, seed=1), some)
    others = [quiet_tiles(simulated, how, limit=4, seed=seed) for seed in range(2, 6)]
    assert any(not np.array_equal(other, some) for other in others)
    np.testing.assert_array_equal(quiet_tiles(simulated, how, limit=1000), every)


def test_no_more_is_read_than_the_limit_needs(simulated: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    phases = simulated.phases

    def counted(rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        read.append(len(rows))
        return phases(rows)

    monkeypatch.setattr(simulated, "phases", counted)
    monkeypatch.setattr(module, "_CHUNK", 8)
    quiet_tiles(simulated, "presumed")
    everything = sum(read)
    read.clear()
    assert len(quiet_tiles(simulated, "presumed", limit=2)) == 2
    assert 0 < sum(read) < everything
