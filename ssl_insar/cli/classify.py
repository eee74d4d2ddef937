"""``ssl-insar classify``: fit or fine-tune a classifier, score tiles with it, say what to label next."""

from __future__ import annotations

import click

from ssl_insar.cli import classify_finetune, classify_fit, classify_predict, classify_suggest


@click.group("classify")
def command() -> None:
    """Fit a classifier on embeddings, and score tiles with it."""


for _part in (
    classify_fit.fit,
    classify_finetune.finetune,
    classify_predict.predict,
    classify_suggest.suggest,
):
    command.add_command(_part)
