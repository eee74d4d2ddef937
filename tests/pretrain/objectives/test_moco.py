from __future__ import annotations

import pytest
import torch
from made_views import made, views
from torch.nn.functional import cross_entropy, normalize

from ssl_insar.errors import UserError


def test_the_equation_over_one_look_at_the_queue() -> None:
    _, objective = made("moco", temperature=0.3)
    queries, keys = torch.randn(2, 8, 16)
    queue = objective.loss.memory_bank.bank.clone()
    queries.requires_grad_()
    loss, _ = objective.compare(queries, keys, 0.0)
    q, k = normalize(queries), normalize(keys.roll(4, 0))
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.3
    expected = cross_entropy(logits, torch.zeros(8, dtype=torch.long)).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    # Only now do this step's keys stand in the queue.
    torch.testing.assert_close(objective.loss.memory_bank.bank[:8], k)
    assert not torch.equal(queue[:8], k)


def test_the_queue_travels_in_the_state() -> None:
    _, objective = made("moco")
    state = objective.state_dict()
    assert state["loss.memory_bank.bank"].shape == (128, 16)
    assert "loss.memory_bank.bank_ptr" in state


def test_a_queue_too_short_is_told() -> None:
    encoder, objective = made("moco", queue=16)
    with pytest.raises(UserError, match=r"a step makes 20 keys, more than objective.queue=16 holds"):
        objective(encoder, *views(10), 0.0)
