// What every look begins and ends with.

import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { chromium } from '../services/chromium.mjs';

export const told = JSON.parse(process.argv[2]);

/** A picture in the docs is not larger than this. */
const LARGEST = 150_000;

export async function begin(options = {}, more = []) {
  const opened = await chromium(told.modules, { viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'UTC', ...options }, more);
  const { page, complaints, close } = opened;
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => /Content Security Policy|TrustedHTML/.test(message.text()) && complaints.push(message.text()));
  const signIn = async () => {
    await page.goto(told.url);
    await page.waitForSelector('#token');
    complaints.splice(0, complaints.length, ...complaints.filter((one) => !/status of 401/.test(one)));
    await page.fill('#token', told.token);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#total');
    await page.waitForSelector('.plot svg');
  };
  /** No part of the page is wider than its window. */
  const fits = async () => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'nothing is scrolled sideways');
  const shot = async (name, options = {}) => {
    if (!told.pictures) return;
    mkdirSync(told.pictures, { recursive: true });
    const path = `${told.pictures}/${name}.png`;
    await page.screenshot({ path, animations: 'disabled', ...options });
    assert.ok(statSync(path).size < LARGEST, `${name}: ${statSync(path).size} bytes`);
  };
  const end = async () => {
    // While somebody looks elsewhere, what is not there is told as such by the browser.
    const left = complaints.filter((one) => !/status of 404/.test(one));
    await close();
    assert.deepEqual(left, [], 'the browser complains of nothing');
  };
  return { ...opened, signIn, fits, shot, end };
}
