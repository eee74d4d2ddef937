"""Protocols that measure an encoder, with their baselines; run from a checkout."""
