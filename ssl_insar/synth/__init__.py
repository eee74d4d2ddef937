"""Simulated interferograms: sources, atmosphere, decorrelation; as archives and as product files."""
