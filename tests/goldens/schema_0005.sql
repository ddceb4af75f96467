PRAGMA application_id = 1869442669;
BEGIN;
CREATE TABLE projects (
    project_id    TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('git', 'marker', 'path', 'named')),
    root          TEXT CHECK (kind = 'named' OR root IS NOT NULL),
    -- What survives a move of the folder: of the git common directory, or of the folder itself outside git.
    device        INTEGER,
    inode         INTEGER,
    birth_ns      INTEGER,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    settings_json TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX projects_by_root ON projects (root);
CREATE INDEX projects_by_inode ON projects (inode) WHERE inode IS NOT NULL;
CREATE INDEX projects_by_last_activity ON projects (last_activity);
CREATE TABLE sessions (
    session_key        INTEGER PRIMARY KEY,
    session_id         TEXT NOT NULL UNIQUE,
    tool_id            TEXT NOT NULL,
    user_id            TEXT,
    workspace_path     TEXT NOT NULL,
    project_id         TEXT NOT NULL REFERENCES projects (project_id),
    created_at         INTEGER NOT NULL,
    last_activity      INTEGER NOT NULL CHECK (last_activity >= created_at),
    ended_at           INTEGER CHECK (ended_at >= created_at),
    end_reason         TEXT CHECK (end_reason IN ('client', 'process_exited', 'replaced', 'reboot', 'idle')),
    end_detail         TEXT,
    continues          TEXT,
    -- (pid, start, boot) is one process for ever; the start is in the kernel's own unit, untouched by clock changes.
    process_id         INTEGER,
    process_start      INTEGER,
    process_boot       TEXT,
    process_started_at INTEGER,
    seen_alive_at      INTEGER,
    pinned             INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    archived           INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    -- The context folded up to the entry folded_through: what follows it in entries is the tail.
    context_json       TEXT,
    compressed_context BLOB,
    folded_through     INTEGER NOT NULL DEFAULT 0,
    context_size_bytes INTEGER NOT NULL DEFAULT 0,
    metrics_json       TEXT NOT NULL DEFAULT '{}',
    metadata_json      TEXT NOT NULL DEFAULT '{}', going INTEGER NOT NULL DEFAULT 0 CHECK (going IN (0, 1)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK ((process_id IS NULL) = (process_start IS NULL) AND (process_id IS NULL) = (process_boot IS NULL))
) STRICT;
CREATE INDEX sessions_by_project ON sessions (project_id, last_activity);
CREATE INDEX sessions_by_workspace ON sessions (workspace_path);
CREATE INDEX sessions_by_last_activity ON sessions (last_activity);
CREATE INDEX sessions_by_process ON sessions (process_id) WHERE process_id IS NOT NULL;
CREATE INDEX sessions_open ON sessions (ended_at) WHERE ended_at IS NULL;
CREATE TABLE entries (
    session     INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    seq         INTEGER NOT NULL CHECK (seq > 0),
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
    source      INTEGER NOT NULL CHECK (source BETWEEN 1 AND 3),
    access      INTEGER CHECK (access BETWEEN 1 AND 5),
    attribution INTEGER CHECK (attribution BETWEEN 1 AND 4),
    importance  REAL CHECK (importance BETWEEN 0 AND 1),
    subject     ANY NOT NULL,  -- path (BLOB where it is not UTF-8), query, decision, memory id, burst id, gap reason
    details     TEXT,          -- JSON: what only some entries of the kind have
    PRIMARY KEY (session, seq),
    CHECK (kind <> 1 OR (access IS NOT NULL AND attribution IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE project_memories (
    memory_id        TEXT PRIMARY KEY,
    project_id       TEXT NOT NULL REFERENCES projects (project_id),
    memory_key       TEXT NOT NULL,
    memory_value     TEXT,
    compressed_value BLOB,  -- zlib; instead of memory_value, for values over 8 KiB
    version          INTEGER NOT NULL CHECK (version > 0),
    deleted          INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    last_accessed    INTEGER NOT NULL,
    accessed_count   INTEGER NOT NULL DEFAULT 0,
    ttl_seconds      REAL,
    expires_at       INTEGER,
    metadata_json    TEXT NOT NULL DEFAULT '{}',
    files_json       TEXT NOT NULL DEFAULT '[]',
    session_id       TEXT,
    confirmed_at     INTEGER,
    tenant_id        TEXT, expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted),  -- reserved
    UNIQUE (project_id, memory_key),
    CHECK (deleted = (memory_value IS NULL AND compressed_value IS NULL)),
    CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL))
) STRICT;
CREATE INDEX project_memories_by_access ON project_memories (project_id, last_accessed);
CREATE INDEX project_memories_by_expiry ON project_memories (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE memory_versions (
    memory_id        TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    version          INTEGER NOT NULL CHECK (version > 0),
    memory_value     TEXT,
    compressed_value BLOB,
    metadata_json    TEXT NOT NULL,
    files_json       TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    session_id       TEXT,
    deleted          INTEGER NOT NULL CHECK (deleted IN (0, 1)), ttl_seconds REAL, expires_at INTEGER CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL)), expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted),
    PRIMARY KEY (memory_id, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE workspaces (
    path     TEXT PRIMARY KEY,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency_keys (
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE TABLE canary (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   INTEGER NOT NULL
) STRICT;
CREATE TABLE baselines (
    baseline_key INTEGER PRIMARY KEY,
    root         BLOB NOT NULL UNIQUE,
    complete     INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),  -- every file of the root was looked at
    through      INTEGER NOT NULL,  -- what was told up to then is in the facts
    lost_since   INTEGER,           -- of a gap that is not recorded yet
    left_at      INTEGER            -- when the daemon stopped; null while it runs, and after it was killed
) STRICT;
CREATE TABLE baseline_directories (
    baseline  INTEGER NOT NULL REFERENCES baselines (baseline_key) ON DELETE CASCADE,
    directory BLOB NOT NULL,  -- below the root; empty for the root itself
    files     BLOB NOT NULL,  -- MessagePack: names, inodes, sizes, mtimes, ctimes
    PRIMARY KEY (baseline, directory)
) STRICT;
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
CREATE TABLE search_projects (
    project       INTEGER PRIMARY KEY,
    project_id    TEXT NOT NULL UNIQUE,
    memories      INTEGER NOT NULL DEFAULT 0,
    memory_length INTEGER NOT NULL DEFAULT 0,  -- terms of all its memories together
    others        INTEGER NOT NULL DEFAULT 0,
    other_length  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE search_documents (
    document   INTEGER PRIMARY KEY,
    kind       INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    memory_id  TEXT UNIQUE REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    version    INTEGER,
    session    INTEGER REFERENCES sessions (session_key) ON DELETE CASCADE,  -- with seq: an entry
    seq        INTEGER,
    session_id TEXT,              -- the session it came from
    place      INTEGER NOT NULL,  -- which of that session's in the project it is, in order
    at         INTEGER NOT NULL,
    length     INTEGER NOT NULL,  -- in terms
    UNIQUE (session, seq),
    CHECK ((kind = 1) = (memory_id IS NOT NULL) AND (memory_id IS NULL) = (version IS NULL))
) STRICT;
CREATE INDEX search_documents_by_place ON search_documents (session_id, document >> 32, place)
WHERE session_id IS NOT NULL;
CREATE VIRTUAL TABLE search_text USING fts5 (terms, tokenize = 'ascii');
CREATE VIRTUAL TABLE search_words USING fts5vocab (search_text, row);
CREATE TABLE search_pending (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL UNIQUE REFERENCES project_memories (memory_id) ON DELETE CASCADE
) STRICT;
CREATE TABLE search_pending_entries (
    session INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory_files (
    memory_id  TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    path       TEXT NOT NULL,  -- below the project's root; absolute where it is elsewhere
    -- The content, as it is remembered. No size: the file was not there yet. No digest: it is known by size and time.
    size       INTEGER,
    digest     BLOB,
    -- The facts of the file when it was last seen with that content: a file that has them still is not read.
    inode      INTEGER,
    mtime_ns   INTEGER,
    ctime_ns   INTEGER,
    changed_at INTEGER,        -- since when it is known to differ; null: it does not
    PRIMARY KEY (memory_id, path),
    CHECK ((size IS NULL) = (inode IS NULL) AND (size IS NULL) = (mtime_ns IS NULL)),
    CHECK (size IS NOT NULL OR (digest IS NULL AND changed_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_files_by_path ON memory_files (path);
CREATE INDEX memory_files_changed ON memory_files (memory_id) WHERE changed_at IS NOT NULL;
CREATE TABLE memory_files_due (
    memory_id TEXT PRIMARY KEY REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    since     INTEGER,           -- when the memory was written or confirmed; null: nobody knows
    token     INTEGER NOT NULL   -- another one each time it is written meanwhile
) STRICT, WITHOUT ROWID;
CREATE TABLE search_model (
    only_one  INTEGER PRIMARY KEY CHECK (only_one = 1),
    epoch     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    model     TEXT NOT NULL,
    documents INTEGER NOT NULL,  -- how many there were
    learned   BLOB NOT NULL
) STRICT;
CREATE TABLE search_vectors (
    document INTEGER PRIMARY KEY REFERENCES search_documents (document) ON DELETE CASCADE,
    epoch    INTEGER NOT NULL,
    vector   BLOB NOT NULL
) STRICT;
CREATE TABLE search_unembedded (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL UNIQUE REFERENCES search_documents (document) ON DELETE CASCADE
) STRICT;
CREATE INDEX project_memories_deleted ON project_memories (updated_at) WHERE deleted;
CREATE TABLE retention_runs (
    rule    TEXT PRIMARY KEY,
    ran_at  INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    total   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session_digests (
    session  INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    through  INTEGER NOT NULL CHECK (through > 0),
    content  BLOB NOT NULL,  -- MessagePack (domain/digest.py: Content)
    rest     BLOB NOT NULL,  -- zlib: what is needed to go on from there, and by nobody who reads
    summary  TEXT,           -- by which the session is searched for
    ended_at INTEGER,        -- of the session, when it was summarised
    CHECK ((summary IS NULL) = (ended_at IS NULL))
) STRICT;
CREATE TABLE briefings (
    briefing       INTEGER PRIMARY KEY,
    session        INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    project_id     TEXT NOT NULL REFERENCES projects (project_id) ON DELETE CASCADE,
    at             INTEGER NOT NULL,
    max_tokens     INTEGER NOT NULL,
    tokens         INTEGER NOT NULL,
    entries_before INTEGER NOT NULL,  -- the session's last entry when it was given
    through        INTEGER NOT NULL   -- up to which of its entries uses were looked for
) STRICT;
CREATE INDEX briefings_by_session ON briefings (session);
CREATE INDEX briefings_by_time ON briefings (at);
CREATE TABLE briefing_items (
    session  INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN
        ('memory', 'decision', 'open_point', 'dead_end', 'search', 'session', 'file', 'checkpoint')),
    source   TEXT NOT NULL,
    file     TEXT NOT NULL,  -- of a file, a digest of its path, else empty
    briefing INTEGER NOT NULL REFERENCES briefings (briefing) ON DELETE CASCADE,
    used_at  INTEGER,        -- first
    how      TEXT CHECK (how IN ('read', 'written', 'found', 'continued', 'touched', 'said')),
    PRIMARY KEY (session, kind, source, file),
    CHECK ((used_at IS NULL) = (how IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX briefing_items_by_briefing ON briefing_items (briefing);
CREATE TABLE memory_reads (
    session   INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    memory_id TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    first_at  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    found     INTEGER NOT NULL CHECK (found IN (0, 1)),  -- 1: only as the first of a search
    PRIMARY KEY (session, memory_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_reads_by_memory ON memory_reads (memory_id);
CREATE TABLE checkpoint_contents (
    content INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL UNIQUE,  -- SHA-256 of the JSON
    packed  BLOB NOT NULL          -- zlib of the JSON (domain/checkpoints.py: Content)
) STRICT;
CREATE TABLE checkpoints (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which they were stored
    checkpoint_id   TEXT NOT NULL UNIQUE,
    session         INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    name            TEXT,
    note            TEXT,
    reason          INTEGER NOT NULL CHECK (reason BETWEEN 1 AND 5),
    created_at      INTEGER NOT NULL,
    entries_through INTEGER NOT NULL CHECK (entries_through >= 0),
    content         INTEGER NOT NULL REFERENCES checkpoint_contents (content)
) STRICT;
CREATE INDEX checkpoints_by_session ON checkpoints (session, created_at);
CREATE INDEX checkpoints_by_content ON checkpoints (content);
CREATE VIEW checkpoints_told AS SELECT number, session FROM checkpoints AS c
WHERE reason = 1 OR name NOTNULL OR note NOTNULL OR number = (SELECT max(number) FROM checkpoints WHERE session = c.session);
CREATE TABLE checkpoints_due (
    session INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    reason  INTEGER NOT NULL CHECK (reason IN (2, 3))
) STRICT;
CREATE INDEX sessions_by_continues ON sessions (continues) WHERE continues IS NOT NULL;
CREATE TABLE entry_segments (
    session   INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    first_seq INTEGER NOT NULL CHECK (first_seq > 0),
    last_seq  INTEGER NOT NULL CHECK (last_seq >= first_seq),
    entries   INTEGER NOT NULL CHECK (entries > 0),
    kinds     INTEGER NOT NULL,  -- a bit for each there are: 1 << kind
    oldest    INTEGER NOT NULL,
    newest    INTEGER NOT NULL CHECK (newest >= oldest),
    row_bytes INTEGER NOT NULL,  -- what they would take as rows
    codec     INTEGER NOT NULL CHECK (codec = 1),  -- 1: columns in MessagePack, zstandard
    packed    BLOB NOT NULL,
    PRIMARY KEY (session, first_seq)
) STRICT, WITHOUT ROWID;
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
CREATE INDEX sessions_going ON sessions (session_key) WHERE going;
INSERT INTO projects (project_id, name, kind, root, device, inode, birth_ns, created_at, last_activity, settings_json) VALUES ('named', 'named', 'named', NULL, NULL, NULL, NULL, 1772366400000, 1772366400000, '{}');
INSERT INTO projects (project_id, name, kind, root, device, inode, birth_ns, created_at, last_activity, settings_json) VALUES ('p-1', 'App', 'git', '/w', 2049, 42, 1700000000123456789, 1772366400000, 1772366401000, '{"briefing":{"max_tokens":2000}}');
INSERT INTO sessions (session_key, session_id, tool_id, user_id, workspace_path, project_id, created_at, last_activity, ended_at, end_reason, end_detail, continues, process_id, process_start, process_boot, process_started_at, seen_alive_at, pinned, archived, context_json, compressed_context, folded_through, context_size_bytes, metrics_json, metadata_json, going) VALUES (1, 's-open', 'tool', 'me@here', '/w', 'p-1', 1772366400000, 1772366400000, NULL, NULL, NULL, 's-ended', 4242, 100, 'boot-1', 1772366340000, NULL, 0, 0, NULL, NULL, 0, 0, '{"accesses":0,"reads":0,"writes":0,"files":0,"searches":0,"decisions":0,"memories":0,"scans":0,"gaps":0}', '{"model":"x","big":1000000000000000000000000000000,"deep":[null,{"ü":0.5}]}', 0);
INSERT INTO sessions (session_key, session_id, tool_id, user_id, workspace_path, project_id, created_at, last_activity, ended_at, end_reason, end_detail, continues, process_id, process_start, process_boot, process_started_at, seen_alive_at, pinned, archived, context_json, compressed_context, folded_through, context_size_bytes, metrics_json, metadata_json, going) VALUES (2, 's-ended', 'tool', NULL, '/w', 'p-1', 1772366400000, 1772366400000, 1772366401000, 'client', 'done', NULL, NULL, NULL, NULL, NULL, NULL, 1, 1, NULL, NULL, 0, 0, '{"accesses":0,"reads":0,"writes":0,"files":0,"searches":0,"decisions":0,"memories":0,"scans":0,"gaps":0}', '{}', 0);
INSERT INTO sessions (session_key, session_id, tool_id, user_id, workspace_path, project_id, created_at, last_activity, ended_at, end_reason, end_detail, continues, process_id, process_start, process_boot, process_started_at, seen_alive_at, pinned, archived, context_json, compressed_context, folded_through, context_size_bytes, metrics_json, metadata_json, going) VALUES (3, 's-died', 'tool', NULL, '/w', 'p-1', 1772366400000, 1772366400000, 1772366401000, 'process_exited', NULL, NULL, 9, 100, 'boot-1', 1772366340000, NULL, 0, 0, NULL, NULL, 0, 0, '{"accesses":0,"reads":0,"writes":0,"files":0,"searches":0,"decisions":0,"memories":0,"scans":0,"gaps":0}', '{}', 0);
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 1, 1772366400000, 1, 1, 3, 1, 0.0, '/w/a.py', NULL);
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 2, 1772366400001, 1, 2, 5, 3, NULL, X'2F772F6F64642DFF', '{"old_path":"/w/old-þ"}');
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 3, 1772366400002, 1, 2, 2, 4, NULL, '/w/ünï', '{"others":["s-ended"]}');
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 4, 1772366400003, 2, 1, NULL, NULL, NULL, 'NUL '||X'00'||' and 🧠', NULL);
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 5, 1772366400004, 3, 1, NULL, NULL, NULL, 'Use SQLite: one file, no server.', NULL);
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 6, 1772366400005, 4, 1, NULL, NULL, NULL, 'mem_0123456789ab', 'stack');
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 7, 1772366400006, 4, 3, NULL, NULL, NULL, 'elsewhere', NULL);
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 8, 1772366400007, 5, 2, NULL, NULL, NULL, 'burst-1', '{"started_at":1772366400007,"ended_at":1772366401007,"files":300,"directories":4,"reads":299,"writes":1,"top":["/w/src","/w/odd-ÿ"]}');
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 9, 1772366400008, 6, 2, NULL, NULL, NULL, 'overflow', '{"started_at":1772366400008,"ended_at":1772366401008,"reads_unknown":true,"recovered":3}');
INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) VALUES (1, 10, 1772366400009, 7, 1, NULL, NULL, NULL, 'ckpt_0123456789ab', NULL);
INSERT INTO project_memories (memory_id, project_id, memory_key, memory_value, compressed_value, version, deleted, created_at, updated_at, last_accessed, accessed_count, ttl_seconds, expires_at, metadata_json, files_json, session_id, confirmed_at, tenant_id, expired) VALUES ('mem_00000000000a', 'p-1', 'soon', NULL, X'789CEDC7310D00200C00302B538087A9E1212C011EDCE381BBFD9A316AF6D8A7D66D916666666666666666666666666666666666666666666666666666665F7B1DD68F0F', 1, 0, 1772366400000, 1772366400000, 1772366400000, 0, 0.5, 1772366400500, '{}', '[]', NULL, NULL, NULL, 0);
INSERT INTO project_memories (memory_id, project_id, memory_key, memory_value, compressed_value, version, deleted, created_at, updated_at, last_accessed, accessed_count, ttl_seconds, expires_at, metadata_json, files_json, session_id, confirmed_at, tenant_id, expired) VALUES ('mem_00000000000b', 'p-1', 'gone', NULL, NULL, 2, 1, 1772366400000, 1772366400000, 1772366400000, 0, NULL, NULL, '{}', '[]', NULL, NULL, NULL, 0);
INSERT INTO project_memories (memory_id, project_id, memory_key, memory_value, compressed_value, version, deleted, created_at, updated_at, last_accessed, accessed_count, ttl_seconds, expires_at, metadata_json, files_json, session_id, confirmed_at, tenant_id, expired) VALUES ('mem_0123456789ab', 'p-1', 'stack', 'Python 3.11', NULL, 2, 0, 1772366400000, 1772366401000, 1772366402000, 7, NULL, NULL, '{"why":"wheels"}', '["pyproject.toml"]', 's-open', NULL, NULL, 0);
INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted, ttl_seconds, expires_at, expired) VALUES ('mem_00000000000a', 1, NULL, X'789CEDC7310D00200C00302B538087A9E1212C011EDCE381BBFD9A316AF6D8A7D66D916666666666666666666666666666666666666666666666666666665F7B1DD68F0F', '{}', '[]', 1772366400000, NULL, 0, 0.5, 1772366400500, 0);
INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted, ttl_seconds, expires_at, expired) VALUES ('mem_00000000000b', 1, 'v', NULL, '{}', '[]', 1772366400000, NULL, 0, NULL, NULL, 0);
INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted, ttl_seconds, expires_at, expired) VALUES ('mem_00000000000b', 2, NULL, NULL, '{}', '[]', 1772366400000, NULL, 1, NULL, NULL, 0);
INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted, ttl_seconds, expires_at, expired) VALUES ('mem_0123456789ab', 1, 'Python', NULL, '{}', '[]', 1772366400000, NULL, 0, NULL, NULL, 0);
INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted, ttl_seconds, expires_at, expired) VALUES ('mem_0123456789ab', 2, 'Python 3.11', NULL, '{"why":"wheels"}', '["pyproject.toml"]', 1772366401000, 's-open', 0, NULL, NULL, 0);
INSERT INTO workspaces (path, added_at) VALUES ('/w', 1772366400000);
INSERT INTO idempotency_keys (route, key, body_digest, status, body, created_at) VALUES ('POST /projects/p-1/memories', 'key-1', X'0000000000000000000000000000000000000000000000000000000000000000', 201, X'7B226D656D6F72795F6964223A226D656D5F303132333435363738396162227D', 1772366400000);
INSERT INTO baselines (baseline_key, root, complete, through, lost_since, left_at) VALUES (1, X'2F77', 1, 1772366401000, NULL, NULL);
INSERT INTO baseline_directories (baseline, directory, files) VALUES (1, X'', X'95C404612E7079912A91CD0BB891CF17979CFE3D85CD1591CF17979CFE710868B1');
INSERT INTO baseline_directories (baseline, directory, files) VALUES (1, X'7375622F6F64642DFE', X'95C40A612E7079006F64642DFF922ACFFFFFFFFFFFFFFFFF92CD0BB80092CF17979CFE3D85CD15FF92CF17979CFE710868B100');
INSERT INTO search_text (search_text, rank) VALUES ('secure-delete', 1);
INSERT INTO search_pending (number, memory_id) VALUES (2, 'mem_0123456789ab');
INSERT INTO search_pending (number, memory_id) VALUES (3, 'mem_00000000000a');
INSERT INTO search_pending (number, memory_id) VALUES (5, 'mem_00000000000b');
INSERT INTO search_pending_entries (session, seq) VALUES (1, -1);
INSERT INTO search_pending_entries (session, seq) VALUES (1, 4);
INSERT INTO search_pending_entries (session, seq) VALUES (1, 5);
INSERT INTO memory_files (memory_id, path, size, digest, inode, mtime_ns, ctime_ns, changed_at) VALUES ('mem_0123456789ab', '/else/odd', 0, NULL, -1, -1, 0, 1772366401000);
INSERT INTO memory_files (memory_id, path, size, digest, inode, mtime_ns, ctime_ns, changed_at) VALUES ('mem_0123456789ab', 'pyproject.toml', 3000, X'01010101010101010101010101010101', 42, 1700000000123456789, 1700000000987654321, NULL);
INSERT INTO memory_files (memory_id, path, size, digest, inode, mtime_ns, ctime_ns, changed_at) VALUES ('mem_0123456789ab', 'to/come.py', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO memory_files_due (memory_id, since, token) VALUES ('mem_00000000000a', 1772366400000, 1);
INSERT INTO briefings (briefing, session, project_id, at, max_tokens, tokens, entries_before, through) VALUES (1, 1, 'p-1', 1772366400000, 2000, 1234, 3, 10);
INSERT INTO briefing_items (session, kind, source, file, briefing, used_at, how) VALUES (1, 'decision', 's-ended:5', '', 1, NULL, NULL);
INSERT INTO briefing_items (session, kind, source, file, briefing, used_at, how) VALUES (1, 'file', 's-ended', '5f1bf07fb7f99379fd3ef3edacfbe5c4', 1, 1772366401000, 'read');
INSERT INTO briefing_items (session, kind, source, file, briefing, used_at, how) VALUES (1, 'memory', 'mem_0123456789ab', '', 1, 1772366401000, 'found');
INSERT INTO memory_reads (session, memory_id, first_at, last_at, found) VALUES (1, 'mem_0123456789ab', 1772366400000, 1772366401000, 1);
INSERT INTO checkpoint_contents (content, digest, packed) VALUES (1, X'98BF2EFD47EE7E500CF060CD4AFDD2ED5E04302F49B3153BF51AECF02347FE8E', X'789C7590CB6E833010457F054DB70E81F04AF980AEBAA9AAAE4A845C188415B0893D88A0A8FFDE719A4855D57A359EC73D77E6026E1E47695728E121785203BA4A6F82EDB295E1B48280CEA7A07CBFC024A9E72E2E99B6DD54D5B9EBB8AEC6C95892BA4128A3B0C8044882322E8A5D92E769C42F16B058455E85C3C6A2246CA1243BE3E741C0682CD6374A22A0C5463965F437F3B7562A80F0CC49787318BCBE3CB36EC82E1C9EA064B69B27B40EDB9F0087D2363DFE2DC8C4D38CD7F5971E2DDEB51834605B93E129B85FE370F58BEC58FD2397DDC6F35BDF5A2B76E2E33A8A77499AE5C5FE517E30A5378B67F2610835FF8FE83D3892CD113CC64CA8EBC9284D9E04D463C027241774520DECE40B6ECE87A4');
INSERT INTO checkpoints (number, checkpoint_id, session, name, note, reason, created_at, entries_through, content) VALUES (1, 'ckpt_0123456789ab', 1, 'half way', 'NUL '||X'00'||' and 🧠', 1, 1772366400009, 9, 1);
INSERT INTO losses (loss, started_at, ended_at, found_at, reason, kept, restored_from, put_aside, seen_at) VALUES (1, NULL, 1772366400000, 1772366401000, 'database_damaged', NULL, NULL, 0, 1772366400000);
INSERT INTO losses (loss, started_at, ended_at, found_at, reason, kept, restored_from, put_aside, seen_at) VALUES (2, 1772366400000, 1772366401000, 1772366401000, 'log_damaged', 'quarantine/20260101T120000Z', 'backup_20260101T110000Z_0123', 0, NULL);
CREATE TRIGGER search_memory_written AFTER INSERT ON project_memories BEGIN
    DELETE FROM search_pending WHERE memory_id = NEW.memory_id;
    INSERT INTO search_pending (memory_id) VALUES (NEW.memory_id);
END;
CREATE TRIGGER search_memory_changed AFTER UPDATE OF version ON project_memories WHEN NEW.version <> OLD.version BEGIN
    DELETE FROM search_pending WHERE memory_id = NEW.memory_id;
    INSERT INTO search_pending (memory_id) VALUES (NEW.memory_id);
END;
CREATE TRIGGER search_entry_written AFTER INSERT ON entries WHEN NEW.kind IN (2, 3) BEGIN
    INSERT INTO search_pending_entries (session, seq) VALUES (NEW.session, NEW.seq);
END;
CREATE TRIGGER search_entry_deleted AFTER DELETE ON entries WHEN OLD.kind IN (2, 3) BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = OLD.seq;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = OLD.seq;
END;
CREATE TRIGGER search_document_added AFTER INSERT ON search_documents BEGIN
    UPDATE search_projects SET
        memories = memories + (NEW.kind = 1), memory_length = memory_length + (NEW.kind = 1) * NEW.length,
        others = others + (NEW.kind > 1), other_length = other_length + (NEW.kind > 1) * NEW.length
    WHERE project = NEW.document >> 33;
END;
CREATE TRIGGER search_document_deleted AFTER DELETE ON search_documents BEGIN
    DELETE FROM search_text WHERE rowid = OLD.document;
    UPDATE search_projects SET
        memories = memories - (OLD.kind = 1), memory_length = memory_length - (OLD.kind = 1) * OLD.length,
        others = others - (OLD.kind > 1), other_length = other_length - (OLD.kind > 1) * OLD.length
    WHERE project = OLD.document >> 33;
END;
CREATE TRIGGER search_vector_wanted AFTER INSERT ON search_documents BEGIN
    INSERT INTO search_unembedded (document) VALUES (NEW.document);
END;
CREATE TRIGGER search_summary_written AFTER UPDATE OF summary ON session_digests
WHEN NEW.summary NOTNULL AND NEW.summary IS NOT OLD.summary BEGIN
    INSERT OR IGNORE INTO search_pending_entries (session, seq) VALUES (NEW.session, 0);
END;
CREATE TRIGGER search_summary_gone AFTER UPDATE OF summary ON session_digests WHEN NEW.summary IS NULL BEGIN
    DELETE FROM search_pending_entries WHERE session = NEW.session AND seq = 0;
    DELETE FROM search_documents WHERE session = NEW.session AND seq = 0;
END;
CREATE TRIGGER search_summary_deleted AFTER DELETE ON session_digests BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = 0;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = 0;
END;
CREATE TRIGGER search_checkpoint_written AFTER INSERT ON checkpoints BEGIN
    INSERT INTO search_pending_entries (session, seq) VALUES (NEW.session, -NEW.number);
    DELETE FROM search_pending_entries WHERE session = NEW.session AND seq < 0
    AND -seq NOT IN (SELECT number FROM checkpoints_told WHERE session = NEW.session);
    DELETE FROM search_documents WHERE session = NEW.session AND seq < 0
    AND -seq NOT IN (SELECT number FROM checkpoints_told WHERE session = NEW.session);
END;
CREATE TRIGGER checkpoint_deleted AFTER DELETE ON checkpoints BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = -OLD.number;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = -OLD.number;
    DELETE FROM checkpoint_contents WHERE content = OLD.content
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE content = OLD.content);
END;
CREATE TRIGGER checkpoint_changed AFTER UPDATE OF content ON checkpoints WHEN NEW.content <> OLD.content BEGIN
    DELETE FROM search_documents WHERE session = OLD.session AND seq = -OLD.number;
    INSERT OR IGNORE INTO search_pending_entries (session, seq)
    SELECT session, -number FROM checkpoints_told WHERE number = NEW.number;
    DELETE FROM checkpoint_contents WHERE content = OLD.content
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE content = OLD.content);
END;
CREATE TRIGGER checkpoint_due AFTER UPDATE OF ended_at ON sessions
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND NOT (NEW.tool_id = 'ambient' AND NEW.process_id IS NULL) BEGIN
    INSERT INTO checkpoints_due (session, reason)
    VALUES (NEW.session_key, iif(NEW.end_reason IN ('process_exited', 'reboot'), 3, 2));
END;
CREATE TRIGGER checkpoint_not_due AFTER UPDATE OF ended_at ON sessions
WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL BEGIN
    DELETE FROM checkpoints_due WHERE session = NEW.session_key;
END;
COMMIT;
PRAGMA user_version = 5;
