"""TOML checked against a pydantic model: every mistake is named with file, line, key and the
nearest right name (contract section 2)."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from recond.errors import ConfigError

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_HEADER = re.compile(r"\s{0,80}(\[\[?)([^\[\]]{1,400})\]\]?")
_KEY = re.compile(r"\s{0,80}((?:[A-Za-z0-9_.\-]|\"[^\"]{0,200}\"|'[^']{0,200}'){1,400})\s{0,80}=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_\-]{1,200})")


class MisplacedError(ValueError):
    """What a model's validator says of places inside the model: location and sentence of each."""

    def __init__(self, found: Sequence[tuple[Location, str]]) -> None:
        super().__init__("; ".join(words for _, words in found))
        self.found = tuple(found)


class Strict(BaseModel):
    """A table of a configuration or format file: unknown keys are refused, values do not bend."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file that was read: its data, and the line of each key for messages."""

    path: str
    data: dict[str, Any]
    lines: Mapping[Location, int]

    def line_of(self, location: Location) -> int | None:
        """The line of the key, or of the nearest table or key around it."""
        for end in range(len(location), 0, -1):
            line = self.lines.get(location[:end])
            if line is not None:
                return line
        return None

    def place(self, location: Location) -> str:
        """'PATH, line N' as far as it is known."""
        line = self.line_of(location)
        return self.path if line is None else f"{self.path}, line {line}"


def read_toml(text: str, path: str) -> Document:
    """Read TOML and remember where each key stands.

    Raises ConfigError with path and line where the text is no TOML.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not valid TOML: {error}") from error
    return Document(path, data, _key_lines(text))


def validate(model: type[Model], document: Document, *prefix: str | int) -> Model:
    """The table at `prefix` of a document as `model`.

    Raises ConfigError that lists every mistake, one a line, with its place and the nearest
    right name.
    """
    return construct(model, document, model.model_validate, *prefix)


def construct(
    model: type[Model],
    document: Document,
    build: Callable[[Any], Model],
    *prefix: str | int,
) -> Model:
    """`validate` where making the model takes more than its table: `build` makes it."""
    data: Any = document.data
    for part in prefix:
        data = data[part]
    try:
        return build(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        raise ConfigError("\n".join(_sentences(model, document, prefix, details))) from error


def nearest(word: str, words: Sequence[str]) -> str:
    """' (did you mean X?)' or ''."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean '{found[0]}'?" if found else ""


def misspelt(word: str, words: Sequence[str]) -> str | None:
    """The one of the words that this one is but for a slip; None where it is far from all."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.8)
    return found[0] if found else None


def _sentences(
    model: type[BaseModel],
    document: Document,
    prefix: Location,
    details: list[ErrorDetails],
) -> Iterator[str]:
    for detail in details:
        location = (*prefix, *detail["loc"])
        error = detail.get("ctx", {}).get("error")
        if isinstance(error, MisplacedError):
            for inner, words in error.found:
                yield _sentence(document, (*location, *inner), words)
        else:
            yield _sentence(document, location, _reason(model, detail))


def _sentence(document: Document, location: Location, words: str) -> str:
    key = ".".join(str(part) for part in location)
    return f"{document.place(location)}: {key}: {words}"


def _reason(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        names = sorted(_names_at(model, location[:-1]))
        hint = nearest(str(location[-1]), names) or f"; the keys here are {', '.join(names)}"
        return f"there is no such key{hint}"
    if detail["type"] == "missing":
        return "this key is missing"
    if detail["type"] == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        words = re.findall(r"'([^']*)'", expected)
        return f"'{detail['input']}' is not one of {expected}{nearest(str(detail['input']), words)}"
    message = detail["msg"]
    return message[0].lower() + message[1:]


def _names_at(model: type[BaseModel], location: Location) -> set[str]:
    """The keys that a model knows at a place; union tags and dict keys are passed through."""
    models = {model}
    for part in location:
        inner: set[type[BaseModel]] = set()
        for candidate in models:
            field = candidate.model_fields.get(str(part))
            if field is not None:
                inner |= set(_models_in(field.annotation))
        models = inner or models
    return {name for candidate in models for name in candidate.model_fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _key_lines(text: str) -> dict[Location, int]:
    """Line numbers of tables and keys. Multi-line strings may confuse it; then a message names
    the line of a neighbouring key, never a wrong file."""
    lines: dict[Location, int] = {}
    arrays: dict[Location, int] = {}
    table: Location = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None and "=" not in header[2]:
            table = _place_of(_parts(header[2]), arrays)
            if header[1] == "[[":
                arrays[table] = arrays.get(table, -1) + 1
                table = (*table, arrays[table])
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _place_of(parts: Location, arrays: Mapping[Location, int]) -> Location:
    """The place of a table, with the index of each array of tables on the way to it."""
    place: Location = ()
    for position, part in enumerate(parts):
        place = (*place, part)
        if position < len(parts) - 1 and place in arrays:
            place = (*place, arrays[place])
    return place


def _parts(text: str) -> Location:
    return tuple(a or b or c for a, b, c in _PART.findall(text))
