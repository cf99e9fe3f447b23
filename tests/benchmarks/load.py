"""Load on an HTTP server by wrk, or else by a generator in Python, which is slower."""

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.processes import OUR_CORE, Helper, core

RESULT = "RESULT "

SCRIPT = """
local requests = {}
local headers = {%(headers)s}
init = function(args)
  for path in io.lines("%(paths)s") do
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end
local last = 0
request = function()
  last = last %% #requests + 1
  return requests[last]
end
done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '%(result)s{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "p99.9": %%f, "errors": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    latency:percentile(99.9) / 1e6, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Load:
    """Closed-loop load: each connection sends the next request as soon as it has a response."""

    def __init__(self, *, wrk: bool) -> None:
        self._wrk = shutil.which("wrk") if wrk else None
        self.generator = "wrk" if self._wrk else "a generator in Python"
        """The name of the load generator."""

        self.can_use_tls = self._wrk is not None

    def run(
        self,
        port: int,
        paths: Sequence[str],
        *,
        connections: int,
        seconds: float,
        keep_alive: bool = True,
        authorization: str = "",
        tls: bool = False,
    ) -> dict[str, float]:
        """Request the paths in turn; return the rate (a second), p50, p99 and p99.9 (in seconds).

        Raises RuntimeError if responses are missing. wrk rounds ``seconds`` up to a whole number.
        """
        headers = {"Connection": "keep-alive" if keep_alive else "close"}
        if authorization:
            headers["Authorization"] = authorization
        with tempfile.TemporaryDirectory() as folder:
            names = Path(folder) / "paths"
            names.write_text("".join(f"{path}\n" for path in paths))
            if self._wrk is None:
                arguments = [str(port), str(names), str(connections), str(seconds), json.dumps(headers)]
                with Helper("generator", *arguments, on=OUR_CORE) as generator:
                    return _rated(generator.read())
            script = Path(folder) / "script.lua"
            fields = ", ".join(f'["{name}"] = "{value}"' for name, value in headers.items())
            script.write_text(SCRIPT % {"headers": fields, "paths": names, "result": RESULT})
            command = [
                *(self._wrk, "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s"),
                *("-s", str(script), f"{'https' if tls else 'http'}://127.0.0.1:{port}"),
            ]
            with core(OUR_CORE):
                done = subprocess.run(command, capture_output=True, text=True, check=True)
        return parse_wrk(done.stdout)


def parse_wrk(output: str) -> dict[str, float]:
    """Return the result that the script has printed at the end of wrk."""
    for line in output.splitlines():
        if line.startswith(RESULT):
            return _rated(json.loads(line.removeprefix(RESULT)))
    raise RuntimeError(f"wrk has not printed a result:\n{output}")


def _rated(result: dict[str, float]) -> dict[str, float]:
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"responses are missing: {result}")
    return result | {"rate": result["requests"] / result["seconds"]}
