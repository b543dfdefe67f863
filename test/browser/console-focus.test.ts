import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { localKinesis, putAll } from '../fixtures/aws/kinesis.ts';
import { dataOf, SOON, useConsoleBrowser } from '../fixtures/console/console-browser.ts';
import { playerId, writeAs } from '../fixtures/console/fill-cloud.ts';
import { whyNoBrowser } from '../fixtures/wire/browser.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

const MANY_POOL = 'us-east-1:00000000-0000-4000-8000-00000000b150';
/** A pool with 150 identities. */
const MANY = `INSERT INTO projection.datasets
  SELECT md5(i::text)::uuid, '${MANY_POOL}', 'us-east-1:' || md5(i::text)::uuid::text, 'game', 1, 1, NULL, NULL, now()
  FROM generate_series(1, 150) AS i`;

const missing = whyNoBrowser();
if (missing) console.log(`skipped: the focus in the console in a browser (${missing})`);

describe.skipIf(missing)('the focus in the console', () => {
  const tested = useConsoleBrowser(2);
  const { open } = tested;
  beforeAll(async () => {
    await tested.cloud.database.query(MANY);
  });

  /** Returns the name of the element that has the focus. */
  const focus = (page: Page): Promise<string> =>
    page.evaluate(`document.activeElement === document.body ? 'body'
      : document.activeElement.ariaLabel ?? document.activeElement.textContent`);
  const press = async (page: Page, name: string | RegExp) => {
    await page.getByRole('button', { name, exact: true }).first().focus(SOON);
    await page.keyboard.press('Enter');
  };
  const gone = (page: Page, key: string) =>
    page.getByRole('cell', { name: key, exact: true }).waitFor({ ...SOON, state: 'detached' });

  /** Opens a dataset with three records. @returns the keys in the order of the rows */
  async function openThree(identity: string) {
    await writeAs(tested.device, identity, 'game', { a: '1', b: '2', c: '3' });
    const page = await open(dataOf(identity));
    const cells = page.getByRole('region', { name: 'Records of game' }).locator('tbody td:first-child');
    await cells.nth(2).waitFor(SOON);
    const [first = '', second = '', third = ''] = await cells.allInnerTexts();
    return { page, first, second, third };
  }

  async function remove(page: Page, key: string): Promise<void> {
    await press(page, `Remove ${key}`);
    await press(page, 'Remove');
    await gone(page, key);
  }

  it('moves to the next row when a record is removed, to the previous row after the last, and at the end to the heading', async () => {
    const { page, first, second, third } = await openThree(playerId(2_001));
    await remove(page, second);
    await expect.poll(() => focus(page), SOON).toBe(`Remove ${third}`);
    await remove(page, third);
    await expect.poll(() => focus(page), SOON).toBe(`Remove ${first}`);
    await remove(page, first);
    await page.getByText('This dataset has no live records.').waitFor(SOON);
    await expect.poll(() => focus(page), SOON).toBe('Records');
  });

  it('moves to the next row when another device removes the record, also while the dialog of the record is open', async () => {
    const identity = playerId(2_002);
    const { page, first, second, third } = await openThree(identity);
    await page.getByRole('button', { name: `Edit ${first}` }).focus(SOON);
    await writeAs(tested.device, identity, 'game', { [first]: null });
    await gone(page, first);
    expect(await focus(page)).toBe(`Edit ${second}`);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor(SOON);
    await writeAs(tested.device, identity, 'game', { [second]: null });
    await gone(page, second);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ ...SOON, state: 'detached' });
    await expect.poll(() => focus(page), SOON).toBe(`Edit ${third}`);
  });

  it('stays where the user clicked when a row that had the focus before is removed', async () => {
    const identity = playerId(2_003);
    await writeAs(tested.device, identity, 'game', { a: '1', b: '2' });
    const page = await open(dataOf(identity));
    await page.getByRole('button', { name: 'Edit a' }).focus(SOON);
    await page.getByText('Connected', { exact: true }).click();
    await writeAs(tested.device, identity, 'game', { a: null });
    await gone(page, 'a');
    expect(await focus(page)).toBe('body');
  });

  it('moves to the result when the user dismisses an event, and to the next row when another operator does', async () => {
    const kinesis = localKinesis(tested.cloud.url);
    await putAll(
      kinesis,
      ['{"first":1}', '{"second":2}', '{"third":3}'].map((each) => Buffer.from(each)),
    );
    kinesis.destroy();
    const page = await open('quarantine');
    const openers = page.getByRole('button', { name: /^Open the event/ });
    await expect.poll(() => openers.count(), SOON).toBe(6);
    const response = await fetch(`${tested.cloud.url}/query/quarantine?waiting=true`);
    const { items }: { items: { quarantineId: string }[] } = JSON.parse(await response.text());
    await openers.first().focus();
    await askSigned(tested.cloud.url, 'POST', '/query/quarantine/dismiss', {
      service: 'execute-api',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: [items[0]?.quarantineId] }),
    });
    // The page loads the list again after a batch was projected.
    await writeAs(tested.device, playerId(1), 'game', { level: '9' });
    await expect.poll(() => openers.count(), SOON).toBe(5);
    expect(await openers.first().evaluate((button) => button.ownerDocument.activeElement === button)).toBe(
      true,
    );
    await page.keyboard.press('Enter');
    await page
      .getByRole('region', { name: 'Event', exact: true })
      .getByRole('button', { name: 'Dismiss' })
      .focus(SOON);
    await page.keyboard.press('Enter');
    await expect.poll(() => focus(page), SOON).toBe('Dismissed 1 event.');
    await expect.poll(() => openers.count(), SOON).toBe(4);
    expect(await focus(page)).toBe('Dismissed 1 event.');
    await page.getByLabel('Choose all waiting events').check();
    await press(page, 'Dismiss 4 events');
    await expect.poll(() => openers.count(), SOON).toBe(0);
    expect(await focus(page)).toBe('Dismissed 4 events.');
  });

  it('moves to the last item when the button that showed more items disappears', async () => {
    const page = await open(`data?${new URLSearchParams({ pool: MANY_POOL })}`);
    await press(page, 'Show more identities');
    const links = page.getByRole('region', { name: 'Identities' }).getByRole('link');
    await expect.poll(() => links.count(), SOON).toBe(150);
    await expect.poll(() => focus(page), SOON).toBe(await links.last().innerText());
  });

  it('stays in the page when a form changes the address of the page', async () => {
    const page = await open('leaderboard');
    await page
      .getByRole('textbox', { name: 'Key' })
      .or(page.getByRole('combobox', { name: 'Key' }))
      .fill('score', SOON);
    await press(page, 'Show');
    await page.getByRole('region', { name: /^Records with/ }).waitFor(SOON);
    expect(await focus(page)).not.toBe('body');
  });
});
