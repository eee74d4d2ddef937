"""The page of results: what it says of made numbers, and the figures beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.colors import to_rgb
from PIL import Image

from evaluation import records, results
from evaluation.few_shot import SHARES, SHOTS, part_of
from evaluation.leave_one_volcano_out import MEAN, VOLCANO
from evaluation.published import LEAK, SPLIT
from evaluation.records import RESULTS
from ssl_insar.classify.compare import PRIOR
from ssl_insar.errors import UserError
from ssl_insar.maps import figures

SAME = {
    "archive_digest": "a" * 64,
    "test_digest": "",
    "target": "deformation",
    "seed": 3,
    "git_commit": "c0ffee" * 7,
    "false_alarms": "2/frame-year",
    "tiles": 200,
    "volcanoes": 12,
    "positive_volcanoes": 4,
    "classes": "0: 150, 1: 50",
    "chance_ap": 0.25,
    "pretrained_on": "",
}


def _line(protocol: str, part: str, method: str, metric: str, value: float, **more: object) -> dict:
    """One number, with an interval of .1 to either side."""
    ends = {"low": value - 0.1, "high": value + 0.1, "run_spread": np.nan}
    return SAME | {"protocol": protocol, "part": part, "method": method, "metric": metric} | ends | {
        "value": value
    } | more  # fmt: skip


def _few_shot() -> list[dict]:
    """``ours`` rises by .04 a step, ``peer`` is always .2 lower, and ``best`` always out of reach.

    17 of 20 draws hold 50 labels a class; every draw scores the same.
    """
    lines = []
    for unit, numbers in (("a class", SHOTS), ("%", SHARES)):
        for step, number in enumerate(numbers):
            part, ours = part_of(number, unit), 0.60 + 0.04 * step
            count = 17 if part == "50 a class" else 20
            draws = {"draws": count, "draws_hash": "d"}
            for method, value in (("ours", ours), ("peer", ours - 0.2), ("best", 0.9), (PRIOR, 0.5)):
                values = _drawn([value] * count + [np.nan] * (20 - count))
                lines.append(_line("few_shot", part, method, "auroc", value, **draws, draw_values=values))
                if method != "ours":
                    lines.append(_line("few_shot", part, method, "auroc_lead", ours - value, **draws))
    return lines


def _drawn(values: list[float]) -> str:
    """Scores of draws as they stand in a line."""
    return " ".join(f"{value:.6f}" for value in values)


def _volcanoes() -> list[dict]:
    lines = []
    for method, values in (("ours", (0.95, 0.4, 0.8)), ("peer", (0.7, 0.75, 0.1))):
        lines.append(_line("leave_one_volcano_out", "all", method, "auroc", 0.77, run_spread=0.02))
        for name, value in zip(("etna", "mt_fogo", "taal"), values, strict=True):
            own = {"positives": 5, "tiles": 9, "volcanoes": np.nan}
            lines.append(_line("leave_one_volcano_out", VOLCANO + name, method, "auroc", value, **own))
        lines.append(_line("leave_one_volcano_out", MEAN, method, "auroc", float(np.mean(values))))
    return lines


def _published(positives: int) -> list[dict]:
    told = {"found": 30.5, "positives": positives, "alarms": 2, "negatives": 32, "accuracy": 0.95}
    lines = [_line("published", "test", "ours", "auroc", 0.9, split="set")]
    lines += [_line("published", "test", "ours", metric, value) for metric, value in told.items()]
    return [*lines, _line("published", "test", SPLIT, LEAK + "volcano", 60, tiles=64, volcanoes=np.nan)]


def _write(folder: Path, lines: list[dict]) -> Path:
    pd.DataFrame(lines).to_csv(folder / RESULTS, index=False)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all sections, made by the command."""
    folder = tmp_path_factory.mktemp("results")
    probe = [_line("linear_probe", "all", "ours", "ap", 0.5, pretrained_on=SAME["archive_digest"])]
    _write(folder, [*probe, *_few_shot(), *_volcanoes(), *_published(32)])
    done = CliRunner().invoke(
        results.command, [str(folder), "--out", str(folder / "page.md")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return folder


def test_sections_tables_and_what_was_scored(written: Path) -> None:
    page = (written / "page.md").read_text()
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    order = ("linear_probe", "leave_one_volcano_out", "few_shot", "published")
    assert titles == [f"## {results.TITLES[name]}" for name in order]
    assert "archive aaaaaaaa: 200 tiles at 12 volcanoes (0: 150, 1: 50), positives at 4." in page
    assert "Chance AP 0.250, AUROC .5. Seed 3, commit c0ffeec0. Split: set." in page
    assert page.count("on the very tiles scored: ours.") == 1
    assert "| ours | 0.500 [0.400, 0.600] |" in page
    assert "| ours | 0.770 [0.670, 0.870] ±0.020 |" in page


def test_the_worst_volcano_is_shown(written: Path) -> None:
    page = (written / "page.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| etna", "| taal", "| mt_fogo"))]
    assert rows == [
        "| etna | 5 of 9 | 0.950 | 0.700 |",
        "| taal | 5 of 9 | 0.800 | 0.100 |",
        "| mt_fogo | 5 of 9 | 0.400 | 0.750 |",
    ]
    assert "| **worst** |  | 0.400 (mt_fogo) | 0.100 (taal) |" in page
    assert "| **mean** |  | 0.717 [0.617, 0.817] | 0.517 [0.417, 0.617] |" in page


