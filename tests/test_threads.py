from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from ssl_insar.threads import torch_threads


@torch_threads(1)
def fails() -> None:
    assert torch.get_num_threads() == 1
    raise KeyError


def test_threads_within_and_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(KeyError):
        fails()
    assert torch.get_num_threads() == before


def test_a_map_leaves_the_threads_that_were_asked_for() -> None:
    script = (
        "import numpy as np, torch\n"
        "from ssl_insar.maps.umap_map import layout\n"
        "layout(np.random.default_rng(0).normal(size=(40, 8)).astype('f'))\n"
        "print(torch.get_num_threads())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["1"]
