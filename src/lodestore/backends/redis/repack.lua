-- Puts the same bodies in other bytes into records of one outer key that were not written meanwhile.
local family, outer = ARGV[1], ARGV[2]
local rows, changed, bytes = at('r', family, outer), 0, 0
for n = 3, #ARGV, 3 do
  local inner, version, body = ARGV[n], ARGV[n + 1], ARGV[n + 2]
  local old = call('HGET', rows, inner)
  if old and text(number(old, VERSION)) == version then
    call('HSET', rows, inner, old:sub(1, HEAD) .. body)
    changed, bytes = changed + 1, bytes + #body - (#old - HEAD)
  end
end
if changed > 0 then
  call('HINCRBY', meta, 'b.' .. family, text(bytes))
  if FAMILIES[family].depth == 2 then call('HINCRBY', at('s', family), outer, text(bytes)) end
end
return changed
