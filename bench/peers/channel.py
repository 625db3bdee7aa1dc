"""The child's side of bench/lib/contender.mjs in Python: answers the calls on Node's JSON channel one after the other."""

import json
import os
import socket
import time
import traceback


def serve(contender):
    channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
    with channel.makefile("r", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            if "method" not in request:
                continue  # Node's own messages on the channel
            try:
                answer = {"value": getattr(contender, request["method"])(request.get("argument"))}
            except Exception:
                answer = {"error": traceback.format_exc()}
            channel.sendall((json.dumps({"id": request["id"], **answer}) + "\n").encode())


def repeat(least, call):
    """Repeats a call for at least so many seconds, as bench/lib/repeat.mjs does."""
    times = []
    started = time.perf_counter()
    while not times or time.perf_counter() - started < least:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    times.sort()
    return {"seconds": times[len(times) // 2], "best": times[0], "calls": len(times)}
