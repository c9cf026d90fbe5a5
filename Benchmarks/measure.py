"""Runs one command and prints its seconds, peak memory in KiB and status as JSON.

    measure.py COMMAND…

A process of its own, and a small one: the kernel counts the memory of the process that
starts a command into the command's own peak.
"""

import json
import os
import sys
import time

os.sync()  # what earlier runs wrote must not be on this one's bill
start = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(process, 0)
print(json.dumps({
    "seconds": time.perf_counter() - start, "peak": usage.ru_maxrss,
    "status": os.waitstatus_to_exitcode(status)}))
