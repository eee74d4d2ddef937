from __future__ import annotations

import copy

import pytest
import torch
from made_views import made, optimiser, step, tiny, views
from torch import nn

from ssl_insar.pretrain.objectives.base import cosine
from ssl_insar.pretrain.objectives.teacher import Teacher


def test_it_is_the_moving_average() -> None:
    torch.manual_seed(0)
    encoder, head = tiny(), nn.Linear(16, 4)
    teacher = Teacher(encoder, copy.deepcopy(head))
    before = [p.clone() for p in teacher.parameters()]
    with torch.no_grad():
        for p in [*encoder.parameters(), *head.parameters()]:
            p.add_(1.0)
    teacher.follow(encoder, head, 0.75)
    for was, now in zip(before, teacher.parameters(), strict=True):
        torch.testing.assert_close(now, was + 0.25)


@pytest.mark.parametrize("own", [True, False])
def test_own_statistics_make_a_target_independent_of_its_batch(own: bool) -> None:
    encoder = tiny()
    for seed in range(5):
        encoder(views(32, seed)[0])
    teacher = Teacher(encoder, nn.Identity(), own_statistics=own).train()
    x, _ = views(16)
    assert torch.allclose(teacher(x)[:8], teacher(x[:8]), atol=1e-6) is own
    assert not teacher(x).requires_grad


def test_own_statistics_reach_those_of_the_online_encoder() -> None:
    encoder = tiny()
    head = nn.Linear(1, 1)
    teacher = Teacher(encoder, copy.deepcopy(head), own_statistics=True)
    for seed in range(60):
        encoder(views(32, seed)[0])
        teacher.follow(encoder, head, 0.99)
    for name, buffer in encoder.named_buffers():
        torch.testing.assert_close(teacher.encoder.get_buffer(name), buffer, rtol=0.1, atol=0.02)


@pytest.mark.parametrize("name", ["byol", "moco", "dino"])
def test_the_teacher_begins_as_the_student_and_then_lags(name: str) -> None:
    encoder, objective = made(name)
    pairs = [(encoder, objective.teacher.encoder), (objective.followed, objective.teacher.head)]

    def distance() -> float:
        return sum(
            (a - b).abs().sum().item()
            for online, own in pairs
            for a, b in zip(online.parameters(), own.parameters(), strict=True)
        )

    assert distance() == 0
    optimizer = optimiser(encoder, objective)
    step(encoder, objective, optimizer, 0, 0.0)
    assert distance() > 0
    lag = distance()
    objective.momentum = (0.5, 0.5)
    objective.after_step(encoder, 0.0)
    assert distance() == pytest.approx(lag / 2, rel=1e-3)


def test_the_schedule_of_the_momentum() -> None:
    assert cosine(0.0, 0.99, 1.0) == pytest.approx(0.99)
    assert cosine(0.5, 0.99, 1.0) == pytest.approx(0.995)
    assert cosine(1.0, 0.99, 1.0) == 1.0
    assert cosine(1.5, 0.99, 1.0) == 1.0
    assert cosine(0.3, 0.9, 0.9) == pytest.approx(0.9)
