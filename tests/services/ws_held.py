"""WebSockets that are held open across limits. Argument: CA.

Says that it is ready, reads plans from its standard input, one line of JSON for each connection, which it opens at once, and
after `null` reports in one line how each ended. A connection exchanges messages for so many seconds (`talks`) and then closes (`closes`), or sends pings
until the other side closes. One of the kind `flood` only reads, and not as fast as it could.
"""

import asyncio
import json
import ssl
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

EVERY = 0.2
context = ssl.create_default_context(cafile=sys.argv[1])


async def exchange(socket, report):
    sent_at = time.time()
    await socket.send(f"message {report['messages']}")
    await socket.recv()
    report |= {"messages": report["messages"] + 1, "sent_at": sent_at, "heard_at": time.time()}


async def ping(socket, report):
    await (await socket.ping())
    report |= {"pongs": report["pongs"] + 1, "ponged_at": time.time()}


async def take(socket, report):
    await socket.recv()
    await asyncio.sleep(0.005)
    report |= {"messages": report["messages"] + 1, "heard_at": time.time()}


def told(frame):
    return frame and [frame.code, frame.reason]


async def hold(plan):
    headers = {"Authorization": f"Bearer {plan['token']}"}
    report = {"name": plan["name"], "messages": 0, "pongs": 0}
    options = {"ssl": context, "proxy": None, "ping_interval": None, "compression": None}
    async with connect(plan["url"], additional_headers=headers, **options) as socket:
        await socket.recv()
        quiet_from = time.time() + plan["talks"]
        ended = asyncio.create_task(socket.wait_closed())
        ended.add_done_callback(lambda _: report.update(ended_at=time.time()))
        try:
            while plan["kind"] == "flood":
                await take(socket, report)
            while True:
                if time.time() < quiet_from:
                    await exchange(socket, report)
                elif plan.get("closes"):
                    await socket.close()
                    await socket.recv()
                else:
                    await ping(socket, report)
                await asyncio.wait([ended], timeout=EVERY)
        except ConnectionClosed as closed:
            await ended
            handshake = {"received": told(closed.rcvd), "sent": told(closed.sent), "by_peer": closed.rcvd_then_sent}
            return report | handshake


async def main():
    print(json.dumps({"ready": True}), flush=True)
    held = []
    while plan := json.loads(await asyncio.to_thread(sys.stdin.readline)):
        held.append(asyncio.create_task(hold(plan)))
    reports = await asyncio.wait_for(asyncio.gather(*held), 40)
    print(json.dumps(reports), flush=True)


asyncio.run(main())
