"""What the command sees by itself, with no daemon, a hung one, or one of another version; to look changes nothing."""

from omnimemd.cli.looking.install import look_at_installation
from omnimemd.cli.looking.log import last_lines, look_at_log
from omnimemd.cli.looking.places import look_at_places, tighten_places
from omnimemd.cli.looking.service import look_at_service, service_files
from omnimemd.cli.looking.settings import SettingsHere, look_at_backups, look_at_settings, settings_here

__all__ = [
    "SettingsHere",
    "last_lines",
    "look_at_backups",
    "look_at_installation",
    "look_at_log",
    "look_at_places",
    "look_at_service",
    "look_at_settings",
    "service_files",
    "settings_here",
    "tighten_places",
]
