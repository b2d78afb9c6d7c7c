"""Every text that an installer reads while working, in English, Russian and Kazakh: one file of data a language, with the same keys."""

import functools
import os
import tomllib
from importlib import resources

LANGUAGES = ("en", "ru", "kk")


def text(language: str, key: str, **facts: object) -> str:
    """The text of a key, with the facts that it names.

    Raises:
        KeyError: there is no such key or language, or a fact is missing: a defect.
    """
    return catalogue(language)[key].format(**facts)


@functools.cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language by key, such as ``error.no-board``."""
    if language not in LANGUAGES:
        raise KeyError(language)
    tables = tomllib.loads(resources.files(__name__).joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{table}.{key}": words.strip() for table, texts in tables.items() for key, words in texts.items()}


def chosen(asked: str | None) -> str:
    """The language that was asked for, else the one of the environment, else English."""
    return wished(asked) or LANGUAGES[0]


def wished(asked: str | None) -> str | None:
    """The language that was asked for, else the one of the environment; None if there is none of ours."""
    for wish in (asked, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if wish and wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return None
