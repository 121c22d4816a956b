-- All of a batch or none: a script does not roll back, so whatever can be refused is found before the first write.
-- ARGV: "1" where a write expects a version, then the writes one after the other. Answer: {1, result...}, or
-- {0, index, version found} for a conflict.

local cursor = 1
local function take() cursor = cursor + 1; return ARGV[cursor] end
local function count() return tonumber(take()) end

local function read_put(op)
  op.outer, op.inner, op.body, op.time, op.expires, op.expect = take(), take(), take(), count(), count(), take()
end

local function read_append(op)
  op.outer, op.time, op.bodies = take(), count(), {}
  for n = 1, count() do op.bodies[n] = take() end
end

local function read_copy(op)
  op.outer, op.inner, op.body, op.version = take(), take(), take(), count()
  op.created, op.time, op.expires, op.place = count(), count(), count(), count()
end

local function read_drop(op)
  op.prefix = {}
  for n = 1, count() do op.prefix[n] = take() end
  op.time = count()
end

local function read_sweep(op) op.now, op.limit = count(), count() end

local readers = {P = read_put, A = read_append, C = read_copy, D = read_drop, S = read_sweep}
local ops, grows = {}, #ARGV == 1
while cursor < #ARGV do
  local op = {kind = take(), family = take()}
  readers[op.kind](op)
  ops[#ops + 1] = op
  grows = grows or op.kind == 'P' or op.kind == 'A' or op.kind == 'C'
end

-- Types: a key of another kind is damage, and must be met before anything is written.
local known = {}
local function must_be(kind, key)
  if known[key] then return end
  local found = call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. key .. ' is no ' .. kind}) end
  known[key] = true
end

local function check_outer(family, outer)
  must_be('hash', at('r', family, outer))
  must_be('zset', at('o', family, outer))
  if FAMILIES[family].expires then must_be('zset', at('x', family, outer)) end
end

local function check_family(family, outer)
  if FAMILIES[family].depth == 2 then
    must_be('zset', at('k', family))
    must_be('hash', at('s', family))
  end
  if outer then
    check_outer(family, outer)
  else
    for _, each in ipairs(call('ZRANGE', at('k', family), 0, -1)) do check_outer(family, each) end
  end
end

local function check_drop(family, prefix)
  check_family(family, FAMILIES[family].depth == 1 and '' or prefix[1])
  for _, owned in ipairs(FAMILIES[family].owned) do check_drop(owned, prefix) end
end

-- Reading it is the check of the counters.
local now = call('HMGET', meta, 'commits', 'latest')
for _, op in ipairs(ops) do
  if op.kind == 'D' then
    check_drop(op.family, op.prefix)
  elseif op.kind == 'S' then
    for family, traits in pairs(FAMILIES) do if traits.expires then check_family(family, '') end end
  else
    check_family(op.family, op.outer)
    if FAMILIES[op.family].owner then check_family(FAMILIES[op.family].owner, '') end
  end
end

local version, latest = tonumber(now[1] or 0) + 1, tonumber(now[2] or 0)

-- Expectations: the batch played through on versions alone.
local seen, gone = {}, {}
local function seen_in(family, outer)
  seen[family] = seen[family] or {}
  seen[family][outer] = seen[family][outer] or {}
  return seen[family][outer]
end

local function found(op)
  local state = seen_in(op.family, op.outer)[op.inner]
  if state == nil and not gone[op.family] and not gone[op.family .. '\0' .. op.outer] then
    local row = call('HGET', at('r', op.family, op.outer), op.inner)
    state = row and #row > HEAD and {number(row, VERSION), number(row, EXPIRES)}
  end
  if not state or (state[2] >= 0 and state[2] <= op.time) then return 0 end
  return state[1]
end

local function forget(family, prefix)
  local depth = FAMILIES[family].depth
  if #prefix == depth then
    seen_in(family, depth == 2 and prefix[1] or '')[prefix[depth]] = false
  elseif #prefix == 1 then
    seen_in(family, '')
    seen[family][prefix[1]], gone[family .. '\0' .. prefix[1]] = nil, true
  else
    seen[family], gone[family] = nil, true
  end
  for _, owned in ipairs(FAMILIES[family].owned) do forget(owned, prefix) end
