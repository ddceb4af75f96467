"""Stay where callers look for the daemon: a socket that was removed while it runs is made anew.

The end of a login takes the user's runtime directory away, a cleaner what is old in /tmp, a person what they take for
rubbish. A daemon that nobody can call goes on all the same, for as long as there is no place to be called at: it
records the programs that outlived the login, and the next login, which makes the place again, finds it there.
"""

import asyncio
import logging
from typing import Final

from omnimemd.daemon.logs import reopen
from omnimemd.daemon.notices import Notices
from omnimemd.daemon.serving import Serving
from omnimemd.system.errors import StartError
from omnimemd.system.listening import Listening

log = logging.getLogger(__name__)

#: Seconds between two looks, each two stat calls: what hears of a removal would be one inotify instance more of the
#: user's 128.
_LOOK_SECONDS: Final = 5.0


async def stay_reachable(listening: Listening, serves: Serving, notices: Notices) -> None:
    """Look for the socket again and again, and listen on a new one once it is gone."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            connection = listening.renew()
        except StartError as error:
            text = f"Nobody can call the daemon: {error}."
            if text not in notices():
                log.warning("unreachable", extra={"socket": str(listening.path), "reason": str(error)})
            notices.put("reachable", text)
        else:
            notices.put("reachable", None)
            reopen()
            if connection is not None and connection is not serves.listening:
                await serves.listen(connection)
                log.warning("socket made anew: it had been removed", extra={"socket": str(listening.path)})
