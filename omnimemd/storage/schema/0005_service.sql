-- Losses: what is known to be gone, of a database that was damaged and could not be mended without losing something.
CREATE TABLE losses (
    loss          INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at    INTEGER,           -- what was answered before is there; null: nothing is
    ended_at      INTEGER NOT NULL,  -- what was answered after is there too
    found_at      INTEGER NOT NULL,
    reason        TEXT NOT NULL CHECK (reason IN ('log_damaged', 'database_damaged', 'restored')),
    kept          TEXT,              -- the folder with the damaged files, below the data directory
    restored_from TEXT,              -- the backup that took their place
    put_aside     INTEGER NOT NULL DEFAULT 0 CHECK (put_aside IN (0, 1)),  -- that one, by a person, when they restored another
    seen_at       INTEGER,           -- since when a person need not be told any more
    CHECK (ended_at >= coalesce(started_at, ended_at))
) STRICT;

-- Sessions that were let go: nobody finds them any more, and their entries are deleted a little at a time, after a kill too.
ALTER TABLE sessions ADD COLUMN going INTEGER NOT NULL DEFAULT 0 CHECK (going IN (0, 1));
CREATE INDEX sessions_going ON sessions (session_key) WHERE going;