def test_how_many_labels_are_needed(written: Path) -> None:
    page = (written / "page.md").read_text()
    # peer has .56 with all labels, which one label a class exceeds; .9 is not reached.
    assert (
        "To match the AUROC of 0.560 of peer with all labels of the other volcanoes, ours needs 1 label "
        in page
    )
    assert (
        "0.900 of best with all labels of the other volcanoes, ours needs more labels than there are." in page
    )
    assert "volcano prior with all" not in page
    assert "Draws: 20; fewer where a half holds too few labels (50 a class: 17)." in page
    lines = pd.DataFrame(_few_shot())
    for aim, said in ((0.7, "20 labels a class (0.760)"), (0.9, "more labels")):
        best = (lines["method"] == "best") & (lines["metric"] == "auroc")
        lines.loc[best, "draw_values"] = _drawn([aim + 0.03] * 20)
        (sentence,) = [s for s in results.labels_needed(lines) if "of best" in s]
        assert said in sentence
    # Few labels a class stop short of what a share of them reaches.
    short = lines[~lines["part"].isin([part_of(n, "a class") for n in SHOTS[1:]])]
    short.loc[(short["method"] == "best") & (short["metric"] == "auroc"), "draw_values"] = _drawn([0.7] * 20)
    (sentence,) = [s for s in results.labels_needed(short) if "of best" in s]
    assert sentence.endswith("ours needs 25 % of the labels.")


def test_labels_needed_are_of_draws_that_both_have() -> None:
    # The two draws that hold 50 labels a class are the easy ones, for both methods.
    said = {
        ("ours", "10 a class"): [0.6, 0.6, 0.6, 0.6],
        ("ours", "50 a class"): [0.8, 0.8, np.nan, np.nan],
        ("ours", "100 %"): [0.9, 0.9, 0.8, 0.8],
        ("peer", "100 %"): [0.9, 0.9, 0.6, 0.6],
    }
    made = [
        _line("few_shot", part, method, "auroc", float(np.nanmean(values)), draw_values=_drawn(values))
        | {"draws_hash": "d"}
        for (method, part), values in said.items()
    ]
    lines = pd.DataFrame(made)
    # Over all its draws peer has .75, which ours exceeds by .8 over the easy ones: that is no match.
    (sentence,) = results.labels_needed(lines)
    assert "AUROC of 0.750 of peer with all labels" in sentence
    assert sentence.endswith("ours needs 100 % of the labels.")
    lines.loc[1, "draw_values"] = _drawn([0.95, 0.95, np.nan, np.nan])
    (sentence,) = results.labels_needed(lines)
    assert "50 labels a class (0.950 against 0.900 on the 2 of 4 draws that hold so many)." in sentence
    lines.loc[3, "draws_hash"] = "other"
    (sentence,) = results.labels_needed(lines)
    assert "match peer cannot be told: they were not scored on the same draws" in sentence


