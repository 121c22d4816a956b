-- Rendered from src/lodestore/catalogue.py by `./dev schema`; a test fails when it differs. Do not edit.

PRAGMA application_id = 1280263237;

PRAGMA user_version = 4;

CREATE TABLE agent (
    id INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (id),
    CONSTRAINT uq_agent_agent_id UNIQUE (agent_id),
    CONSTRAINT ck_agent_id CHECK (id BETWEEN 1 AND 2147483647)
) STRICT;

CREATE TABLE cache (
    cache_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    expires_at INTEGER,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_cache PRIMARY KEY (cache_key)
) STRICT;

CREATE INDEX ix_cache_expires_at ON cache (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE conversation (
    id INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_conversation PRIMARY KEY (id),
    CONSTRAINT uq_conversation_conversation_id UNIQUE (conversation_id),
    CONSTRAINT ck_conversation_id CHECK (id BETWEEN 1 AND 2147483647)
) STRICT;

CREATE TABLE dictionary (
    number INTEGER NOT NULL,
    family TEXT NOT NULL,
    covered INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_dictionary PRIMARY KEY (number)
) STRICT;

CREATE TABLE raw_message (
    id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER,
    sealed INTEGER,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_raw_message PRIMARY KEY (id)
) STRICT;

CREATE TABLE reasoning_chain (
    id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER,
    sealed INTEGER,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_reasoning_chain PRIMARY KEY (id)
) STRICT;

CREATE TABLE result (
    result_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_result PRIMARY KEY (result_id)
) STRICT;

CREATE UNIQUE INDEX uq_result_position ON result (position);

CREATE TABLE state (
    state_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_state PRIMARY KEY (state_key)
) STRICT;

CREATE TABLE store (
    id INTEGER NOT NULL,
    commits INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT ck_store_single CHECK (id = 1)
) STRICT;

CREATE TABLE unindexed (
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_unindexed PRIMARY KEY (first)
) STRICT;

CREATE TABLE chunk_info (
    conversation_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_chunk_info PRIMARY KEY (conversation_id),
    CONSTRAINT fk_chunk_info_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE memory (
    conversation_id TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_memory PRIMARY KEY (conversation_id, memory_id),
    CONSTRAINT fk_memory_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX uq_memory_position ON memory (conversation_id, position);

CREATE VIRTUAL TABLE posting USING fts5(t, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO store (id, commits, latest) VALUES (1, 0, 0);

INSERT INTO alembic_version (version_num) VALUES ('0004');

INSERT INTO unindexed (first, last) VALUES (-9223372036854775808, 9223372036854775807);

