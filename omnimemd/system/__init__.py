"""The operating system, and only here: processes, files, sockets, the clock, the supervisor."""
