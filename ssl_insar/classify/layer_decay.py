"""How fast each layer of a network learns when it is fine-tuned, and from when on."""

from __future__ import annotations

from typing import Any

from timm.models import group_parameters
from timm.optim import param_groups_layer_decay
from torch import nn


def parameter_groups(
    backbone: nn.Module, head: nn.Module, lr: float, decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Parameters for an optimizer: the head learns at ``lr``, each layer before it at ``decay`` times less.

    What a layer is, is timm's to say (blocks of a network that knows its own; else runs of twelve
    parameters). Biases, scales and a transformer's tokens are not decayed. Source: Clark et al. 2020
    (ELECTRA), section 3.1; for images Bao et al. 2022 (BEiT).

    Args:
        backbone: a network that `ssl_insar.models.backbones.build` made.
        head: on top of it.
        lr: of the head.
        decay: of the rate from one layer to the one before it; 1: all learn alike.
        weight_decay: of AdamW.

    Returns:
        groups with ``params``, ``lr`` and ``weight_decay``, the head's last.
    """
    never: set[str] = getattr(backbone, "no_weight_decay", set)()
    layers = param_groups_layer_decay(backbone, weight_decay, never, layer_decay=decay)
    groups = [
        # The backbone has no head of its own, so that timm counts its last layer as the last of all.
        {"params": part["params"], "lr": lr * decay * part["lr_scale"], "weight_decay": part["weight_decay"]}
        for part in layers
    ]
    # The head begins at a probe's weights, whose strength has been chosen: nothing draws it to zero.
    return [*groups, {"params": list(head.parameters()), "lr": lr, "weight_decay": 0.0}]


def stages(backbone: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of the stages of a network, those next to its input first.

    timm's coarse grouping (stages of a convolutional network, blocks of a transformer); in a network that
    knows none, each module with parameters is one.
    """
    named = dict(backbone.named_parameters())
    matcher: Any = getattr(backbone, "group_matcher", None)
    if matcher is None:
        owners = list(dict.fromkeys(name.rpartition(".")[0] for name in named))
        of = {name: owners.index(name.rpartition(".")[0]) for name in named}
    else:
        of = group_parameters(backbone, matcher(coarse=True), reverse=True)
    return [[named[name] for name in named if of[name] == number] for number in sorted(set(of.values()))]


def unfreeze(parts: list[list[nn.Parameter]], count: int) -> None:
    """Let the last ``count`` of the stages learn and the others not; they get no gradient at all."""
    for number, stage in enumerate(reversed(parts)):
        for parameter in stage:
            parameter.requires_grad_(number < count)
