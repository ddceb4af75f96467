"""Who is at the other end of a Unix socket, as the kernel says."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from omnimemd.system.peer import peer_of


def test_the_peer_is_who_connected(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        connect = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(tmp_path / 's')!r}); input()"
        with subprocess.Popen([sys.executable, "-c", connect], stdin=subprocess.PIPE) as child:
            accepted, _ = listening.accept()
            with accepted:
                peer = peer_of(accepted)
            child.communicate(b"\n")

    assert (peer.uid, peer.pid) == (os.getuid(), child.pid)
