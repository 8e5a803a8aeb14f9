-- Sends the requests of a plan file in turn and prints one line of JSON at the end.
-- Plan: method; name of the header that is unique, or "-"; body; headers until an empty line; paths.
local requests, unique, method, body, next_request, sent, salt

function init(args)
  local lines = io.lines(args[1])
  method, unique, body = lines(), lines(), lines()
  if body == "" then body = nil end
  for line in lines do
    if line == "" then break end
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  requests, next_request, sent = {}, 0, 0
  salt = tostring(os.time()) .. "-" .. tostring({}):match("0x(%x+)")
  for path in lines do
    requests[#requests + 1] = unique == "-" and wrk.format(method, path, nil, body) or path
  end
end

function request()
  next_request = next_request % #requests + 1
  if unique == "-" then return requests[next_request] end
  sent = sent + 1
  wrk.headers[unique] = salt .. "-" .. sent
  return wrk.format(method, requests[next_request], nil, body)
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50":%f,"p99":%f,"failures":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
