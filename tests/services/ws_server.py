"""A WebSocket server that echoes, or at `…/flood` sends without a pause; says its port, then how each connection was closed, and ends when its standard input
closes."""

import asyncio
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(socket):
    # What the gateway told us about the caller, before anything else.
    headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
    await socket.send(json.dumps({"path": socket.request.path, "headers": headers}))
    try:
        while socket.request.path.endswith("/flood"):
            await socket.send(bytes(131072))
        async for message in socket:
            await socket.send(message)
    except ConnectionClosed:
        pass
    print(json.dumps({"closed": socket.close_code, "reason": socket.close_reason}), flush=True)


async def main():
    async with serve(echo, "127.0.0.1", 0, ping_interval=None) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
