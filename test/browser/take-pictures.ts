import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import {
  developer,
  fillCloud,
  GAME_POOL,
  playerId,
  scoreOf,
  writeAs,
} from '../fixtures/console/fill-cloud.ts';
import { launchBrowser } from '../fixtures/wire/browser.ts';
import { recordDemo } from './record-demo.ts';

// `node test/browser/take-pictures.ts` writes the pictures of the README to `docs/images`: two pages of the console, and a
// recording of `npm run demo`. With a directory as its argument, it writes a picture of each page to this directory, in
// both themes and at a width of 360 px.

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const RULES = fileURLToPath(new URL('../fixtures/console/rules.ts', import.meta.url));
const PLAYERS = 24;
const GAME = new URLSearchParams({ pool: GAME_POOL, identity: playerId(3), dataset: 'game' });
const PAGES = [
  'overview',
  'live',
  `data?${GAME}`,
  'query',
  'leaderboard?key=score',
  'backfill',
  'quarantine',
  'rules',
  'push',
];

const [directory] = process.argv.slice(2);
await using started = new AsyncDisposableStack();
const cloud = await startLocalCloud({ rulesFile: RULES });
started.defer(() => cloud.close());
if (directory === undefined) {
  await mkdir(IMAGES, { recursive: true });
  await writeFile(join(IMAGES, 'demo.svg'), await recordDemo(cloud));
}
await fillCloud(cloud, PLAYERS);
const launched = await launchBrowser();
started.defer(() => launched.close());
const views =
  directory === undefined
    ? [{ name: 'light', width: 1180, height: 760, theme: 'light' as const }]
    : [
        { name: 'light', width: 1180, height: 760, theme: 'light' as const },
        { name: 'dark', width: 1180, height: 760, theme: 'dark' as const },
        { name: 'narrow', width: 360, height: 740, theme: 'light' as const },
      ];
const folder = directory ?? IMAGES;
await mkdir(folder, { recursive: true });
for (const { name, width, height, theme } of views) {
  const context = await launched.browser.newContext({ viewport: { width, height }, colorScheme: theme });
  const page = await context.newPage();
  page.on('console', (message) => console.log(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => console.log(error.message));
  await page.goto(`${cloud.url}/console`);
  for (const each of directory === undefined ? ['overview', PAGES[2] ?? ''] : PAGES) {
    await openPage(page, each);
    const file = directory === undefined ? `console-${each.split('?')[0]}` : `${each.split('?')[0]}-${name}`;
    await page.screenshot({ path: join(folder, `${file}.png`) });
  }
  await context.close();
}

async function openPage(page: Page, address: string): Promise<void> {
  await page.goto(`${cloud.url}/console#/${address}`);
  await page.waitForTimeout(700);
  const [name] = address.split('?');
  if (name === 'live') {
    const client = developer(cloud);
    await writeAs(client, playerId(5), 'game', { score: String(scoreOf(5) + (Date.now() % 997)) });
    client.destroy();
    await page.waitForTimeout(2_000);
  }
  if (name === 'query') await page.getByRole('button', { name: 'Run' }).click();
  if (name === 'rules') await page.getByRole('button', { name: 'Try' }).click();
  if (name === 'quarantine')
    await page
      .getByRole('button', { name: /^Open the event/ })
      .last()
      .click()
      .catch(() => undefined);
  await page.waitForTimeout(1_200);
  // The page's Content-Security-Policy rejects `waitForFunction`, which evaluates text in the page.
  while (await page.evaluate('/Loading|Running/.test(document.body.innerText)'))
    await page.waitForTimeout(200);
}
