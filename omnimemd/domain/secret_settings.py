"""Secrets that are known by what stands before them: the name of a setting, a header, a flag, the user's in a URL.

The value alone shows nothing: passwords look like anything. So the name must say that it is one, and the value must
not look like what else stands behind such names: a type, a variable, a word, the place where the secret is. Where that
is unclear it stays, as a memory with a hole in it is worth less.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from omnimemd.domain.secret_tokens import Found


class _Place(msgspec.Struct, frozen=True):
    kind: str
    hints: tuple[str, ...]  #: one of them, in lower case, is in every text that the pattern finds something in
    pattern: re.Pattern[str]  #: its group "secret" is the secret
    generated: bool  #: whether it must look generated


def find_settings(text: str) -> Iterator[Found]:
    """Yield each value in *text* that its place shows to be a secret; they may overlap, and come in no order."""
    lowered = text.replace("İ", "i").lower()  # of this letter alone the small one is longer
    for place in _PLACES:
        for hint in place.hints:
            if hint in lowered:
                yield from _find_at(place, text)
                break
    for root in _ROOTS:
        at = lowered.find(root)
        while at >= 0:
            match = _SETTING.match(text, at)
            if match is None:
                at = lowered.find(root, at + len(root))
                continue
            value = match["quoted"] or match["bare"].rstrip(",;)")
            if value and _is_secret(text, match, value):
                start = match.start("quoted") if match["quoted"] else match.start("bare")
                yield Found(start, start + len(value), _kind(match["name"]))
            at = lowered.find(root, match.end())


def _find_at(place: _Place, text: str) -> Iterator[Found]:
    for match in place.pattern.finditer(text):
        value = match["secret"]
        is_secret = _is_generated(value) if place.generated else not _is_placeholder(value)
        if is_secret and match.groupdict().get("user") != value:  # as in postgres:postgres, which everybody knows
            yield Found(*match.span("secret"), place.kind)


def kind_of_member(name: str, value: str) -> str | None:
    """Return what *value* is as the whole value of a member called *name*, say, of a JSON object; None if no secret."""
    match = _NAME.search(name)
    if match is None or not _tells(name, match) or not _is_quoted_secret(match["name"], value):
        return None
    return _kind(match["name"])


#: One of them is in every name that tells of a secret.
_ROOTS: Final = ("pass", "pwd", "secret", "token", "key", "credential", "auth")
#: Words that tell, and what only counts or qualifies behind them.
_TELLING: Final = (
    r"(?P<name>(?P<word>pass(?:word|wd|phrase|code)?|pwd|secret|token|key|credentials?|auth)"
    r"(?:[_.-]?(?:key|value|base|base64|dev|prod|production|staging|live|test|\d{1,3}))?)"
)
#: Words that tell nothing without another in front.
_QUALIFIED: Final = {
    "pass": re.compile(r"[A-Za-z0-9][_-]\Z"),
    "auth": re.compile(r":_\Z"),
    "key": re.compile(
        r"(?:api|access|private|signing|encryption|master|auth|account|shared)[_.-]?\Z", re.IGNORECASE | re.ASCII
    ),
}
_NAME: Final = re.compile(rf"{_TELLING}\Z", re.IGNORECASE | re.ASCII)

#: Any setting: its name, what says that a value follows, the value in quotes or not. JSON within JSON escapes quotes.
_SETTING: Final = re.compile(
    rf"{_TELLING}\\{{0,3}}[\"'`]?\]?\*{{0,2}}"
    r"(?::[ \t]{0,3}[A-Za-z][\w.\[\]|]{0,40}[ \t]{0,3}(?==[^=]))?"  # a type
    r"(?P<sep>[ \t]{0,40}(?::=|=>|[=!]={1,2}|[:=])\*{0,2}[ \t]{0,40})"
    r"(?:[rbu]?(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote))(?:[^\s\\]|\\.))+)"
    r"|(?P<bare>(?:(?![;&,][A-Za-z][\w.-]{0,40}=)[^\s\"'`\\])+))",
    re.IGNORECASE | re.ASCII,
)


def _kind(name: str) -> str:
    return "password" if name[0] in "pP" else "secret"


def _tells(text: str, match: re.Match[str]) -> bool:
    """Return whether the name that was found in *text* is a secret's."""
    front = _QUALIFIED.get(match["word"].lower())
    return front is None or front.search(text, max(0, match.start() - 16), match.start()) is not None


