"""The one exception a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right: the message is one line and says what to do.

    The command line prints it without a traceback and exits with code 2.
    """
