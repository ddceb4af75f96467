"""Which endpoints are certain to be this machine."""

import pytest

from omnimemd.system.embedding.address import Address, address


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:11434/v1/embeddings",
        "http://127.8.9.10/v1/embeddings",
        "http://[::1]:8080/v1/embeddings",
        "http://localhost:8080/v1/embeddings",
        "unix:/run/user/1000/embed.sock",
    ],
)
def test_what_is_on_this_machine(text: str) -> None:
    assert address(text).here


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.1/v1/embeddings",
        "http://0.0.0.0/v1/embeddings",
        "http://127.0.0.1.example.org/v1/embeddings",
        "http://localhost.example.org/v1/embeddings",
        "http://[fe80::1]/v1/embeddings",
        "https://api.example.org/v1/embeddings",
    ],
)
def test_what_may_be_elsewhere(text: str) -> None:
    assert not address(text).here


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:80", "ftp://127.0.0.1/", "http:///v1", "http://127.0.0.1:x/", "http://me:pw@127.0.0.1/", "unix:a"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        address(text)


def test_a_path_is_the_usual_one_unless_it_is_named() -> None:
    assert address("http://127.0.0.1:80").url == "http://127.0.0.1:80/v1/embeddings"
    assert address("unix:/s") == Address("http://localhost/v1/embeddings", "/s")
    assert address("unix:/s:/embed") == Address("http://localhost/embed", "/s")
