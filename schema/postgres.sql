-- Rendered from src/lodestore/catalogue.py by `./dev schema`; a test fails when it differs. Do not edit.

CREATE TABLE agent (
    agent_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (agent_id)
);

CREATE TABLE cache (
    cache_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    expires_at BIGINT,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_cache PRIMARY KEY (cache_key)
);

CREATE INDEX ix_cache_expires_at ON cache (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE conversation (
    conversation_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_conversation PRIMARY KEY (conversation_id)
);

CREATE TABLE dictionary (
    number BIGINT NOT NULL,
    family TEXT COLLATE "C" NOT NULL,
    covered BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_dictionary PRIMARY KEY (number)
);

CREATE TABLE result (
    result_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_result PRIMARY KEY (result_id)
);

CREATE UNIQUE INDEX uq_result_position ON result (position);

CREATE TABLE state (
    state_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_state PRIMARY KEY (state_key)
);

CREATE TABLE store (
    id BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT ck_store_single CHECK (id = 1)
);

CREATE TABLE chunk_info (
    conversation_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_chunk_info PRIMARY KEY (conversation_id),
    CONSTRAINT fk_chunk_info_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE memory (
    conversation_id TEXT COLLATE "C" NOT NULL,
    memory_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_memory PRIMARY KEY (conversation_id, memory_id),
    CONSTRAINT fk_memory_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_memory_position ON memory (conversation_id, position);

CREATE TABLE raw_message (
    conversation_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_raw_message PRIMARY KEY (conversation_id, position),
    CONSTRAINT fk_raw_message_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE reasoning_chain (
    agent_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_reasoning_chain PRIMARY KEY (agent_id, position),
    CONSTRAINT fk_reasoning_chain_agent FOREIGN KEY(agent_id) REFERENCES agent (agent_id) ON DELETE CASCADE
);

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO store (id, commits, latest) VALUES (1, 0, 0);

INSERT INTO alembic_version (version_num) VALUES ('0004');

