"""What an encoder has to beat, each made here from an archive; see "Baselines" in `evaluation/README.md`."""
