"""`make messages`: the texts for people, out of the code and into ``locale/``, and compiled for Django.

GNU gettext's tools may be missing, so Babel does their work. The texts in the code are English; ``locale/*/`` hold the
other languages. A text that changes loses its translation on purpose: nobody may be told what we no longer say.
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from superapp.localdev import places
from superapp.localdev.progress import note

LOCALE = places.CLONE / "locale"
#: Directory under ``locale/`` and the language it holds, as Babel calls it.
LANGUAGES = {"fr": "fr", "zh_Hans": "zh_Hans"}
ROOMS = ("superapp", "messaging", "payments", "brands", "games", "taxis", "deals")
# Developers' own tools speak English.
NOT_FOR_PEOPLE = ("migrations", "localdev", "bench", "client", "management")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# A date would change with every run and make two branches disagree.
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")
_WITHOUT_NO_BREAK = re.compile("[^\u00a0\u202f][?!;:»](?=\\s|$)|«(?![\u00a0\u202f])")


@dataclass(frozen=True)
class Flaw:
    language: str
    message: str
    what: str

    def __str__(self) -> str:
        return f"locale/{self.language}: {self.what}: {self.message!r}"


def extracted() -> Catalog:
    """Everything that the rooms say to people, in the order of their files."""
    catalogue = Catalog(charset="utf-8")
    for file in _files():
        source = file.read_text()
        if file.suffix == ".html":
            source = templatize(source, origin=str(file))
        found: Iterable[Any] = extract_python(
            io.BytesIO(source.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"}
        )
        for line, function, texts, comments in found:
            _add(catalogue, function, texts, comments, f"{file.relative_to(places.CLONE)}", line)
    return catalogue


def _files() -> Iterator[Path]:
    for room in ROOMS:
        for file in sorted((places.CLONE / room).rglob("*")):
            parts = file.relative_to(places.CLONE).parts
            is_ours = file.suffix == ".py" or (file.suffix in {".html", ".txt"} and "templates" in parts)
            if is_ours and not set(parts) & set(NOT_FOR_PEOPLE):
                yield file


def _add(catalogue: Catalog, function: str, texts: Any, comments: Any, file: str, line: int) -> None:
    arguments: list[Any] = list(texts) if isinstance(texts, tuple) else [texts]
    context = arguments.pop(0) if "pgettext" in function else None
    wanted = arguments[: 2 if function.startswith("n") else 1]
    if not wanted or not all(isinstance(text, str) and text for text in wanted):
        return
    catalogue.add(
        tuple(wanted) if len(wanted) == 2 else wanted[0],
        locations=[(file, line)],
        auto_comments=comments,
        context=context,
    )


def updated(language: str) -> Catalog:
    """The texts of today with the translations there are."""
    known = stored(language)
    catalogue = Catalog(
        locale=LANGUAGES[language],
        project="Superapp",
        version="1",
        msgid_bugs_address="README.md",
        last_translator="Superapp",
        language_team=language,
        charset="utf-8",
        creation_date=NO_DATE,
        revision_date=NO_DATE,
        fuzzy=False,
        header_comment=f"# Superapp in {language}. `make messages` writes this file anew and keeps the translations.",
    )
    for message in extracted():
        if message.id:
            before = known.get(message.id, message.context)
            catalogue.add(
                message.id,
                string=before.string if before else None,
                locations=[(file, line) for file, line in message.locations],
                flags=before.flags if before else (),
                auto_comments=message.auto_comments,
                context=message.context,
            )
    return catalogue


def stored(language: str) -> Catalog:
    file = LOCALE / language / "LC_MESSAGES" / "django.po"
    if not file.exists():
        return Catalog(locale=LANGUAGES[language])
    with file.open("rb") as source:
        return read_po(source, locale=LANGUAGES[language], ignore_obsolete=True)


def text_of(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    # Without line numbers, which change with every edit above them.
    write_po(buffer, catalogue, width=110, include_lineno=False, omit_header=False)
    return buffer.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def write() -> None:
    for language in LANGUAGES:
        folder = LOCALE / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        catalogue = updated(language)
        (folder / "django.po").write_bytes(text_of(catalogue))
        (folder / "django.mo").write_bytes(compiled(catalogue))
        missing = sum(1 for message in catalogue if message.id and not _is_translated(message))
        note("messages", f"{language}: {len(catalogue)} texts, {missing} to translate")


def flaws() -> list[Flaw]:
    """What keeps the catalogues from being complete."""
    found = []
    for language in LANGUAGES:
        catalogue, known = updated(language), stored(language)
        found += [flaw for message in catalogue if message.id for flaw in flaws_of(language, message)]
        file = LOCALE / language / "LC_MESSAGES"
        if {(m.id, m.context) for m in known} - {(m.id, m.context) for m in catalogue}:
            found.append(Flaw(language, "django.po", "holds texts that nobody says any more"))
        mo = file / "django.mo"
        if not mo.exists() or mo.read_bytes() != compiled(known):
            found.append(Flaw(language, "django.mo", "is not what django.po compiles to"))
    return found


def flaws_of(language: str, message: Message) -> Iterator[Flaw]:
    name = message.id if isinstance(message.id, str) else message.id[0]
    if not _is_translated(message):
        yield Flaw(language, name, "not translated")
        return
    if message.fuzzy:
        yield Flaw(language, name, "translated by guess (fuzzy)")
    wanted = [_placeholders(text) for text in _texts(message.id)]
    for text in _texts(message.string):
        if _placeholders(text) not in wanted:
            yield Flaw(language, name, "other placeholders")
        if language == "fr" and _WITHOUT_NO_BREAK.search(text):
            yield Flaw(language, name, "French sets a no-break space before ? ! : ; and inside « »")
        if language == "zh_Hans" and re.search(r"[\u4e00-\u9fff]\s*[.,?!;]", text):
            yield Flaw(language, name, "Chinese has punctuation of its own")
        if name[:1].isspace() != text[:1].isspace() or name[-1:].isspace() != text[-1:].isspace():
            yield Flaw(language, name, "begins or ends with other blanks")


def _is_translated(message: Message) -> bool:
    return all(_texts(message.string)) and bool(_texts(message.string))


def _texts(value: object) -> list[str]:
    return list(value) if isinstance(value, tuple | list) else [str(value or "")]


def _placeholders(text: str) -> list[str]:
    return sorted(_PLACEHOLDER.findall(text.replace("%%", "")))


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        write()
        return 0
    found = flaws()
    for flaw in found:
        print(flaw)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
