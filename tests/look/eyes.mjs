// What every look begins and ends with.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, statSync } from 'node:fs';
import { chromium } from '../services/chromium.mjs';

export const told = JSON.parse(process.argv[2]);

export async function begin(options = {}) {
  const opened = await chromium(told.modules, { viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'UTC', ...options });
  const { page, complaints, close } = opened;
  page.setDefaultTimeout(15_000);
  const shot = async (name, options = {}) => {
    if (!told.pictures) return;
    mkdirSync(told.pictures, { recursive: true });
    await page.screenshot({ path: `${told.pictures}/${name}.png`, ...options });
  };
  const end = async () => {
    await close();
    assert.deepEqual(complaints, [], 'the browser complains of nothing');
  };
  return { ...opened, told, page, shot, end };
}
