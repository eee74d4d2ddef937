"""Fine-tuning: an encoder that goes on learning from a few labels, begun at a linear probe."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.archive.groups import groups_of
from ssl_insar.augment import ViewsConfig
from ssl_insar.classify.averaging import Averaging, averaged
from ssl_insar.classify.best_weights import BestWeights
from ssl_insar.classify.drawing import labelled_batches
from ssl_insar.classify.fine_tune_head import Head, Network
from ssl_insar.classify.frozen import both_sides, softmax
from ssl_insar.classify.label_safe_views import LabelledViews, label_safe
from ssl_insar.classify.layer_decay import parameter_groups, stages, unfreeze
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.multi_label import MultiLabel
from ssl_insar.classify.targets import Balance, Targets
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.models.precision import best_device
from ssl_insar.pretrain.loop import Course, train
from ssl_insar.pretrain.module import Schedule
from ssl_insar.pretrain.recipe import OptimConfig

LEAST_STEPS = 10
"""Steps of an epoch, at least: ten labels are one batch, and a look after each would be all there is."""
POPULATION = 2048
"""Tiles, at most, whose embeddings standardise those of the probe that is begun with."""


@dataclass(frozen=True)
class FineTuneSettings:
    """How an encoder is fine-tuned.

    Attributes:
        epochs: at most; one is a draw of as many tiles as there are labels.
        batch_size: tiles a step; fewer where there are fewer labels.
        lr: of AdamW for the head, after the warm-up; a cosine takes it to a thousandth.
        decay: of the rate from a layer to the one before it.
        weight_decay: of AdamW.
        warmup_epochs: of linear warm-up.
        patience: epochs without a better score on volcanoes set aside, after which training ends; counted
            from where the first stage of the encoder begins to learn (see ``unfreeze``).
        folds: one part in so many of the volcanoes is set aside for that; 0: none, and the last weights are
            taken.
        unfreeze: epochs between one stage of the encoder and the one before it beginning to learn, the head
            alone at first; 0: all learn from the start. SarNet's transfer learning trains the last layer,
            then the last stage with it, and so on, as its user chooses (Brengman & Barnhart 2021, and its
            ``transfer_learn.py``); in the course of one training it is the gradual unfreezing of Howard &
            Ruder 2018 (ULMFiT).
        balance: each class is drawn alike (``sampling``), or weighs alike (``weights``), or neither; several
            labels are always balanced by weights.
        signed: the classes differ by the sign of the phase.
        seed: of folds, batches and views.
    """

    epochs: int = 20
    batch_size: int = 32
    lr: float = 1e-3
    decay: float = 0.75
    weight_decay: float = 0.05
    warmup_epochs: float = 2.0
    patience: int = 5
    folds: int = 5
    unfreeze: int = 0
    balance: Balance = "sampling"
    signed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.patience) < 1 or min(self.unfreeze, self.warmup_epochs) < 0:
            raise ValueError("epochs, batch_size and patience are 1 or more; unfreeze and warm-up 0 or more")
        if not (self.lr > 0 and 0 < self.decay <= 1 and self.weight_decay >= 0):
            raise ValueError(f"lr > 0, 0 < decay <= 1 and weight_decay >= 0, not {dataclasses.asdict(self)}")
        if self.folds == 1 or self.folds < 0:
            raise ValueError("folds is 0, or 2 or more")


class FineTuned(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier of tiles, after scikit-learn's manner, whose encoder learns from the labels, too.

    It begins as a linear probe on the frozen encoder (LP-FT), ends as one on the encoder that it has
    trained, and is never worse than where it began on the volcanoes that were set aside to judge by.

    Args:
        encoder: what to begin with; it is left as it is.
        settings: see `FineTuneSettings`.
        views: effects of the views trained on; None: `label_safe`.
        work: folder of the training, with which an interrupted `fit` goes on; None: a temporary one.
        progress: draw progress bars.

    Attributes:
        encoder_: that was trained.
        heads_: a linear probe on its unit features; one a label where there are several.
        classes_: (K,) classes; for several labels 0 and 1.
        labels_: names of several labels; None for classes that exclude each other.
        count_: tiles with a label.
        volcanoes_: names of all groups that it has seen labels of.
        history_: score on the volcanoes set aside after each epoch, the first the probe's; empty where the
            labels did not allow to set any aside.
        best_epoch_: whose weights were taken.
    """

    def __init__(
        self,
        encoder: Encoder,
        settings: FineTuneSettings | None = None,
        views: ViewsConfig | None = None,
        work: Path | None = None,
        progress: bool = True,
    ) -> None:
        self.encoder = encoder
        self.settings = settings
        self.views = views
        self.work = work
        self.progress = progress

    def fit(
        self,
        X: Archive,
        y: pd.DataFrame | pd.Series[Any] | ArrayLike,
        groups: ArrayLike | None = None,
        population: NDArray[np.int64] | None = None,
    ) -> FineTuned:
        """Train on the labelled tiles of an archive.

        Args:
            X: N tiles.
            y: (N,) classes, missing where unknown in a nullable Series; or a data frame of N rows with a
                column of 0, 1 and missing for each of several labels.
            groups: (N,) groups, none of which is both trained on and set aside; None: volcanoes.
            population: positions of tiles, labelled or not, that the features of the probe begun with are
                standardised by, at most `POPULATION` of them; None: any of the archive.

        Raises:
            UserError: labels that allow no classifier, or a folder ``work`` of another training.
            click.Abort: Ctrl-C; the same call goes on.
        """
        settings = self.settings or FineTuneSettings()
        targets = Targets.of(y, len(X))
        names = np.asarray(groups_of(X.catalogue) if groups is None else groups).astype(str)
        rows = targets.rows
        split = targets.split(rows, names, settings.folds, settings.seed) if settings.folds else None
        learned, judged = split or (rows, rows[:0])
        around = np.arange(len(X)) if population is None else np.asarray(population)
        around = around[~np.isin(names[around], np.unique(names[judged]))]
        encoder = copy.deepcopy(self.encoder).eval().to(best_device())
        encoder.requires_grad_(True).to(memory_format=torch.channels_last)
        probes = _probes(encoder, X, targets, names, learned, around, settings.seed)
        net = Network(encoder, Head(probes)).eval().to(best_device())
        keeper = BestWeights(
            net,
            settings.patience,
            lambda: targets.score(_logits(net, X, judged), judged),
            since=settings.unfreeze,
        )
        with self._folder() as folder:
            self._train(net, X, targets, learned, keeper if len(judged) else None, settings, Path(folder))
        if keeper.history:
            keeper.restore()
        net.eval().requires_grad_(True)
        self.history_, self.best_epoch_ = keeper.history, keeper.best if keeper.history else settings.epochs
        self.classes_, self.labels_, self.count_ = targets.classes, targets.labels, len(rows)
        self.volcanoes_ = frozenset(names[rows].tolist())
        self.encoder_ = self._finished(net.encoder, settings)
        self.heads_ = net.head.probes(probes, averaged(encoder, X, learned))
        for head in self.heads_:
            head.encoder_hash_ = self.encoder_.hash
        return self

    def decision_function(self, X: Archive, averaging: Averaging | None = None) -> NDArray[np.float64]:
        """Log-odds of the second of two classes or of each of several labels; logits of more classes.

        Shape:
            N tiles -> (N,), (N, L) or (N, K)
        """
        if not hasattr(self, "heads_"):
            raise UserError("the classifier is not fitted; call fit first")
        self.encoder_.to(best_device())
        unit = averaged(self.encoder_, X, np.arange(len(X)), averaging)
        odds = [head.decision_function(unit) for head in self.heads_]
        return odds[0] if self.labels_ is None else np.stack(odds, axis=1)

    def predict_proba(self, X: Archive, averaging: Averaging | None = None) -> NDArray[np.float64]:
        """Probability of each class, or that each of several labels is 1; not calibrated.

        Args:
            X: N tiles.
            averaging: versions of a tile over which the log-odds are averaged; None: the tile as it is.

        Shape:
            N tiles -> (N, K), rows sum to 1; or (N, L)
        """
        odds = self.decision_function(X, averaging)
        if self.labels_ is None:
            return softmax(both_sides(odds))
        several: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
        return several

    def predict(self, X: Archive, averaging: Averaging | None = None) -> NDArray[Any]:
        """Most probable class, (N,); or 0 and 1 for each of several labels, (N, L)."""
        probability = self.predict_proba(X, averaging)
        if self.labels_ is None:
            return np.asarray(self.classes_[probability.argmax(axis=1)])
        return (probability > 0.5).astype(np.int64)

    def score(
        self, X: Archive, y: pd.DataFrame | pd.Series[Any] | ArrayLike, averaging: Averaging | None = None
    ) -> float:
        """Average precision among the tiles with a label: mean over labels, or classes against the rest.

        Raises:
            UserError: classes that it does not know.
        """
        targets = Targets.of(y, len(X))
        if targets.classes.tolist() != self.classes_.tolist():
            raise UserError(f"the labels are {targets.classes.tolist()}, not {self.classes_.tolist()}")
        odds = self.decision_function(X, averaging)
        rows = targets.rows
        return targets.score(odds.reshape(len(odds), -1)[rows], rows)

    def save(self, path: str | Path) -> None:
        """Write a folder that ``ssl-insar classify predict`` reads: encoder (safetensors, card) and heads.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        from ssl_insar.classify.saved import SavedClassifier

        SavedClassifier.of(self).save(path)

    @classmethod
    def load(cls, path: str | Path) -> FineTuned:
        """Read what `save` wrote.

        Raises:
            UserError: no fine-tuned classifier there, damaged, or a newer format.
        """
        from ssl_insar.classify.saved import SavedClassifier

        saved = SavedClassifier.load(path)
        if saved.encoder is None:
            raise UserError(f"{path}: holds a classifier of embeddings, and no encoder that was fine-tuned")
        model = cls(saved.encoder)
        model.encoder_ = saved.encoder
        parts = list(saved.parts.values())
        heads = [part.model for part in parts]
        model.heads_ = [head for head in heads if isinstance(head, LinearProbe)]
        model.classes_ = parts[0].classes
        model.labels_ = tuple(saved.parts) if saved.several else None
        model.count_ = max(head.count_ for head in heads)
        model.volcanoes_ = parts[0].volcanoes
        about = saved.encoder.card.about.get("fine_tuned", {})
        model.history_ = list(about.get("validation", []))
        model.best_epoch_ = int(about.get("epoch", 0))
        return model

    def _folder(self) -> Any:
        """Where the training lies, as a context."""
        if self.work is not None:
            return nullcontext(self.work)
        return tempfile.TemporaryDirectory(prefix="ssl-insar-fine-tune-")

    def _train(
        self,
        net: Network,
        archive: Archive,
        targets: Targets,
        rows: NDArray[np.intp],
        keeper: BestWeights | None,
        settings: FineTuneSettings,
        folder: Path,
    ) -> None:
        """Train the network in place."""
        device = best_device()
        config = self.views or label_safe(settings.signed)
        views = LabelledViews(archive, config, net.encoder.spec, settings.seed, device)
        truth = torch.tensor(targets.values, dtype=torch.float32, device=device)
        weights = torch.tensor(targets.weights(rows, settings.balance), dtype=torch.float32, device=device)
        size = min(settings.batch_size, len(rows))
        per_epoch = max(LEAST_STEPS, -(-len(rows) // size))
        parts = stages(net.encoder.backbone)

        def loss(positions: list[int], step: int) -> Tensor:
            if settings.unfreeze:
                unfreeze(parts, step // per_epoch // settings.unfreeze)
            x, where = views(positions, step)
            return targets.loss(net(x).float(), truth[where], weights)

        optimizer = torch.optim.AdamW(
            parameter_groups(
                net.encoder.backbone, net.head, settings.lr, settings.decay, settings.weight_decay
            )
        )
        plan = Schedule(OptimConfig(epochs=settings.epochs, warmup_epochs=settings.warmup_epochs), per_epoch)
        course = Course(
            steps_per_epoch=per_epoch,
            epochs=settings.epochs,
            batches=partial(
                labelled_batches,
                rows,
                targets.chances(rows, settings.balance),
                size,
                per_epoch * settings.epochs,
                settings.seed,
            ),
            images=size,
            optimizer=optimizer,
            schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, plan),
            look=keeper.look if keeper else lambda _: False,
            parts={"best": keeper} if keeper else {},
        )
        about = dataclasses.asdict(settings) | {
            "what": "fine-tuning",
            "encoder": self.encoder.hash,
            "archive_digest": archive.digest,
            "labels": targets.digest,
            "tiles": len(rows),
            "views": config.model_dump(mode="json"),
        }
        remedy = "give --out a new name, or remove that folder"
        train(net, loss, course, folder, about, shown=self.progress, what="fine-tune", remedy=remedy)

    def _finished(self, encoder: Encoder, settings: FineTuneSettings) -> Encoder:
        """The encoder with what was done to it on its card; ``labels`` tells evaluations of it."""
        done = {
            "from": self.encoder.hash,
            "settings": dataclasses.asdict(settings),
            "epoch": self.best_epoch_,
            "validation": [round(value, 6) for value in self.history_],
        }
        facts = {"labels": f"{self.count_} tiles, fine-tuned", "fine_tuned": done}
        encoder.card = dataclasses.replace(encoder.card, about=encoder.card.about | facts)
        encoder.loaded_from = None
        return encoder


def _probes(
    encoder: Encoder,
    archive: Archive,
    targets: Targets,
    names: NDArray[Any],
    rows: NDArray[np.intp],
    around: NDArray[np.int64],
    seed: int,
) -> list[LinearProbe]:
    """A linear probe on the frozen encoder, or one a label."""
    if len(around) > POPULATION:
        around = np.random.default_rng(seed).permutation(around)[:POPULATION]
    population = averaged(encoder, archive, around) if len(around) else None
    unit = averaged(encoder, archive, rows)
    if targets.labels is None:
        y = targets.classes[targets.codes(rows)]
        return [LinearProbe(seed=seed).fit(unit, y, names[rows], population)]
    table = pd.DataFrame(targets.values[rows], columns=list(targets.labels)).astype("Int64")
    several = MultiLabel(LinearProbe(seed=seed)).fit(unit, table, names[rows], population)
    return [probe for probe in several.classifiers_ if isinstance(probe, LinearProbe)]


def _logits(net: Network, archive: Archive, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """What the network puts out for tiles as they are, (n, outputs)."""
    unit = torch.from_numpy(averaged(net.encoder, archive, rows)).to(best_device())
    with torch.no_grad():
        found: NDArray[np.float64] = net.head(unit).double().cpu().numpy()
    return found