def test_leads_are_over_the_first_method_of_the_newest_run(tmp_path: Path) -> None:
    def lines(first: str, hash_: str, others: dict[str, float]) -> list[dict]:
        over = {"lead_over": first, "lead_over_hash": hash_}
        found = [_line("linear_probe", "all", first, "auroc", 0.8, **over)]
        for name, lead in others.items():
            found.append(_line("linear_probe", "all", name, "auroc", 0.8 - lead, **over))
            found.append(_line("linear_probe", "all", name, "auroc_lead", lead, **over))
        return found

    def rows() -> list[str]:
        page = results.page(records.read(tmp_path), tmp_path / "page.md")
        return [line for line in page.splitlines() if line.startswith(("| method", "| ours", "| new", "| p"))]

    old = lines("ours", "h1", {"peer": 0.25, "pca": 0.5})
    _write(tmp_path, old)
    assert rows()[2].endswith("| 0.250 [0.150, 0.350] |")
    for first, hash_ in (("new", "h2"), ("ours", "h2")):  # another method, and another encoder of its name
        _write(tmp_path, old + lines(first, hash_, {"pca": 0.125}))
        shown = rows()
        assert shown[0] == "| method | AUROC | AUROC lead |"
        assert shown[1].startswith(f"| {first} |")
        assert next(row for row in shown if row.startswith("| peer")).endswith("0.650] |  |")
        assert next(row for row in shown if row.startswith("| pca")).endswith("| 0.125 [0.025, 0.225] |")


def test_a_commit_with_changes_is_told_from_one_without(tmp_path: Path) -> None:
    lines = [_line("linear_probe", "all", "ours", "ap", 0.5, git_commit="c0ffee" * 7 + "-dirty")]
    page = results.page(records.read(_write(tmp_path, lines)), tmp_path / "page.md")
    assert "commit c0ffeec0-dirty." in page


def test_the_published_split_stands_beside_what_was_published(written: Path, tmp_path: Path) -> None:
    page = (written / "page.md").read_text()
    assert "| test tiles of a volcano that training holds, too | 60 of 64 |" in page
    assert "| ours | 30.5 of 32 | 2 of 32 | 0.950 |" in page
    assert "| *as published for it* | 31 of 32 | 4 of 32 | 0.922 |" in page
    assert "comparable if this is that split" in page
    other = results.page(
        pd.read_csv(_write(tmp_path, _published(25)) / RESULTS).fillna({"test_digest": ""}), tmp_path / "p.md"
    )
    assert "Here others are scored, so that nothing follows" in other


def test_positives_at_one_volcano_are_pointed_out(tmp_path: Path) -> None:
    lines = [_line("linear_probe", "all", "ours", "ap", 0.5, positive_volcanoes=1, pretrained_on="")]
    table = results.records.read(_write(tmp_path, lines))
    assert "**All positives are at one volcano" in results.page(table, tmp_path / "p.md")


def test_figures_show_the_first_method_and_are_the_same_each_time(written: Path) -> None:
    names = sorted(path.name for path in written.iterdir() if path.suffix in (".png", ".svg"))
    stems = [f"page_{name}" for name in ("few_shot_aaaaaa_auroc", "leave_one_volcano_out_aaaaaa_volcanoes")]
    assert names == [stem + suffix for stem in stems for suffix in (".png", ".svg")]
    page = (written / "page.md").read_text()
    for stem in stems:
        assert f"]({stem}.png)" in page
        pixels = np.asarray(Image.open(written / f"{stem}.png").convert("RGB"), float) / 255
        for colour in (figures.ORANGE, figures.BLUE):  # ours, peer
            assert (np.abs(pixels - to_rgb(colour)).max(axis=-1) < 0.02).sum() > 50
        # Nothing is cut off at the rim.
        rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (rim == 1).all()
    before = {name: (written / name).read_bytes() for name in names}
    CliRunner().invoke(results.command, [str(written), "--out", str(written / "page.md")])
    assert {name: (written / name).read_bytes() for name in names} == before


def test_a_folder_without_results_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run a protocol with --out"):
        CliRunner().invoke(results.command, [str(tmp_path)], catch_exceptions=False)
