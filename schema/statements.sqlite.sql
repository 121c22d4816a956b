-- Rendered from src/lodestore/core/families.py by `./dev schema`; a test fails when it differs. Do not edit.

-- put conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- own conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) VALUES (?1, x'', ?2, ?3, ?3) ON CONFLICT DO NOTHING;

-- version conversation
SELECT version FROM conversation WHERE conversation_id = ?1 AND length(body) > 0;

-- changed conversation
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE version > ?1;

-- drop conversation depth=0
DELETE FROM conversation;

-- drop conversation depth=1
DELETE FROM conversation WHERE conversation_id = ?1;

-- fetch conversation
SELECT body, version, created_at, written_at, NULL, NULL FROM conversation WHERE conversation_id = ?1;

-- count conversation
SELECT coalesce(sum(length(body) > 0), 0), count(*) - coalesce(sum(length(body) > 0), 0) FROM conversation;

-- scan conversation depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE length(body) > 0 ORDER BY conversation_id LIMIT ?1;

-- scan conversation depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE length(body) > 0 ORDER BY conversation_id DESC LIMIT ?1;

-- scan conversation depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id > ?1 AND length(body) > 0 ORDER BY conversation_id LIMIT ?2;

-- scan conversation depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id > ?1 AND length(body) > 0 ORDER BY conversation_id DESC LIMIT ?2;

-- scan conversation depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id < ?1 AND length(body) > 0 ORDER BY conversation_id LIMIT ?2;

-- scan conversation depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id < ?1 AND length(body) > 0 ORDER BY conversation_id DESC LIMIT ?2;

-- base raw_message
SELECT id << 32 FROM conversation WHERE conversation_id = ?1;

-- end raw_message
SELECT o.id << 32, coalesce((SELECT max(r.id) FROM raw_message AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295) + 1, o.id << 32) FROM conversation AS o WHERE o.conversation_id = ?1;

-- append raw_message
INSERT INTO raw_message (id, body, version, created_at) VALUES (coalesce((SELECT nullif((SELECT max(r.id) FROM raw_message AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295), (o.id << 32) + 4294967295) + 1 FROM conversation AS o WHERE o.conversation_id = ?1), 'none'), ?2, ?3, ?4);

-- insert raw_message
INSERT INTO raw_message (id, body, version, created_at) VALUES (?1, ?2, ?3, ?4);

