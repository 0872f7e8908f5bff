"""Calls of gRPC that are held open across limits, over one connection. Arguments: PORT CA NAME.

Says that it is ready, reads plans from its standard input, one line of JSON for each call, which it begins at once, and after
`null` reports in one line how each ended. What is exchanged are instants: each side says when it sent. Pings of HTTP/2 go on all the while.
"""

import json
import sys
import threading
import time

import grpc

port, authority, name = sys.argv[1:]
with open(authority, "rb") as roots:
    credentials = grpc.ssl_channel_credentials(roots.read())
channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, (
    ("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 500), ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0)))


def pairs(items):
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in items or ()}


def words(plan, report, ended):
    """What the client says: for so many seconds, then nothing until the call has ended."""
    quiet_from = time.time() + plan["talks"]
    while time.time() < quiet_from and not ended.is_set():
        said_at = time.time()
        yield repr(said_at).encode()
        # It was taken when the next one is asked for.
        if plan["kind"] == "upload":
            report |= {"messages": report["messages"] + 1, "sent_at": said_at, "heard_at": time.time()}
        ended.wait(0.2)
    ended.wait()


def begin(plan, report, ended):
    bearer = (("authorization", f"Bearer {plan['token']}"),)
    if plan["kind"] == "answers":
        return channel.unary_stream(plan["method"])(str(plan["talks"]).encode(), metadata=bearer, timeout=40)
    if plan["kind"] == "upload":
        return channel.stream_unary(plan["method"]).future(words(plan, report, ended), metadata=bearer, timeout=40)
    return channel.stream_stream(plan["method"])(words(plan, report, ended), metadata=bearer, timeout=40)


def hold(plan, report):
    ended = threading.Event()
    call = begin(plan, report, ended)
    try:
        for message in [call.result()] if plan["kind"] == "upload" else call:
            report |= {"messages": report["messages"] + 1, "sent_at": float(message), "heard_at": time.time()}
    except grpc.RpcError:
        pass
    report["ended_at"] = time.time()
    ended.set()
    report |= {"code": call.code().name, "details": call.details(), "trailing": pairs(call.trailing_metadata())}


print(json.dumps({"ready": True}), flush=True)
threads, reports = [], []
while plan := json.loads(sys.stdin.readline()):
    reports.append({"name": plan["name"], "messages": 0})
    threads.append(threading.Thread(target=hold, args=(plan, reports[-1]), daemon=True))
    threads[-1].start()
for thread in threads:
    thread.join(40)
print(json.dumps(reports), flush=True)
