"""The forms in which class names are kept: lines, CSV, JSON, YAML, and dictionaries as Python writes them."""

from __future__ import annotations

import ast
import csv
import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

from fashionbatch.errors import RecipeError

_INSIDE = ("id2label", "names", "labels", "classes", "class_names", "categories", "class_to_idx", "label2id")
"""Keys under which a larger document keeps its class names."""
_CONFIG_KEYS = ("id2label", "label_names")
_MADE_UP = re.compile(r"LABEL_\d+")
_NAME_KEYS = ("name", "label", "class_name", "class", "label_name", "display_name", "category")
_NUMBER_KEYS = (
    *("index", "idx", "id", "class_id", "class_index", "class_idx", "label_id", "output", "number", "target", "#", ""),
)
_NUMBER_FIRST = re.compile(r"(?P<number>\d{1,6})(?P<between>\s*[,:;=)\t]\s*|\s+)(?P<name>\S.*)")
_NUMBER_LAST = re.compile(r"(?P<name>.*\S)(?P<between>\s*[,:;=\t]\s*|\s+)(?P<number>\d{1,6})")
_WORDNET = re.compile(r"n\d{8}[\s,:;]+(?P<name>\S.*)")
_LONGEST_LINE = 1000
_STRING = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_PYTHON_TOKEN = re.compile(rf"(?P<text>[uU]?(?:{_STRING}))|(?P<key>-?\d+)(?=\s*:)|(?P<comma>,)(?=\s*[\]}})])|[()]")


class LabelFormError(Exception):
    """A text that gives no class names.

    Attributes:
        hint: how to mend it, where that is known.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def names_in(text: str, *, is_yaml: bool = False, is_list: bool = False) -> list[str]:
    """The class names that a text holds, in the order of the network's outputs, as they are written.

    Args:
        text: of a file, or of an entry of a model's metadata.
        is_yaml: whether it is YAML where it is not JSON.
        is_list: whether names in one line are separated by commas.

    Raises:
        LabelFormError: it holds none, or leaves one out.
    """
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            return _from_document(_parsed(text))
        except RecursionError:
            raise LabelFormError("is nested too deeply for a list of labels") from None
    if is_yaml:
        return _from_document(_parsed_yaml(text))
    lines = [line.strip() for line in re.split("\r\n|\n|\r", text)]
    while len(lines) > 1 and not lines[-1]:
        del lines[-1]
    if is_list and len(lines) == 1:
        lines = [name.strip() for name in lines[0].split(",")]
    return _from_table(lines) or _from_numbered(lines) or _from_wordnet(lines) or lines


def names_of_config(text: str) -> list[str] | None:
    """The class names in the `config.json` of a model of Hugging Face or timm, in the order of the outputs.

    timm's lists are often of WordNet ids, with a readable name of each in `label_descriptions`.

    Args:
        text: of the file.

    Returns:
        The names; None where it has none, or none but `LABEL_0` and the like, which Hugging Face makes up.

    Raises:
        LabelFormError: what should be names leaves one out.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    inner = document.get("pretrained_cfg")
    for part in (document, inner if isinstance(inner, dict) else {}):
        listed = next((part[key] for key in _CONFIG_KEYS if part.get(key) and isinstance(part[key], dict | list)), None)
        if listed is None:
            continue
        names = _from_document(listed)
        if all(_MADE_UP.fullmatch(name) for name in names):
            continue
        told = part.get("label_descriptions")
        return [_told_as(name, told) for name in names] if isinstance(told, dict) else names
    return None


def _told_as(name: str, descriptions: dict[str, Any]) -> str:
    told = descriptions.get(name)
    return told.strip() if isinstance(told, str) and told.strip() else name


# -------------------------------------------------------------------------------------------------------------- lines


def _from_table(lines: Sequence[str]) -> list[str] | None:
    """Names of CSV whose header says which column they are."""
    delimiter = next((one for one in ",;\t" if one in lines[0]), None)
    if delimiter is None:
        return None
    try:
        header, *rows = csv.reader(lines, delimiter=delimiter)
    except csv.Error as error:
        raise LabelFormError(f"is no table: {error}") from None
    columns = [cell.strip().lower() for cell in header]
    name = next((columns.index(key) for key in _NAME_KEYS if key in columns), None)
    number = next((columns.index(key) for key in _NUMBER_KEYS if key in columns), None)
    if name is None or number is None:
        return None
    for line, row in enumerate(rows, start=2):
        if len(row) <= max(name, number):
            raise LabelFormError(f"line {line} has {len(row)} columns, and its header {len(header)}")
    return _in_order([(row[number].strip(), row[name].strip()) for row in rows])


