-- The writes of a batch that was checked. What counts changes is gathered and stored once, at the end.
local changes, sizes = {}, {}
local function change(what, family, by)
  local name = what .. '.' .. family
  changes[name] = (changes[name] or 0) + by
end

local function counted(family, outer, rows, partial, bytes)
  change('n', family, rows)
  change('p', family, partial)
  change('b', family, bytes)
  if FAMILIES[family].depth == 2 and bytes ~= 0 then
    sizes[family] = sizes[family] or {}
    sizes[family][outer] = (sizes[family][outer] or 0) + bytes
  end
end

local function forget_size(family, outer)
  call('HDEL', at('s', family), outer)
  if sizes[family] then sizes[family][outer] = nil end
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
    forget_size(family, outer)
  end
end

local function row_of(version, created, written, expires, place, body)
  return struct.pack('<i8i8i8i8i8', version, created, written, expires, place) .. body
end

local function last_place(family, outer)
  local last = call('ZRANGE', at('o', family, outer), 0, 0, 'REV', 'WITHSCORES')
  return last[2] and tonumber(last[2]) or -1
end

local function next_place(family, outer) return FAMILIES[family].placed and last_place(family, outer) + 1 or -1 end

-- A run is rows on their way to one outer key, sent a few hundred at a time; who reads what a run writes flushes it.
local function run_to(family, outer)
  local traits = FAMILIES[family]
  return {
    family = family, outer = outer, traits = traits, placed = traits.placed,
    key = at('r', family, outer), order = at('o', family, outer), ends = at('x', family, outer),
    fields = {}, scores = {}, rows = 0, partial = 0, bytes = 0,
  }
end

local function flush(run)
  if #run.fields > 0 then call('HSET', run.key, unpack(run.fields)) end
  if #run.scores > 0 then call('ZADD', run.order, unpack(run.scores)) end
  run.fields, run.scores = {}, {}
end

local function add(run, inner, row, place, old)
  local fields, scores = run.fields, run.scores
  if #fields >= CHUNK then
    flush(run)
    fields, scores = run.fields, run.scores
  end
  local n = #fields
  fields[n + 1], fields[n + 2] = inner, row
  if not old or number(old, PLACE) ~= place then
    n = #scores
    scores[n + 1], scores[n + 2] = run.placed and text(place) or '0', inner
  end
  if run.traits.expires then
    local expires = number(row, EXPIRES)
    if expires >= 0 then
      call('ZADD', run.ends, text(expires), inner)
    elseif old then
      call('ZREM', run.ends, inner)
    end
  end
  local partial, bytes = weigh(row)
  run.partial, run.bytes = run.partial + partial, run.bytes + bytes
  if old then
    partial, bytes = weigh(old)
    run.partial, run.bytes = run.partial - partial, run.bytes - bytes
  else
    run.rows = run.rows + 1
  end
end

local function finish(run)
  flush(run)
  if run.rows > 0 and run.traits.depth == 2 then call('ZADD', at('k', run.family), 0, run.outer) end
  counted(run.family, run.outer, run.rows, run.partial, run.bytes)
end

local function store(family, outer, inner, row, place, old)
  local run = run_to(family, outer)
  add(run, inner, row, place, old)
  finish(run)
end

local function own(family, id, time)
  local owner = FAMILIES[family].owner
  if not owner or call('HEXISTS', at('r', owner, ''), id) == 1 then return end
  store(owner, '', id, row_of(version, time, time, -1, -1, ''), -1)
end

local function put(op)
  local old = call('HGET', at('r', op.family, op.outer), op.inner)
  local broken = old and #old < HEAD
  if broken or (old and number(old, EXPIRES) >= 0 and number(old, EXPIRES) <= op.time) then
    remove(op.family, op.outer, op.inner, old)
    old = nil
  end
  own(op.family, FAMILIES[op.family].depth == 2 and op.outer or op.inner, op.time)
  local created = old and number(old, CREATED) or op.time
  local place = old and number(old, PLACE) or next_place(op.family, op.outer)
  local row = row_of(version, created, op.time, op.expires, place, op.body)
  store(op.family, op.outer, op.inner, row, place, old)
  return version
