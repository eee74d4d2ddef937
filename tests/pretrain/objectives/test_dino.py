from __future__ import annotations

import math

import pytest
import torch
from made_views import DIMENSION, made, optimiser, step, tiny, views

from ssl_insar.errors import UserError
from ssl_insar.pretrain.objectives import DINOConfig, build
from ssl_insar.pretrain.recipe import HeadConfig


def test_the_equation_and_the_centre() -> None:
    _, objective = made("dino", teacher_temperature=(0.04, 0.06), warmup=0.5)
    student, teacher = torch.randn(2, 8, 64)
    centre = torch.randn(1, 1, 64)
    objective.loss.center.copy_(centre)
    loss, logs = objective.compare(student, teacher, 0.25)
    p = ((teacher - centre[0]) / 0.05).softmax(1)
    expected = -(p.roll(4, 0) * (student / 0.1).log_softmax(1)).sum(1).mean()
    assert loss.item() == pytest.approx(float(expected), rel=1e-4)
    torch.testing.assert_close(
        objective.loss.center[0], 0.9 * centre[0] + 0.1 * teacher.mean(0, keepdim=True)
    )
    entropy = torch.special.entr(p).sum(1).mean() / math.log(64)
    assert float(logs["teacher_entropy"]) == pytest.approx(float(entropy), rel=1e-4)


def test_prototypes_stay_while_frozen_and_move_after() -> None:
    encoder, objective = made("dino", freeze=0.5)
    optimizer = optimiser(encoder, objective)

    def directions() -> torch.Tensor:
        return torch.nn.functional.normalize(objective.prototypes.detach()).clone()

    before = directions()
    for progress in (0.1, 0.4):
        step(encoder, objective, optimizer, 0, progress)
    torch.testing.assert_close(directions(), before)
    step(encoder, objective, optimizer, 0, 0.5)
    assert float((directions() - before).abs().max()) > 1e-4


def test_another_number_of_layers_is_refused() -> None:
    with pytest.raises(UserError, match=r"DINO's head has 3; --set head.layers=3"):
        build(DINOConfig(), tiny(), DIMENSION, HeadConfig(layers=2))


def test_all_alike_costs_log_of_the_prototypes() -> None:
    encoder, objective = made("dino")
    alike = torch.zeros(8, 64)
    loss, logs = objective.compare(alike, alike, 0.0)
    assert loss.item() == pytest.approx(math.log(64), rel=1e-5)
    assert float(logs["teacher_entropy"]) == pytest.approx(1, rel=1e-5)
    assert torch.isfinite(objective(encoder, *views(4), 1.0).loss)