end

local function refusal()
  local top = version
  for index, op in ipairs(ops) do
    if op.kind == 'P' then
      if op.expect ~= '' then
        local there = found(op)
        if there ~= tonumber(op.expect) then return {0, index - 1, there} end
      end
      seen_in(op.family, op.outer)[op.inner] = {top, op.expires}
    elseif op.kind == 'C' then
      local own = op.version > 0 and op.version or top
      seen_in(op.family, op.outer)[op.inner] = #op.body > 0 and {own, op.expires}
      top = math.max(top, own)
    elseif op.kind == 'D' then
      forget(op.family, op.prefix)
    end
  end
end

if ARGV[1] == '1' then
  local refused = refusal()
  if refused then return refused end
end

-- Writes. What counts changes is gathered and stored once, at the end.
local changes = {}
local function change(what, family, by)
  local name = what .. '.' .. family
  changes[name] = (changes[name] or 0) + by
end

local function counted(family, outer, rows, partial, bytes)
  change('n', family, rows)
  change('p', family, partial)
  change('b', family, bytes)
  if FAMILIES[family].depth == 2 and bytes ~= 0 then call('HINCRBY', at('s', family), outer, text(bytes)) end
end

local function weigh(row) return #row == HEAD and 1 or 0, math.max(#row - HEAD, 0) end

local function remove(family, outer, inner, row)
  local partial, bytes = weigh(row)
  call('HDEL', at('r', family, outer), inner)
  call('ZREM', at('o', family, outer), inner)
  if FAMILIES[family].expires then call('ZREM', at('x', family, outer), inner) end
  counted(family, outer, -1, -partial, -bytes)
  if FAMILIES[family].depth == 2 and call('EXISTS', at('r', family, outer)) == 0 then
    call('ZREM', at('k', family), outer)
    call('HDEL', at('s', family), outer)
  end
end

local function store(op, own, created, place, old)
  local family, outer, traits = op.family, op.outer, FAMILIES[op.family]
  local row = struct.pack('<i8i8i8i8i8', own, created, op.time, op.expires, place) .. op.body
  call('HSET', at('r', family, outer), op.inner, row)
  if not old or number(old, PLACE) ~= place then
    call('ZADD', at('o', family, outer), traits.placed and text(place) or '0', op.inner)
  end
  if traits.expires and op.expires >= 0 then
    call('ZADD', at('x', family, outer), text(op.expires), op.inner)
  elseif traits.expires and old then
    call('ZREM', at('x', family, outer), op.inner)
  end
  if not old and traits.depth == 2 then call('ZADD', at('k', family), 0, outer) end
  local partial, bytes = weigh(row)
  local less_partial, less = 0, 0
  if old then less_partial, less = weigh(old) end
  counted(family, outer, old and 0 or 1, partial - less_partial, bytes - less)
end

local function next_place(family, outer)
  if not FAMILIES[family].placed then return -1 end
  local last = call('ZRANGE', at('o', family, outer), 0, 0, 'REV', 'WITHSCORES')
  return last[2] and tonumber(last[2]) + 1 or 0
end

local function own(op)
  local owner = FAMILIES[op.family].owner
  if not owner then return end
  local id = FAMILIES[op.family].depth == 2 and op.outer or op.inner
  if call('HEXISTS', at('r', owner, ''), id) == 1 then return end
  store({family = owner, outer = '', inner = id, body = '', time = op.time, expires = -1}, version, op.time, -1)
end

local function put(op)
  local old = call('HGET', at('r', op.family, op.outer), op.inner)
  local broken = old and #old < HEAD
  if broken or (old and number(old, EXPIRES) >= 0 and number(old, EXPIRES) <= op.time) then
    remove(op.family, op.outer, op.inner, old)
    old = nil
  end
  own(op)
  if old then
    store(op, version, number(old, CREATED), number(old, PLACE), old)
  else
    store(op, version, op.time, next_place(op.family, op.outer))
  end
  return version
end

