from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from lightly.utils.debug import std_of_l2_normalized
from made_views import DIMENSION, made, optimiser, step, views
from pydantic import TypeAdapter, ValidationError

from ssl_insar.pretrain.objectives import CONFIGS, ObjectiveConfig, SimCLRConfig, VICRegConfig

NAMES = sorted(CONFIGS)
STEPS = 30


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_and_does_not_collapse(name: str) -> None:
    encoder, objective = made(name)
    optimizer = optimiser(encoder, objective)
    held_out = torch.cat(views(128, seed=999))

    def found() -> float:
        """Share of held-out tiles whose nearest neighbour among 128 is their own other view."""
        with torch.no_grad():
            centred = encoder(held_out)
            centred = torch.nn.functional.normalize(centred - centred.mean(0))
        spread = float(std_of_l2_normalized(centred)) * DIMENSION**0.5
        assert spread > 0.8, f"features collapsed: {spread}"
        nearest = (centred[:128] @ centred[128:].T).argmax(1)
        return float((nearest == torch.arange(128)).float().mean())

    before = found()
    losses = [float(step(encoder, objective, optimizer, i, i / STEPS)) for i in range(STEPS)]
    # MoCo starts against random directions, which are easy: two steps fill its queue.
    assert sum(losses[-5:]) / 5 < sum(losses[3:8]) / 5
    assert found() > before + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_run_resumes_exactly(name: str) -> None:
    def after(encoder: Any, objective: Any, optimizer: Any) -> list[torch.Tensor]:
        losses = [step(encoder, objective, optimizer, seed, 0.5) for seed in (3, 4)]
        return [*losses, *encoder.state_dict().values(), *objective.state_dict().values()]

    encoder, objective = made(name)
    optimizer = optimiser(encoder, objective)
    for seed in range(3):
        step(encoder, objective, optimizer, seed, 0.3)
    saved = [
        {key: value.clone() for key, value in module.state_dict().items()} for module in (encoder, objective)
    ]
    optimizer_state = optimizer.state_dict()
    other_encoder, other = made(name, seed=7)
    other_encoder.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    other_optimizer = optimiser(other_encoder, other)
    other_optimizer.load_state_dict(torch.load(_written(optimizer_state), weights_only=True))
    expected = after(encoder, objective, optimizer)
    resumed = after(other_encoder, other, other_optimizer)
    for one, two in zip(expected, resumed, strict=True):
        assert torch.equal(one, two)


def _written(state: dict[str, Any]) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", NAMES)
def test_shapes_gradients_and_precision(name: str) -> None:
    encoder, objective = made(name)
    with torch.autocast("cpu", torch.bfloat16):
        outcome = objective(encoder, *views(8), 0.5)
    assert outcome.loss.dtype == torch.float32
    assert outcome.loss.shape == ()
    assert outcome.features.shape == (16, DIMENSION)
    assert not any(value.requires_grad for value in outcome.logs.values())
    (outcome.loss + outcome.features.float().mean()).backward()
    learned = [p for module in [encoder, *objective.learned] for p in module.parameters()]
    assert all(p.grad is not None for p in learned if p.requires_grad), "DDP waits for each of them"
    taught = {id(p) for p in objective.teacher.parameters()} if objective.teacher else set()
    assert taught.isdisjoint(map(id, learned))
    everything = {id(p) for p in objective.parameters()}
    assert everything == taught | {id(p) for module in objective.learned for p in module.parameters()}
    assert not any(p.requires_grad for p in objective.parameters() if id(p) in taught)


@pytest.mark.parametrize("name", ["byol", "moco", "dino"])
def test_the_loss_is_a_mean_over_tiles(name: str) -> None:
    """So momentum and temperature need not change with the batch; without batch normalisation, that is."""
    values = {"batch_norm": False} if name == "dino" else {}
    _, objective = made(name, **values)
    objective.eval()
    online, targets = torch.randn(2, 32, 64 if name == "dino" else 16)
    state = {key: value.clone() for key, value in objective.state_dict().items()}

    def loss(rows: slice) -> float:
        objective.load_state_dict(state)
        parts = [torch.cat([t[:16][rows], t[16:][rows]]) for t in (online, targets)]
        return float(objective.compare(*parts, 0.5)[0])

    assert loss(slice(None)) == pytest.approx((loss(slice(8)) + loss(slice(8, None))) / 2, rel=1e-5)


def test_what_a_recipe_says_becomes_the_section_it_names() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ObjectiveConfig)
    assert adapter.validate_python({"name": "vicreg", "covariance": 2}) == VICRegConfig(covariance=2)
    assert adapter.validate_python({"temperature": 0.1}) == SimCLRConfig(temperature=0.1)
    for name in NAMES:
        section = adapter.validate_python({"name": name})
        assert adapter.validate_python(section) is section
        assert adapter.validate_python(adapter.dump_python(section, mode="json")) == section
    with pytest.raises(ValidationError, match="expected tags: 'simclr', 'vicreg', 'byol'"):
        adapter.validate_python({"name": "simsiam"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        adapter.validate_python({"name": "byol", "temperature": 0.2})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("simclr", "temperature", 0),
        ("vicreg", "invariance", 0),
        ("barlow_twins", "redundancy", -1),
        ("byol", "momentum", 1.1),
        ("moco", "queue", 0),
        ("dino", "prototypes", 1),
        ("dino", "teacher_temperature", (0.04, 0.1)),
    ],
)
def test_values_out_of_bounds_are_refused(name: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        CONFIGS[name](**{key: value})


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_simclr_of_projections_all_alike_is_log_of_the_others(temperature: float) -> None:
    _, objective = made("simclr", temperature=temperature)
    for tiles in (4, 32):
        alike = torch.ones(2 * tiles, 16)
        assert float(objective.compare(alike, alike, 0.0)[0]) == pytest.approx(
            math.log(2 * tiles - 1), rel=1e-5
        )


def test_vicreg_and_barlow_twins_by_their_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 24, 6, generator=generator, dtype=torch.float64)
    both = torch.cat([one, two])
    _, vicreg = made("vicreg", invariance=3.0, variance=5.0, covariance=7.0)
    lack = [(1 - (z.var(0) + 1e-4).sqrt()).clamp(min=0).mean() for z in (one, two)]
    squares = [z.T.cov().pow(2).sum() - z.T.cov().diag().pow(2).sum() for z in (one, two)]
    expected = 3 * (one - two).pow(2).mean() + 5 * sum(lack) / 2 + 7 * sum(squares) / 6
    assert float(vicreg.compare(both, both, 0.0)[0]) == pytest.approx(float(expected), rel=1e-6)

    _, barlow = made("barlow_twins", redundancy=0.1)
    c = torch.corrcoef(torch.cat([one, two], 1).T)[:6, 6:]
    diagonal = (1 - c.diag()).pow(2).sum()
    expected = diagonal + 0.1 * (c.pow(2).sum() - c.diag().pow(2).sum())
    assert float(barlow.compare(both, both, 0.0)[0]) == pytest.approx(float(expected), rel=1e-4)
    again = torch.cat([one, one, two, two])
    assert float(barlow.compare(again, again, 0.0)[0]) == pytest.approx(float(expected), rel=1e-4)