end

local function append(op)
  own(op.family, op.outer, op.time)
  local first, run = next_place(op.family, op.outer), run_to(op.family, op.outer)
  for n, body in ipairs(op.bodies) do
    local place = first + n - 1
    add(run, text(place), row_of(version, op.time, op.time, -1, place, body), place)
  end
  finish(run)
  local vectors = FAMILIES[op.family].vectors
  for n, body in ipairs(op.vectors) do
    local inner = text(first + n - 1)
    if body ~= '' then put({family = vectors, outer = op.outer, inner = inner, body = body, time = op.time, expires = -1}) end
  end
  return first
end

-- What the rows of a run replace, many asked for at once.
local function olds_of(op, run)
  local olds = {}
  if call('EXISTS', run.key) == 0 then return olds end
  for first = 1, op.rows, CHUNK do
    local inners = {}
    for n = first, math.min(first + CHUNK - 1, op.rows) do inners[#inners + 1] = ARGV[op.from + 2 * n] end
    for n, old in ipairs(call('HMGET', run.key, unpack(inners))) do olds[first + n - 1] = old end
  end
  return olds
end

local function taken(run, inner, place)
  flush(run)
  for _, other in ipairs(call('ZRANGE', run.order, text(place), text(place), 'BYSCORE')) do
    if other ~= inner then return true end
  end
  return false
end

-- Above the last place everything is free, so a log copied in its order asks nothing.
local function free_place(run, inner, place, old)
  if not run.placed or place < 0 then return place end
  if place <= run.last and not (old and number(old, PLACE) == place) and taken(run, inner, place) then
    place = last_place(run.family, run.outer) + 1
  end
  run.last = math.max(run.last, place)
  return place
end

local function copy(op, results)
  local run, n, seen = run_to(op.family, op.outer), 0, {}
  local olds, whole = olds_of(op, run), FAMILIES[op.family].depth == 2
  run.last = run.placed and last_place(op.family, op.outer)
  for inner, row in each_copy(op) do
    n = n + 1
    local old = olds[n] or nil
    if seen[inner] then
      flush(run)
      old = call('HGET', run.key, inner)
    end
    seen[inner] = true
    local given, created, time, expires, wanted = struct.unpack('<i8i8i8i8i8', row)
    if n == 1 or not whole then own(op.family, whole and op.outer or inner, time) end
    local number_of, place = given > 0 and given or version, free_place(run, inner, wanted, old)
    if number_of ~= given or place ~= wanted then
      row = row_of(number_of, created, time, expires, place, row:sub(HEAD + 1))
    end
    add(run, inner, row, place, old)
    version, latest = math.max(version, number_of), math.max(latest, time)
    results[#results + 1] = number_of
  end
  finish(run)
end
local function bytes_of(family, outer)
  if FAMILIES[family].depth == 2 then
    return tonumber(call('HGET', at('s', family), outer) or 0) + (sizes[family] and sizes[family][outer] or 0)
  end
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
    forget_size(family, outer)
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
if not knows then call('HSETNX', meta, 'id', named:sub(2)) end
local writers, results = {P = put, A = append, C = copy, D = drop, S = sweep}, {}
for _, op in ipairs(ops) do
  local result = writers[op.kind](op, results)
  if result then results[#results + 1] = result end
  latest = math.max(latest, op.time or 0)
end
for name, by in pairs(changes) do
  if by ~= 0 then call('HINCRBY', meta, name, text(by)) end
end
for family, outers in pairs(sizes) do
  for outer, by in pairs(outers) do
    if by ~= 0 then call('HINCRBY', at('s', family), outer, text(by)) end
  end
end
call('HSET', meta, 'commits', text(version), 'latest', text(latest))
for n, result in ipairs(results) do results[n] = struct.pack('<i8', result) end
return {1, table.concat(results), call('HGET', meta, 'id')}
