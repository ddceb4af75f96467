-- Digests: what each session was about, made of its entries up to `through`; all of it can be made again.
CREATE TABLE session_digests (
    session INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    through INTEGER NOT NULL CHECK (through > 0),
    content BLOB NOT NULL,  -- MessagePack (domain/digest.py: Content)
    rest    BLOB NOT NULL   -- zlib: what is needed to go on from there, and by nobody who reads
) STRICT;
