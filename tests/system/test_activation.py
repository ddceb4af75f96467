"""The socket that a service manager hands on: what is taken, and what is refused with words that help."""

import ctypes
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimemd.system import launchd
from omnimemd.system.activation import Activated, activated
from omnimemd.system.errors import PlaceRefused
from omnimemd.system.listening import Listening


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "s").mkdir(mode=0o700)
    return tmp_path / "s" / "omnimemd.sock"


@pytest.fixture
def given(path: Path) -> Iterator[int]:
    """The descriptor of a socket that somebody made and listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(str(path))
        path.chmod(0o600)
        made.listen()
        yield os.dup(made.fileno())


def test_it_is_taken_with_its_path(given: int, path: Path) -> None:
    taken = Activated(given)

    assert taken.path == path
    assert not taken.socket.get_inheritable()
    taken.socket.close()


def test_one_that_others_may_use_is_taken_from_them(given: int, path: Path) -> None:
    path.chmod(0o666)

    Activated(given).socket.close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_neither_bound_nor_removed(given: int, path: Path) -> None:
    inode = path.stat().st_ino

    listening = Listening(Path("/elsewhere/omnimemd.sock"), Activated(given))
    with listening.open(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(path))
    listening.close()

    assert listening.path == path
    assert listening.is_lasting
    assert path.stat().st_ino == inode


def test_a_path_where_it_is_no_more_is_refused(given: int, path: Path) -> None:
    path.unlink()

    with pytest.raises(PlaceRefused, match=r"nobody can call: restart its socket"):
        Activated(given)


@pytest.mark.parametrize("kind", ["a file", "a socket that does not listen", "datagrams", "no path", "a port"])
def test_what_is_no_such_socket_is_refused(tmp_path: Path, kind: str) -> None:
    made: socket.socket
    match kind:
        case "a file":
            descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
        case "a socket that does not listen":
            descriptor = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach()
        case "datagrams":
            descriptor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()
        case "no path":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.bind(f"\0omnimem-test-{os.getpid()}")
            made.listen()
            descriptor = made.detach()
        case _:
            descriptor = socket.create_server(("127.0.0.1", 0)).detach()

    with pytest.raises(PlaceRefused, match="service manager"):
        Activated(descriptor)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "omnimemd"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
    ],
    ids=["nothing", "another process", "none", "no number"],
)
def test_what_is_not_for_this_process_is_passed_over(environ: dict[str, str]) -> None:
    assert activated(environ) is None
    assert environ == {}


@pytest.mark.parametrize("count", ["2", "99999999999"])
def test_more_than_one_is_refused(count: str) -> None:
    with pytest.raises(PlaceRefused, match=f"{count} sockets, and one is expected"):
        activated({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count})


def test_a_process_takes_what_it_was_started_with(given: int, path: Path) -> None:
    code = textwrap.dedent("""\
        import os
        os.environ["LISTEN_PID"] = str(os.getpid())
        from omnimemd.system.activation import activated
        print(activated().path, *(name for name in os.environ if name.startswith("LISTEN_")))
    """)
    handed_on = f"import os; os.dup2({given}, 3); os.execv({sys.executable!r}, [{sys.executable!r}, '-c', {code!r}])"

    done = subprocess.run(
        [sys.executable, "-c", handed_on],
        env=os.environ | {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "omnimemd"},
        pass_fds=(given, 3) if given == 3 else (given,),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [str(path)]


#: Stands for libSystem: answers as launch_activate_socket(3) says, and counts what is freed.
_LIBRARY = r"""
#include <errno.h>
#include <stdlib.h>
#include <string.h>
int result, descriptor, freed;
int launch_activate_socket(const char *name, int **fds, size_t *count) {
    if (result) return result;
    if (strcmp(name, "omnimemd")) return ENOENT;
    *fds = malloc(sizeof(int));
    **fds = descriptor;
    *count = 1;
    return 0;
}
void free(void *pointer) { freed += pointer != 0; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("library")
    (folder / "system.c").write_text(_LIBRARY)
    made = folder / "system.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-Bsymbolic", "-o", made, folder / "system.c"], check=True)
    return ctypes.CDLL(str(made))


def _answer(library: ctypes.CDLL, *, result: int, descriptor: int = 0) -> None:
    ctypes.c_int.in_dll(library, "result").value = result
    ctypes.c_int.in_dll(library, "descriptor").value = descriptor
    ctypes.c_int.in_dll(library, "freed").value = 0


@pytest.mark.needs("gcc")
def test_launchd_hands_its_socket_on(library: ctypes.CDLL, given: int, path: Path) -> None:
    _answer(library, result=0, descriptor=given)

    descriptors = launchd.activated_sockets(library)

    assert descriptors == [given]
    assert ctypes.c_int.in_dll(library, "freed").value == 1
    with Activated(given).socket as taken:
        assert taken.getsockname() == str(path)


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("number", [3, 2], ids=["not started by launchd", "no such socket in the agent"])
def test_without_launchd_the_daemon_binds_its_own(library: ctypes.CDLL, number: int) -> None:
    _answer(library, result=number)

    assert launchd.activated_sockets(library) == []


@pytest.mark.needs("gcc")
def test_a_socket_that_launchd_keeps_is_a_reason_not_to_start(library: ctypes.CDLL) -> None:
    _answer(library, result=37)  # EALREADY, of macOS

    with pytest.raises(PlaceRefused, match="launchd does not hand on the socket 'omnimemd'"):
        launchd.activated_sockets(library)