local function append(op)
  own(op)
  local first = next_place(op.family, op.outer)
  for n, body in ipairs(op.bodies) do
    local place = first + n - 1
    op.inner, op.body, op.expires = text(place), body, -1
    store(op, version, op.time, place)
  end
  return first
end

local function taken(op)
  if op.place < 0 then return false end
  for _, other in ipairs(call('ZRANGE', at('o', op.family, op.outer), text(op.place), text(op.place), 'BYSCORE')) do
    if other ~= op.inner then return true end
  end
  return false
end

local function copy(op)
  own(op)
  local number_of = op.version > 0 and op.version or version
  local place = op.place
  if FAMILIES[op.family].placed and taken(op) then place = next_place(op.family, op.outer) end
  store(op, number_of, op.created, place, call('HGET', at('r', op.family, op.outer), op.inner) or nil)
  version = math.max(version, number_of)
  return number_of
end

local function bytes_of(family, outer)
  if FAMILIES[family].depth == 2 then return tonumber(call('HGET', at('s', family), outer) or 0) end
  return tonumber(call('HGET', meta, 'b.' .. family) or 0) + (changes['b.' .. family] or 0)
end

local function partial_of(family)
  return tonumber(call('HGET', meta, 'p.' .. family) or 0) + (changes['p.' .. family] or 0)
end

local function drop_outer(family, outer, time)
  local rows = call('ZCARD', at('o', family, outer))
  if rows == 0 then return 0 end
  local traits = FAMILIES[family]
  local dead = traits.expires and call('ZCOUNT', at('x', family, outer), '-inf', text(time)) or 0
  counted(family, outer, -rows, traits.depth == 1 and -partial_of(family) or 0, -bytes_of(family, outer))
  call('UNLINK', at('r', family, outer), at('o', family, outer), at('x', family, outer))
  if traits.depth == 2 then
    call('ZREM', at('k', family), outer)
    call('HDEL', at('s', family), outer)
  end
  return rows - dead
end

local function drop_record(family, outer, inner, time)
  local row = call('HGET', at('r', family, outer), inner)
  if not row then return 0 end
  remove(family, outer, inner, row)
  return number(row, EXPIRES) >= 0 and number(row, EXPIRES) <= time and 0 or 1
end

local function drop_branch(family, prefix, time)
  local depth, dropped = FAMILIES[family].depth, 0
  if #prefix == depth then
    dropped = drop_record(family, depth == 2 and prefix[1] or '', prefix[depth], time)
  elseif depth == 1 or #prefix == 1 then
    dropped = drop_outer(family, prefix[1] or '', time)
  else
    for _, outer in ipairs(call('ZRANGE', at('k', family), 0, -1)) do
      dropped = dropped + drop_outer(family, outer, time)
    end
  end
  for _, owned in ipairs(FAMILIES[family].owned) do drop_branch(owned, prefix, time) end
  return dropped
end

local function drop(op) return drop_branch(op.family, op.prefix, op.time) end

local function sweep(op)
  local swept = 0
  for family, traits in pairs(FAMILIES) do
    if traits.expires and swept < op.limit then
      local left = math.min(op.limit - swept, CHUNK)
      for _, inner in ipairs(call('ZRANGE', at('x', family, ''), '-inf', text(op.now), 'BYSCORE', 'LIMIT', 0, left)) do
        remove(family, '', inner, call('HGET', at('r', family, ''), inner))
        swept = swept + 1
      end
    end
  end
  return swept
end

-- A server out of memory refuses the first command that may grow, and none after a first write: so what only frees
-- starts with a command that frees, and what grows starts with one that is refused before anything else is done.
if grows then call('HSETNX', meta, 'format', FORMAT) else call('UNLINK', KEYS[2]) end
local writers, results = {P = put, A = append, C = copy, D = drop, S = sweep}, {1}
for n, op in ipairs(ops) do
  results[n + 1] = writers[op.kind](op)
  latest = math.max(latest, op.time or 0)
end
for name, by in pairs(changes) do
  if by ~= 0 then call('HINCRBY', meta, name, text(by)) end
end
call('HSET', meta, 'commits', text(version), 'latest', text(latest))
return results
