"""Texts: both languages, the same values in both, plural forms as the language has them."""

import string

import pytest

from metro_assets.dashboard.catalogue import LANGUAGES, LOCALES, catalogue, preferred, say, word


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_a_text_says_the_same_in_every_language(key: str) -> None:
    texts = catalogue()[key]
    assert set(texts) == set(LANGUAGES)
    fields = {
        frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
        for forms in texts.values()
        for text in forms.values()
    }
    assert len(fields) == 1, f"{key}: the languages fill in other values"
    counts = {language for language, forms in texts.items() if len(forms) > 1}
    assert counts in (set(), set(LANGUAGES)), f"{key}: only some languages count"
    for language in counts:
        wanted = set(LOCALES[language].plural_form.tags) | {"other"}
        assert set(texts[language]) == wanted, f"{key}: {language} has the forms {sorted(wanted)}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("ro-RO,ro;q=0.9,en;q=0.5", "ro"), ("de,en;q=0.3,ro;q=0.4", "ro"), ("fr", "en"), ("ro;q=x", "en")],
)
def test_the_language_is_what_the_browser_asks_for(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


def test_a_code_that_no_catalogue_knows_is_shown_in_plain_letters() -> None:
    assert word("en", "segment", "NIGHT_CLUB") == "Night club"
    assert word("ro", "segment", None) == "–"


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("en", "home.no_such_text")
