-- What wrk sends and says: a line of BODIES per request, starting at line FIRST; in the end a line of JSON.

local requests = {}
local next_request = 0

function init()
  local first = tonumber(os.getenv('FIRST'))
  for body in io.lines(os.getenv('BODIES')) do
    requests[#requests + 1] = wrk.format('POST', nil, { ['Content-Type'] = 'application/json' }, body)
  end
  next_request = first % #requests
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"count":%d,"failed":%d,"duration":%.0f,"p50":%.0f,"p99":%.0f,"own":%.0f}\n',
    summary.requests - errors.status,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99), os.clock() * 1e6
  ))
end
