"""The parts of fine-tuning: layer rates, stages, balanced batches, labels, early stop, averaging."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss
from torch import nn

from ssl_insar.archive import Archive
from ssl_insar.classify.averaging import Averaging, averaged
from ssl_insar.classify.best_weights import BestWeights
from ssl_insar.classify.drawing import labelled_batches
from ssl_insar.classify.fine_tune_head import Head
from ssl_insar.classify.label_safe_views import LabelledViews, label_safe
from ssl_insar.classify.layer_decay import parameter_groups, stages, unfreeze
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.multi_label import MultiLabel
from ssl_insar.classify.targets import Targets
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec


def _rates(net: nn.Module, decay: float) -> dict[str, float]:
    head = nn.Linear(4, 1)
    names = {id(p): name for name, p in [*net.named_parameters(), *head.named_parameters("head")]}
    groups = parameter_groups(net, head, 1.0, decay, 0.05)
    found = {names[id(p)]: group["lr"] for group in groups for p in group["params"]}
    assert len(found) == len(names) == sum(len(group["params"]) for group in groups)
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] in (0.0, 0.05)
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1 and group is not groups[-1])
    return found


def test_each_layer_learns_more_slowly_than_the_next() -> None:
    rates = _rates(Encoder("resnet10t", InputSpec(32)).backbone, 0.5)
    assert rates["head.weight"] == 1
    # Stem and four blocks, of which the last is one layer before the head.
    assert [rates[f"layer{i}.0.conv1.weight"] for i in (4, 3, 2, 1)] == [0.5, 0.25, 0.125, 0.0625]
    assert rates["conv1.0.weight"] == 0.03125
    assert set(_rates(Encoder("resnet10t", InputSpec(32)).backbone, 1.0).values()) == {1.0}


def test_networks_that_know_no_layers_have_them_all_the_same() -> None:
    net = Encoder("alexnet", InputSpec(64)).backbone
    rates = _rates(net, 0.5)
    assert rates["features.0.weight"] < rates["classifier.4.weight"] < rates["head.weight"]
    parts = stages(net)
    assert [len(part) for part in parts] == [2] * 7
    assert parts[0][0] is net.get_parameter("features.0.weight")


def test_stages_thaw_from_the_last() -> None:
    net = Encoder("resnet10t", InputSpec(32)).backbone
    parts = stages(net)
    assert len(parts) == 5
    for count, learning in ((0, ()), (1, ("layer4",)), (2, ("layer3", "layer4"))):
        unfreeze(parts, count)
        thawed = {name.split(".")[0] for name, p in net.named_parameters() if p.requires_grad}
        assert thawed == set(learning)
    unfreeze(parts, 9)
    assert all(p.requires_grad for p in net.parameters())


def test_batches_hold_each_class_alike_and_follow_from_the_step() -> None:
    rows = np.arange(100, 130)
    codes = np.repeat([0, 1, 2], [24, 4, 2])
    values = np.full((200, 1), np.nan)
    values[rows, 0] = codes
    targets = Targets(values, np.array(["a", "b", "c"]), None)
    drawn = list(labelled_batches(rows, targets.chances(rows, "sampling"), 12, 50, seed=3))
    counts = np.array([np.bincount(codes[np.array(batch) - 100], minlength=3) for batch in drawn])
    assert (abs(counts - 4) <= 1).all()
    assert {tile for batch in drawn for tile in batch} == set(rows.tolist())
    assert (
        list(labelled_batches(rows, targets.chances(rows, "sampling"), 12, 50, seed=3, start=20))
        == drawn[20:]
    )
    plain = np.concatenate(list(labelled_batches(rows, targets.chances(rows, "weights"), 10, 60, seed=3)))
    np.testing.assert_allclose(np.bincount(plain - 100) / len(plain), 1 / 30, atol=0.02)
    whole = next(labelled_batches(rows, targets.chances(rows, "none"), 30, 1, seed=0))
    assert sorted(whole) == rows.tolist()


def test_the_loss_is_that_of_scikit_learn_and_ignores_what_is_unknown() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0, 0, 0, 1.0])
    targets = Targets.of(truth.astype(int), 4)
    logits = rng.normal(size=(4, 1))
    weights = targets.weights(np.arange(4), "weights")
    np.testing.assert_allclose(weights, [[4 / 6, 2]])  # n / (K n_k)
    given = [torch.tensor(x) for x in (logits, truth[:, None], weights)]
    expected = log_loss(truth, expit(logits[:, 0]), sample_weight=weights[0][truth.astype(int)])
    assert float(targets.loss(*given)) == pytest.approx(expected)

    table = pd.DataFrame({"dyke": [0, 1, None, None], "sill": [1, 0, 0, None]}, dtype="Int64")
    several = Targets.of(table, 4)
    assert several.rows.tolist() == [0, 1, 2]
    assert several.outputs == 2
    two = torch.tensor(rng.normal(size=(4, 2)), requires_grad=True)
    several.loss(two, torch.tensor(several.values), torch.ones(2, 2, dtype=torch.float64)).backward()
    assert (two.grad != 0).tolist() == [[True, True], [True, True], [False, True], [False, False]]

    three = Targets.of(np.array(["a", "b", "c", "a"]), 4)
    assert three.outputs == 3
    z = rng.normal(size=(4, 3))
    found = three.loss(torch.tensor(z), torch.tensor(three.values), torch.ones(1, 3, dtype=torch.float64))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert float(found) == pytest.approx(log_loss([0, 1, 2, 0], p))


def test_labels_that_allow_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="all labels are '1'; fine-tuning needs two classes"):
        Targets.of(np.ones(5, int), 5)
    with pytest.raises(UserError, match="no tile has a label"):
        Targets.of(pd.Series([None] * 5, dtype="Int64"), 5)
    with pytest.raises(UserError, match="label 'dyke' must be 0 and 1"):
        Targets.of(pd.DataFrame({"dyke": [1, 1, None]}, dtype="Int64"), 3)
    with pytest.raises(ValueError, match="4 labels for 5 tiles"):
        Targets.of(np.ones(4), 5)


def test_the_best_weights_are_kept_and_given_back() -> None:
    net = nn.Linear(1, 1)
    scores = [0.2, 0.5, 0.4, 0.5, 0.3, 0.9]
    keeper = BestWeights(net, 3, lambda: scores[int(net.weight.item())])

    def look(epoch: int) -> bool:
        with torch.no_grad():
            net.weight.fill_(epoch)
        return keeper.look(epoch)

    assert [look(epoch) for epoch in range(4)] == [False] * 4
    again = BestWeights(net, 3, lambda: pytest.fail("looked twice"))
    again.load_state_dict(keeper.state_dict())
    assert look(4) is True  # the first 0.5 is the best, three epochs ago
    assert again.look(3) is False
    for kept in (keeper, again):
        kept.restore()
        assert (kept.best, net.weight.item()) == (1, 1.0)


def test_patience_waits_for_the_first_stage_that_learns() -> None:
    frozen = BestWeights(nn.Linear(1, 1), 2, lambda: 0.5, since=3)
    assert [frozen.look(epoch) for epoch in range(6)] == [False] * 5 + [True]
    assert frozen.best == 0


def test_the_head_is_the_probe_it_began_as() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 8)).astype(np.float32)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for y in ((x[:, 0] > 0).astype(int), np.digitize(x[:, 1], [-0.5, 0.5])):
        probe = LinearProbe(1.0).fit(unit, y)
        head = Head([probe])
        with torch.no_grad():
            logits = head(torch.tensor(x)).numpy()
        np.testing.assert_allclose(np.squeeze(logits), probe.decision_function(unit), atol=1e-4)
        (back,) = head.probes([probe], unit)
        np.testing.assert_allclose(back.comparable(unit), probe.comparable(unit), atol=1e-4)
    several = MultiLabel(LinearProbe(1.0)).fit(unit, (x[:, :2] > 0).astype(float))
    head = Head(several.classifiers_)
    with torch.no_grad():
        np.testing.assert_allclose(
            torch.sigmoid(head(torch.tensor(x))).numpy(), several.predict_proba(unit), atol=1e-4
        )
    assert [len(p.coef_) for p in head.probes(several.classifiers_, unit)] == [1, 1]


def test_averages_do_not_depend_on_what_is_averaged_over(archive_path) -> None:
    archive = Archive.open(archive_path)
    encoder = Encoder("resnet10t", InputSpec(32)).eval()
    rows = np.arange(3)
    plain = averaged(encoder, archive, rows)
    assert np.allclose(np.linalg.norm(plain, axis=1), 1, atol=1e-5)
    assert np.allclose(averaged(encoder, archive, rows, Averaging(1, flip=False)), plain, atol=1e-5)

    tile = torch.randn(1, 2, 8, 8)
    turned = torch.stack([-tile[:, 1], tile[:, 0]], 1)  # a quarter cycle
    for other in (turned, tile.flip(-1), tile * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)):
        a, b = (torch.cat(Averaging(4, swap=True).versions(field)).flatten(1) for field in (tile, other))
        assert len(a) == 16
        assert (torch.cdist(a, b).min(dim=1).values < 1e-5).all()  # the same set of versions
    with pytest.raises(ValueError, match="offsets is 1 or more"):
        Averaging(0)


def test_label_safe_views_swap_dates_only_where_the_sign_says_nothing() -> None:
    assert label_safe().swap.p > 0
    assert label_safe(signed=True).swap.p == 0
    for config in (label_safe(), label_safe(True)):
        assert config.cutout.p == config.blanks.p == config.rewrap.p == config.real_factor.p == 0
        assert config.crop.area[0] >= 0.8
        assert config.turbulence.rms[1] <= config.cap <= 0.3


def test_views_have_the_spacing_and_wavelength_of_the_archive(archive_path) -> None:
    archive = Archive.open(archive_path)
    plain = LabelledViews(archive, label_safe(), InputSpec(24), 0, torch.device("cpu")).views.config
    assert (plain.pixel_spacing, plain.radar_wavelength) == (100.0, label_safe().radar_wavelength)
    archive.catalogue[["spacing", "wavelength"]] = 30.0, 0.24
    told = LabelledViews(archive, label_safe(), InputSpec(24), 0, torch.device("cpu")).views.config
    assert (told.pixel_spacing, told.radar_wavelength) == (30.0, 0.24)
    # What the effects name stands.
    named = label_safe().model_copy(update={"spacing": 50.0})
    kept = LabelledViews(archive, named, InputSpec(24), 0, torch.device("cpu")).views.config
    assert (kept.pixel_spacing, kept.radar_wavelength) == (50.0, 0.24)


def test_views_are_made_in_full_precision_whatever_the_loss_runs_in(archive_path) -> None:
    archive = Archive.open(archive_path)
    views = LabelledViews(archive, label_safe(), InputSpec(24), 0, torch.device("cpu"))
    plain, where = views([3, 1], 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, _ = views([3, 1], 5)
    assert where.tolist() == [3, 1]
    assert torch.equal(plain, mixed)
    assert not torch.equal(plain, views([3, 1], 6)[0])
