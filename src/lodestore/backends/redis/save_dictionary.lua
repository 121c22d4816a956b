-- Keeps a dictionary under its number, unless another stands there.
local kept = call('HSETNX', base .. ':d', ARGV[1], ARGV[2])
if kept == 1 then call('HSETNX', meta, 'format', FORMAT) end
return kept
