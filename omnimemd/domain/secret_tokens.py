"""Secrets that are known wherever they stand: tokens by the prefix their issuer gives them, keys by their frame.

A minimum length is a little below what is issued today: issuers have made their tokens longer, and what begins in this
way and goes on for so long is nothing else.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec


class Found(msgspec.Struct, frozen=True):
    """One secret in a text."""

    start: int
    end: int
    kind: str


class _Token(msgspec.Struct, frozen=True):
    kind: str
    prefixes: tuple[str, ...]
    rest: re.Pattern[str]  #: what follows the prefix


class _Frame(msgspec.Struct, frozen=True):
    kind: str
    hint: str  #: is in every text that the pattern finds something in
    pattern: re.Pattern[str]  #: its group "secret" is the secret


def find_tokens(text: str) -> Iterator[Found]:
    """Yield each token and framed key in *text*; they may overlap, and come in no order."""
    if _LONG_WORD.search(text) is not None:  # few texts have one: they are done with here
        for begun in _PREFIX.finditer(text):
            yield from _token_at(text, begun.start(), begun[0])
    for frame in _FRAMES:
        if frame.hint in text:
            for match in frame.pattern.finditer(text):
                yield Found(*match.span("secret"), frame.kind)


def _token_at(text: str, at: int, begins: str) -> Iterator[Found]:
    if not _stands_alone(text, at):
        return
    for token, prefix in _BEGUN_BY[begins]:
        match = token.rest.match(text, at + len(prefix))
        if match is not None and not _EMPTY.search(match[0]):
            yield Found(at, match.end(), token.kind)


def _stands_alone(text: str, at: int) -> bool:
    """Return whether a token may begin at *at*: not within a longer word, unless that is the end of an escape."""
    before = text[at - 1] if at else " "
    if not (before.isascii() and before.isalnum()):
        return True
    return _ESCAPE.search(text, max(0, at - 12), at) is not None


#: Every token has one.
_LONG_WORD: Final = re.compile(r"[\w-]{13,}", re.ASCII)
#: What may stand before a token although it ends in a letter or digit: escapes of JSON and URLs, a terminal's colours.
_ESCAPE: Final = re.compile(r"(?:\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,8}m)\Z")
#: What documentation puts in place of a token.
_EMPTY: Final = re.compile(
    r"\A[xX0*._-]+\Z|(?:\A|[-_])(?:your|example|placeholder|here|x{4,}|replace|insert)(?:[-_]|\Z)", re.IGNORECASE
)


def _token(kind: str, prefixes: str, rest: str) -> _Token:
    return _Token(kind, tuple(prefixes.split()), re.compile(rest, re.ASCII))


def _frame(kind: str, hint: str, pattern: str) -> _Frame:
    return _Frame(kind, hint, re.compile(pattern, re.ASCII))


#: Not in the middle of a longer word, for what has a fixed length.
_END: Final = r"(?![A-Za-z0-9])"

_TOKENS: Final = (
    _token("AWS key", "AKIA ASIA", rf"[A-Z2-7]{{16}}{_END}"),
    _token("Anthropic key", "sk-ant-", r"[\w-]{20,}"),
    _token("OpenAI key", "sk-proj- sk-svcacct- sk-admin-", r"[\w-]{20,}"),
    _token("OpenAI key", "sk-", r"[A-Za-z0-9]{32,}"),
    _token("OpenRouter key", "sk-or-", r"(?:v\d-)?[A-Za-z0-9]{32,}"),
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{30,}"),
    _token("GitHub token", "github_pat_", r"\w{36,}"),
    _token("GitLab token", "glpat- glptt- gldt- glrt- glcbt- glsoat- glft- glagent-", r"[\w.-]{16,}"),
    _token("Slack token", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs-", r"[A-Za-z0-9.%-]{10,}"),
    _token("Slack token", "xapp-", r"\d-[A-Za-z0-9-]{20,}"),
    _token("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[A-Za-z0-9]{16,}"),
    _token("Stripe key", "whsec_", r"[A-Za-z0-9+/=]{24,}"),
    _token("Google key", "AIza", r"[\w-]{32,}"),
    _token("Google token", "ya29. GOCSPX-", r"[\w-]{20,}"),
    _token("npm token", "npm_", r"[A-Za-z0-9]{32,}"),
    _token("PyPI token", "pypi-AgE", r"[\w-]{40,}"),
    _token("RubyGems key", "rubygems_", rf"[0-9a-f]{{48}}{_END}"),
    _token("Docker token", "dckr_pat_ dckr_oat_", r"[\w-]{24,}"),
    _token("Hugging Face token", "hf_", r"[A-Za-z0-9]{30,}"),
    _token("SendGrid key", "SG.", r"(?<![_-]SG\.)[\w-]{16,}\.[\w-]{24,}"),
    _token("Twilio key", "SK", rf"[0-9a-f]{{32}}{_END}"),
    _token("Mailgun key", "key-", rf"[0-9a-f]{{32}}{_END}"),
    _token("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{40,}"),
    _token("Shopify token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{32}"),
    _token("Square token", "sq0atp- sq0csp-", r"[\w-]{22,}"),
    _token("Databricks token", "dapi", rf"[0-9a-f]{{32}}(?:-\d)?{_END}"),
    _token("Linear key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{32,}"),
    _token("Notion token", "ntn_ secret_", rf"[A-Za-z0-9]{{40,50}}{_END}"),
    _token("Vault token", "hvs. hvb. hvr.", r"[\w-]{24,}"),
    _token("Doppler token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{36,}"),
    _token("Groq key", "gsk_", r"[A-Za-z0-9]{40,}"),
    _token("xAI key", "xai-", r"[A-Za-z0-9]{60,}"),
    _token("Replicate token", "r8_", r"[A-Za-z0-9]{32,}"),
    _token("Perplexity key", "pplx-", r"[A-Za-z0-9]{40,}"),
    _token("Grafana token", "glsa_ glc_", r"[A-Za-z0-9+/=_]{32,}"),
    _token("New Relic key", "NRAK-", r"[A-Z0-9]{24,}"),
    _token("Postman key", "PMAK-", r"[0-9a-f]{20,}-[0-9a-f]{20,}"),
    _token("PlanetScale token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{30,}"),
    _token("Supabase key", "sbp_ sb_secret_", r"[\w-]{20,}"),
    _token("Sentry token", "sntrys_ sntryu_", r"[\w+/=-]{40,}"),
    _token("Fly token", "fo1_ fm1r_ fm2_", r"[\w+/=,-]{40,}"),
    _token("Atlassian token", "ATATT3 ATCTT3", r"[\w=-]{40,}"),
    _token("age key", "AGE-SECRET-KEY-1", r"[02-9AC-HJ-NP-Z]{40,}"),
    _token("JSON web token", "eyJ", r"(?<![_-]eyJ)[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,}"),
)

_PRIVATE: Final = r"(?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?"
_SPACE: Final = r"(?:\s|\\+[nrt])"  # also as JSON writes it
_HEADER: Final = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\n\\]*"

_FRAMES: Final = (
    _frame(
        "private key",
        "PRIVATE KEY",
        rf"(?P<secret>-----BEGIN {_PRIVATE}-----(?:"
        rf"(?:[^-]|-(?!----)){{1,100000}}-----END {_PRIVATE}-----"
        # Cut off: as far as there are lines of base64, the last of which may be short.
        rf"|(?:{_SPACE}+(?:{_HEADER}|[A-Za-z0-9+/=]{{16,}}))+(?:{_SPACE}+[A-Za-z0-9+/=]{{1,15}}\W{{0,20}}\Z)?"
        rf"|{_SPACE}+(?:MI|b3Bl|lQ)[A-Za-z0-9+/=]*"
        r"))",
    ),
    _frame(
        "private key",
        "Private-Lines: ",  # PuTTY's
        rf"Private-Lines: \d{{1,4}}(?P<secret>(?:{_SPACE}+[A-Za-z0-9+/=]{{16,}})+"
        rf"(?:{_SPACE}+[A-Za-z0-9+/]{{1,15}}={{1,2}})?)",
    ),
    _frame("Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?P<secret>[a-z]{5,20}/[A-Za-z0-9/_-]{16,})"),
    _frame("Discord webhook", "/api/webhooks/", r"/api/webhooks/(?P<secret>\d{15,20}/[\w-]{40,})"),
    _frame("Telegram token", ":AA", r"(?<!\d)(?P<secret>\d{8,10}:AA[\w-]{30,})"),
    _frame("Mailchimp key", "-us", r"(?<![A-Za-z0-9])(?P<secret>[0-9a-f]{32}-us\d{1,2})(?!\w)"),
    _frame("Terraform token", ".atlasv1.", r"(?<![A-Za-z0-9])(?P<secret>[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,})"),
)


def _any_of(words: Collection[str]) -> str:
    """Return a pattern for the longest of *words* at a place, none of which is looked at letter by letter twice."""
    below: dict[str, list[str]] = {}
    for word in words:
        if word:
            below.setdefault(word[0], []).append(word[1:])
    branches = [re.escape(first) + _any_of(rests) for first, rests in below.items()]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if '' in words else ''}"


_ALL: Final = {prefix: token for token in _TOKENS for prefix in token.prefixes}
_PREFIX: Final = re.compile(_any_of(list(_ALL)))
#: By what was found of `_PREFIX`, the tokens that may begin so.
_BEGUN_BY: Final = {
    begins: [(token, prefix) for prefix, token in _ALL.items() if begins.startswith(prefix)] for begins in _ALL
}
