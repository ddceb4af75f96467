-- Memory versions. When each version was to expire as it was written, and whether it says deleted because it expired.
ALTER TABLE memory_versions ADD COLUMN ttl_seconds REAL;
ALTER TABLE memory_versions ADD COLUMN expires_at INTEGER CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL));
ALTER TABLE memory_versions ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted);
ALTER TABLE project_memories ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted);
-- Of older versions it is not known any more; of the current one it is what holds now.
UPDATE memory_versions SET ttl_seconds = m.ttl_seconds, expires_at = m.expires_at FROM project_memories AS m
WHERE m.memory_id = memory_versions.memory_id AND m.version = memory_versions.version AND NOT m.deleted;

-- What changed of a version without a new one: its expiry, set anew, its files, that it was confirmed. Each row is how
-- it was from `at` on, whole; before the first, the version itself says it.
CREATE TABLE memory_amendments (
    memory_id    TEXT NOT NULL,
    version      INTEGER NOT NULL,
    number       INTEGER NOT NULL CHECK (number > 0),
    at           INTEGER NOT NULL,
    ttl_seconds  REAL,
    expires_at   INTEGER,
    files_json   TEXT NOT NULL,
    confirmed_at INTEGER,
    PRIMARY KEY (memory_id, version, number),
    FOREIGN KEY (memory_id, version) REFERENCES memory_versions (memory_id, version) ON DELETE CASCADE,
    CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL))
) STRICT, WITHOUT ROWID;
