from __future__ import annotations

import pytest
import torch

from ssl_insar.augment import Extras, Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.config import BlanksConfig, IonosphereConfig, StratifiedConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.pools import Pools


def test_pools_are_drawn_on_the_cpu_whatever_the_device() -> None:
    """On a device that computes nothing ("meta") a pool made there would have no values to move."""
    pools = Pools(32, 200.0, (5, 40), 0, 0)
    here = pools.turbulent(3, 1, torch.device("cpu"))
    there = pools.turbulent(3, 1, torch.device("meta"))
    assert there.fields.device.type == "meta"
    assert there.fields.shape == here.fields.shape
    again = Pools(32, 200.0, (5, 40), 0, 0).turbulent(3, 1, torch.device("cpu"))
    assert torch.equal(again.fields, here.fields)
    assert pools.noise(torch.device("meta")).normal.device.type == "meta"
    assert pools.noise(torch.device("cpu")).pieces(2, Draw(torch.device("cpu"), 0))[0].shape == (2, 32**2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU beside the CPU")
def test_views_on_the_gpu_are_those_on_the_cpu() -> None:
    config = ViewsConfig(
        stratified=StratifiedConfig(p=0.5), ionosphere=IonosphereConfig(p=0.5), blanks=BlanksConfig(p=0.5)
    )
    phase = torch.rand(16, 64, 64, generator=torch.Generator().manual_seed(0)) * 6
    field = fd.from_complex(torch.polar(torch.ones_like(phase), phase))
    height = torch.linspace(0, 2000, 64).expand(16, 1, 64, 64).clone()
    here = Views(config, 64, 64)(field, 5, 2, Extras(height=height))
    there = Views(config, 64, 64).cuda()(field.cuda(), 5, 2, Extras(height=height.cuda()))
    for (one, _), (other, _) in zip(here, there, strict=True):
        # Where a pixel lies on the edge of a blank or of no data, rounding may put it on either side.
        apart = ((one - other.cpu()).abs().amax(1) > 1e-3).float().mean()
        assert apart < 1e-3
