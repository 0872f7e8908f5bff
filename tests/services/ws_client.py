"""A WebSocket client. Arguments: URL CA TOKEN (or '-') MESSAGES (or 'hold').

Prints one line of JSON: what it was told, how many echoes came back whole, and how the connection ended.
With 'hold' it goes on exchanging messages until the other side ends the connection.
"""

import asyncio
import json
import ssl
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

url, authority, token, messages = sys.argv[1:5]


async def exchange(socket, number):
    message = f"message {number} " + "x" * (number * 37 % 5000)
    await socket.send(message)
    return await socket.recv() == message


async def converse(socket):
    report = {"hello": json.loads(await socket.recv()), "echoed": 0}
    try:
        while messages == "hold" or report["echoed"] < int(messages):
            assert await exchange(socket, report["echoed"]), "the echo differs"
            report["echoed"] += 1
            await asyncio.sleep(0.02)
        await socket.close()
        report["closed_by"] = "client"
    except ConnectionClosed as closed:
        report["closed_by"] = "server"
        report["error"] = str(closed)
    report["ended_at"] = time.time()
    report["code"] = socket.close_code
    report["reason"] = socket.close_reason
    return report


async def main():
    headers = {} if token == "-" else {"Authorization": f"Bearer {token}"}
    context = ssl.create_default_context(cafile=authority) if url.startswith("wss") else None
    try:
        async with connect(url, ssl=context, additional_headers=headers, proxy=None, ping_interval=None) as socket:
            report = await asyncio.wait_for(converse(socket), 30)
    except InvalidStatus as refusal:
        answer = refusal.response
        report = {"status": answer.status_code, "headers": dict(answer.headers.raw_items()),
                  "body": answer.body.decode() if answer.body else ""}
    print(json.dumps(report))


asyncio.run(main())