-- copy raw_message
INSERT INTO raw_message (id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, nullif(?5, ?4)) ON CONFLICT (id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- seal raw_message
INSERT INTO raw_message (id, body, version, created_at, sealed) VALUES (?1, ?2, ?3, ?4, ?5);

-- covering raw_message
SELECT id, sealed, body FROM (SELECT id, sealed, body FROM raw_message WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1) WHERE id - sealed < ?1;

-- stretch raw_message
SELECT id, sealed, body, version, created_at, coalesce(written_at, created_at) FROM raw_message WHERE id BETWEEN ?1 AND ?2 ORDER BY id;

-- erase raw_message
DELETE FROM raw_message WHERE id BETWEEN ?1 AND ?2;

-- outline raw_message
SELECT id, sealed, length(body) FROM raw_message WHERE id > ?1 ORDER BY id LIMIT ?2;

-- stored raw_message
SELECT id, body FROM raw_message WHERE id > ?1 ORDER BY id LIMIT ?2;

-- repack raw_message
UPDATE raw_message SET body = ?3 WHERE id = ?1 AND body = ?2;

-- fetch raw_message
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id = (SELECT min(c.id) FROM raw_message AS c WHERE c.id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295);

-- changed raw_message
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM raw_message AS r CROSS JOIN conversation AS o ON o.id = r.id >> 32 WHERE r.version > ?1;

-- count raw_message
SELECT count(*) + coalesce(sum(sealed - 1), 0), 0 FROM raw_message;

-- orphans raw_message
SELECT id FROM raw_message AS r WHERE NOT EXISTS (SELECT 1 FROM conversation AS o WHERE o.id = r.id >> 32);

-- drop raw_message depth=0
DELETE FROM raw_message;

-- size raw_message depth=0
SELECT count(*) + coalesce(sum(sealed - 1), 0) FROM raw_message;

-- drop raw_message depth=1
DELETE FROM raw_message WHERE id BETWEEN (SELECT id << 32 FROM conversation WHERE conversation_id = ?1) AND (SELECT id << 32 FROM conversation WHERE conversation_id = ?1) + 4294967295;

-- size raw_message depth=1
SELECT count(*) + coalesce(sum(sealed - 1), 0) FROM raw_message WHERE id BETWEEN (SELECT id << 32 FROM conversation WHERE conversation_id = ?1) AND (SELECT id << 32 FROM conversation WHERE conversation_id = ?1) + 4294967295;

-- scan raw_message depth=0
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY o.conversation_id, r.id LIMIT ?1;

-- scan raw_message depth=0 newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY o.conversation_id DESC, r.id DESC LIMIT ?1;

-- scan raw_message depth=0 after
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id >= ?1 AND r.id BETWEEN (o.id << 32) + iif(o.conversation_id = ?1, ?2 + 1, 0) AND (o.id << 32) + 4294967295 ORDER BY o.conversation_id, r.id LIMIT ?3;

-- scan raw_message depth=0 after newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id >= ?1 AND r.id BETWEEN (o.id << 32) + iif(o.conversation_id = ?1, ?2 + 1, 0) AND (o.id << 32) + 4294967295 ORDER BY o.conversation_id DESC, r.id DESC LIMIT ?3;

-- scan raw_message depth=0 before
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id <= ?1 AND r.id BETWEEN o.id << 32 AND iif(o.conversation_id = ?1, coalesce((SELECT cut.id FROM (SELECT id, sealed FROM raw_message WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1), (o.id << 32) + 4294967295) ORDER BY o.conversation_id, r.id LIMIT ?3;

-- scan raw_message depth=0 before newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id <= ?1 AND r.id BETWEEN o.id << 32 AND iif(o.conversation_id = ?1, coalesce((SELECT cut.id FROM (SELECT id, sealed FROM raw_message WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1), (o.id << 32) + 4294967295) ORDER BY o.conversation_id DESC, r.id DESC LIMIT ?3;

-- scan raw_message depth=1
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY r.id LIMIT ?2;

-- scan raw_message depth=1 newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY r.id DESC LIMIT ?2;

-- scan raw_message depth=1 after
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN (o.id << 32) + ?2 + 1 AND (o.id << 32) + 4294967295 ORDER BY r.id LIMIT ?3;

-- scan raw_message depth=1 after newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN (o.id << 32) + ?2 + 1 AND (o.id << 32) + 4294967295 ORDER BY r.id DESC LIMIT ?3;

-- scan raw_message depth=1 before
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN o.id << 32 AND coalesce((SELECT cut.id FROM (SELECT id, sealed FROM raw_message WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1) ORDER BY r.id LIMIT ?3;

-- scan raw_message depth=1 before newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.conversation_id, r.id & 4294967295 FROM conversation AS o CROSS JOIN raw_message AS r WHERE o.conversation_id = ?1 AND r.id BETWEEN o.id << 32 AND coalesce((SELECT cut.id FROM (SELECT id, sealed FROM raw_message WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1) ORDER BY r.id DESC LIMIT ?3;

-- put memory
INSERT INTO memory (conversation_id, memory_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?5, ?5, (SELECT iif(n <= 67108863 OR EXISTS (SELECT 1 FROM memory WHERE conversation_id = ?1 AND memory_id = ?2), n, NULL) FROM (SELECT coalesce(max(position) + 1, 0) AS n FROM memory WHERE conversation_id = ?1))) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy memory
INSERT INTO memory (conversation_id, memory_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- next_place memory
SELECT nullif(coalesce(max(position) + 1, 0), 67108864) FROM memory WHERE conversation_id = ?1;

-- at_place memory
SELECT memory_id FROM memory WHERE conversation_id = ?1 AND position = ?2;

-- version memory
SELECT version FROM memory WHERE conversation_id = ?1 AND memory_id = ?2 AND length(body) > 0;

-- changed memory
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE version > ?1;

-- drop memory depth=0
DELETE FROM memory;

-- drop memory depth=1
DELETE FROM memory WHERE conversation_id = ?1;

-- drop memory depth=2
DELETE FROM memory WHERE conversation_id = ?1 AND memory_id = ?2;

-- fetch memory
SELECT body, version, created_at, written_at, NULL, position FROM memory WHERE conversation_id = ?1 AND memory_id = ?2;

-- count memory
SELECT count(*), 0 FROM memory;

-- scan memory depth=0
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory ORDER BY conversation_id, position LIMIT ?1;

-- scan memory depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory ORDER BY conversation_id DESC, position DESC LIMIT ?1;

-- scan memory depth=0 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) > (?1, ?2) ORDER BY conversation_id, position LIMIT ?3;

-- scan memory depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) > (?1, ?2) ORDER BY conversation_id DESC, position DESC LIMIT ?3;

-- scan memory depth=0 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) < (?1, ?2) ORDER BY conversation_id, position LIMIT ?3;

-- scan memory depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) < (?1, ?2) ORDER BY conversation_id DESC, position DESC LIMIT ?3;

-- scan memory depth=1
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 ORDER BY position LIMIT ?2;

-- scan memory depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 ORDER BY position DESC LIMIT ?2;

-- scan memory depth=1 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3;

-- scan memory depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 AND position > ?2 ORDER BY position DESC LIMIT ?3;

-- scan memory depth=1 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 AND position < ?2 ORDER BY position LIMIT ?3;

-- scan memory depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3;

-- put chunk_info
INSERT INTO chunk_info (conversation_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy chunk_info
INSERT INTO chunk_info (conversation_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version chunk_info
SELECT version FROM chunk_info WHERE conversation_id = ?1 AND length(body) > 0;

-- changed chunk_info
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE version > ?1;

-- drop chunk_info depth=0
DELETE FROM chunk_info;

-- drop chunk_info depth=1
DELETE FROM chunk_info WHERE conversation_id = ?1;

-- fetch chunk_info
SELECT body, version, created_at, written_at, NULL, NULL FROM chunk_info WHERE conversation_id = ?1;

-- count chunk_info
SELECT count(*), 0 FROM chunk_info;

-- scan chunk_info depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info ORDER BY conversation_id LIMIT ?1;

-- scan chunk_info depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info ORDER BY conversation_id DESC LIMIT ?1;

-- scan chunk_info depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id > ?1 ORDER BY conversation_id LIMIT ?2;

-- scan chunk_info depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id > ?1 ORDER BY conversation_id DESC LIMIT ?2;

-- scan chunk_info depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id < ?1 ORDER BY conversation_id LIMIT ?2;

-- scan chunk_info depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id < ?1 ORDER BY conversation_id DESC LIMIT ?2;

-- put agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- own agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) VALUES (?1, x'', ?2, ?3, ?3) ON CONFLICT DO NOTHING;

-- version agent
SELECT version FROM agent WHERE agent_id = ?1 AND length(body) > 0;

-- changed agent
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE version > ?1;

-- drop agent depth=0
DELETE FROM agent;

-- drop agent depth=1
DELETE FROM agent WHERE agent_id = ?1;

-- fetch agent
SELECT body, version, created_at, written_at, NULL, NULL FROM agent WHERE agent_id = ?1;

-- count agent
SELECT coalesce(sum(length(body) > 0), 0), count(*) - coalesce(sum(length(body) > 0), 0) FROM agent;

-- scan agent depth=0
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE length(body) > 0 ORDER BY agent_id LIMIT ?1;

-- scan agent depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE length(body) > 0 ORDER BY agent_id DESC LIMIT ?1;

-- scan agent depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id > ?1 AND length(body) > 0 ORDER BY agent_id LIMIT ?2;

-- scan agent depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id > ?1 AND length(body) > 0 ORDER BY agent_id DESC LIMIT ?2;

-- scan agent depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id < ?1 AND length(body) > 0 ORDER BY agent_id LIMIT ?2;

-- scan agent depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id < ?1 AND length(body) > 0 ORDER BY agent_id DESC LIMIT ?2;

-- base reasoning_chain
SELECT id << 32 FROM agent WHERE agent_id = ?1;

-- end reasoning_chain
SELECT o.id << 32, coalesce((SELECT max(r.id) FROM reasoning_chain AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295) + 1, o.id << 32) FROM agent AS o WHERE o.agent_id = ?1;

-- append reasoning_chain
INSERT INTO reasoning_chain (id, body, version, created_at) VALUES (coalesce((SELECT nullif((SELECT max(r.id) FROM reasoning_chain AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295), (o.id << 32) + 4294967295) + 1 FROM agent AS o WHERE o.agent_id = ?1), 'none'), ?2, ?3, ?4);

-- insert reasoning_chain
INSERT INTO reasoning_chain (id, body, version, created_at) VALUES (?1, ?2, ?3, ?4);

-- copy reasoning_chain
INSERT INTO reasoning_chain (id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, nullif(?5, ?4)) ON CONFLICT (id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- seal reasoning_chain
INSERT INTO reasoning_chain (id, body, version, created_at, sealed) VALUES (?1, ?2, ?3, ?4, ?5);

-- covering reasoning_chain
SELECT id, sealed, body FROM (SELECT id, sealed, body FROM reasoning_chain WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1) WHERE id - sealed < ?1;

-- stretch reasoning_chain
SELECT id, sealed, body, version, created_at, coalesce(written_at, created_at) FROM reasoning_chain WHERE id BETWEEN ?1 AND ?2 ORDER BY id;

-- erase reasoning_chain
DELETE FROM reasoning_chain WHERE id BETWEEN ?1 AND ?2;

-- outline reasoning_chain
SELECT id, sealed, length(body) FROM reasoning_chain WHERE id > ?1 ORDER BY id LIMIT ?2;

-- stored reasoning_chain
SELECT id, body FROM reasoning_chain WHERE id > ?1 ORDER BY id LIMIT ?2;

-- repack reasoning_chain
UPDATE reasoning_chain SET body = ?3 WHERE id = ?1 AND body = ?2;

-- fetch reasoning_chain
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id = (SELECT min(c.id) FROM reasoning_chain AS c WHERE c.id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295);

-- changed reasoning_chain
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM reasoning_chain AS r CROSS JOIN agent AS o ON o.id = r.id >> 32 WHERE r.version > ?1;

-- count reasoning_chain
SELECT count(*) + coalesce(sum(sealed - 1), 0), 0 FROM reasoning_chain;

-- orphans reasoning_chain
SELECT id FROM reasoning_chain AS r WHERE NOT EXISTS (SELECT 1 FROM agent AS o WHERE o.id = r.id >> 32);

-- drop reasoning_chain depth=0
DELETE FROM reasoning_chain;

-- size reasoning_chain depth=0
SELECT count(*) + coalesce(sum(sealed - 1), 0) FROM reasoning_chain;

-- drop reasoning_chain depth=1
DELETE FROM reasoning_chain WHERE id BETWEEN (SELECT id << 32 FROM agent WHERE agent_id = ?1) AND (SELECT id << 32 FROM agent WHERE agent_id = ?1) + 4294967295;

-- size reasoning_chain depth=1
SELECT count(*) + coalesce(sum(sealed - 1), 0) FROM reasoning_chain WHERE id BETWEEN (SELECT id << 32 FROM agent WHERE agent_id = ?1) AND (SELECT id << 32 FROM agent WHERE agent_id = ?1) + 4294967295;

-- scan reasoning_chain depth=0
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY o.agent_id, r.id LIMIT ?1;

-- scan reasoning_chain depth=0 newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY o.agent_id DESC, r.id DESC LIMIT ?1;

-- scan reasoning_chain depth=0 after
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id >= ?1 AND r.id BETWEEN (o.id << 32) + iif(o.agent_id = ?1, ?2 + 1, 0) AND (o.id << 32) + 4294967295 ORDER BY o.agent_id, r.id LIMIT ?3;

-- scan reasoning_chain depth=0 after newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id >= ?1 AND r.id BETWEEN (o.id << 32) + iif(o.agent_id = ?1, ?2 + 1, 0) AND (o.id << 32) + 4294967295 ORDER BY o.agent_id DESC, r.id DESC LIMIT ?3;

-- scan reasoning_chain depth=0 before
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id <= ?1 AND r.id BETWEEN o.id << 32 AND iif(o.agent_id = ?1, coalesce((SELECT cut.id FROM (SELECT id, sealed FROM reasoning_chain WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1), (o.id << 32) + 4294967295) ORDER BY o.agent_id, r.id LIMIT ?3;

-- scan reasoning_chain depth=0 before newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id <= ?1 AND r.id BETWEEN o.id << 32 AND iif(o.agent_id = ?1, coalesce((SELECT cut.id FROM (SELECT id, sealed FROM reasoning_chain WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1), (o.id << 32) + 4294967295) ORDER BY o.agent_id DESC, r.id DESC LIMIT ?3;

-- scan reasoning_chain depth=1
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY r.id LIMIT ?2;

-- scan reasoning_chain depth=1 newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295 ORDER BY r.id DESC LIMIT ?2;

-- scan reasoning_chain depth=1 after
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN (o.id << 32) + ?2 + 1 AND (o.id << 32) + 4294967295 ORDER BY r.id LIMIT ?3;

-- scan reasoning_chain depth=1 after newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN (o.id << 32) + ?2 + 1 AND (o.id << 32) + 4294967295 ORDER BY r.id DESC LIMIT ?3;

-- scan reasoning_chain depth=1 before
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN o.id << 32 AND coalesce((SELECT cut.id FROM (SELECT id, sealed FROM reasoning_chain WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1) ORDER BY r.id LIMIT ?3;

-- scan reasoning_chain depth=1 before newest
SELECT r.sealed, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at), NULL, r.id & 4294967295, o.agent_id, r.id & 4294967295 FROM agent AS o CROSS JOIN reasoning_chain AS r WHERE o.agent_id = ?1 AND r.id BETWEEN o.id << 32 AND coalesce((SELECT cut.id FROM (SELECT id, sealed FROM reasoning_chain WHERE id BETWEEN (o.id << 32) + ?2 AND (o.id << 32) + 4294967295 ORDER BY id LIMIT 1) AS cut WHERE cut.id - cut.sealed + 1 < (o.id << 32) + ?2), (o.id << 32) + ?2 - 1) ORDER BY r.id DESC LIMIT ?3;

-- put cache
INSERT INTO cache (cache_key, body, version, created_at, written_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT (cache_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at, expires_at = excluded.expires_at, created_at = CASE WHEN cache.expires_at <= excluded.created_at THEN excluded.created_at ELSE cache.created_at END;

-- copy cache
INSERT INTO cache (cache_key, body, version, created_at, written_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (cache_key) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, expires_at = excluded.expires_at;

-- version cache
SELECT version FROM cache WHERE cache_key = ?1 AND length(body) > 0 AND (expires_at IS NULL OR expires_at > ?2);

-- changed cache
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE version > ?1;

-- drop cache depth=0
DELETE FROM cache;

-- expired cache depth=0
SELECT count(*) FROM cache WHERE expires_at <= ?1;

-- drop cache depth=1
DELETE FROM cache WHERE cache_key = ?1;

-- expired cache depth=1
SELECT count(*) FROM cache WHERE cache_key = ?1 AND expires_at <= ?2;

-- fetch cache
SELECT body, version, created_at, written_at, expires_at, NULL FROM cache WHERE cache_key = ?1;

-- sweep cache
DELETE FROM cache WHERE rowid IN (SELECT rowid FROM cache WHERE expires_at <= ?1 LIMIT ?2);

-- sweepable cache
SELECT 1 FROM cache WHERE expires_at <= ?1 LIMIT 1;

-- count cache
SELECT count(*), 0 FROM cache WHERE expires_at IS NULL OR expires_at > ?1;

-- scan cache depth=0
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE (expires_at IS NULL OR expires_at > ?1) ORDER BY cache_key LIMIT ?2;

-- scan cache depth=0 newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE (expires_at IS NULL OR expires_at > ?1) ORDER BY cache_key DESC LIMIT ?2;

-- scan cache depth=0 after
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key > ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY cache_key LIMIT ?3;

-- scan cache depth=0 after newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key > ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY cache_key DESC LIMIT ?3;

-- scan cache depth=0 before
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key < ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY cache_key LIMIT ?3;

-- scan cache depth=0 before newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key < ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY cache_key DESC LIMIT ?3;

-- put state
INSERT INTO state (state_key, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (state_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy state
INSERT INTO state (state_key, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (state_key) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version state
SELECT version FROM state WHERE state_key = ?1 AND length(body) > 0;

-- changed state
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE version > ?1;

-- drop state depth=0
DELETE FROM state;

-- drop state depth=1
DELETE FROM state WHERE state_key = ?1;

-- fetch state
SELECT body, version, created_at, written_at, NULL, NULL FROM state WHERE state_key = ?1;

-- count state
SELECT count(*), 0 FROM state;

-- scan state depth=0
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state ORDER BY state_key LIMIT ?1;

-- scan state depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state ORDER BY state_key DESC LIMIT ?1;

-- scan state depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key > ?1 ORDER BY state_key LIMIT ?2;

-- scan state depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key > ?1 ORDER BY state_key DESC LIMIT ?2;

-- scan state depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key < ?1 ORDER BY state_key LIMIT ?2;

-- scan state depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key < ?1 ORDER BY state_key DESC LIMIT ?2;

-- put result
INSERT INTO result (result_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?4, (SELECT iif(n <= 144115188075855871 OR EXISTS (SELECT 1 FROM result WHERE result_id = ?1), n, NULL) FROM (SELECT coalesce(max(position) + 1, 0) AS n FROM result))) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy result
INSERT INTO result (result_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- next_place result
SELECT nullif(coalesce(max(position) + 1, 0), 144115188075855872) FROM result;

-- at_place result
SELECT result_id FROM result WHERE position = ?1;

-- version result
SELECT version FROM result WHERE result_id = ?1 AND length(body) > 0;

-- changed result
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE version > ?1;

-- drop result depth=0
DELETE FROM result;

-- drop result depth=1
DELETE FROM result WHERE result_id = ?1;

-- fetch result
SELECT body, version, created_at, written_at, NULL, position FROM result WHERE result_id = ?1;

-- count result
SELECT count(*), 0 FROM result;

-- scan result depth=0
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result ORDER BY position LIMIT ?1;

-- scan result depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result ORDER BY position DESC LIMIT ?1;

-- scan result depth=0 after
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position > ?1 ORDER BY position LIMIT ?2;

-- scan result depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position > ?1 ORDER BY position DESC LIMIT ?2;

-- scan result depth=0 before
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position < ?1 ORDER BY position LIMIT ?2;

-- scan result depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position < ?1 ORDER BY position DESC LIMIT ?2;

-- put collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (collection_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (collection_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- own collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) VALUES (?1, x'', ?2, ?3, ?3) ON CONFLICT DO NOTHING;

-- version collection
SELECT version FROM collection WHERE collection_id = ?1 AND length(body) > 0;

-- changed collection
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE version > ?1;

-- drop collection depth=0
DELETE FROM collection;

-- drop collection depth=1
DELETE FROM collection WHERE collection_id = ?1;

-- fetch collection
SELECT body, version, created_at, written_at, NULL, NULL FROM collection WHERE collection_id = ?1;

-- count collection
SELECT coalesce(sum(length(body) > 0), 0), count(*) - coalesce(sum(length(body) > 0), 0) FROM collection;

-- scan collection depth=0
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE length(body) > 0 ORDER BY collection_id LIMIT ?1;

-- scan collection depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE length(body) > 0 ORDER BY collection_id DESC LIMIT ?1;

-- scan collection depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id > ?1 AND length(body) > 0 ORDER BY collection_id LIMIT ?2;

-- scan collection depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id > ?1 AND length(body) > 0 ORDER BY collection_id DESC LIMIT ?2;

-- scan collection depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id < ?1 AND length(body) > 0 ORDER BY collection_id LIMIT ?2;

-- scan collection depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id < ?1 AND length(body) > 0 ORDER BY collection_id DESC LIMIT ?2;

-- put item
INSERT INTO item (collection_id, item_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?5, ?5, (SELECT iif(n <= 67108863 OR EXISTS (SELECT 1 FROM item WHERE collection_id = ?1 AND item_id = ?2), n, NULL) FROM (SELECT coalesce(max(position) + 1, 0) AS n FROM item WHERE collection_id = ?1))) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy item
INSERT INTO item (collection_id, item_id, body, version, created_at, written_at, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- next_place item
SELECT nullif(coalesce(max(position) + 1, 0), 67108864) FROM item WHERE collection_id = ?1;

-- at_place item
SELECT item_id FROM item WHERE collection_id = ?1 AND position = ?2;

-- version item
SELECT version FROM item WHERE collection_id = ?1 AND item_id = ?2 AND length(body) > 0;

-- changed item
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE version > ?1;

-- drop item depth=0
DELETE FROM item;

-- drop item depth=1
DELETE FROM item WHERE collection_id = ?1;

-- drop item depth=2
DELETE FROM item WHERE collection_id = ?1 AND item_id = ?2;

-- fetch item
SELECT body, version, created_at, written_at, NULL, position FROM item WHERE collection_id = ?1 AND item_id = ?2;

-- count item
SELECT count(*), 0 FROM item;

-- scan item depth=0
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item ORDER BY collection_id, position LIMIT ?1;

-- scan item depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item ORDER BY collection_id DESC, position DESC LIMIT ?1;

-- scan item depth=0 after
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) > (?1, ?2) ORDER BY collection_id, position LIMIT ?3;

-- scan item depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) > (?1, ?2) ORDER BY collection_id DESC, position DESC LIMIT ?3;

-- scan item depth=0 before
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) < (?1, ?2) ORDER BY collection_id, position LIMIT ?3;

-- scan item depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) < (?1, ?2) ORDER BY collection_id DESC, position DESC LIMIT ?3;

-- scan item depth=1
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 ORDER BY position LIMIT ?2;

-- scan item depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 ORDER BY position DESC LIMIT ?2;

-- scan item depth=1 after
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3;

-- scan item depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 AND position > ?2 ORDER BY position DESC LIMIT ?3;

-- scan item depth=1 before
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 AND position < ?2 ORDER BY position LIMIT ?3;

-- scan item depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3;

-- put raw_message_vector
INSERT INTO raw_message_vector (conversation_id, message, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (conversation_id, message) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy raw_message_vector
INSERT INTO raw_message_vector (conversation_id, message, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (conversation_id, message) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version raw_message_vector
SELECT version FROM raw_message_vector WHERE conversation_id = ?1 AND message = ?2 AND length(body) > 0;

-- changed raw_message_vector
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE version > ?1;

-- drop raw_message_vector depth=0
DELETE FROM raw_message_vector;

-- drop raw_message_vector depth=1
DELETE FROM raw_message_vector WHERE conversation_id = ?1;

-- drop raw_message_vector depth=2
DELETE FROM raw_message_vector WHERE conversation_id = ?1 AND message = ?2;

-- fetch raw_message_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM raw_message_vector WHERE conversation_id = ?1 AND message = ?2;

-- count raw_message_vector
SELECT count(*), 0 FROM raw_message_vector;

-- scan raw_message_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector ORDER BY conversation_id, message LIMIT ?1;

-- scan raw_message_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector ORDER BY conversation_id DESC, message DESC LIMIT ?1;

-- scan raw_message_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) > (?1, ?2) ORDER BY conversation_id, message LIMIT ?3;

-- scan raw_message_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) > (?1, ?2) ORDER BY conversation_id DESC, message DESC LIMIT ?3;

-- scan raw_message_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) < (?1, ?2) ORDER BY conversation_id, message LIMIT ?3;

-- scan raw_message_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) < (?1, ?2) ORDER BY conversation_id DESC, message DESC LIMIT ?3;

-- scan raw_message_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 ORDER BY message LIMIT ?2;

-- scan raw_message_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 ORDER BY message DESC LIMIT ?2;

-- scan raw_message_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 AND message > ?2 ORDER BY message LIMIT ?3;

-- scan raw_message_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 AND message > ?2 ORDER BY message DESC LIMIT ?3;

-- scan raw_message_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 AND message < ?2 ORDER BY message LIMIT ?3;

-- scan raw_message_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = ?1 AND message < ?2 ORDER BY message DESC LIMIT ?3;

-- put memory_vector
INSERT INTO memory_vector (conversation_id, memory_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy memory_vector
INSERT INTO memory_vector (conversation_id, memory_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version memory_vector
SELECT version FROM memory_vector WHERE conversation_id = ?1 AND memory_id = ?2 AND length(body) > 0;

-- changed memory_vector
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE version > ?1;

-- drop memory_vector depth=0
DELETE FROM memory_vector;

-- drop memory_vector depth=1
DELETE FROM memory_vector WHERE conversation_id = ?1;

-- drop memory_vector depth=2
DELETE FROM memory_vector WHERE conversation_id = ?1 AND memory_id = ?2;

-- fetch memory_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM memory_vector WHERE conversation_id = ?1 AND memory_id = ?2;

-- count memory_vector
SELECT count(*), 0 FROM memory_vector;

-- scan memory_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector ORDER BY conversation_id, memory_id LIMIT ?1;

-- scan memory_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector ORDER BY conversation_id DESC, memory_id DESC LIMIT ?1;

-- scan memory_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) > (?1, ?2) ORDER BY conversation_id, memory_id LIMIT ?3;

-- scan memory_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) > (?1, ?2) ORDER BY conversation_id DESC, memory_id DESC LIMIT ?3;

-- scan memory_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) < (?1, ?2) ORDER BY conversation_id, memory_id LIMIT ?3;

-- scan memory_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) < (?1, ?2) ORDER BY conversation_id DESC, memory_id DESC LIMIT ?3;

-- scan memory_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 ORDER BY memory_id LIMIT ?2;

-- scan memory_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 ORDER BY memory_id DESC LIMIT ?2;

-- scan memory_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 AND memory_id > ?2 ORDER BY memory_id LIMIT ?3;

-- scan memory_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 AND memory_id > ?2 ORDER BY memory_id DESC LIMIT ?3;

-- scan memory_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 AND memory_id < ?2 ORDER BY memory_id LIMIT ?3;

-- scan memory_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = ?1 AND memory_id < ?2 ORDER BY memory_id DESC LIMIT ?3;

-- put result_vector
INSERT INTO result_vector (result_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy result_vector
INSERT INTO result_vector (result_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version result_vector
SELECT version FROM result_vector WHERE result_id = ?1 AND length(body) > 0;

-- changed result_vector
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE version > ?1;

-- drop result_vector depth=0
DELETE FROM result_vector;

-- drop result_vector depth=1
DELETE FROM result_vector WHERE result_id = ?1;

-- fetch result_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM result_vector WHERE result_id = ?1;

-- count result_vector
SELECT count(*), 0 FROM result_vector;

-- scan result_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector ORDER BY result_id LIMIT ?1;

-- scan result_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector ORDER BY result_id DESC LIMIT ?1;

-- scan result_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id > ?1 ORDER BY result_id LIMIT ?2;

-- scan result_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id > ?1 ORDER BY result_id DESC LIMIT ?2;

-- scan result_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id < ?1 ORDER BY result_id LIMIT ?2;

-- scan result_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id < ?1 ORDER BY result_id DESC LIMIT ?2;

-- put item_vector
INSERT INTO item_vector (collection_id, item_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy item_vector
INSERT INTO item_vector (collection_id, item_id, body, version, created_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- version item_vector
SELECT version FROM item_vector WHERE collection_id = ?1 AND item_id = ?2 AND length(body) > 0;

-- changed item_vector
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE version > ?1;

-- drop item_vector depth=0
DELETE FROM item_vector;

-- drop item_vector depth=1
DELETE FROM item_vector WHERE collection_id = ?1;

-- drop item_vector depth=2
DELETE FROM item_vector WHERE collection_id = ?1 AND item_id = ?2;

-- fetch item_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM item_vector WHERE collection_id = ?1 AND item_id = ?2;

-- count item_vector
SELECT count(*), 0 FROM item_vector;

-- scan item_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector ORDER BY collection_id, item_id LIMIT ?1;

-- scan item_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector ORDER BY collection_id DESC, item_id DESC LIMIT ?1;

-- scan item_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) > (?1, ?2) ORDER BY collection_id, item_id LIMIT ?3;

-- scan item_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) > (?1, ?2) ORDER BY collection_id DESC, item_id DESC LIMIT ?3;

-- scan item_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) < (?1, ?2) ORDER BY collection_id, item_id LIMIT ?3;

-- scan item_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) < (?1, ?2) ORDER BY collection_id DESC, item_id DESC LIMIT ?3;

-- scan item_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 ORDER BY item_id LIMIT ?2;

-- scan item_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 ORDER BY item_id DESC LIMIT ?2;

-- scan item_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 AND item_id > ?2 ORDER BY item_id LIMIT ?3;

-- scan item_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 AND item_id > ?2 ORDER BY item_id DESC LIMIT ?3;

-- scan item_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 AND item_id < ?2 ORDER BY item_id LIMIT ?3;

-- scan item_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = ?1 AND item_id < ?2 ORDER BY item_id DESC LIMIT ?3;

-- learn dictionaries
SELECT number, family, covered, body FROM dictionary WHERE number > ?1 ORDER BY number;

-- keep dictionary
INSERT INTO dictionary (number, family, covered, body) VALUES (?1, ?2, ?3, ?4);

-- held conversation
SELECT coalesce(sum(length(body)), 0) FROM conversation;

-- repack conversation
UPDATE conversation SET body = ?3 WHERE conversation_id = ?1 AND body = ?2;

-- sample conversation
SELECT body FROM conversation ORDER BY rowid DESC;

-- held raw_message
SELECT coalesce(sum(length(body)), 0) FROM raw_message;

-- sample raw_message
SELECT body FROM raw_message ORDER BY rowid DESC;

-- held memory
SELECT coalesce(sum(length(body)), 0) FROM memory;

-- repack memory
UPDATE memory SET body = ?4 WHERE conversation_id = ?1 AND memory_id = ?2 AND body = ?3;

-- sample memory
SELECT body FROM memory ORDER BY rowid DESC;

-- held chunk_info
SELECT coalesce(sum(length(body)), 0) FROM chunk_info;

-- repack chunk_info
UPDATE chunk_info SET body = ?3 WHERE conversation_id = ?1 AND body = ?2;

-- sample chunk_info
SELECT body FROM chunk_info ORDER BY rowid DESC;

-- held agent
SELECT coalesce(sum(length(body)), 0) FROM agent;

-- repack agent
UPDATE agent SET body = ?3 WHERE agent_id = ?1 AND body = ?2;

-- sample agent
SELECT body FROM agent ORDER BY rowid DESC;

-- held reasoning_chain
SELECT coalesce(sum(length(body)), 0) FROM reasoning_chain;

-- sample reasoning_chain
SELECT body FROM reasoning_chain ORDER BY rowid DESC;

-- held cache
SELECT coalesce(sum(length(body)), 0) FROM cache;

-- repack cache
UPDATE cache SET body = ?3 WHERE cache_key = ?1 AND body = ?2;

-- sample cache
SELECT body FROM cache ORDER BY rowid DESC;

-- held state
SELECT coalesce(sum(length(body)), 0) FROM state;

-- repack state
UPDATE state SET body = ?3 WHERE state_key = ?1 AND body = ?2;

-- sample state
SELECT body FROM state ORDER BY rowid DESC;

-- held result
SELECT coalesce(sum(length(body)), 0) FROM result;

-- repack result
UPDATE result SET body = ?3 WHERE result_id = ?1 AND body = ?2;

-- sample result
SELECT body FROM result ORDER BY rowid DESC;

-- held collection
SELECT coalesce(sum(length(body)), 0) FROM collection;

-- repack collection
UPDATE collection SET body = ?3 WHERE collection_id = ?1 AND body = ?2;

-- sample collection
SELECT body FROM collection ORDER BY rowid DESC;

-- held item
SELECT coalesce(sum(length(body)), 0) FROM item;

-- repack item
UPDATE item SET body = ?4 WHERE collection_id = ?1 AND item_id = ?2 AND body = ?3;

-- sample item
SELECT body FROM item ORDER BY rowid DESC;

-- held raw_message_vector
SELECT coalesce(sum(length(body)), 0) FROM raw_message_vector;

-- repack raw_message_vector
UPDATE raw_message_vector SET body = ?4 WHERE conversation_id = ?1 AND message = ?2 AND body = ?3;

-- sample raw_message_vector
SELECT body FROM raw_message_vector ORDER BY rowid DESC;

-- held memory_vector
SELECT coalesce(sum(length(body)), 0) FROM memory_vector;

-- repack memory_vector
UPDATE memory_vector SET body = ?4 WHERE conversation_id = ?1 AND memory_id = ?2 AND body = ?3;

-- sample memory_vector
SELECT body FROM memory_vector ORDER BY rowid DESC;

-- held result_vector
SELECT coalesce(sum(length(body)), 0) FROM result_vector;

-- repack result_vector
UPDATE result_vector SET body = ?3 WHERE result_id = ?1 AND body = ?2;

-- sample result_vector
SELECT body FROM result_vector ORDER BY rowid DESC;

-- held item_vector
SELECT coalesce(sum(length(body)), 0) FROM item_vector;

-- repack item_vector
UPDATE item_vector SET body = ?4 WHERE collection_id = ?1 AND item_id = ?2 AND body = ?3;

-- sample item_vector
SELECT body FROM item_vector ORDER BY rowid DESC;

-- search in 1
SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?4 AND ?5 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) ORDER BY score DESC, number LIMIT ?2 OFFSET ?3;

-- search in 2
SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?4 AND ?5 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) UNION ALL SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?6 AND ?7 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) ORDER BY score DESC, number LIMIT ?2 OFFSET ?3;

-- search in 3
SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?4 AND ?5 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) UNION ALL SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?6 AND ?7 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) UNION ALL SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?8 AND ?9 AND NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid) ORDER BY score DESC, number LIMIT ?2 OFFSET ?3;

-- asleep
SELECT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807);

-- queue
INSERT INTO unindexed (first, last) SELECT ?1, ?2 WHERE true AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- anything queued
SELECT 1 FROM unindexed LIMIT 1;

-- queued
SELECT first, last FROM unindexed WHERE first >= ?1 ORDER BY first LIMIT ?2;

-- taken from the queue
DELETE FROM unindexed WHERE first BETWEEN ?1 AND ?2;

-- post
INSERT INTO posting (rowid, t, n) VALUES (?1, ?2, ?3);

-- unpost
DELETE FROM posting WHERE rowid BETWEEN ?1 AND ?2;

-- posted
SELECT rowid FROM posting WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid LIMIT 1 OFFSET ?3;

-- any posted
SELECT rowid FROM posting LIMIT 1;

-- all posted
SELECT rowid FROM posting ORDER BY rowid;

-- unpost all
INSERT INTO posting (posting) VALUES ('delete-all');

-- merge postings
INSERT INTO posting (posting, rank) VALUES ('merge', ?1);

-- find posting
SELECT 1 FROM posting WHERE posting MATCH ?1 AND rowid = ?2;

-- owner of raw_message
SELECT id FROM conversation WHERE conversation_id = ?1;

-- owner name of raw_message
SELECT conversation_id FROM conversation WHERE id = ?1;

-- owners of raw_message
SELECT id, conversation_id FROM conversation WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1;

-- queue raw_message
INSERT INTO unindexed (first, last) SELECT n, n FROM (SELECT (SELECT (id << 32) + ?2 FROM conversation WHERE conversation_id = ?1) AS n) WHERE n IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue branch raw_message
INSERT INTO unindexed (first, last) SELECT (o.id << 32) + 0, (o.id << 32) + 4294967295 FROM conversation AS o WHERE o.conversation_id = ?1 AND EXISTS (SELECT 1 FROM raw_message AS r WHERE r.id BETWEEN o.id << 32 AND (o.id << 32) + 4294967295) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue all raw_message
INSERT INTO unindexed (first, last) SELECT 4294967296, 9223372036854775807 WHERE EXISTS (SELECT 1 FROM raw_message) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- number of raw_message
SELECT (id << 32) + ?2 FROM conversation WHERE conversation_id = ?1;

-- numbers raw_message
SELECT id, sealed FROM raw_message ORDER BY id;

-- owner of memory
SELECT id FROM conversation WHERE conversation_id = ?1;

-- owner name of memory
SELECT conversation_id FROM conversation WHERE id = ?1;

-- owners of memory
SELECT id, conversation_id FROM conversation WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1;

-- queue memory
INSERT INTO unindexed (first, last) SELECT n, n FROM (SELECT (SELECT (o.id << 26) + r.position + (-9223372036854775808) FROM conversation AS o CROSS JOIN memory AS r WHERE o.conversation_id = ?1 AND r.conversation_id = ?1 AND r.memory_id = ?2) AS n) WHERE n IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue branch memory
INSERT INTO unindexed (first, last) SELECT (o.id << 26) + 0 + (-9223372036854775808), (o.id << 26) + 67108863 + (-9223372036854775808) FROM conversation AS o WHERE o.conversation_id = ?1 AND EXISTS (SELECT 1 FROM memory AS r WHERE r.conversation_id = ?1) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue all memory
INSERT INTO unindexed (first, last) SELECT -9223372036787666944, -9079256848778919937 WHERE EXISTS (SELECT 1 FROM memory) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- number of memory
SELECT (o.id << 26) + r.position + (-9223372036854775808) FROM conversation AS o CROSS JOIN memory AS r WHERE o.conversation_id = ?1 AND r.conversation_id = ?1 AND r.memory_id = ?2;

-- names memory
SELECT r.position, r.memory_id FROM json_each(?1) AS j CROSS JOIN memory AS r ON r.conversation_id = ?2 AND r.position = j.value;

-- rows at memory
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM json_each(?1) AS j CROSS JOIN memory AS r ON r.conversation_id = ?2 AND r.position = j.value;

-- numbers memory
SELECT (o.id << 26) + r.position + (-9223372036854775808), NULL FROM conversation AS o CROSS JOIN memory AS r ON r.conversation_id = o.conversation_id ORDER BY o.id, r.position;

-- queue result
INSERT INTO unindexed (first, last) SELECT n, n FROM (SELECT (SELECT position + (-9079256848778919936) FROM result WHERE result_id = ?1) AS n) WHERE n IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue all result
INSERT INTO unindexed (first, last) SELECT -9079256848778919936, -8935141660703064065 WHERE EXISTS (SELECT 1 FROM result) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- number of result
SELECT position + (-9079256848778919936) FROM result WHERE result_id = ?1;

-- names result
SELECT r.position, r.result_id FROM json_each(?1) AS j CROSS JOIN result AS r ON r.position = j.value;

-- rows at result
SELECT body, version, created_at, written_at, NULL, position, result_id FROM json_each(?1) AS j CROSS JOIN result AS r ON r.position = j.value;

-- numbers result
SELECT position + (-9079256848778919936), NULL FROM result ORDER BY position;

-- owner of item
SELECT id FROM collection WHERE collection_id = ?1;

-- owner name of item
SELECT collection_id FROM collection WHERE id = ?1;

-- owners of item
SELECT id, collection_id FROM collection WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1;

-- queue item
INSERT INTO unindexed (first, last) SELECT n, n FROM (SELECT (SELECT (o.id << 26) + r.position + (-8935141660703064064) FROM collection AS o CROSS JOIN item AS r WHERE o.collection_id = ?1 AND r.collection_id = ?1 AND r.item_id = ?2) AS n) WHERE n IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue branch item
INSERT INTO unindexed (first, last) SELECT (o.id << 26) + 0 + (-8935141660703064064), (o.id << 26) + 67108863 + (-8935141660703064064) FROM collection AS o WHERE o.collection_id = ?1 AND EXISTS (SELECT 1 FROM item AS r WHERE r.collection_id = ?1) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- queue all item
INSERT INTO unindexed (first, last) SELECT -8935141660635955200, -8791026472627208193 WHERE EXISTS (SELECT 1 FROM item) AND NOT EXISTS (SELECT 1 FROM unindexed WHERE first = -9223372036854775808 AND last = 9223372036854775807) ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last);

-- number of item
SELECT (o.id << 26) + r.position + (-8935141660703064064) FROM collection AS o CROSS JOIN item AS r WHERE o.collection_id = ?1 AND r.collection_id = ?1 AND r.item_id = ?2;

-- names item
SELECT r.position, r.item_id FROM json_each(?1) AS j CROSS JOIN item AS r ON r.collection_id = ?2 AND r.position = j.value;

-- rows at item
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM json_each(?1) AS j CROSS JOIN item AS r ON r.collection_id = ?2 AND r.position = j.value;

-- numbers item
SELECT (o.id << 26) + r.position + (-8935141660703064064), NULL FROM collection AS o CROSS JOIN item AS r ON r.collection_id = o.collection_id ORDER BY o.id, r.position;

-- pack
INSERT INTO packed (last, first, space, part, cell, size, stamp, numbers, head, codes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, random(), ?7, ?8, ?9);

-- unpack
DELETE FROM packed WHERE last = ?1;

-- unpack within
DELETE FROM packed WHERE last BETWEEN ?1 AND ?2 AND first >= ?1;

-- packed across
SELECT last, numbers FROM packed WHERE last BETWEEN ?1 AND ?3 AND first <= ?2;

-- packed at
SELECT space, part, cell, size, numbers, head, codes FROM packed WHERE last = ?1;

-- small packed
SELECT last, size FROM packed WHERE space = ?1 AND part = ?2 AND cell IS ?3 AND last BETWEEN ?4 AND ?5 AND size < 512 ORDER BY size, last;

-- next packed
SELECT last, first, space, part, cell, size, numbers, head, codes FROM packed WHERE last BETWEEN ?1 AND ?2 ORDER BY last LIMIT 1;

-- codes flat
SELECT size, numbers, head, codes FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4;

-- codes in cells
SELECT size, numbers, head, codes FROM packed WHERE space = ?1 AND part = ?2 AND cell BETWEEN ?3 AND ?4;

-- codes of all parts
SELECT size, numbers, head, codes FROM packed WHERE +space = ?1 AND last BETWEEN ?2 AND ?3 AND cell IS NULL;

-- heads flat
SELECT size, numbers, head, NULL FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4;

-- heads in cells
SELECT size, numbers, head, NULL FROM packed WHERE space = ?1 AND part = ?2 AND cell BETWEEN ?3 AND ?4;

-- heads of all parts
SELECT size, numbers, head, NULL FROM packed WHERE +space = ?1 AND last BETWEEN ?2 AND ?3;

-- count flat
SELECT coalesce(sum(size), 0) FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4;

-- count in cells
SELECT coalesce(sum(size), 0) FROM packed WHERE space = ?1 AND part = ?2 AND cell BETWEEN ?3 AND ?4;

-- count of all parts
SELECT coalesce(sum(size), 0) FROM packed WHERE +space = ?1 AND last BETWEEN ?2 AND ?3;

-- codes of cells
SELECT p.size, p.numbers, p.head, p.codes FROM json_each(?3) AS j CROSS JOIN packed AS p ON p.space = ?1 AND p.part = ?2 AND p.cell = j.value;

-- stamps flat
SELECT last, size, stamp FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4;

-- stamps flat of all parts
SELECT last, size, stamp FROM packed WHERE +space = ?1 AND last BETWEEN ?2 AND ?3 AND cell IS NULL;

-- lasts flat
SELECT last FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4 LIMIT ?5;

-- lasts in cells
SELECT last FROM packed WHERE space = ?1 AND part = ?2 AND cell BETWEEN ?3 AND ?4 LIMIT ?5;

-- cells
SELECT first, part, size, head, codes FROM cells WHERE space = ?1 AND low <= ?3 AND high >= ?2 AND (?4 IS NULL OR part = ?4);

-- trained
SELECT trained FROM cells WHERE space = ?1 AND part = ?2 AND low = ?3;

-- next cell
SELECT coalesce(max(first + size), 1) FROM cells;

-- add cells
INSERT INTO cells (first, low, high, space, part, size, trained, head, codes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- drop cells
DELETE FROM cells WHERE space = ?1 AND part = ?2 AND low = ?3;

-- drop cells within
DELETE FROM cells WHERE low >= ?1 AND high <= ?2;

-- has cell
SELECT 1 FROM cells WHERE space = ?1 AND part = ?2 AND ?3 BETWEEN low AND high AND ?4 BETWEEN first AND first + size - 1;

-- anything packed
SELECT 1 FROM packed LIMIT 1;

-- large namespaces
SELECT space, part, min(last) FROM packed GROUP BY space, part, last >> 26 HAVING sum(size) >= ?1;

-- empty packed
DELETE FROM packed;

-- empty cells
DELETE FROM cells;

-- any raw_message_vector
SELECT 1 FROM raw_message_vector LIMIT 1;

-- raw_message_vector of a record
SELECT id, body FROM raw_message_vector WHERE conversation_id = ?1 AND message = ?2;

-- bodies raw_message_vector
SELECT v.id, v.body FROM json_each(?1) AS j CROSS JOIN raw_message_vector AS v ON v.id = j.value;

-- every raw_message_vector
SELECT id, body, conversation_id, message FROM raw_message_vector ORDER BY id;

-- any memory_vector
SELECT 1 FROM memory_vector LIMIT 1;

-- memory_vector of a record
SELECT id, body FROM memory_vector WHERE conversation_id = ?1 AND memory_id = ?2;

-- bodies memory_vector
SELECT v.id, v.body FROM json_each(?1) AS j CROSS JOIN memory_vector AS v ON v.id = j.value;

-- every memory_vector
SELECT id, body, conversation_id, memory_id FROM memory_vector ORDER BY id;

-- any result_vector
SELECT 1 FROM result_vector LIMIT 1;

-- result_vector of a record
SELECT id, body FROM result_vector WHERE result_id = ?1;

-- bodies result_vector
SELECT v.id, v.body FROM json_each(?1) AS j CROSS JOIN result_vector AS v ON v.id = j.value;

-- every result_vector
SELECT id, body, result_id FROM result_vector ORDER BY id;

-- any item_vector
SELECT 1 FROM item_vector LIMIT 1;

-- item_vector of a record
SELECT id, body FROM item_vector WHERE collection_id = ?1 AND item_id = ?2;

-- bodies item_vector
SELECT v.id, v.body FROM json_each(?1) AS j CROSS JOIN item_vector AS v ON v.id = j.value;

-- every item_vector
SELECT id, body, collection_id, item_id FROM item_vector ORDER BY id;
