"""Which processes there are, who called whom, and when one dies."""

from omnimemd.system.processes.activity import open_activity
from omnimemd.system.processes.deaths import Deaths, open_deaths
from omnimemd.system.processes.facts import boot_id
from omnimemd.system.processes.table import SystemProcesses

__all__ = ["Deaths", "SystemProcesses", "boot_id", "open_activity", "open_deaths"]