def _from_numbered(lines: Sequence[str]) -> list[str] | None:
    """Names of lines such as `0 red`, `0: red`, `0,red` or `red,0`, where the numbers are those of the outputs."""
    for form in (_NUMBER_FIRST, _NUMBER_LAST):
        found = [form.fullmatch(line) for line in lines if len(line) <= _LONGEST_LINE]
        entries = [(int(match["number"]), match["name"].strip("\"'").strip()) for match in found if match]
        numbers = sorted(number for number, _ in entries)
        if len(entries) < len(lines) or numbers not in (list(range(len(lines))), list(range(1, len(lines) + 1))):
            continue
        spaced = any(match and match["between"].isspace() and "\t" not in match["between"] for match in found)
        if spaced and 2 * len({name for _, name in entries}) <= len(lines):
            continue  # `0 fingers`, `1 fingers`: the number is what tells the names apart
        return [name for _, name in sorted(entries)]
    return None


def _from_wordnet(lines: Sequence[str]) -> list[str] | None:
    """Names of lines such as `n01440764 tench, Tinca tinca`."""
    found = [_WORDNET.fullmatch(line) for line in lines]
    names = [match["name"] for match in found if match]
    return names if len(names) == len(lines) else None


# ---------------------------------------------------------------------------------------------------------- documents


def _parsed(text: str) -> Any:
    """JSON, or what Python prints of a list or dictionary; read, never evaluated."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error
    try:
        return json.loads(_PYTHON_TOKEN.sub(_as_json, text))
    except (ValueError, RecursionError, SyntaxError):
        raise LabelFormError(f"not JSON: {reason}") from None


def _as_json(token: re.Match[str]) -> str:
    if token["text"] is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash that escapes nothing
            return json.dumps(ast.literal_eval(token["text"]))  # one quoted text and nothing else
    if token["key"] is not None:
        return f'"{token["key"]}"'
    return {"(": "[", ")": "]"}.get(token[0], "")


def _parsed_yaml(text: str) -> Any:
    from fashionbatch.recipe.nodes import read_yaml

    try:
        tree, problems = read_yaml(text, name="")
    except RecipeError as error:
        problems = list(error.problems)
    if problems:
        first = problems[0]
        raise LabelFormError(f"line {first.line}: {first.message}" if first.line else first.message)
    return tree.plain()


def _from_document(document: Any) -> list[str]:
    if isinstance(document, dict):
        inside = next((document[key] for key in _INSIDE if isinstance(document.get(key), dict | list)), None)
        if inside is not None:
            return _from_document(inside)
        if document and all(_is_number(value) for value in document.values()):
            return _in_order([(str(value), key) for key, value in document.items()])
        return _in_order([(key, _name_of(key, entry)) for key, entry in document.items()])
    if not isinstance(document, list):
        raise LabelFormError("is neither a list of labels nor a mapping of them")
    entries = document
    numbers = [_number_of(entry) for entry in entries]
    if entries and all(number is not None for number in numbers):
        return _in_order(
            [(str(number), _name_of(number, entry)) for number, entry in zip(numbers, entries, strict=True)]
        )
    return [_name_of(number, entry) for number, entry in enumerate(entries)]


def _name_of(number: object, entry: Any) -> str:
    """The name in an entry: a text, a list that ends with it (`["n01440764", "tench"]`), or a mapping that has it."""
    name = entry[-1] if isinstance(entry, list) and entry else entry
    if isinstance(entry, dict):
        name = next((entry[key] for key in _NAME_KEYS if key in entry), entry)
    if not isinstance(name, str):
        raise LabelFormError(f"label {number} is {name!r}, not text")
    return name.strip()


def _number_of(entry: Any) -> int | None:
    numbers = [entry[key] for key in _NUMBER_KEYS if _is_number(entry.get(key))] if isinstance(entry, dict) else []
    return numbers[0] if numbers else None


def _in_order(entries: Sequence[tuple[str, str]]) -> list[str]:
    """The names by the numbers of their outputs."""
    numbers: dict[int, str] = {}
    for number, name in entries:
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise LabelFormError(
                f"labels go by output numbers, and {number!r} is none", 'write {"0": "first", "1": "second"}'
            )
        if int(number) in numbers:
            raise LabelFormError(f"output {int(number)} has two labels: {numbers[int(number)]!r} and {name!r}")
        numbers[int(number)] = name
    if sorted(numbers) != list(range(len(entries))):
        raise LabelFormError(f"the {len(entries)} output numbers are not 0 to {len(entries) - 1}")
    return [numbers[number] for number in range(len(numbers))]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
