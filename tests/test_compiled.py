"""Functions compiled at their first call."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numba
import pytest

from ssl_insar.compiled import compiled


def test_numba_is_imported_by_the_first_call_only() -> None:
    code = (
        "import sys, ssl_insar.search.exact, ssl_insar.archive.encoding\n"
        "from ssl_insar.compiled import compiled\n"
        "double = compiled()(lambda x: 2 * x)\n"
        "print('numba' in sys.modules, double(4), 'numba' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "8", "True"]


def test_where_nothing_can_be_kept_on_disk_it_is_compiled_for_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def njit(*, cache: bool = False, **_: Any) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    call = compiled()(lambda x: 2 * x)
    assert call(4) == 8
    assert call(5) == 10
    assert asked == [True, False], "and once only"
