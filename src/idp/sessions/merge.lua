-- What is told is joined with what is there, as `Life::joined` does: order never matters.
-- KEYS: the store's name, then one of each session. ARGV: the name, remember, absolute (0: none), then one of each.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local function read(text)
  local v = {}
  for field in string.gmatch(text or '', '%-?%d+') do v[#v + 1] = tonumber(field) end
  return #v == 6 and v or nil
end
for i = 2, #KEYS do
  local n, o = read(ARGV[i + 2]), read(redis.call('GET', KEYS[i]))
  if o then -- 1 last, 2 began, 3 signed in, 4 broken, 5 silence, 6 earlier
    if o[3] > n[3] then n, o = o, n end
    n[1] = math.max(n[1], o[1])
    n[6] = math.max(n[6], o[6])
    if n[3] ~= o[3] then
      n[6] = math.max(n[6], o[5])
    else
      n[2] = math.min(n[2], o[2])
      if o[5] > n[5] or (o[5] == n[5] and o[4] > n[4]) then n[5], n[4] = o[5], o[4] end
    end
  end
  local keep = n[1] + tonumber(ARGV[2])
  if ARGV[3] ~= '0' then keep = math.max(keep, n[2] + tonumber(ARGV[3])) end
  local text = string.format('%.0f %.0f %.0f %.0f %.0f %.0f', n[1], n[2], n[3], n[4], n[5], n[6])
  redis.call('SET', KEYS[i], text, 'PXAT', string.format('%.0f', math.max(keep, 1)))
end
return 1
