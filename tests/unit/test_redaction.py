"""Secrets: what goes, what stays."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimem.errors import InvalidRequest
from omnimem.model import ContextAppend, ContextBatch, MemoryCreate, SessionCreate
from omnimemd.domain.redaction import redact, redact_all
from tests.support.secrets import MIXED, Secret, ordinary_lines, pem, settings, tokens

EVERY = [*tokens(), *settings()]
ORDINARY = ordinary_lines()
#: What hostile text is made of.
PIECES = [
    *(
        "sk-",
        "eyJ",
        "ghp_",
        "SG.",
        "://",
        ":",
        "@",
        "a",
        "1",
        "_",
        "-",
        ".",
        "/",
        "\\",
        "\n",
        " ",
        '"',
        "'",
        "=",
        "é",
        "İ",
    ),
    *("password", "token", "secret", "api_key", "authorization", "bearer ", "curl -u ", "machine a login b password "),
    *(
        "-----BEGIN RSA ",
        "PRIVATE KEY-----",
        "-----END ",
        "[removed: ",
        "]",
        "</token>",
        "<token>",
        "&token=",
        "--token ",
    ),
    *("\\n", "\\u0041", "%41", "x-api-key: ", "Proc-Type:", "your-", "test"),
]


def of(secret: Secret) -> str:
    return f"{secret.kind}: {secret.text[:12]}"


@pytest.mark.parametrize("secret", tokens(), ids=of)
def test_a_secret_of_known_shape_goes_and_nothing_else(secret: Secret) -> None:
    done = redact(f"we use {secret.text}, for now.")

    assert done.value == f"we use {secret.text.replace(secret.secret, f'[removed: {secret.kind}]')}, for now."
    assert done.kinds == (secret.kind,)


@pytest.mark.parametrize("secret", settings(), ids=of)
def test_a_secret_known_by_its_place_goes_and_what_is_around_it_stays(secret: Secret) -> None:
    before, _, after = secret.text.partition(secret.secret)

    done = redact(secret.text)

    assert done.value == f"{before}[removed: {secret.kind}]{after}"
    assert done.kinds == (secret.kind,)


def test_there_are_thirty_kinds_and_two_hundred_ordinary_lines() -> None:
    assert len({one.kind for one in EVERY}) >= 30
    assert len(set(ORDINARY)) >= 200


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_stays(line: str) -> None:
    assert redact(line) == msgspec.structs.replace(redact(""), value=line)


def test_ordinary_lines_stay_in_one_text_and_with_real_line_ends() -> None:
    text = "\n".join(ORDINARY)

    assert redact(text).value == text
    assert redact(text.replace("\\n", "\n")).kinds == ()


@given(st.text(), st.sampled_from(tokens()), st.text())
def test_a_secret_goes_wherever_it_stands(before: str, secret: Secret, after: str) -> None:
    assert secret.secret not in redact(f"{before} {secret.text} {after}").value


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(PIECES), st.sampled_from([one.text for one in EVERY]))))
def test_twice_is_once(parts: list[str]) -> None:
    once = redact("".join(parts)).value

    assert redact(once).value == once


@given(st.lists(st.sampled_from([*PIECES, MIXED]), min_size=1, max_size=5), st.sampled_from(["", *PIECES]))
def test_no_text_is_a_trap(unit: list[str], end: str) -> None:
    """Anything but linear time would not come back from this: a square of it is half a minute each."""
    text = ("".join(unit) * 50_000)[:50_000] + end

    assert len(redact(text).value) >= 0


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ-",
        "eyJ",
        "SG.a",
        "sk-",
        "_",
        "://",
        "secret=",
        "secret_",
        "a.b:c@",
        'password="',
        "-----BEGIN PRIVATE KEY-----\nMII",
    ],
)
def test_a_million_characters_are_no_trap(unit: str) -> None:
    text = (unit * 1_000_000)[:1_000_000]

    assert redact(redact(text).value).value == redact(text).value


def test_a_key_that_is_spoken_of_stays_and_one_that_is_cut_off_goes() -> None:
    begins = "-----BEGIN RSA " + "PRIVATE KEY-----"

    assert redact(f"Files that begin with {begins} are refused, certificates too.").kinds == ()
    assert redact(f"{begins}\n{MIXED * 2}\n{MIXED}").value == "[removed: private key]"
    assert redact(f"a {pem('RSA ' + 'PRIVATE KEY')} b {pem('RSA ' + 'PRIVATE KEY')} c").value == (
        "a [removed: private key] b [removed: private key] c"
    )


def test_names_of_members_are_cleaned_and_tell_of_their_values() -> None:
    one, two = "ghp_" + MIXED + "abcd", "ghp_" + MIXED + "efgh"

    done = redact_all({one: 1, two: [{"deep": one}], "db_password": "Tr0ub4dor&3", "n": 4, "ok": None})

    assert done.value == {
        "[removed: GitHub token]": 1,
        "[removed: GitHub token] 2": [{"deep": "[removed: GitHub token]"}],
        "db_password": "[removed: password]",
        "n": 4,
        "ok": None,
    }
    assert done.kinds == ("GitHub token", "password")


def test_a_memorys_key_tells_of_its_value() -> None:
    assert redact_all(MemoryCreate(key="DB_PASSWORD", value="Tr0ub4dor&3")).value.value == "[removed: password]"
    assert redact_all(MemoryCreate(key="password", value="Ask Bob for it, room 12.")).kinds == ()


def test_a_request_without_secrets_is_the_same_object() -> None:
    request = ContextBatch(entries=[ContextAppend(decision="d", file_path="/a")])

    assert redact_all(request).value is request


def test_an_id_that_holds_a_token_is_refused_without_being_repeated() -> None:
    token = "ghp_" + MIXED + "abcd"
    batch = ContextBatch(entries=[ContextAppend(decision="d"), ContextAppend(file_path="/a", agent_id=token)])

    with pytest.raises(InvalidRequest) as caught:
        redact_all(batch)

    assert [one.field for one in caught.value.errors] == ["entries[1].agent_id"]
    assert token not in str(caught.value.problem())


def test_a_folder_stays_as_it_is_called() -> None:
    path = "/w/ghp_" + MIXED + "abcd"

    done = redact_all(SessionCreate(tool_id="t", workspace_path=path, metadata={"x": path}))

    assert done.value.workspace_path == path
    assert done.value.metadata == {"x": "/w/[removed: GitHub token]"}
