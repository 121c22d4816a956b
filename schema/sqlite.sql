-- Rendered from src/lodestore/core/families.py by `./dev schema`; a test fails when it differs. Do not edit.

PRAGMA application_id = 1280263237;

PRAGMA user_version = 7;

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

CREATE TABLE collection (
    id INTEGER NOT NULL,
    collection_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_collection PRIMARY KEY (id),
    CONSTRAINT uq_collection_collection_id UNIQUE (collection_id),
    CONSTRAINT ck_collection_id CHECK (id BETWEEN 1 AND 2147483647)
) STRICT;

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

CREATE TABLE result_vector (
    id INTEGER NOT NULL,
    result_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_result_vector PRIMARY KEY (id),
    CONSTRAINT uq_result_vector_result_id UNIQUE (result_id)
) STRICT;

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

CREATE TABLE item (
    collection_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_item PRIMARY KEY (collection_id, item_id),
    CONSTRAINT fk_item_collection FOREIGN KEY(collection_id) REFERENCES collection (collection_id) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX uq_item_position ON item (collection_id, position);

CREATE TABLE item_vector (
    id INTEGER NOT NULL,
    collection_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_item_vector PRIMARY KEY (id),
    CONSTRAINT uq_item_vector_collection_id_item_id UNIQUE (collection_id, item_id),
    CONSTRAINT fk_item_vector_collection FOREIGN KEY(collection_id) REFERENCES collection (collection_id) ON DELETE CASCADE
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

CREATE TABLE memory_vector (
    id INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_memory_vector PRIMARY KEY (id),
    CONSTRAINT uq_memory_vector_conversation_id_memory_id UNIQUE (conversation_id, memory_id),
    CONSTRAINT fk_memory_vector_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE raw_message_vector (
    id INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_raw_message_vector PRIMARY KEY (id),
    CONSTRAINT uq_raw_message_vector_conversation_id_message UNIQUE (conversation_id, message),
    CONSTRAINT fk_raw_message_vector_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
) STRICT;

CREATE VIRTUAL TABLE posting USING fts5(t, n, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');

CREATE TABLE packed (last INTEGER NOT NULL PRIMARY KEY, first INTEGER NOT NULL, space TEXT NOT NULL, part TEXT NOT NULL, cell INTEGER, size INTEGER NOT NULL, stamp INTEGER NOT NULL, numbers BLOB NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL) STRICT;

CREATE INDEX ix_packed_space_part_cell_last_size_stamp ON packed (space, part, cell, last, size, stamp);

CREATE TABLE cells (first INTEGER NOT NULL PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, space TEXT NOT NULL, part TEXT NOT NULL, size INTEGER NOT NULL, trained INTEGER NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL) STRICT;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO store (id, commits, latest) VALUES (1, 0, 0);

INSERT INTO alembic_version (version_num) VALUES ('0007');

INSERT INTO unindexed (first, last) VALUES (-9223372036854775808, 9223372036854775807);

