import { begin } from './eyes.mjs';
const { told, page, shot, end } = await begin();
await page.goto(told.url);
await page.fill('#token', told.token);
await page.keyboard.press('Enter');
await page.waitForSelector('.plot svg');
await page.waitForTimeout(1500);
await shot('overview');
for (const [name, trace] of Object.entries(told.traces)) {
  await page.goto(`${told.url}/#/refusal/${trace}`);
  await page.waitForSelector('.checks, .lead');
  await page.waitForTimeout(200);
  await shot(`refusal-${name}`);
}
await page.goto(`${told.url}/#/gateway`);
await page.waitForSelector('#routes h2');
await page.locator('.route summary').nth(1).click();
await page.waitForTimeout(200);
await shot('gateway');
await page.goto(`${told.url}/#/find`);
await page.fill('#subject', 'bob');
await page.keyboard.press('Enter');
await page.waitForTimeout(700);
await shot('find');
await end();
