"""The estimate of tokens is not below what tokenizers count, not far above it, and it adds up."""

# ruff: noqa: RUF001 - other scripts are what some of this is about

import base64
import re
import sysconfig
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.tokens import NEWLINE, TOKEN, estimate, price
from tests.support.tokenizers import TOKENIZERS, most_tokens

ROOT = Path(__file__).parents[2]
STDLIB = Path(sysconfig.get_paths()["stdlib"])
PROSE = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])
CODE = sorted(
    [
        *ROOT.glob("omnimemd/**/*.py"),
        *ROOT.glob("omnimemd/**/*.sql"),
        *ROOT.glob("omnimemd/cli/shells/*"),
        *STDLIB.glob("json/*.py"),
        *STDLIB.glob("email/*.py"),
        *STDLIB.glob("asyncio/*.py"),
    ]
)
#: Characters of a text whose estimate is not below the count; of a shorter one it may be, somewhat.
LONG = 400
#: What the estimate may be of the count: of a short text at least, of a corpus at most.
LEAST, MOST = 0.9, 1.4

TEXTS = st.text(st.characters(exclude_categories=[])) | st.text("ab AB1_-\n ", max_size=60)
BYTES = st.binary(min_size=320, max_size=600) | st.binary(min_size=16, max_size=60)
NAMES = st.sampled_from(
    "src tests lib node_modules UserProfile getHTTPResponse __init__ v1.2 README.md index.js".split()
)
GENERATED = {
    "base64": BYTES.map(lambda some: base64.b64encode(some).decode()),
    "base64url": BYTES.map(lambda some: base64.urlsafe_b64encode(some).decode()),
    "base32": BYTES.map(lambda some: base64.b32encode(some).decode()),
    "hex": BYTES.map(bytes.hex),
    "HEX": BYTES.map(lambda some: some.hex().upper()),
    "ids": st.lists(st.uuids(), min_size=2, max_size=9).map(lambda some: " ".join(map(str, some))),
    "sources": st.lists(st.uuids(), min_size=2).map(
        lambda some: "\n".join(f"- x [mem_{one.hex[:12]}]" for one in some)
    ),
    "numbers": st.lists(st.integers(), min_size=9).map(lambda some: " ".join(map(str, some))),
    "paths": st.lists(st.lists(NAMES, min_size=2).map("/".join), min_size=3).map("\n".join),
    "marks": st.text("{}[]()<>;:,.!?/\\|@#$%^&*-_=+`~'\" \n", min_size=40),
    "letters": st.text("abcdefghijklmnopqrstuvwxyz", min_size=LONG),
    "space": st.text(" \n\tx", min_size=40),
}
#: Much the same in the scripts that most is written in.
SENTENCES = {
    "German": "Die Größe der Datenbank wächst über Nacht, weil ältere Einträge erst später gelöscht werden.",
    "French": "La base de données était déjà verrouillée par un autre processus, nous avons donc créé une file.",
    "Spanish": "La sesión termina en cuanto muere el proceso, y ninguna escritura confirmada se pierde después.",
    "Polish": "Proces musi zostać zakończony natychmiast, gdy użytkownik tego zażąda, a zapis trafia na dysk.",
    "Russian": "Демон следит за файлами и записывает каждое обращение к базе данных без потерь при сбое.",
    "Greek": "Η διεργασία πρέπει να τερματίζεται αμέσως όταν ο χρήστης το ζητήσει από τη γραμμή εντολών.",
    "Hebrew": "התהליך חייב להסתיים מיד כאשר המשתמש מבקש זאת, והכתיבה נשמרת בדיסק לפני התשובה.",
    "Arabic": "يجب أن تنتهي الجلسة فور انتهاء العملية المرتبطة بها، وتُحفظ الكتابة على القرص قبل الرد.",
    "Hindi": "प्रक्रिया समाप्त होते ही सत्र समाप्त हो जाना चाहिए और उत्तर से पहले लेखन डिस्क पर होना चाहिए।",
    "Thai": "เมื่อกระบวนการสิ้นสุดลงเซสชันจะต้องสิ้นสุดทันทีและข้อมูลต้องถูกบันทึกก่อนตอบ",
    "Chinese": "数据库连接池在重启之后没有释放，所以我们改用单个写入线程，并且在提交之后同步日志文件。",
    "Japanese": "セッションが終了したらプロセスの死を検知してすぐに記録する必要があります。",
    "Korean": "세션이 끝나면 프로세스의 종료를 감지하여 즉시 기록해야 합니다. 데이터베이스는 하나뿐입니다.",
    "emoji": "🚀✨🔥👩\u200d💻🇩🇪✅❌📝 shipped 🎉🎉 and 🐛 fixed ⚠\ufe0f again 🙏🏽",
}


def undercounted(text: str) -> bool:
    """Return whether the estimate of *text* is too small."""
    return estimate(text) < most_tokens(text) * (1 if len(text) >= LONG else LEAST)


def pieces(paths: list[Path]) -> Iterator[str]:
    """Yield pieces of some lengths from all over the files."""
    for path in paths:
        text = path.read_text()
        at = 0
        for length in (80, LONG, 1_500, 40, 4_000) * (len(text) // 6_000 + 1):
            yield text[at : at + length]
            at += length


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("One word.", 5),
        ("getUserName", 6),
        ("in 2024", 6),
        ("a\n\nb", 6),
    ],
)
def test_examples(text: str, expected: int) -> None:
    assert estimate(text) == expected


@given(TEXTS, TEXTS)
def test_lines_add_up(one: str, other: str) -> None:
    assert price(f"{one}\n{other}") == price(one) + NEWLINE + price(other)
    assert estimate(f"{one}\n{other}") <= estimate(one) + estimate(other) + 1


@pytest.mark.parametrize("paths", [PROSE, CODE], ids=["prose", "code"])
def test_what_people_write_is_not_undercounted(paths: list[Path]) -> None:
    texts = [text for text in pieces(paths) if text.strip()]

    assert len(texts) > 100
    assert [text for text in texts if undercounted(text)] == []


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("paths", [PROSE, CODE], ids=["prose", "code"])
def test_what_people_write_is_not_overcounted_by_much(paths: list[Path], tokenizer: str) -> None:
    texts = [path.read_text() for path in paths]

    assert sum(map(estimate, texts)) <= MOST * sum(map(TOKENIZERS[tokenizer], texts))


@pytest.mark.parametrize("kind", GENERATED)
def test_what_programs_write_is_not_undercounted(kind: str) -> None:
    @given(GENERATED[kind])
    def test(text: str) -> None:
        assert not undercounted(text)

    test()


@pytest.mark.parametrize("language", SENTENCES)
def test_other_scripts_are_not_undercounted(language: str) -> None:
    assert not undercounted(SENTENCES[language])


@given(st.lists(st.sampled_from([*SENTENCES.values(), "def main() -> None:", "src/app.py", str(uuid.UUID(int=1))])))
def test_mixtures_are_not_undercounted(texts: list[str]) -> None:
    assert not undercounted(" ".join(texts))


def test_the_document_has_the_prices() -> None:
    rows = re.findall(r"^\| .* \| .* \| (`.*) \|$", (ROOT / "docs" / "BRIEFING.md").read_text(), re.MULTILINE)
    examples = dict(re.findall(r"`([^`]+)` (\d\.\d\d)", ", ".join(rows)))

    assert len(examples) > 15
    assert {text: f"{price(text) / TOKEN:.2f}" for text in examples} == examples
