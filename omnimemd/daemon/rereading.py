"""The settings in force, read again when a supervisor says so: changes take effect, a mistake changes nothing."""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from omnimemd.daemon.asked import Asked
from omnimemd.daemon.logs import Logs
from omnimemd.daemon.notices import Notices
from omnimemd.system.errors import StartError
from omnimemd.system.settings import Settings
from omnimemd.system.supervisor import notify, reloading

log = logging.getLogger(__name__)

#: Settings that a process has for life: its places are locked, its log is open.
_FOR_LIFE: Final = ("socket", "data_dir", "log_format")


class Rereading:
    """Reads the settings anew."""

    def __init__(self, settings: Settings, *, read: Callable[[], Settings], asked: Asked, notices: Notices) -> None:
        """Begin with *settings*; *read* gives those of now."""
        self.settings = settings  #: in force, or from the next beginning on
        self._read = read
        self._asked = asked
        self._notices = notices

    def read_again(self) -> None:
        """Read them; begin again if they changed, unless it is the log's level alone."""
        notify(*reloading())
        old = self.settings
        try:
            read = self._read()
        except StartError as error:
            log.error("settings not read again", extra={"reason": str(error)})
            self._notices.put("settings", f"The settings could not be read again, so the old ones hold: {error}")
            notify("READY=1")
            return
        log.info("settings read again")
        waiting = [name for name in _FOR_LIFE if getattr(read, name) != getattr(old, name)]
        self._notices.put(
            "settings", f"{' and '.join(waiting)} changed in the settings: restart omnimemd." if waiting else None
        )
        self.settings = msgspec.structs.replace(read, **{name: getattr(old, name) for name in waiting})
        if self.settings.log_level != old.log_level:
            Logs(self.settings.log_level).change(self.settings.log_level)
        if msgspec.structs.replace(self.settings, log_level=old.log_level) == old:
            notify("READY=1")
        else:
            self._asked.begin_again()
