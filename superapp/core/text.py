"""Words to search by, in every language that people write here, for Postgres' full-text index.

Chinese, Japanese and Korean are written without spaces (or with few): each character is a word, and each two that stand
together. Other words are taken as they are, in lower case and without accents. There are no stems and no stop words:
people search for names, titles and things they remember, in three languages in one sentence.

Store ``to_tsvector('simple', search_tokens(text))`` under a GIN index, and filter by ``search_query(what was typed)``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.contrib.postgres.search import SearchQuery

# Longer texts are searched by their beginning; more words than this nobody types.
MAX_TEXT = 10_000
MAX_QUERY, MAX_QUERY_WORDS = 200, 16
# The rest of a longer word is left out, on both sides alike. Postgres itself takes up to 2 KB.
MAX_WORD = 40

# Letters that are no ligature to Unicode, as people type them who do not have them.
_FOLDED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})
# Joins what it stands between: soft hyphen, zero-width (non-)joiner, word joiner.
_INVISIBLE = str.maketrans("", "", "\u00ad\u200c\u200d\u2060\ufeff")
_VARIANT = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Han, kana, bopomofo and Hangul, with the marks that repeat and lengthen.
_CJK = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7a3\ud7b0-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def search_tokens(text: str) -> str:
    """The words to find ``text`` by, each once, with blanks between them; letters and digits and nothing else."""
    return " ".join(_once(word for word, is_cjk in _runs(text, MAX_TEXT) for word in _tokens_of(word, is_cjk)))


def search_query(text: str, *, prefix: bool = True) -> SearchQuery:
    """Finds texts in which all these words stand; with ``prefix``, also words that begin with them.

    Whatever is typed, it is words and never syntax. A text without any word finds nothing.
    """
    terms: list[str] = []
    for run, is_cjk in _runs(text, MAX_QUERY):
        # A piece of Chinese is found by the pairs in it; a single character is a word of its own.
        words = _pairs(run) or [run] if is_cjk else [run[:MAX_WORD]]
        terms += [f"'{word}':*" if prefix and not is_cjk else f"'{word}'" for word in words]
    return SearchQuery(" & ".join(list(_once(terms))[:MAX_QUERY_WORDS]), config="simple", search_type="raw")


def folded(text: str) -> str:
    """Without what people leave out when they type: accents, case, and width of full-width forms."""
    text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold().translate(_FOLDED)
    return unicodedata.normalize("NFC", "".join(_without_accent(one) for one in unicodedata.normalize("NFKC", text)))


def _without_accent(one: str) -> str:
    # Only of the alphabets where it is an accent: elsewhere such marks are vowels and sounds of their own.
    if one < "\u0080" or not (one < "\u0530" or "\u1e00" <= one < "\u2000"):
        return one
    return "".join(part for part in unicodedata.normalize("NFKD", one) if not unicodedata.combining(part))


def _runs(text: str, most: int) -> Iterator[tuple[str, bool]]:
    """Pieces of letters and digits of one kind, and whether they are of the kind without spaces."""
    run, is_cjk = "", False
    for one in _VARIANT.sub("", folded(text[:most])[:most]):
        kind = unicodedata.category(one)
        if kind[0] in "LN" or (kind in {"Mn", "Mc"} and run):
            now_cjk = bool(_CJK.match(one)) or (kind[0] == "M" and is_cjk)
            if run and now_cjk is not is_cjk:
                yield run, is_cjk
                run = ""
            # Digits of any script as everybody's.
            run, is_cjk = run + (str(unicodedata.decimal(one)) if kind == "Nd" else one), now_cjk
        elif run:
            yield run, is_cjk
            run = ""
    if run:
        yield run, is_cjk


def _tokens_of(run: str, is_cjk: bool) -> list[str]:
    return [*run, *_pairs(run)] if is_cjk else [run[:MAX_WORD]]


def _pairs(run: str) -> list[str]:
    return [run[index : index + 2] for index in range(len(run) - 1)]


def _once(words: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(words)
