"""Values of environment variables: texts as the declared types of settings."""

from collections.abc import Callable
from typing import Any

from msgspec import Meta, convert, inspect

FILE = Meta(extra={"values": "path of a file"})
"""Marks a setting that is the path of a file."""


class SettingsError(ValueError):
    """An environment variable has an invalid value; the message names the variable and the valid values."""


def parse(name: str, text: str, declared: Any) -> object:
    """Return ``text`` as the ``declared`` type of the setting; raise SettingsError if it does not fit."""
    kind = inspect.type_info(declared)
    read: Callable[[str], object]
    match kind.type if isinstance(kind, inspect.Metadata) else kind:
        case inspect.IntType(ge=low, le=high):
            valid, read = f"a whole number from {low} to {high}", int
        case inspect.FloatType(ge=low, le=high):
            valid, read = f"a number from {low:.9g} to {high:.9g}", float
        case inspect.BoolType():
            valid, read = "true or false", _read_flag
        case inspect.FrozenSetType(item_type=inspect.LiteralType(values=keys)):
            known = ", ".join(["uid", *sorted(map(str, keys))])
            valid, read = f"some of {known}, with commas between them", _read_keys
        case _:
            return text
    try:
        return convert(read(text), declared)
    except ValueError:  # msgspec's ValidationError included
        raise SettingsError(f"{name} must be {valid}, not {text!r}") from None


def _read_flag(text: str) -> bool:
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise ValueError(text)


def _read_keys(text: str) -> set[str]:
    """Return the keys besides ``uid``, which is always on, and may stand alone."""
    return {part.strip() for part in text.split(",")} - {"uid"}
