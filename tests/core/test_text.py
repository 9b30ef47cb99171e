"""Search tokens: what was typed finds what was written, in three languages and then some, by the index."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models, transaction
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from superapp.core.text import MAX_QUERY_WORDS, MAX_TEXT, MAX_WORD, search_query, search_tokens
from tests.sizes import sizes

anything = st.text(st.characters(codec=None), max_size=200)
ROWS = 20_000


def tokens(text: str) -> set[str]:
    return set(search_tokens(text).split())


def syntax(text: str, **options: Any) -> str:
    """The query as Postgres gets it."""
    return str(search_query(text, **options).get_source_expressions()[-1].value)


# --- Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京大学", "北 京 大 学 北京 京大 大学"),
        ("好", "好"),
        ("哈哈哈", "哈 哈哈"),
        ("Crème brûlée à l’Œuf", "creme brulee a l oeuf"),
        ("ÇA VA ? Où ça, Noël !", "ca va ou noel"),
        ("Straße Æther Łódź smørrebrød", "strasse aether lodz smorrebrod"),
        ("e\u0301te\u0301", "ete"),
        ("ＩＰｈｏｎｅ １５", "iphone 15"),
        ("iPhone手机15号A座", "iphone 手 机 手机 15 号 a 座"),
        ("３月８日", "3 月 8 日"),
        ("食べる カメラ ｶﾒﾗ", "食 べ る 食べ べる カ メ ラ カメ メラ"),
        ("がか", "が か がか"),
        ("서울 시", "서 울 서울 시"),
        ("👍 Bravo🎉 ❤️", "bravo"),
        ("1️⃣ ①②", "1 12"),
        ("co-op it's a.b@c.fr", "co op it s a b c fr"),
        ("so\u00adft\u200d zero\u200bwidth", "soft zero width"),
        ("Привет Ёлка Ελλάδα", "привет елка ελλαδα"),
        ("١٢٣ १२", "123 12"),
        ("हिन्दी ภาษาไทย", "हिन्दी ภาษาไทย"),
        ("ﬁn ㍿ ½", "fin 株 式 会 社 株式 式会 会社 1 2"),
        ("", ""),
        ("  \t\n…—!?：，。", ""),
        ("a\0b \ud800c", "a b c"),
        ("' & | ! ( ) : * <-> \\", ""),
    ],
)
def test_text_becomes_these_words(text: str, expected: str) -> None:
    assert search_tokens(text) == expected


def test_word_stands_once_however_often_it_was_written() -> None:
    assert search_tokens("Spam spam SPAM späm 好好") == "spam 好 好好"


def test_long_texts_and_words_are_cut() -> None:
    assert search_tokens("x" * 500) == "x" * MAX_WORD
    assert len(search_tokens("好" * 10**6)) == 4
    beyond = "一" * MAX_TEXT + "二"
    assert "二" not in search_tokens(beyond)
    # One character that becomes eighteen.
    assert len(search_tokens("\ufdfa " * MAX_TEXT)) < 4 * MAX_TEXT
    assert len(syntax(" ".join(f"w{n}" for n in range(60))).split(" & ")) == MAX_QUERY_WORDS


@given(anything)
def test_words_are_letters_and_digits_and_the_same_every_time(text: str) -> None:
    said = search_tokens(text)
    assert search_tokens(text) == said
    assert all(len(word) <= MAX_WORD and "'" not in word and "\\" not in word for word in said.split())
    assert all(word.isalnum() or not word.isascii() for word in said.split())


# --- In Postgres ------------------------------------------------------------------------------------------------------

SURNAMES, GIVEN, PLACES = (
    "王李张刘陈杨赵黄周吴",
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超",
    ["北京", "上海", "广州", "杭州", "成都"],
)
FIRST = ["Élodie", "François", "Zoë", "Müller", "Anaïs", "Noël", "John", "Mary", "Łukasz", "Søren"]
KNOWN = [
    "北京大学图书馆", "北京烤鸭店", "大理古城", "Crème brûlée à la française", "Œuvres complètes", "iPhone 15 手机壳",
    "naïve café", "Straßenbahn", "ラーメン二郎", "서울역", "O'Brien & Sons", "C++ (2nd edition)",
]  # fmt: skip


def some_text(chance: random.Random) -> str:
    name = chance.choice(SURNAMES) + "".join(chance.choice(GIVEN) for _ in range(2))
    return (
        f"{name} {chance.choice(FIRST)} {chance.choice(PLACES)}第{chance.randrange(999)}号 n{chance.randrange(10**6)}"
    )


@pytest.fixture(scope="module")
def texts(committed_db: Any) -> Iterator[type[models.Model]]:
    with isolate_apps("tests.core"):

        class Found(models.Model):
            said = models.TextField()
            words = SearchVectorField()

            class Meta:
                app_label, db_table, managed = "facts", "texts", False

    chance = random.Random(7)
    rows = [*KNOWN, *(some_text(chance) for _ in range(ROWS - len(KNOWN)))]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE texts (id serial PRIMARY KEY, said text, words tsvector)")
        execute_values(
            cursor,
            "INSERT INTO texts (said, words) VALUES %s",
            [(text, search_tokens(text)) for text in rows],
            template="(%s, to_tsvector('simple', %s))",
            page_size=2000,
        )
        cursor.execute("CREATE INDEX texts_words ON texts USING gin (words)")
        cursor.execute("ANALYZE texts")
    yield Found
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE texts")


def found(texts: Any, typed: str, **options: Any) -> list[str]:
    return list(
        texts.objects.filter(words=search_query(typed, **options)).order_by("id").values_list("said", flat=True)
    )


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("理", ["大理古城"]),
        ("鸭", ["北京烤鸭店"]),
        ("大学", ["北京大学图书馆"]),
        ("图书馆", ["北京大学图书馆"]),
        ("北京大学图书馆", ["北京大学图书馆"]),
        ("京烤", ["北京烤鸭店"]),
        ("烤鸭 北京", ["北京烤鸭店"]),
        ("大图", []),
        ("creme brulee", ["Crème brûlée à la française"]),
        ("CRÈME", ["Crème brûlée à la française"]),
        ("crè", ["Crème brûlée à la française"]),
        ("franç brul", ["Crème brûlée à la française"]),
        ("oeuvres", ["Œuvres complètes"]),
        ("œuv", ["Œuvres complètes"]),
        ("NAIVE CAFE", ["naïve café"]),
        ("strassenb", ["Straßenbahn"]),
        ("straßen", ["Straßenbahn"]),
        ("ｉｐｈｏｎｅ 手机", ["iPhone 15 手机壳"]),
        ("iphone手机", ["iPhone 15 手机壳"]),
        ("ﾗｰﾒﾝ", ["ラーメン二郎"]),
        ("郎", ["ラーメン二郎"]),
        ("서울", ["서울역"]),
        ("o'brien", ["O'Brien & Sons"]),
        ("c++ 2nd", ["C++ (2nd edition)"]),
        ("", []),
        ("!", []),
        ("👍", []),
    ],
)
def test_what_is_typed_finds_what_was_written(texts: Any, typed: str, expected: list[str]) -> None:
    assert found(texts, typed) == expected


def test_whole_words_only_where_that_is_asked_for(texts: Any) -> None:
    assert found(texts, "brul", prefix=False) == []
    assert found(texts, "brûlée", prefix=False) == ["Crème brûlée à la française"]


def test_many_answers_are_the_same_as_by_reading_everything(texts: Any) -> None:
    for typed, has in {
        "王": lambda text: "王" in text,
        "张伟": lambda text: "张伟" in text,
        "杭州第7": lambda text: "杭州第" in text and any(word.startswith("7") for word in tokens(text)),
        "elodie": lambda text: "Élodie" in text,
        "zo": lambda text: "Zoë" in text,
        "n77": lambda text: " n77" in text,
    }.items():
        read = [text for text in texts.objects.order_by("id").values_list("said", flat=True) if has(text)]
        assert found(texts, typed) == read, typed
        assert read or typed == "n77"


@pytest.mark.parametrize("typed", ["鸭", "图书", "北京大学图书馆", "creme", "bru", "iphone手机", "n123456"])
def test_index_finds_it(texts: Any, typed: str) -> None:
    plan = texts.objects.filter(words=search_query(typed)).explain()
    assert "texts_words" in plan
    assert "Seq Scan" not in plan


HOSTILE = [
    "'", "''", "\\", "a' | 'b", "' & !'a", "a:*", "a:A", "<->", "a <-> b", "!(a)", "a & ", "| |", "(", "%s", "%(x)s",
    "\0", "a\0b", "\ud800", "'; DROP TABLE texts; --", ":* :*", "a'':*", "\\'", "'\\", "$$", "e'\\x41'",
]  # fmt: skip


def test_what_is_typed_is_never_syntax(texts: Any) -> None:
    for one, other in itertools.product(HOSTILE, ["", "x", "鸭"]):
        typed = f"{one}{other}{one}"
        for prefix in (True, False):
            assert found(texts, typed, prefix=prefix) == found(texts, search_tokens(typed), prefix=prefix), typed
    assert texts.objects.count() == ROWS


@settings(
    max_examples=sizes.search_examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(anything)
def test_every_text_is_found_by_itself(texts: Any, text: str) -> None:
    """Postgres cuts the words as we do, whatever is written; and whatever is typed, it is no error."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_tsvector('simple', %s) @@ to_tsquery('simple', %s)",
            [search_tokens(text), syntax(text[:50], prefix=False)],
        )
        (is_found,) = cursor.fetchone()
    assert is_found == bool(tokens(text[:50]))
