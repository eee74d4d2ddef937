"""The commands as a user types them, in a process of their own where that matters."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import fringes, write_frames

from ssl_insar.cli import COMMANDS, group, main


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    """Run a command line; exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["ssl-insar", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    return lambda *arguments: run(capsys, monkeypatch, *arguments)


def refused(result: tuple[int, str, str], *words: str) -> None:
    """Exit code 2 and one line of error that holds these words."""
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("ssl-insar: ")]
    assert code == 2, err
    assert len(lines) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0]


def test_help_is_instant() -> None:
    subprocess.run([sys.executable, "-m", "ssl_insar", "--help"], check=True, capture_output=True)
    imports = (
        "import sys, ssl_insar.cli as c; c.group.main(['--help'], standalone_mode=False); "
        "print(sorted({'torch', 'numpy', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", imports], check=True, capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "[]", "nothing heavy is imported for --help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(cli, name: str) -> None:
    code, out, _ = cli(name, "--help")
    assert code == 0
    assert f"ssl-insar {name}" in out
    assert "Example" in out or name == "classify"


def test_list_of_commands_matches_their_help() -> None:
    import click

    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.help


def test_the_whole_flow(cli, frames: Path, run_path: Path, tmp_path: Path) -> None:
    archive, run_, emb, index = (tmp_path / n for n in ("a", "run", "emb", "index"))
    code, out, _ = cli("ingest", frames, "--out", archive, "--tile", 64, "--labels", frames / "labels.csv")
    assert (code, "60 tiles" in out) == (0, True)
    small = ["model.size=32", "model.backbone=resnet10t", "optim.epochs=1", "data.batch_size=16"]
    sets = [x for s in small for x in ("--set", s)]
    code, out, _ = cli("pretrain", "simclr-cpu", "--archive", archive, "--out", run_, *sets)
    assert (code, "encoder" in out) == (0, True)
    assert cli("embed", run_, archive, "--out", emb)[0] == 0
    assert cli("index", emb, "--out", index)[0] == 0
    tile = pd.read_parquet(emb / "catalogue.parquet")["id"][3]
    code, out, _ = cli("search", index, tile, "-k", 4, "--out", tmp_path / "found")
    assert code == 0
    found = pd.read_csv(tmp_path / "found" / "results.csv")
    assert len(found) == 4
    assert tile not in set(found["id"])
    code, out, _ = cli("classify", "fit", emb, "--out", tmp_path / "clf", "--labels", frames / "labels.csv")
    assert code == 0
    assert "AUROC" in out
    assert cli("classify", "predict", tmp_path / "clf", emb, "--out", tmp_path / "s.csv")[0] == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    assert len(scores) == 60


def test_missing_folder(cli, tmp_path: Path) -> None:
    refused(cli("ingest", tmp_path / "absent", "--out", tmp_path / "a"), "no such file or folder")
    refused(
        cli("pretrain", "simclr-cpu", "--archive", tmp_path / "no", "--out", tmp_path / "r"),
        "ssl-insar ingest",
    )
    refused(cli("embed", tmp_path / "no", tmp_path / "no", "--out", tmp_path / "e"), "no encoder here")
    refused(cli("index", tmp_path / "no", "--out", tmp_path / "i"), "ssl-insar embed")
    refused(cli("search", tmp_path / "no", "x"), "ssl-insar index")
    refused(cli("demo", "--data", tmp_path / "no", "--out", tmp_path / "d"), "no such folder")


def test_folder_with_no_readable_file(cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("nothing here")
    refused(cli("ingest", tmp_path / "in", "--out", tmp_path / "a"), "no interferogram in there")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    refused(cli("ingest", tmp_path / "in", "--out", tmp_path / "a"), "none of the 1 files", "broken.png")


def test_a_corrupt_png_among_good_ones_is_skipped_and_reported(cli, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        grey = ((fringes(64, rng, True) + np.pi) / (2 * np.pi) * 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{i}.png")
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    code, out, _ = cli("ingest", folder, "--out", tmp_path / "a", "--tile", 64)
    assert code == 0
    assert "2 tiles" in out
    assert "skipped 1 " in out
    assert "damaged PNG" in out


def test_unknown_recipe_key(cli, archive_path: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("optim:\n  epoch: 3\n")
    result = cli("pretrain", tmp_path / "r.yaml", "--archive", archive_path, "--out", tmp_path / "run")
    refused(result, "unknown key 'optim.epoch'", "did you mean 'optim.epochs'")
    assert not (tmp_path / "run").exists()


def test_labels_that_name_absent_tiles(cli, frames: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,deformation\nnowhere.npy,1\n")
    refused(
        cli("ingest", frames, "--out", tmp_path / "a", "--tile", 64, "--labels", table),
        "nowhere.npy", "--ignore-absent",
    )  # fmt: skip
    assert not (tmp_path / "a").exists(), "refused before any work"


def test_query_smaller_than_a_tile(cli, index_path: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", fringes(40, np.random.default_rng(0), True).astype(np.float32))
    refused(cli("search", index_path, tmp_path / "small.npy", "--out", tmp_path / "f"), "40 x 40", "64 x 64")


def test_index_made_by_another_encoder(cli, index_path: Path, run_path: Path, tmp_path: Path) -> None:
    from ssl_insar.models import Encoder

    Encoder.load(run_path).random_like(3).save(tmp_path / "other")
    np.save(tmp_path / "q.npy", fringes(64, np.random.default_rng(0), True).astype(np.float32))
    result = cli(
        "search", index_path, tmp_path / "q.npy", "--encoder", tmp_path / "other", "--out", tmp_path / "f"
    )
    refused(result, "another encoder")


def test_query_that_is_neither_a_tile_nor_a_file(cli, index_path: Path, tmp_path: Path) -> None:
    refused(cli("search", index_path, "nonsense", "--out", tmp_path / "f"), "nonsense")


def test_wrong_options_exit_with_2_too(cli) -> None:
    assert cli("ingest")[0] == 2
    assert cli("no-such-command")[0] == 2
    assert cli("search", "--no-such-option")[0] == 2


@pytest.fixture(scope="session")
def index_path(run_path: Path, archive_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the made archive; do not change it."""
    from ssl_insar.archive import Archive
    from ssl_insar.models import Encoder
    from ssl_insar.search import Index

    folder = tmp_path_factory.mktemp("index")
    embeddings = Encoder.load(run_path).embed(Archive.open(archive_path), progress=False)
    Index.build(embeddings, folder / "index")
    return folder / "index"


def test_ctrl_c_during_ingest_says_how_to_go_on(tmp_path: Path) -> None:
    import signal

    folder = write_frames(tmp_path / "in", 150, size=256)
    command = [
        sys.executable,
        "-m",
        "ssl_insar",
        "ingest",
        str(folder),
        "--out",
        str(tmp_path / "a"),
        "--tile",
        "64",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "a" / "parts" / "settings.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    shutil.rmtree(folder)


def test_an_output_below_a_file_is_one_line_too(
    cli, frames: Path, run_path: Path, archive_path: Path
) -> None:
    below = frames / "labels.csv" / "x"
    refused(cli("ingest", frames, "--out", below, "--tile", 64), "labels.csv")
    refused(cli("embed", run_path, archive_path, "--out", below), "labels.csv")


def test_a_demo_does_not_mix_with_another(cli, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.json").write_text('{"data": null, "minutes": 3.0}')
    result = cli("demo", "--out", tmp_path / "demo", "--data", tmp_path)
    refused(result, "holds a demo with data None", "--out a new folder")
