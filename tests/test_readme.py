"""The README's Python example runs as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from made import TINY

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_example_runs(frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    shutil.copytree(frames, "interferograms")
    shutil.move("interferograms/labels.csv", "labels.csv")
    # One label blank: unknown, which the example must bear.
    table = Path("labels.csv").read_text().replace(",1,", ",,", 1)
    Path("labels.csv").write_text(table)
    # The made crops and a recipe that trains in seconds; all else as printed.
    text = code[1].replace('labels="labels.csv"', 'labels="labels.csv", tile=64')
    text = text.replace('pretrain("cpu", archive, "run")', 'pretrain(TINY, archive, "run", progress=False)')
    assert "tile=64" in text
    assert "TINY" in text
    scope: dict[str, object] = {"TINY": TINY}
    exec(compile(text, "README.md", "exec"), scope)
    scores = scope["scores"]
    assert scores.shape == (60, 2)  # type: ignore[attr-defined]  # it came out of the README's scope
    assert len(scope["neighbours"][0]) == 10  # type: ignore[index]  # likewise
