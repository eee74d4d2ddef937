"""Seeds and workers: reproducible, and nothing repeats."""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from ssl_insar.augment import transforms as T
from ssl_insar.augment.transforms.safety import PhaseSafe

IMAGE = np.exp(0.1j * np.arange(64)).astype(np.complex64).reshape(8, 8)


class Same(Dataset[torch.Tensor]):
    """Views of one image: all differ, if nothing repeats."""

    def __init__(self, transform: A.Compose) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.transform(image=IMAGE)["image"])


def epochs(
    transform: A.Compose, torch_seed: int | None, count: int = 2, persistent: bool = False
) -> torch.Tensor:
    """(count, 8, 8, 8) views of two workers a epoch, started anew each time unless persistent."""
    generator = torch.Generator()
    if torch_seed is None:
        generator.seed()
    else:
        generator.manual_seed(torch_seed)
    loader = DataLoader(Same(transform), batch_size=2, num_workers=2, generator=generator,
                        persistent_workers=persistent)  # fmt: skip
    return torch.stack([torch.cat(list(loader)) for _ in range(count)])


def distinct(views: torch.Tensor) -> int:
    return len(np.unique(views.flatten(0, 1).numpy().round(4).reshape(len(views) * 8, -1), axis=0))


def stock_noise() -> list[A.BasicTransform]:
    return [A.CoarseDropout(p=1.0, hole_height_range=(1, 7), hole_width_range=(1, 7))]


def test_the_library_alone_repeats_itself() -> None:
    """Why any of this is needed; when it fails, the library has mended it."""
    assert distinct(epochs(A.Compose(stock_noise(), seed=0), 0)) <= 4


@pytest.mark.parametrize("compose", [PhaseSafe, A.Compose])
@pytest.mark.parametrize("seed", [None, 4])
def test_workers_and_epochs_do_not_repeat_each_other(compose: type[A.Compose], seed: int | None) -> None:
    views = epochs(compose([T.Offset()], seed=seed), torch_seed=1)
    assert distinct(views) == 16


def test_nothing_repeats_with_workers_that_stay() -> None:
    assert distinct(epochs(PhaseSafe([T.Offset()], seed=0), 0, persistent=True)) == 16


@pytest.mark.parametrize("effect", [T.Ramp(p=1.0), T.Rotate(p=1.0), T.FrameEdge(p=1.0, area=(0.1, 0.6))])
def test_no_kind_of_effect_repeats(effect: A.BasicTransform) -> None:
    assert distinct(epochs(A.Compose([effect], seed=0), 0)) > 10


def test_stock_transforms_in_phase_safe_do_not_repeat_either() -> None:
    assert distinct(epochs(PhaseSafe(stock_noise(), seed=0), 0)) > 10


@pytest.mark.parametrize("compose", [PhaseSafe, A.Compose])
def test_seeds_reproduce(compose: type[A.Compose]) -> None:
    def views(seed: int, torch_seed: int) -> torch.Tensor:
        return epochs(compose([T.Swap(), T.Offset(), T.Cutout()], seed=seed), torch_seed)

    first = views(4, 1)
    torch.testing.assert_close(views(4, 1), first, rtol=0, atol=0)
    for other in ((5, 1), (4, 2)):
        assert (views(*other) - first).abs().max() > 0.1


def test_without_workers_the_seed_of_the_compose_decides() -> None:
    def views(seed: int | None) -> np.ndarray:
        transform = PhaseSafe([T.Offset(), T.Turbulence()], seed=seed)
        return np.stack([transform(image=IMAGE)["image"] for _ in range(4)])

    np.testing.assert_array_equal(views(3), views(3))
    assert not np.allclose(views(3), views(4))
    assert not np.allclose(views(None), views(None))
    assert len(np.unique(views(3)[:, 0, 0])) == 4


def together(transforms: list[A.BasicTransform], compose: type[A.Compose]) -> float:
    """How often two transforms of p = 1/2 agree on whether to act."""
    made = compose(transforms, seed=0, save_applied_params=True)
    return float(np.mean([len(made(image=np.ones((8, 8, 2), np.float32))["applied_transforms"]) != 1
                          for _ in range(200)]))  # fmt: skip


def test_transforms_of_one_compose_decide_apart() -> None:
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    assert together(flips, A.Compose) == 1.0, "the library's: one seed for all"
    assert 0.35 < together(flips, PhaseSafe) < 0.65
    assert 0.35 < together([T.Swap(), T.Ramp()], A.Compose) < 0.65
    assert 0.35 < together([T.Swap(), T.Swap()], PhaseSafe) < 0.65


def test_the_global_generators_stay() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    PhaseSafe([T.Elastic(p=1.0), T.Decorrelation(p=1.0), T.Turbulence(p=1.0)])(
        image=np.ones((32, 32), np.complex64)
    )
    torch.testing.assert_close(torch.rand(4), expected)
