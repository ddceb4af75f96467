-- How the files of each watched root were when they were last looked at, so that what changes while nobody sees it can
-- be told. Paths are bytes, as the file system has them.
CREATE TABLE baselines (
    baseline_key INTEGER PRIMARY KEY,
    root         BLOB NOT NULL UNIQUE,
    complete     INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),  -- every file of the root was looked at
    through      INTEGER NOT NULL,  -- what was told up to then is in the facts
    lost_since   INTEGER,           -- of a gap that is not recorded yet
    left_at      INTEGER            -- when the daemon stopped; null while it runs, and after it was killed
) STRICT;

-- One row for each directory that holds files; 0.05 KB a file.
CREATE TABLE baseline_directories (
    baseline  INTEGER NOT NULL REFERENCES baselines (baseline_key) ON DELETE CASCADE,
    directory BLOB NOT NULL,  -- below the root; empty for the root itself
    files     BLOB NOT NULL,  -- MessagePack: names, inodes, sizes, mtimes, ctimes
    PRIMARY KEY (baseline, directory)
) STRICT;
