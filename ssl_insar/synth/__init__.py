"""Simulated interferograms: sources, atmosphere, decorrelation, and collections of product files."""

from ssl_insar.synth.collection import simulate_collection

__all__ = ["simulate_collection"]
