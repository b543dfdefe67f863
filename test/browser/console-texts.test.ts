import type { Locator } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { dataOf, problemsOf, SOON, useConsoleBrowser } from '../fixtures/console/console-browser.ts';
import { GAME_POOL, playerId, writeAs } from '../fixtures/console/fill-cloud.ts';
import { whyNoBrowser } from '../fixtures/wire/browser.ts';

const REVERSED = '\u202eabc\u200b';
const DENSE = 'a\u200b'.repeat(200_000);
const LONG = `${'k'.repeat(500)}middle${'k'.repeat(512)}end`.slice(-1_024);

const missing = whyNoBrowser();
if (missing) console.log(`skipped: names and values in the console in a browser (${missing})`);

describe.skipIf(missing)('names and values in the console', () => {
  const tested = useConsoleBrowser(2);
  const { open } = tested;
  const identity = playerId(3_001);

  beforeAll(async () => {
    const { cloud, device } = tested;
    await writeAs(device, identity, 'game', { [REVERSED]: 'x\u2067שלום', [LONG]: LONG, score: '7' });
    await writeAs(device, identity, 'dense', { dense: DENSE });
    // No device can choose these names of datasets, but an event of another producer can contain them.
    for (const [index, name] of [LONG, REVERSED].entries()) {
      await cloud.database.query(
        `INSERT INTO projection.datasets VALUES
         (md5($1::text)::uuid, $2::text, $3::text, $1::text, 1, ${index + 1}, NULL, NULL, now())`,
        [name, GAME_POOL, identity],
      );
    }
    const settings = JSON.stringify({ IdentityPoolName: REVERSED, AllowUnauthenticatedIdentities: true });
    await cloud.database.query('UPDATE sync.identity_pools SET identity_settings = $1', [settings]);
  });

  /** Returns the letters of an element in the order in which they are drawn, from left to right. */
  const drawnLetters = (element: Locator): Promise<string> =>
    element.evaluate((root) => {
      const { ownerDocument } = root;
      const letters: { letter: string; x: number }[] = [];
      const showText = 4;
      const walker = ownerDocument.createTreeWalker(root, showText);
      for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
        for (const { 0: letter, index } of (node.nodeValue ?? '').matchAll(/[a-z]/gi)) {
          const range = ownerDocument.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + 1);
          letters.push({ letter, x: range.getBoundingClientRect().x });
        }
      }
      return letters
        .sort((one, other) => one.x - other.x)
        .map(({ letter }) => letter)
        .join('');
    });
  const copyOf = (element: Locator): Promise<string> =>
    element.evaluate((root) => {
      const selection = root.ownerDocument.getSelection();
      selection?.selectAllChildren(root);
      return String(selection);
    });

  it('shows characters that reorder a text or have no width by name, keeps the order, and copies the text itself', async () => {
    const page = await open(dataOf(identity));
    const row = page.getByRole('row').filter({ hasText: 'abc' });
    const key = row.getByRole('cell').first();
    await key.waitFor(SOON);
    expect(await drawnLetters(key)).toBe('abc');
    expect(await key.locator('.mark').evaluateAll((marks) => marks.map((mark) => mark.dataset.mark))).toEqual(
      ['U+202E', 'U+200B'],
    );
    expect(await copyOf(key)).toBe(REVERSED);
    expect(await copyOf(row.getByRole('cell').nth(1))).toBe('x\u2067שלום');
    await row.getByRole('button', { name: 'Edit [U+202E]abc[U+200B]' }).click();
    await page.getByText('invisible characters, which this field does not show: U+2067').waitFor(SOON);
    expect(await page.getByLabel('Value').inputValue()).toBe('x\u2067שלום');
    expect(await drawnLetters(page.getByRole('dialog').getByRole('heading'))).toBe('Editabc');
    await page.keyboard.press('Escape');
    expect(await page.getByLabel('Identity pool').locator('option').nth(1).innerText()).toBe(
      `\u2068[U+202E]abc[U+200B]\u2069 – \u2068${GAME_POOL}\u2069`,
    );
    expect(await problemsOf(page)).toEqual([]);
  });

  it('names the first thousand invisible characters of a value, and shows and copies the rest as text', async () => {
    const page = await open(dataOf(identity, 'dense'));
    const value = page.getByRole('region', { name: 'Records of dense' }).getByRole('cell').nth(1);
    await value.locator('summary').click(SOON);
    await value.getByRole('button', { name: 'Show all' }).click(SOON);
    const marks = value.locator('pre .mark');
    await expect.poll(() => marks.count(), SOON).toBe(1_001);
    expect(await marks.last().getAttribute('data-mark')).toBe('more invisible characters, not shown by name');
    expect(await copyOf(value.locator('pre'))).toBe(DENSE);
    await page.getByRole('button', { name: 'Edit dense' }).click();
    await page.getByText('which this field does not show: U+200B …').waitFor(SOON);
  });

  it('keeps the order in the name of a dataset, in the dialog, on the leaderboard and in the result of SQL', async () => {
    const page = await open(dataOf(identity, REVERSED));
    const link = page.getByRole('region', { name: 'Datasets' }).locator('[aria-current]');
    await link.waitFor(SOON);
    expect(await drawnLetters(link.locator('.name'))).toBe('abc');
    await page.getByRole('button', { name: 'Add a record' }).click();
    expect(await drawnLetters(page.locator('#edit-target'))).toMatch(/datasetabc$/);
    await page.goto(
      `${tested.cloud.url}/console#/leaderboard?${new URLSearchParams({ key: REVERSED, order: 'text' })}`,
    );
    await page.getByRole('region', { name: 'Records with the key [U+202E]abc[U+200B]' }).waitFor(SOON);
    await page.goto(`${tested.cloud.url}/console#/query`);
    await page.getByRole('textbox', { name: 'SQL' }).click(SOON);
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(`select U&'\\202E' || 'abc' as "d\u202eef"`);
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: 'abc' }).waitFor(SOON);
    expect(await drawnLetters(page.getByRole('cell').first())).toBe('abc');
    expect(await drawnLetters(page.getByRole('columnheader').first().locator('bdi'))).toBe('def');
    expect(await page.getByLabel('History').locator('option').nth(1).innerText()).toContain('[U+202E]ef');
  });

  it.each([
    ['wide', 1_180],
    ['narrow', 360],
  ])(
    'keeps the columns in view beside a key and a dataset name of 1,024 characters on a %s screen',
    async (_, width) => {
      const page = await open(dataOf(identity));
      await page.setViewportSize({ width, height: 760 });
      const table = page.getByRole('region', { name: 'Records of game' });
      const row = table.getByRole('row').filter({ hasText: 'kkkk' });
      await row.waitFor(SOON);
      const scrolled = () => page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(await scrolled()).toBe(0);
      if (width > 1_000) expect(await table.evaluate((each) => each.scrollWidth - each.clientWidth)).toBe(0);
      const value = await row.getByRole('cell').nth(1).locator('summary').boundingBox();
      expect((value?.x ?? width) + 100).toBeLessThan(width);
      await row.locator('summary').first().click();
      expect(await row.locator('pre').first().innerText()).toBe(LONG);
      expect(await scrolled()).toBe(0);
      await page.goto(`${tested.cloud.url}/console#/${dataOf(identity, LONG)}`);
      const name = page.getByRole('region', { name: 'Datasets' }).locator('[aria-current] .name');
      await name.waitFor(SOON);
      expect(await name.evaluate((each) => each.scrollHeight - each.clientHeight)).toBe(0);
      for (const address of [
        '',
        `leaderboard?${new URLSearchParams({ key: LONG, order: 'text' })}`,
        'query',
        'live',
      ]) {
        await page.goto(`${tested.cloud.url}/console#/${address}`);
        await page.locator('table, .note, .editor').first().waitFor(SOON);
        expect(await scrolled(), address).toBe(0);
      }
    },
  );
});
