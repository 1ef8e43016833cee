"""Every text of the pages in every language, from `texts/*.toml`: `[key]` with one text per language, side by side.

A key is named by its file: `home.title` is `[title]` in `home.toml`. A text that counts has a table of plural forms by
language (`one`, `few`, `other`, after CLDR) and is asked for with `count`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, get_args

from babel import Locale

Language: TypeAlias = Literal["en", "ro"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Forms: TypeAlias = Mapping[str, str]
LOCALES: Mapping[str, Locale] = {"en": Locale("en", "GB"), "ro": Locale("ro", "RO")}


@cache
def catalogue() -> dict[str, dict[str, Forms]]:
    """Plural forms by key and language; a text that does not count has only `other`."""
    found: dict[str, dict[str, Forms]] = {}
    for path in sorted(files(__package__).joinpath("texts").iterdir(), key=lambda entry: entry.name):
        section = path.name.removesuffix(".toml")
        for key, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found[f"{section}.{key}"] = {
                language: {"other": text} if isinstance(text, str) else text for language, text in languages.items()
            }
    return found


def say(language: Language, key: str, **values: object) -> str:
    """The text of a key with its values filled in; raises KeyError for a key that no file has."""
    forms = catalogue()[key][language]
    if len(forms) == 1:
        return forms["other"].format(**values)
    count = values["count"]
    assert isinstance(count, int)
    return forms[LOCALES[language].plural_form(count)].format(**values)


def word(language: Language, section: str, code: str | None) -> str:
    """The name of a code of the vocabulary, such as a segment; the code itself, in plain letters, where none is given.

    A company's own files may hold codes that no catalogue knows.
    """
    if code is None:
        return "–"
    known = catalogue().get(f"words.{section}_{code}")
    return known[language]["other"] if known else code.replace("_", " ").capitalize()


def preferred(accepted: str) -> Language:
    """The language of an `Accept-Language` header; English where none of ours is asked for."""
    wanted = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), place, tag.lower()[:2]))
        except ValueError:
            continue
    for _, _, tag in sorted(wanted):
        for language in LANGUAGES:
            if tag == language:
                return language
    return "en"
