from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from made import TINY
from timm.layers import SyncBatchNormAct

from ssl_insar.errors import UserError
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.processes import ALONE, environment_of_launcher
from ssl_insar.pretrain.recipe import load
from ssl_insar.pretrain.sources import make_sources
from ssl_insar.pretrain.stock import Stock

SLURM = {"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_PROCID": "6", "SLURM_STEP_ID": "0"}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_JOB_NAME", *SLURM):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_process_started_by_hand_is_alone(variables: pytest.MonkeyPatch) -> None:
    assert environment_of_launcher() is None
    assert ALONE.first
    assert (ALONE.least(3), ALONE.most(3), ALONE.mean([1.5])) == (3, 3, [1.5])
    assert ALONE.by_first(lambda: 7) == 7


def test_launchers_are_told_by_their_variables(variables: pytest.MonkeyPatch) -> None:
    for name, value in SLURM.items():
        variables.setenv(name, value)
    found = environment_of_launcher()
    assert found is not None
    assert (found.world_size(), found.global_rank()) == (8, 6)
    # torchrun from within SLURM: its variables count.
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "RANK": "1"}.items():
        variables.setenv(name, value)
    found = environment_of_launcher()
    assert found is not None
    assert (found.world_size(), found.global_rank()) == (2, 1)


@pytest.mark.parametrize(
    ("missing", "told"), [("SLURM_STEP_ID", "put srun before"), ("SLURM_NTASKS_PER_NODE", "ntasks-per-node")]
)
def test_slurm_asked_in_a_way_that_would_hang_is_told(
    variables: pytest.MonkeyPatch, missing: str, told: str
) -> None:
    for name, value in SLURM.items():
        if name != missing:
            variables.setenv(name, value)
    with pytest.raises(UserError, match=told):
        environment_of_launcher()


def test_tiles_fit_for_a_source_are_dealt_out_evenly() -> None:
    fit = np.arange(64) % 5 == 0
    parts = [list(Batches(np.arange(64), 16, 8, 0, rank=r, world=4, dealt=fit)) for r in range(4)]
    plain = list(Batches(np.arange(64), 16, 8, 0))
    for step, batch in enumerate(plain):
        shares = [part[step] for part in parts]
        assert sorted(chain(*shares)) == sorted(batch)
        counts = [int(fit[share].sum()) for share in shares]
        assert max(counts) - min(counts) <= 1
    assert list(Batches(np.arange(64), 16, 8, 0, dealt=fit)) == plain, "one process keeps its order"


def test_views_of_a_tile_are_the_same_in_whichever_process() -> None:
    tiles = torch.nn.functional.normalize(torch.randn(8, 2, 64, 64), dim=1)
    whole = Pretraining(load(TINY, ["data.batch_size=8"]), 64, 3).prepare()
    _, sides = whole.sides(tiles, torch.arange(8), 5)
    for rank in range(2):
        share = Pretraining(load(TINY, ["data.batch_size=8"]), 64, 3).prepare(rank, 2)
        _, mine = share.sides(tiles[rank::2], torch.arange(8)[rank::2], 5)
        for one, two in zip(sides, mine, strict=True):
            torch.testing.assert_close(two.phasor, one.phasor[rank::2], atol=1e-4, rtol=0)
            torch.testing.assert_close(two.coherence, one.coherence[rank::2], atol=1e-4, rtol=0)


def test_processes_draw_other_sources_and_as_many() -> None:
    recipe = load(TINY, ["positives.injected=0.6", "data.batch_size=32"])
    stock = Stock(None, make_sources("volcanoes", 4, 32, 200.0), torch.ones(32, dtype=torch.bool))
    tiles = torch.nn.functional.normalize(torch.randn(16, 2, 64, 64), dim=1)
    made = [
        Pretraining(recipe, 64, 3, stock).prepare(rank, 2).sides(tiles, torch.arange(16), 5)[0]
        for rank in range(2)
    ]
    assert [int(pairs.injected.sum()) for pairs in made] == [round(0.6 * 16)] * 2
    assert not torch.equal(made[0].first, made[1].first)


def test_a_compiled_encoder_is_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's front end, without the minutes that generating code takes."""
    honest = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: honest(function, backend="eager"))
    tiles = torch.nn.functional.normalize(torch.randn(8, 2, 64, 64), dim=1)
    extras = ["data.batch_size=8", "optim.ema=0.9", "objective.name=byol", "heads.where=1"]
    extras.append("positives.injected=1")
    stock = Stock(None, make_sources("volcanoes", 4, 32, 200.0), torch.ones(8, dtype=torch.bool))
    seen = []
    for compiled in (False, True):
        torch.manual_seed(0)
        module = Pretraining(load(TINY, [*extras, f"model.compile={compiled}"]), 64, 3, stock).prepare()
        loss = module.step(tiles, torch.arange(8), 5)
        loss.backward()
        gradients = [p.grad for p in module.encoder.parameters()]
        seen.append((module.state_dict().keys(), loss.detach(), gradients))
    (names, loss, gradients), (names_too, loss_too, gradients_too) = seen
    assert names == names_too, "a run goes on with or without"
    assert "where" in module.told
    torch.testing.assert_close(loss_too, loss)
    torch.testing.assert_close(gradients_too, gradients)
    assert load(TINY, ["model.compile=true"]).hash == load(TINY).hash


def test_normalisation_over_all_processes_keeps_timm_s_activation() -> None:
    """torch's own conversion would leave GhostNet and others without."""
    module = Pretraining(load(TINY, ["model.backbone=ghostnet_100", "optim.ema=0.9"]), 64, 3).prepare()
    names = module.state_dict().keys()
    module._synchronise()
    made = [part for part in module.encoder.modules() if isinstance(part, torch.nn.SyncBatchNorm)]
    acts = [part.act for part in made if isinstance(part, SyncBatchNormAct)]
    assert any(isinstance(act, torch.nn.ReLU) for act in acts)
    assert not any(type(part) is torch.nn.BatchNorm2d for part in module.modules())
    assert module.state_dict().keys() == names
