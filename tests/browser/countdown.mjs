// Two tabs of the demo's page, from the sign-in to the end, by the keyboard alone. The session may be left alone for 8 s,
// and its user is warned 6 s before.
//
//   node countdown.mjs MODULES URL [PICTURES]

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from '../services/chromium.mjs';

const [modules, url, pictures] = process.argv.slice(2);
const browser = await chromium(modules, { viewport: { width: 640, height: 600 }, colorScheme: 'light', reducedMotion: 'reduce' });
const { page: one, complaints } = browser;

const phase = (page, wanted) => page.waitForFunction((wanted) => curfewSession.state().phase === wanted, wanted, { timeout: 15000 });
const dialog = (page) => page.locator('#curfew-session');
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
const spoken = (page) => page.locator('#curfew-session-spoken').textContent();
const log = (page) => page.locator('#log').innerText();
const step = (text) => console.log(text);

async function signIn() {
  await one.waitForURL('**/app/**');
  await one.locator('button.first:focus').waitFor();
  await one.keyboard.press('Enter');
  await one.locator('#limits dt').first().waitFor();
}

async function picture(name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await one.screenshot({ path: join(pictures, `${name}.png`) });
}

async function warns(page) {
  await phase(page, 'warning');
  const named = page.getByRole('alertdialog', { name: 'Your session is about to end' });
  await named.waitFor();
  const box = await dialog(page).evaluate((box) => ({
    position: getComputedStyle(box).position,
    described: document.getElementById(box.getAttribute('aria-describedby')).textContent,
    live: document.getElementById('curfew-session-spoken').getAttribute('aria-live'),
  }));
  assert.equal(box.position, 'fixed', 'its styles apply under the policy of the page');
  assert.match(box.described, /^Time left: 0:0[0-6]$/);
  assert.equal(box.live, 'polite');
  assert.match(await spoken(page), /^Time left: 0:0[0-6]$/);
}

try {
  await one.goto(`${url}/app/`);
  await signIn();
  await one.focus('#socket');
  await one.keyboard.press('Enter');
  await one.focus('#work');
  await one.keyboard.press('Enter');
  await one.waitForFunction(() => document.getElementById('log').innerText.includes('/app/api/orders: 200'));
  const other = await browser.another();
  await other.goto(`${url}/app/`);
  await phase(other, 'active');
  assert.equal(await dialog(one).count() + await dialog(other).count(), 0);

  await Promise.all([warns(one), warns(other)]);
  step('both tabs warn');
  assert.equal(await focused(one), 'curfew-session-extend');
  const said = await spoken(one), shown = await one.locator('#curfew-session-left').textContent();
  await one.waitForFunction((shown) => document.getElementById('curfew-session-left').textContent !== shown, shown);
  assert.equal(await spoken(one), said, 'what is read aloud does not change every second');
  for (const wanted of ['dismiss', 'extend', 'dismiss']) {
    await one.keyboard.press('Tab');
    assert.equal(await focused(one), `curfew-session-${wanted}`, 'the focus stays in the dialog');
  }
  await one.keyboard.press('Shift+Tab');
  await one.keyboard.press('Enter');
  await Promise.all([one, other].map(async (page) => {
    await phase(page, 'active');
    await dialog(page).waitFor({ state: 'detached' });
  }));
  assert.equal(await focused(one), 'work', 'the focus is given back');
  assert.match(await log(one), /extended/);
  step('more time in one tab is more time in the other');

  await Promise.all([warns(one), warns(other)]);
  await picture('warned');
  await other.keyboard.press('Escape');
  await dialog(other).waitFor({ state: 'detached' });
  assert.equal(await dialog(one).count(), 1);
  assert.deepEqual(complaints, [], 'the console is silent');

  await Promise.all([one, other].map(async (page) => {
    await phase(page, 'ended');
    await page.getByRole('alertdialog', { name: 'Your session has ended.' }).waitFor();
    assert.equal(await spoken(page), 'Your session has ended.');
    assert.equal(await focused(page), 'curfew-session-sign-in');
  }));
  await one.waitForFunction(() => /1008 session_idle_timeout/.test(document.getElementById('log').innerText));
  await picture('ended');
  step('the end shows in both, though one was told not to warn; the WebSocket ended with it');

  assert.equal(await one.evaluate(() => fetch('/app/refresh', { method: 'POST' }).then((answer) => answer.status)), 204);
  assert.equal((await one.evaluate(() => curfewSession.check())).phase, 'ended');
  step('a refreshed token does not revive it');
  await one.keyboard.press('Enter');
  await signIn();
  await Promise.all([one, other].map((page) => phase(page, 'active')));
  await dialog(other).waitFor({ state: 'detached' });
  step('a new sign-in does, in both');
  // A browser complains of every 401, also of those that were asked for.
  assert.deepEqual(complaints.filter((one) => !/status of 401/.test(one)), []);
} finally {
  await browser.close();
}
