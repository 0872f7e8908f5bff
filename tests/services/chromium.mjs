// Debian's Chromium without a screen, driven by playwright-core, for tests of pages. Nothing is fetched but what the page
// asks for, and nothing outside loopback: every other name has no address.
//
//   const { page, close } = await chromium(MODULES, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const ARGUMENTS = [
  '--no-sandbox', // the tests may run as root, where the sandbox cannot
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE *.test',
];

/** A browser with one page; `options` are those of playwright's contexts. What the page complains of stands in `complaints`. */
export async function chromium(modules, options = {}, more = []) {
  const resolve = createRequire(`${modules}/`).resolve;
  const { default: playwright } = await import(pathToFileURL(resolve('playwright-core')));
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await playwright.chromium.launch({ executablePath, headless: true, args: [...ARGUMENTS, ...more] });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const complaints = [];
  const watch = (page) => {
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    return page;
  };
  const page = watch(await context.newPage());
  return { browser, context, page, complaints, another: async () => watch(await context.newPage()), close: () => browser.close() };
}
