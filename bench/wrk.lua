-- Sends the bodies in a file, one a line, in turn; prints what was measured as JSON. Words after `--`: the path asked, the file.
local requests, at = {}, 0

function init(words)
  wrk.headers["Content-Type"] = "application/json"
  for body in io.lines(words[2]) do
    requests[#requests + 1] = wrk.format("POST", words[1], nil, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local said = '\n{"requests": %d, "failed": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}\n'
  io.write(said:format(summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
