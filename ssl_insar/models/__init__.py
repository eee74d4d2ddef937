"""Encoders and what they produce."""

from ssl_insar.models.embeddings import Embeddings
from ssl_insar.models.encoder import Encoder, InputSpec

__all__ = ["Embeddings", "Encoder", "InputSpec"]
