"""The command line, ``ssl-insar``. Heavy imports stay inside the commands, so --help is instant."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from ssl_insar import __version__
from ssl_insar.errors import UserError

COMMANDS = {
    "demo": "Run the whole flow, on simulated or your own data, and write a report.",
    "synth": "Simulate labelled interferograms with known deformation.",
    "info": "Say what is recognised in product files, and draw their phase.",
    "ingest": "Cut interferograms into an archive of tiles.",
    "audit": "Find copies, noise, imbalance and leaks in an archive; write a curated one.",
    "views": "Draw what each augmentation of a recipe does to tiles.",
    "pretrain": "Train an encoder on an archive, without labels.",
    "embed": "Turn every tile of an archive into a feature vector.",
    "index": "Make embeddings searchable.",
    "search": "Find the tiles that look like a query.",
    "classify": "Fit a classifier from a few labels, and score tiles with it.",
    "score": "Score every tile for deformation, without any label.",
    "explain": "Show why tiles were flagged: saliency, outlines, nearest labelled tiles.",
    "map": "Score every place of a whole interferogram, as a GeoTIFF.",
    "export": "Write the encoder as ONNX or a torch.export program, for other programs.",
}
"""Command and one-line help, in the order of use; each lives in the module of its name."""

INTERRUPTED = 130


class Commands(click.Group):
    """Imports a command's module only when that command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ssl_insar.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nThe usual order:\n"
    "  ssl-insar ingest interferograms/ --out archive --labels labels.csv\n"
    "  ssl-insar pretrain cpu --archive archive --out run\n"
    "  ssl-insar embed run archive --out embeddings\n"
    "  ssl-insar index embeddings --out index\n"
    "  ssl-insar search index TILE_OR_FILE -k 10\n"
    "  ssl-insar classify fit embeddings --labels labels.csv --out classifier",
)
@click.version_option(__version__, prog_name="ssl-insar")
def group() -> None:
    """Self-supervised representation learning for InSAR interferograms.

    Pretrain on an unlabelled archive, classify with few labels, and ask "where else does it deform
    like this?".
    """


def main() -> None:
    """Run the command line; a `UserError` becomes one line and exit code 2."""
    try:
        group.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        click.echo(f"ssl-insar: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"ssl-insar: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort) as stop:
        click.echo(f"ssl-insar: {str(stop) or 'stopped; the same command goes on where it was'}", err=True)
        sys.exit(INTERRUPTED)
