"""The catalogue: every text in every language, with the same facts, and every text that the code asks for."""

import errno
import pathlib
import re
import string

import pytest

from provisioning.errors import ProvisionError
from provisioning.messages import LANGUAGES, catalogue, chosen

SOURCES = pathlib.Path(__file__).parents[3] / "provisioning"
ASKED = re.compile(r'(?:Cable|Contact|Input|Setup|Provision|Other)Error\(\s*"([a-z-]+)"')
OF_INVENTORY = re.compile(r'(?:Duplicate|State|UnknownDevice|Claim|InventoryFile)Error\(\s*"([a-z-]+)"')
OF_RECORD = re.compile(r'RecordError\([^,]+, "([a-z-]+)"')
LANGUAGE_LETTERS = {"ru": "ыэё", "kk": "әғқңөұүі"}


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_facts(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    assert own.keys() == english.keys()
    for key, text in own.items():
        assert text, key
        assert facts(text) == facts(english[key]), key


@pytest.mark.parametrize("language", LANGUAGE_LETTERS)
def test_texts_are_in_their_language(language: str) -> None:
    words = "".join(catalogue(language).values())
    assert all(letter in words for letter in LANGUAGE_LETTERS[language])
    same = [key for key, text in catalogue(language).items() if text == catalogue("en")[key]]
    assert set(same) <= {"doctor.wifi", "acceptance.signal"}
    assert "ё" in catalogue("ru")["error.no-answer"]
    only_kazakh = set("әғқңөұүһі")
    assert not only_kazakh & set("".join(catalogue("ru").values()).lower())


def test_every_error_that_the_code_raises_has_a_text_and_every_text_is_asked_for() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    asked = set(ASKED.findall(code))
    assert asked
    assert {f"error.{key}" for key in asked} <= catalogue("en").keys()
    asked = {*OF_INVENTORY.findall(code), *OF_RECORD.findall(code)}
    assert len(asked) > 20
    assert {f"inventory.{key}" for key in asked} <= catalogue("en").keys()
    unused = [
        key
        for key in catalogue("en")
        if f'"{key}"' not in code
        and f'"{key.split(".", 1)[1]}"' not in code
        and not key.startswith(("error.board-fault-", "step.", "cause.E"))
    ]
    assert unused == []
    of_system = {key.removeprefix("cause.") for key in catalogue("en") if key.startswith("cause.E")}
    assert of_system
    assert of_system <= set(errno.errorcode.values())


def test_a_text_says_what_to_do_next() -> None:
    for language in LANGUAGES:
        told = ProvisionError("cable-pulled", port="/dev/ttyUSB0").told(language)
        assert "/dev/ttyUSB0" in told
        assert told.count(".") >= 2


def test_the_language_comes_from_the_option_then_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert chosen(None) == "en"
    monkeypatch.setenv("LANG", "kk_KZ.UTF-8")
    assert chosen(None) == "kk"
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    assert chosen(None) == "ru"
    assert chosen("en") == "en"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert chosen(None) == "kk"
