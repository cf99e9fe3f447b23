"""The table of all settings in the documentation, built from their declarations.

``PYTHONPATH=operator python -m tests.support.settings_table`` prints it.
"""

import sys
from typing import Any

from msgspec import inspect, structs

from pod_index.settings import Settings

HEADING = ("variable", "meaning", "values", "default")


def rows() -> list[tuple[str, str, str, str]]:
    """Return the cells of each setting's row in Markdown: variable, meaning, values, default."""
    return [_row(field) for field in structs.fields(Settings)]


def table() -> str:
    """Return the whole table in Markdown."""
    lines = [HEADING, ("---",) * len(HEADING), *rows()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(field: structs.FieldInfo) -> tuple[str, str, str, str]:
    declared = inspect.type_info(field.type)
    assert isinstance(declared, inspect.Metadata), f"{field.name} has no description"
    description: str = (declared.extra_json_schema or {})["description"]
    return f"`{field.name.upper()}`", description, _values(declared), _default(field.default)


def _values(declared: inspect.Metadata) -> str:
    match declared.type:
        case inspect.IntType(ge=low, le=high):
            return f"whole number, {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"number, {low:.9g} to {high:.9g}"
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.FrozenSetType(item_type=inspect.LiteralType(values=keys)):
            return f"any of {', '.join(f'`{key}`' for key in ('uid', *sorted(map(str, keys))))}, separated by commas"
    values: str = (declared.extra or {})["values"]
    return values


def _default(default: Any) -> str:
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default).lower().removesuffix(".0")


if __name__ == "__main__":
    sys.stdout.write(table())
