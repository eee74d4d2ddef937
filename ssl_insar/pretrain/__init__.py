"""Self-supervised pretraining: recipe in, encoder out."""

from ssl_insar.pretrain.recipe import Recipe
from ssl_insar.pretrain.run import pretrain

__all__ = ["Recipe", "pretrain"]
