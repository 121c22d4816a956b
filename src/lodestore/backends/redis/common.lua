-- A row is five little-endian 64-bit numbers and the packed body; -1 stands for "none". All keys of a store carry
-- one hash tag, so the names computed here lie in the slot of KEYS:
--   <tag>:r:<family>:<outer>  hash  inner key -> row         <tag>:o:<family>:<outer>  zset  inner keys in order
--   <tag>:x:<family>:<outer>  zset  inner key by expiry      <tag>:k:<family>          zset  outer keys
--   <tag>:s:<family>          hash  outer key -> bytes       <tag>:meta                hash  counters
local HEAD, CHUNK = 40, 1000
local VERSION, CREATED, WRITTEN, EXPIRES, PLACE = 1, 9, 17, 25, 33
local call, unpack = redis.call, unpack
local meta = KEYS[1]
local base = meta:sub(1, -#':meta' - 1)

local function at(kind, family, outer) return base .. ':' .. kind .. ':' .. family .. (outer and ':' .. outer or '') end
-- Of a row cut short by damage there is nothing to tell; who reads it finds out.
local function number(row, offset) return #row < HEAD and -1 or (struct.unpack('<i8', row, offset)) end
local function text(value) return string.format('%.0f', value) end

-- The last argument names the store the caller has open, or, behind a "?", a name for one that has none yet.
local named = table.remove(ARGV)
local knows = named:sub(1, 1) ~= '?'
if knows and call('HGET', meta, 'id') ~= named then error({err = 'LOST the store is another one, or gone'}) end
