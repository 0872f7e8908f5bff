// WebSockets of a page in Chromium that are held open across limits; over HTTP/2 where the browser may, since the page
// came over it (RFC 8441). A browser sends no pings and no field of its own: its tokens are cookies of the paths.
//
//   node ws_chromium.mjs MODULES ORIGIN [ARGUMENT_OF_CHROMIUM]
//
// Says that it is ready, reads plans from its standard input, one line of JSON for each connection, which it opens at once, and
// after `null` reports in one line how each ended. A connection exchanges messages for so many seconds (`talks`), and then is silent or closes.

import { createInterface } from 'node:readline';
import { chromium } from './chromium.mjs';

const [modules, origin, ...more] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Runs in the page.
const hold = ({ name, url, talks, closes }) => new Promise((done) => {
  const now = () => Date.now() / 1000;
  const report = { name, messages: 0 };
  const socket = new WebSocket(url);
  let asked, quietFrom;
  const next = () => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (now() < quietFrom) socket.send(`message ${report.messages}`, asked = now());
    else if (closes) socket.close(1000, 'enough');
  };
  socket.onopen = () => { quietFrom = now() + talks; next(); };
  socket.onmessage = ({ data }) => {
    if (!data.startsWith('message')) return;
    Object.assign(report, { messages: report.messages + 1, sent_at: asked, heard_at: now() });
    setTimeout(next, 200);
  };
  socket.onclose = ({ code, reason, wasClean }) => done({ ...report, code, reason, clean: wasClean, ended_at: now() });
});

const { context, page, close } = await chromium(modules, {}, more);
try {
  await page.goto(`${origin}/page`);
  const watcher = await context.newCDPSession(page);
  await watcher.send('Network.enable');
  const statuses = new Set();
  watcher.on('Network.webSocketHandshakeResponseReceived', ({ response }) => statuses.add(response.status));
  console.log(JSON.stringify({ ready: true }));
  const held = [];
  for (let plan; (plan = JSON.parse((await lines.next()).value));) {
    const { token, ...shown } = plan, { hostname: domain, pathname: path } = new URL(plan.url);
    await context.addCookies([{ name: 'session', value: token, domain, path, secure: true }]);
    held.push(page.evaluate(hold, shown));
  }
  const reports = await Promise.all(held);
  console.log(JSON.stringify({ statuses: [...statuses], reports }));
} finally {
  await close();
  lines.return();
}