def _is_secret(text: str, match: re.Match[str], value: str) -> bool:
    start = match.start()
    if not _tells(text, match) or _IN_MARKER.search(text, max(0, start - 40), start) is not None:
        return False
    name = match["name"]
    is_variable = name.isupper() and match["sep"] == "=" and not text[start - 1 : start].islower()
    if is_variable:
        return _is_secret_of_variable(name, value)
    if match["quoted"]:
        return _is_quoted_secret(name, value)
    end = match.start("bare") + len(value)
    before = _LINE_BEFORE.search(text, max(0, start - 120), start)
    if before is None or _LINE_AFTER.match(text, end) is None:
        return match["sep"] == "=" and _IN_PROSE.match(text, start - 1) is not None and _is_shuffled(value)
    is_user = "//" in before[0] and match["sep"] == ":"  # of a URL
    return not is_user and _is_secret_of_line(name, value)


def _is_secret_of_variable(name: str, value: str) -> bool:
    """Return whether NAME=value, as a shell takes it, where no value is a variable."""
    if len(value) < 6 or _is_placeholder(value):
        return False
    if _kind(name) == "password":
        return True
    return _is_generated(value) or (len(value) >= 16 and value.isalpha())


def _is_quoted_secret(name: str, value: str) -> bool:
    if _kind(name) == "password":
        return len(value) >= 6 and _ODD.search(value) is not None and not (" " in value or _is_placeholder(value))
    return _is_generated(value)


def _is_secret_of_line(name: str, value: str) -> bool:
    """Return whether `name: value`, alone on a line, where value may be code."""
    if not _is_generated(value) or any(bracket in value for bracket in "([{<"):
        return _kind(name) == "password" and len(value) >= 6 and _ODD.search(value) is not None and _is_typed(value)
    return _kind(name) == "password" or len(value) >= 12


def _is_shuffled(value: str) -> bool:
    """Return whether *value* goes from digit to letter and back as no name of a variable does."""
    return _is_generated(value) and len(_DIGIT_LETTER.findall(value)) >= 2 and not set("([{<.") & set(value)


def _is_typed(value: str) -> bool:
    """Return whether a password may be this, which is not code."""
    return not _is_placeholder(value) and any(one.isalpha() for one in value) and not set("([{<.") & set(value)


def _is_generated(value: str) -> bool:
    """Return whether *value* mixes letters and digits as no word does, in eight characters or more."""
    if len(value) < 8 or any(one.isspace() for one in value) or _WORDS.fullmatch(value[:200]) is not None:
        return False
    has_both = any(one.isdigit() for one in value) and any(one.isalpha() for one in value)
    return has_both and not _is_placeholder(value)


def _is_placeholder(value: str) -> bool:
    return _PLACEHOLDER.fullmatch(value, 0, 200) is not None or _PATH.fullmatch(value, 0, 200) is not None


#: What stands before a setting within a sentence.
_IN_PROSE: Final = re.compile(r"\s")
_DIGIT_LETTER: Final = re.compile(r"\d[A-Za-z]")
_IN_MARKER: Final = re.compile(r"\[removed: [^\]]*\Z")
#: A digit, or what words do not have.
_ODD: Final = re.compile(r"[0-9!@#$%^&*+=~]")
#: What may stand on a line before the telling part of a name; lines may be divided as JSON does it.
_LINE_BEFORE: Final = re.compile(
    r"(?:\A|\n|\r|\\[nr])[ \t>*#/;-]{0,40}(?:(?:export|set|env|arg)[ \t]+)?[\w.$:/@\"'-]{0,60}\Z", re.IGNORECASE
)
_LINE_AFTER: Final = re.compile(r"[,;]?[ \t]{0,20}(?:(?:#|//)[^\n]*)?(?:\Z|[\n\r]|\\[nr])")
#: Words joined by what joins words, a short number behind any of them: names of things.
_WORDS: Final = re.compile(r"[a-z]+\d{0,5}(?:[-_.:/]+[a-z]*\d{0,5})*", re.ASCII)
_PATH: Final = re.compile(r"(?:~|\.{1,2}|[a-z0-9_.@-]+)?(?:[/\\]+[A-Za-z]?[a-z0-9_.@:-]*)+", re.ASCII)

