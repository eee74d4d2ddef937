"""Weights that were trained on colour photographs (ImageNet), for networks that see phasors."""

from __future__ import annotations

import hashlib
import inspect
import math
import pickle
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from ssl_insar.errors import UserError

_AUXILIARY = ("AuxLogits.",)
"""Second classifiers that hang on the side of a network while it is trained (Inception v3)."""
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    SafetensorError,
)
"""What torch, timm and safetensors raise for a file that is damaged or holds more than tensors."""
_NAMED = 3
"""Keys that a message names of each kind of mismatch."""


def load_pretrained(net: nn.Module, path: Path, name: str) -> dict[str, str]:
    """Load weights for colour images into a backbone whose input is something else.

    The classifier of the file is dropped. A first convolution for three channels is adapted, see
    `adapt_first_convolution`; one for as many channels as ``net`` has, if not three, is taken as it
    is. What depends on the size of the images (position embeddings, relative position biases) is
    resampled by timm.

    Args:
        net: the backbone, see `ssl_insar.models.backbones.build`.
        path: ``.safetensors``, ``.pth`` or ``.pt``: a state dict that names things as timm does, or as
            torchvision does for AlexNet, VGG, ResNet and Inception v3.
        name: of the backbone, for messages.

    Returns:
        for the encoder's card: name of the file, SHA-256 of its content, and what was adapted and dropped.

    Raises:
        UserError: no such file, not a state dict, or of another network.
    """
    state, dropped = _without_classifier(net, _in_names_of(net, _read(path), path, name))
    own = net.state_dict()
    adapted = []
    for key in _first_convolutions(net):
        if key in state and key in own and state[key].ndim == 4 and state[key].shape[1] == 3:
            state[key] = adapt_first_convolution(state[key], own[key].shape[1])
            adapted.append(key)
    _check(own, state, path, name)
    net.load_state_dict(state, strict=False)  # _check was strict, but for counters
    return {
        "file": path.name,
        "sha256": hashlib.sha256(np.memmap(path, np.uint8, "r").data).hexdigest(),
        "adapted": f"{', '.join(adapted)}: sum over RGB / sqrt(channels)" if adapted else "nothing",
        "dropped": ", ".join(sorted(dropped)) or "nothing",
    }


def adapt_first_convolution(weight: Tensor, channels: int) -> Tensor:
    """Kernels for red, green and blue made into kernels for other channels.

    Each channel gets the mean of the three kernels, the "cross-modality pre-training" by which Wang
    et al. (2016, "Temporal Segment Networks", ECCV, section 3.2) start from ImageNet on the two
    components of optical flow, times 3/sqrt(channels). The factor keeps the variance of the
    response: colours of photographs are nearly equal, so their kernels act as the sum, while the real
    and the imaginary part of a phase that may be anything are uncorrelated, so that variances add.

    At first every kernel so sees Re z + Im z only; training breaks the tie, as the two parts get
    different gradients.

    Args:
        weight: of the convolution.
        channels: of the new input.

    Shape:
        (O, 3, K, K) -> (O, channels, K, K)
    """
    total: Tensor = weight.float().sum(1, keepdim=True) / math.sqrt(channels)
    return total.repeat(1, channels, 1, 1).to(weight.dtype)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; model.weights is a .safetensors or .pth of a state dict")
    try:
        state = load_state_dict(str(path), weights_only=True)
    except _UNREADABLE as error:
        line = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: not readable as a state dict ({line}); it may be damaged, or hold a whole model: "
            "get it again, or save model.state_dict() and give that file"
        ) from error
    except AttributeError:  # timm, of a file that holds no dictionary
        state = None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: not a state dict; save model.state_dict() and give that file")
    return state


def _in_names_of(net: nn.Module, state: dict[str, Tensor], path: Path, name: str) -> dict[str, Tensor]:
    """Renamed and resampled by the function that timm keeps for that beside the network, if any."""
    module = sys.modules[type(net).__module__]
    convert: Any = getattr(module, "checkpoint_filter_fn", None) or getattr(module, "_filter_fn", None)
    if convert is None:
        return dict(state)
    arguments = (state, net)[: len(inspect.signature(convert).parameters)]
    try:
        return dict(convert(*arguments))
    except Exception as error:  # timm takes the file for one of this network; anything may happen
        raise UserError(
            f"{path}: weights of another network than {name} (timm cannot convert them: "
            f"{type(error).__name__} {str(error).splitlines()[0] if str(error) else ''}); "
            f"give model.weights a file of {name}"
        ) from error


def _without_classifier(net: nn.Module, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], set[str]]:
    heads = (*(f"{head}." for head in _told(net, "classifier")), *_AUXILIARY)
    own = net.state_dict()
    dropped = {key for key in state if key.startswith(heads) and key not in own}
    return {key: value for key, value in state.items() if key not in dropped}, dropped


def _first_convolutions(net: nn.Module) -> Iterable[str]:
    return [f"{layer}.weight" for layer in _told(net, "first_conv")]


def _told(net: nn.Module, what: str) -> tuple[str, ...]:
    """Names of layers that a model of timm tells of itself: none, one or several."""
    config: Any = getattr(net, "pretrained_cfg", {})
    told = config.get(what) or ()
    return (told,) if isinstance(told, str) else tuple(told)


def _check(own: dict[str, Tensor], state: dict[str, Tensor], path: Path, name: str) -> None:
    # Counters of batches are absent from files older than torch 0.4.1 and matter to nothing.
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    other = [
        f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:_NAMED])}{', ...' if len(keys) > _NAMED else ''})"
        for keys, what in ((missing, "missing"), (unexpected, "unexpected"), (other, "of another shape"))
        if keys
    ]
    if problems:
        raise UserError(
            f"{path}: weights of another network than {name}: {', '.join(problems)}; "
            f"give model.weights a file of {name}"
        )
