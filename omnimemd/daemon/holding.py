"""Stay the one daemon of its data directory: a lock file that was removed while it runs is made anew."""

import asyncio
import logging
from typing import Final

from omnimemd.daemon.notices import Notices
from omnimemd.system.errors import StartError
from omnimemd.system.lock import Lock

log = logging.getLogger(__name__)

#: Seconds between two looks, each one stat call.
_LOOK_SECONDS: Final = 5.0


async def stay_alone(lock: Lock, notices: Notices) -> None:
    """Look for *lock* again and again; never return."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            if lock.renew():
                log.warning("lock made anew: it had been removed", extra={"lock": str(lock.path)})
        except StartError as error:
            text = f"Another omnimemd may use the data directory: {error}."
            if text not in notices():
                log.warning("lock lost", extra={"reason": str(error)})
            notices.put("lock", text)
        else:
            notices.put("lock", None)
