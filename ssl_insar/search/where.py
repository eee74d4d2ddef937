"""Conditions on the columns of a catalogue, as in ``pass == 'descending' and coherent_fraction > .5``.

The expression is Python's grammar, read by `ast` and evaluated by this module: nothing in it is ever run.
"""

from __future__ import annotations

import ast
import io
import keyword
import operator
import tokenize
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.phase import BoolArray

_LONGEST = 10_000
"""Letters; Python's parser takes a stack frame for each bracket."""

_MARK = "column_named_"
"""Before a column whose name Python keeps for itself, as ``pass``."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# No power: 9**9**9 would never end.
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def rows_where(expression: str, table: pd.DataFrame) -> BoolArray:
    """Rows of a table that fulfil a condition.

    It may hold names of columns, numbers, texts, dates as texts (``'2018-01-31'``), comparisons (also
    ``in`` a list and chains), ``and``, ``or``, ``not`` and arithmetic; the difference of two dates is in
    days. A value that is unknown fulfils no comparison, ``!=`` neither; ``== None`` asks for it.

    Args:
        expression: the condition.
        table: N rows.

    Shape:
        -> (N,)

    Raises:
        UserError: no such column, not a condition, or anything else in it.
    """
    try:
        if len(expression) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} letters")
        tree = ast.parse(_readable(expression.strip(), table), mode="eval")
        with np.errstate(divide="ignore", invalid="ignore"):
            found = _condition(tree.body, table)
    except (SyntaxError, tokenize.TokenError, ValueError, TypeError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UserError(
            f"condition {expression!r}: {why}; write it as in \"pass == 'descending' and coherence > .5\""
        ) from error
    return found


def _readable(expression: str, table: pd.DataFrame) -> str:
    """The expression with a mark before columns that Python would take for its own words."""
    kept = {str(name) for name in table.columns if keyword.iskeyword(str(name))}
    tokens = [
        (kind, _MARK + text if kind == tokenize.NAME and text in kept else text)
        for kind, text, *_ in tokenize.generate_tokens(io.StringIO(expression).readline)
    ]
    return tokenize.untokenize(tokens).strip()


def _condition(node: ast.expr, table: pd.DataFrame) -> BoolArray:
    value = _value(node, table)
    if np.asarray(value).dtype != bool:
        raise ValueError(f"'{_text(node)}' is no condition")
    found: BoolArray = np.broadcast_to(np.asarray(value), len(table)).copy()
    return found


def _value(node: ast.expr, table: pd.DataFrame) -> Any:
    """Of a part of the expression: an array of the table's length, or a constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str | None):
        return node.value
    if isinstance(node, ast.Name):
        return _column(node.id.removeprefix(_MARK), table)
    if isinstance(node, ast.BoolOp):
        parts = [_condition(part, table) for part in node.values]
        return np.all(parts, axis=0) if isinstance(node.op, ast.And) else np.any(parts, axis=0)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return ~_condition(node.operand, table)
        if isinstance(node.op, ast.USub | ast.UAdd):
            number = _number(_value(node.operand, table), node.operand)
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _computed(node, table)
    if isinstance(node, ast.Compare):
        return _compared(node, table)
    raise ValueError(f"'{_text(node)}' is not allowed here")


def _column(name: str, table: pd.DataFrame) -> NDArray[Any]:
    columns = [str(column) for column in table.columns if column != "geometry"]
    if name not in columns:
        raise UserError(f"no column '{name}' in the catalogue; there are: {', '.join(columns)}")
    column = table[name]
    if pd.api.types.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.to_numpy(bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(float, na_value=np.nan)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64"):
        return pd.to_datetime(column).to_numpy("datetime64[D]")
    values: NDArray[Any] = column.astype(object).to_numpy(object)
    return values


def _computed(node: ast.BinOp, table: pd.DataFrame) -> Any:
    left, right = _value(node.left, table), _value(node.right, table)
    if isinstance(node.op, ast.Sub) and _kind(left) == _kind(right) == "date":
        return (left - right) / np.timedelta64(1, "D")
    return _ARITHMETIC[type(node.op)](_number(left, node.left), _number(right, node.right))


def _number(value: Any, node: ast.expr) -> Any:
    if _kind(value) != "number":
        raise ValueError(f"'{_text(node)}' is no number")
    return np.float64(value) if np.ndim(value) == 0 else value.astype(float)


def _compared(node: ast.Compare, table: pd.DataFrame) -> BoolArray:
    found = np.ones(len(table), bool)
    left = _value(node.left, table)
    for sign, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(sign, ast.In | ast.NotIn):
            if not isinstance(other, ast.Tuple | ast.List | ast.Set):
                raise ValueError(f"'{_text(other)}' is no list")
            each = [_pair(ast.Eq(), left, _value(item, table), len(table)) for item in other.elts]
            within = np.any(each, axis=0) if each else np.zeros(len(table), bool)
            found &= within if isinstance(sign, ast.In) else _known(left, len(table)) & ~within
            continue
        right = _value(other, table)
        found &= _pair(sign, left, right, len(table))
        left = right
    return found


def _pair(sign: ast.cmpop, left: Any, right: Any, count: int) -> BoolArray:
    if left is None or right is None:
        if not isinstance(sign, ast.Eq | ast.NotEq):
            raise ValueError("None can be compared by == and != only")
        known = _known(right if left is None else left, count)
        return known if isinstance(sign, ast.NotEq) else ~known
    if type(sign) not in _COMPARE:
        raise ValueError("'is' is not allowed; write ==")
    kinds = _kind(left), _kind(right)
    if set(kinds) == {"date", "text"}:
        left, right = (np.asarray(v, "datetime64[D]") for v in (left, right))
    elif kinds[0] != kinds[1]:
        raise ValueError(f"a {kinds[0]} cannot be compared with a {kinds[1]}")
    known = _known(left, count) & _known(right, count)
    a, b = (
        np.broadcast_to(np.asarray(v, None if _kind(v) != "text" else object), count) for v in (left, right)
    )
    found = np.zeros(count, bool)
    found[known] = _COMPARE[type(sign)](a[known], b[known]).astype(bool)
    return found


def _known(value: Any, count: int) -> BoolArray:
    known: BoolArray = np.broadcast_to(~np.asarray(pd.isna(value)), count)
    return known


def _kind(value: Any) -> str:
    kind = np.asarray(value).dtype.kind
    return {"M": "date", "O": "text", "U": "text"}.get(kind, "number")


def _text(node: ast.expr) -> str:
    return ast.unparse(node).replace(_MARK, "")