#: What stands where a secret will be: names, examples, references to where it really is.
_PLACEHOLDER: Final = re.compile(
    r"""
      [<\[{$%].* | .*(?:\$\{|\{\{|\[removed:).*                 # <token>, {token}, $TOKEN, %TOKEN%
    | [\w.]+\(.*                                               # get_token()
    | (.)\1* | [xX*.•…_-]+\d{0,4}                                     # ****, xxxx-xxxx
    | .*(?:example|placeholder|change[-_]?me|redacted|replace[-_]?(?:me|this|with)|insert[-_]|your[-_]).*
    | (?:.*[-_.])?(?:test|fake|mock|dummy|sample|fixture|stub)(?:[-_.\d].*)?
    | (?:your|my|some|the|test|fake|mock|todo|none|null|nil|undefined|true|false|required|optional|prompt|disabled
        |enabled|secret|password|passwd|token|pass|abc|foo|bar|baz|guest|string|text|value|name|type|user)
      (?:[-_. ]?(?:your|my|own|api|access|secret|private|auth|key|token|password|passwd|pass|pwd|value|here|goes|abc
        |foo|bar|baz|\d{1,4}))*[!?]?
    | (?:os|process|env|config|settings|self|this|import|vars?|secrets|vault|ssm|file|sops|op|arn|kms|ref|enc)
      [.:(/\[].*
    | [a-z][a-z0-9+.-]*://.*
    | [~^<>=v]*\d+(?:\.\d+)+[\w.*+-]* | \d{4}-\d\d-\d\d.*        # versions, addresses, dates
    | 0x[0-9a-f]{40}
    | (?:pbkdf2|argon2|bcrypt|scrypt|sha\d+|md5)\w*[-:$({].*
    | (?:required|nullable|sometimes|string|str|int|bool)\b.* | &\w+;.*
    | (?:[a-z_][a-z0-9_]*\.)+[a-z_][a-z0-9_]*                   # user.token
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL | re.ASCII,
)


def _place(kind: str, hints: str, pattern: str, *, generated: bool = False) -> _Place:
    return _Place(kind, tuple(hints.split()), re.compile(pattern, re.IGNORECASE | re.ASCII), generated)


_PLACES: Final = (
    _place(
        "password",
        r":// :\/\/",
        r"\b[a-z][a-z0-9+.-]{1,30}:(?:\\?/){2}(?P<user>[^\s:/?#@\"'<>\\]{0,200}):(?P<secret>[^\s/?#\"'<>\\]{1,500})@(?=[^\s@])",
    ),
    _place(
        "authorization",
        "authorization",
        r"\bauthorization[\"'\\]{0,4}\s{0,3}[:=,]\s{0,3}[\"'`\\]{0,4}(?:bearer|basic|token|bot|apikey)\s{1,3}"
        r"(?P<secret>[A-Za-z0-9._~+/=:-]{12,})",
    ),
    _place("authorization", "bearer", r"\bbearer\s{1,3}(?P<secret>[A-Za-z0-9._~+/=-]{20,})", generated=True),
    _place(
        "AWS key",
        "aws",
        r"aws_?(?:secret|session)_?(?:access_?)?(?:key|token)[\"'\\]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\]{0,3}"
        r"(?P<secret>[A-Za-z0-9/+=\\]{40,})",
    ),
    _place(
        "Azure key", "accountkey= sharedaccesskey=", r"(?:account|sharedaccess)key=(?P<secret>[A-Za-z0-9+/=%]{20,})"
    ),
    _place("password", ";password= ;pwd=", r";(?:password|pwd)=(?P<secret>[^;\"'\s]{4,})"),
    _place(
        "password",
        "machine",  # of .netrc
        r"\bmachine\s{1,20}\S{1,200}\s{1,20}login\s{1,20}\S{1,200}\s{1,20}password\s{1,20}(?P<secret>\S+)",
    ),
    _place(
        "password",
        "curl wget http",
        r"(?:\s-u|--user)[ =]{0,3}[\"']?(?P<user>[^\s:\"'/]{1,100}):(?P<secret>(?!\d+\b)[^\s\"':/]{4,})(?=[\"'\s]|\Z)",
    ),
    _place(
        "secret",
        "</",
        r"<(?:password|passphrase|passwd|secret|token|api_?key|private_?key|secret_?key)>\s{0,3}"
        r"(?P<secret>[^<>\s]{6,})\s{0,3}</",
    ),
    _place(
        "secret",
        "value=",
        r"\b(?:key|name)=[\"'][^\"'\n]{0,60}?(?:password|secret|token|api_?key)[\"']\s{1,3}value=[\"']"
        r"(?P<secret>[^\"'\s]{8,})",
        generated=True,
    ),
    _place(
        "secret",
        "token= key= secret= password= passwd= pwd= sig= signature=",
        r"[?&](?:[a-z]{1,20}[_-])?(?:token|api_?key|secret|password|passwd|pwd|sig|signature)="
        r"(?P<secret>[^&\s\"'<>#\\)]{8,})",
        generated=True,
    ),
    _place(
        "secret",
        "x- -token api-key apikey",
        r"\b(?:x-(?:[a-z]{1,20}-)?(?:api-key|auth-key|auth-token|access-token|security-token|token|secret)|private-token"
        r"|job-token|api-?key)[\"']?\s{0,3}:\s{0,3}[\"']?(?P<secret>[A-Za-z0-9._~+/=-]{12,})",
        generated=True,
    ),
    _place(
        "secret",
        "--",
        r"--(?:[a-z]{1,20}-)?(?:password|passwd|passphrase|token|api-?key|secret|secret-key|access-key|private-key)"
        r"(?:=|[ ]{1,3})[\"']?(?P<secret>[^\s\"']{8,})",
        generated=True,
    ),
)
