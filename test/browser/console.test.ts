import { readFile } from 'node:fs/promises';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createOptionalIndexes } from '../../lib/projection/store/optional-indexes.ts';
import { localKinesis, putAll } from '../fixtures/aws/kinesis.ts';
import {
  dataOf,
  focused,
  problemsOf,
  RULES,
  SOON,
  useConsoleBrowser,
} from '../fixtures/console/console-browser.ts';
import { GAME_POOL, playerId, scoreOf, writeAs } from '../fixtures/console/fill-cloud.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { change, newPerson, newSubscriber } from '../fixtures/sync/push-devices.ts';
import { wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { whyNoBrowser } from '../fixtures/wire/browser.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

const PLAYERS = 8;
const HOSTILE = '<script>alert(1)</script>';
const BIG_POOL = 'us-east-1:00000000-0000-4000-8000-00000000b160';

/** A pool with ten thousand identities. The name of their datasets is one that no device can choose. */
const MANY = [
  `INSERT INTO projection.datasets
   SELECT md5(i::text)::uuid, '${BIG_POOL}', 'us-east-1:' || md5(i::text)::uuid::text, '${HOSTILE}', 1, 1, NULL, NULL, now()
   FROM generate_series(1, 10000) AS i`,
];

const missing = whyNoBrowser();
if (missing) console.log(`skipped: the console in a browser (${missing})`);

describe.skipIf(missing)('the console', () => {
  const tested = useConsoleBrowser(PLAYERS);
  const { started, openProfile, open } = tested;

  beforeAll(async () => {
    const { database } = tested.cloud;
    for (const statement of MANY) await database.query(statement);
    const name = JSON.stringify({ IdentityPoolName: HOSTILE, AllowUnauthenticatedIdentities: true });
    await database.query('UPDATE sync.identity_pools SET identity_settings = $1', [name]);
  });

  const row = (page: Page, text: string | RegExp) => page.getByRole('row').filter({ hasText: text });
  const nextPlayer = (() => {
    let number = 1_000;
    return () => {
      number += 1;
      return playerId(number);
    };
  })();

  it.each([
    ['', 'Overview', 'Everything works, but something needs attention.'],
    ['live', 'Live', 'Waiting for activity.'],
    [dataOf(playerId(1)), 'Data', 'score'],
    ['query', 'Query', 'Ctrl+Enter'],
    [
      'leaderboard?key=score',
      'Leaderboard',
      String(Math.max(...Array.from({ length: PLAYERS }, (_, at) => scoreOf(at + 1)))),
    ],
    ['backfill', 'Backfill', 'shardId-000000000000'],
    ['quarantine', 'Quarantine', 'not-json'],
    ['rules', 'Rules', 'never decreases'],
    ['push', 'Push inbox', 'No message yet.'],
  ])('finds no accessibility problems on %s, also dark and 360 px wide', async (address, title, content) => {
    const page = await open(address);
    await page.getByRole('heading', { level: 1, name: title }).waitFor(SOON);
    await page.getByText(content).first().waitFor(SOON);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await problemsOf(page), colorScheme).toEqual([]);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(await problemsOf(page), 'narrow').toEqual([]);
  });

  it('shows a change of a record in two open consoles without a reload', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { score: '10' });
    const pages = [await open(dataOf(identity)), await open(dataOf(identity))];
    for (const page of pages) await row(page, 'score').getByText('10', { exact: true }).waitFor(SOON);
    await writeAs(tested.device, identity, 'game', { score: '11' });
    for (const page of pages) await row(page, 'score').getByText('11', { exact: true }).waitFor(SOON);
  });

  it('shows hostile names and values as text', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'notes', { [HOSTILE]: `${HOSTILE}<img src=x onerror=alert(1)>` });
    const page = await open(dataOf(identity, 'notes'));
    await page.getByRole('cell', { name: HOSTILE, exact: true }).waitFor(SOON);
    await page.getByText(`${HOSTILE}<img src=x onerror=alert(1)>`).waitFor(SOON);
    await page
      .locator('option', { hasText: HOSTILE })
      .first()
      .waitFor({ ...SOON, state: 'attached' });
    await page.goto(
      `${tested.cloud.url}/console#/${dataOf(`us-east-1:${await firstOfMany()}`, HOSTILE, BIG_POOL)}`,
    );
    await page.getByRole('link', { name: HOSTILE }).waitFor(SOON);
    await page.goto(
      `${tested.cloud.url}/console#/leaderboard?${new URLSearchParams({ key: HOSTILE, order: 'text' })}`,
    );
    await page.getByText(`${HOSTILE}<img`).waitFor(SOON);
    expect(await page.evaluate('document.querySelectorAll("main script, main img").length')).toBe(0);
  });

  async function firstOfMany(): Promise<string> {
    const { rows } = await tested.cloud.database.query<{ id: string }>('SELECT md5($1)::uuid::text AS id', [
      '1',
    ]);
    return rows[0]?.id ?? '';
  }

  it('lists the first 100 of ten thousand identities, and 100 more after a click', async () => {
    const page = await open(`data?${new URLSearchParams({ pool: BIG_POOL })}`);
    const identities = page.getByRole('region', { name: 'Identities' }).getByRole('link');
    await identities.nth(99).waitFor(SOON);
    expect(await identities.count()).toBe(100);
    await page.getByRole('button', { name: 'Show more identities' }).click();
    await identities.nth(199).waitFor(SOON);
    expect(await identities.count()).toBe(200);
  });

  it('names the identity above its records and in the dialog of a record, if the loaded list lacks the identity', async () => {
    const { rows } = await tested.cloud.database.query<{ last: string }>(
      'SELECT max(identity_id) AS last FROM query.dataset_versions WHERE identity_pool_id = $1',
      [BIG_POOL],
    );
    const identity = rows[0]?.last ?? '';
    const page = await open(dataOf(identity, HOSTILE, BIG_POOL));
    await page.getByRole('region', { name: 'Identities' }).getByRole('link').nth(99).waitFor(SOON);
    expect(await page.getByRole('region', { name: 'Identities' }).locator('[aria-current]').count()).toBe(0);
    await page.getByRole('heading', { name: `Records of ${identity}` }).waitFor(SOON);
    expect(await page.getByLabel('Identity id').inputValue()).toBe(identity);
    await page.getByRole('button', { name: 'Add a record' }).click(SOON);
    const short = `${identity.slice(10, 18)}…${identity.slice(-4)}`;
    await page.getByRole('dialog').getByText(`Identity ${short}, dataset ${HOSTILE}`).waitFor(SOON);
    expect(await problemsOf(page)).toEqual([]);
  });

  it('opens an identity whose id is typed as the list shows it, and says if no identity has the id', async () => {
    const page = await open(`data?${new URLSearchParams({ pool: BIG_POOL })}`);
    const shown = page.getByRole('region', { name: 'Identities' }).locator('code');
    await shown.nth(5).waitFor(SOON);
    const id = await shown.nth(5).innerText();
    expect(id).toMatch(/^[\da-f-]{36}$/);
    const field = page.getByLabel('Identity id');
    await field.fill(id);
    await field.press('Enter');
    await page.getByRole('heading', { name: `Records of us-east-1:${id}` }).waitFor(SOON);
    await page.getByRole('region', { name: 'Datasets' }).getByRole('link', { name: HOSTILE }).waitFor(SOON);
    expect(await field.inputValue()).toBe(`us-east-1:${id}`);
    await field.fill('Ada');
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page
      .getByText('No identity with this id has data in this pool. An id looks like us-east-1:…')
      .waitFor(SOON);
  });

  it('shows a value of 1 MB completely after a click on "Show all"', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'large', { text: 'x'.repeat(1_000_000) });
    const page = await open(dataOf(identity, 'large'));
    await row(page, '1.0 MB').locator('summary').click(SOON);
    await page.getByRole('button', { name: 'Show all' }).click(SOON);
    expect((await row(page, 'text').locator('pre').innerText()).length).toBe(1_000_000);
  });

  it('says that no pool is being migrated if no migration exists', async () => {
    const page = await open('backfill');
    await page.getByRole('heading', { name: 'Migrations' }).waitFor(SOON);
    await page.getByText('No pool is being migrated from another service.').waitFor(SOON);
  });

  it('changes one record and removes another through the service', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { name: 'Ada', level: '1' });
    const page = await open(dataOf(identity));
    await page.setViewportSize({ width: 1180, height: 760 });
    await page.getByRole('button', { name: 'Edit name' }).waitFor(SOON);
    const table = page.getByRole('region', { name: 'Records of game' });
    expect(await table.evaluate((section) => section.scrollWidth - section.clientWidth)).toBe(0);
    await page.getByRole('button', { name: 'Edit name' }).click(SOON);
    await page.getByLabel('Value').fill('Grace');
    await page.getByRole('button', { name: 'Save' }).click();
    await row(page, 'name').getByText('Grace').waitFor(SOON);
    await page.getByRole('button', { name: 'Remove level' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await row(page, 'level').waitFor({ ...SOON, state: 'detached' });
    expect(await stored(identity)).toEqual({ name: 'Grace' });
  });

  it('closes the dialog of a record if the button Back leads to another dataset', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { name: 'Ada' });
    await writeAs(tested.device, identity, 'notes', { name: 'a note' });
    const page = await open(dataOf(identity));
    await page.getByRole('link', { name: /^notes/ }).click(SOON);
    await row(page, 'a note').waitFor(SOON);
    await page.getByRole('button', { name: 'Edit name' }).click(SOON);
    await page.getByLabel('Value').fill('another note');
    await page.goBack();
    await row(page, 'Ada').waitFor(SOON);
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('shows both versions of a conflict, and writes the one that the user chooses', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { name: 'Ada' });
    const page = await open(dataOf(identity));
    await page.getByRole('button', { name: 'Edit name' }).click(SOON);
    await page.getByLabel('Value').fill('Grace');
    await writeAs(tested.device, identity, 'game', { name: 'Margaret' });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Conflict.').waitFor(SOON);
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Margaret').waitFor(SOON);
    expect(await page.getByLabel('You typed').inputValue()).toBe('Grace');
    expect(await stored(identity)).toEqual({ name: 'Margaret' });
    expect(await problemsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Write mine' }).click();
    await row(page, 'name').getByText('Grace').waitFor(SOON);
    expect(await stored(identity)).toEqual({ name: 'Grace' });
  });

  it('shows "(removed)" in a conflict with a removal, and stores the record again if the user chooses so', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { name: 'Ada' });
    const page = await open(dataOf(identity));
    await page.getByRole('button', { name: 'Edit name' }).click(SOON);
    await page.getByLabel('Value').fill('Grace');
    await writeAs(tested.device, identity, 'game', { name: null });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByText('(removed)', { exact: true }).waitFor(SOON);
    expect(await stored(identity)).toEqual({});
    await page.getByRole('button', { name: 'Write mine' }).click();
    await row(page, 'name').getByText('Grace').waitFor(SOON);
    expect(await stored(identity)).toEqual({ name: 'Grace' });
  });

  it('reports a conflict if another client deleted the dataset, and creates it again only if the user chooses so', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { name: 'Ada', level: '1' });
    const dataset = { IdentityPoolId: GAME_POOL, IdentityId: identity, DatasetName: 'game' };
    const [page, other] = [await open(dataOf(identity)), await open(dataOf(identity))];
    await page.getByRole('button', { name: 'Edit name' }).click(SOON);
    await page.getByLabel('Value').fill('Grace');
    await other.getByRole('button', { name: 'Remove level' }).click(SOON);
    await tested.device.deleteDataset(dataset);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByText('(removed)', { exact: true }).waitFor(SOON);
    await other.getByRole('button', { name: 'Remove', exact: true }).click();
    await other.getByRole('dialog').getByText('(removed)', { exact: true }).waitFor(SOON);
    expect(await other.getByRole('button', { name: 'Remove anyway' }).count()).toBe(0);
    expect((await tested.device.listRecords(dataset)).DatasetExists).toBe(false);
    await page.getByRole('button', { name: 'Write mine' }).click();
    await row(page, 'name').getByText('Grace').waitFor(SOON);
    expect(await stored(identity)).toEqual({ name: 'Grace' });
  });

  it('keeps CRLF when a record is edited, and warns if the lines of a value end differently', async () => {
    const identity = nextPlayer();
    await writeAs(tested.device, identity, 'game', { crlf: 'one\r\ntwo', mixed: 'one\r\ntwo\nthree' });
    const page = await open(dataOf(identity));
    await page.getByRole('button', { name: 'Edit mixed' }).click(SOON);
    const warning = page.getByText('all lines end with LF');
    await warning.waitFor(SOON);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Edit crlf' }).click();
    expect(await warning.count()).toBe(0);
    await page.getByLabel('Value').press('Control+End');
    await page.keyboard.insertText('!');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ ...SOON, state: 'detached' });
    expect((await stored(identity)).crlf).toBe('one\r\ntwo!');
  });

  async function stored(IdentityId: string): Promise<Record<string, string | undefined>> {
    const { Records = [] } = await tested.device.listRecords({
      IdentityPoolId: GAME_POOL,
      IdentityId,
      DatasetName: 'game',
    });
    return Object.fromEntries(
      Records.flatMap(({ Key = '', Value }) => (Value === undefined ? [] : [[Key, Value]])),
    );
  }

  const OWN_KEY = { accessKeyId: 'own-key', secretAccessKey: 'own secret of this test' };

  async function addLevel(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Add a record' }).click(SOON);
    await page.getByRole('textbox', { name: 'Key', exact: true }).fill('level');
    await page.getByLabel('Value').fill('3');
    await page.getByRole('button', { name: 'Save' }).click();
  }

  async function enterKey(page: Page, key: typeof OWN_KEY): Promise<void> {
    await page.getByLabel('Access key id').fill(key.accessKeyId);
    await page.getByLabel('Secret access key').fill(key.secretAccessKey);
    await page.getByRole('button', { name: 'Use this key' }).click();
  }

  it('asks for a developer key if the default key is not accepted', async () => {
    const own = await startCloud({ credentials: OWN_KEY });
    started.defer(() => own.close());
    const identity = nextPlayer();
    const page = await open(dataOf(identity), own.url);
    await addLevel(page);
    await enterKey(page, { ...OWN_KEY, secretAccessKey: 'wrong' });
    await page.getByRole('alert').getByText('signature').waitFor(SOON);
    // The console has forgotten the rejected key, so it asks for a key again.
    await page.getByRole('button', { name: 'Save' }).click();
    await enterKey(page, OWN_KEY);
    await row(page, 'level').getByText('3', { exact: true }).waitFor(SOON);
    expect(
      await page.evaluate('JSON.stringify(localStorage) + JSON.stringify(sessionStorage)'),
    ).not.toContain('secret');
  });

  it('asks for a developer key if the service was restarted with another key', async () => {
    const ownDatabase = await createPostgresDatabase();
    const before = await startCloud({ databaseUrl: ownDatabase });
    const identity = nextPlayer();
    const [page, overview] = [await open(dataOf(identity), before.url), await open('', before.url)];
    await overview.getByText(/^Everything works/).waitFor(SOON);
    await addLevel(page);
    await row(page, 'level').getByText('3', { exact: true }).waitFor(SOON);
    await before.close();
    const port = Number(new URL(before.url).port);
    const restarted = await startCloud({ port, databaseUrl: ownDatabase, credentials: OWN_KEY });
    started.defer(() => restarted.close());
    await page.getByText('Connected', { exact: true }).waitFor(SOON);
    await page.getByRole('button', { name: 'Edit level' }).click();
    await page.getByLabel('Value').fill('4');
    await page.getByRole('button', { name: 'Save' }).click();
    await enterKey(page, OWN_KEY);
    await row(page, 'level').getByText('4', { exact: true }).waitFor(SOON);
    // The page Data reads the names of pools. It does not ask for a key only for that.
    const rejected = overview.waitForResponse((response) => response.status() === 400, SOON);
    await overview.goto(`${restarted.url}/console#/data`);
    await rejected;
    await overview.getByText('Connected', { exact: true }).waitFor(SOON);
    expect(await overview.getByRole('dialog').count()).toBe(0);
  });

  it('accepts a developer key although the clock of the browser is one hour ahead', async () => {
    const own = await startCloud({ credentials: OWN_KEY });
    started.defer(() => own.close());
    const profile = await openProfile(own.url);
    await profile.clock.setFixedTime(Date.now() + 3_600_000);
    const page = await profile.newPage();
    await page.goto(`${own.url}/console#/${dataOf(nextPlayer())}`);
    await addLevel(page);
    await enterKey(page, OWN_KEY);
    await row(page, 'level').getByText('3', { exact: true }).waitFor(SOON);
  });

  it('shows the highest score first on the leaderboard page', async () => {
    const page = await open('leaderboard');
    await page.getByRole('link', { name: 'score', exact: true }).click(SOON);
    const first = page.getByRole('row').nth(1);
    await first
      .getByText(String(Math.max(...Array.from({ length: PLAYERS }, (_, at) => scoreOf(at + 1)))))
      .waitFor(SOON);
    await page.getByText('indexes add numeric').waitFor(SOON);
  });

  it('runs SQL from the keyboard, and shows a table, a chart and errors', async () => {
    const page = await open('query');
    const editor = page.getByRole('textbox', { name: 'SQL' });
    await editor.click(SOON);
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('select dataset_name, count(*) from query.records group by 1 order by 1');
    await page.keyboard.press('Control+Enter');
    await row(page, 'game').first().waitFor(SOON);
    await page.getByRole('button', { name: 'Show a chart' }).click();
    await page.getByRole('list', { name: 'count by dataset_name' }).waitFor(SOON);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download CSV' }).click(),
    ]);
    expect(await readFile(await download.path(), 'utf8')).toMatch(/^dataset_name,count\r\n/);
    await editor.click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('delete from query.records');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('alert').waitFor(SOON);
  });

  it('opens the SQL editor before it knows the views, and completes them later', async () => {
    const page = await (await openProfile()).newPage();
    const held = Promise.withResolvers<void>();
    await page.route('**/query/sql', async (request) => {
      await held.promise;
      await request.continue();
    });
    await page.goto(`${tested.cloud.url}/console#/query`);
    await page.getByRole('textbox', { name: 'SQL' }).click(SOON);
    await page.keyboard.press('Control+A');
    const answered = page.waitForResponse('**/query/sql');
    held.resolve();
    await (await answered).finished();
    await page.keyboard.type('select * from query.quaran');
    await page.getByRole('option', { name: 'quarantine', exact: true }).waitFor(SOON);
  });

  it('runs SQL from a plain text field if the editor cannot be loaded', async () => {
    const page = await (await openProfile()).newPage();
    await page.route('**/console/sql-editor-*.js', (request) => request.abort());
    await page.goto(`${tested.cloud.url}/console#/query`);
    await page.getByText('The SQL editor is not loaded').waitFor(SOON);
    await page.getByRole('textbox', { name: 'SQL' }).fill('select 41 + 1 as answer');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: '42' }).waitFor(SOON);
    expect(await problemsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Load again' }).click();
    await page.getByLabel('Examples').selectOption('Records per dataset');
    expect(await page.getByRole('textbox', { name: 'SQL' }).inputValue()).toContain('group by');
  });

  it('projects a quarantined event after the user corrects it, says if no row changed, and dismisses the last event', async () => {
    const page = await open('quarantine');
    await page.getByRole('button', { name: /Open the event: .*identityPoolId does not match/ }).click(SOON);
    const payload = page.getByRole('textbox', { name: 'The event' });
    const text = await payload.inputValue(SOON);
    const corrected = text.replace('not an id', GAME_POOL);
    await payload.fill(corrected);
    await page.getByRole('button', { name: 'Project the edited event' }).click();
    await page.getByText('Projected 1 event.').waitFor(SOON);
    await page.getByRole('button', { name: /Open the event: not-json/ }).click();
    await page.getByRole('heading', { name: /not-json/ }).waitFor(SOON);
    await payload.fill(corrected);
    await page.getByRole('button', { name: 'Project the edited event' }).click();
    await page.getByText(/^Projected 1 event\. 1 event changed 0 rows: .*`quarantine edit`\.$/).waitFor(SOON);
    await page.getByLabel('Choose all waiting events').check();
    await page.getByRole('button', { name: 'Dismiss 1 event' }).click();
    await page.getByText('Dismissed 1 event.').waitFor(SOON);
    const { rows } = await tested.cloud.database.query<{ value: string }>(
      "SELECT record_value AS value FROM query.records WHERE record_key = 'medal'",
    );
    expect(rows).toEqual([{ value: 'gold' }]);
  });

  /** Puts data on the stream that is quarantined. @returns the newest event in quarantine */
  async function quarantine(...data: string[]): Promise<string> {
    const waitingIds = async () => {
      const response = await fetch(`${tested.cloud.url}/query/quarantine?waiting=true&limit=1000`);
      const { items }: { items: { quarantineId: string }[] } = JSON.parse(await response.text());
      return items.map(({ quarantineId }) => quarantineId);
    };
    const before = (await waitingIds()).length;
    const kinesis = localKinesis(tested.cloud.url);
    await putAll(
      kinesis,
      data.map((each) => Buffer.from(each)),
    );
    kinesis.destroy();
    await expect.poll(async () => (await waitingIds()).length, SOON).toBe(before + data.length);
    return (await waitingIds())[0] ?? '';
  }
  const dismissElsewhere = (...ids: string[]) =>
    askSigned(tested.cloud.url, 'POST', '/query/quarantine/dismiss', {
      service: 'execute-api',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids }),
    });

  it('keeps the text of an opened event when another operator dismisses the event, and says so', async () => {
    const id = await quarantine('{"an":"event"}');
    const page = await open('quarantine');
    await page
      .getByRole('button', { name: /^Open the event/ })
      .first()
      .click(SOON);
    const payload = page.getByRole('textbox', { name: 'The event' });
    await payload.fill('typed text', SOON);
    expect((await dismissElsewhere(id)).status).toBe(200);
    // The page loads the list again after a batch was projected.
    await writeAs(tested.device, nextPlayer(), 'game', { score: '1' });
    await page.getByText('This event no longer waits').waitFor(SOON);
    expect(await payload.inputValue()).toBe('typed text');
    expect(await page.getByRole('button', { name: 'Project the edited event' }).count()).toBe(0);
    expect(await problemsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Close' }).click();
    await payload.waitFor({ ...SOON, state: 'detached' });
  });

  it('keeps the text of an opened event while 100 newer events arrive, and projects it', async () => {
    await quarantine(JSON.stringify({ ...correctEvent('cup'), identityPoolId: 'not an id' }));
    const page = await open('quarantine');
    await page
      .getByRole('button', { name: /^Open the event: .*identityPoolId/ })
      .first()
      .click(SOON);
    const payload = page.getByRole('textbox', { name: 'The event' });
    await payload.fill(JSON.stringify(correctEvent('cup')), SOON);
    await quarantine(...Array.from({ length: 100 }, () => 'not JSON'));
    const newer = page.getByRole('button', { name: /^Open the event: not-json/ });
    await expect.poll(() => newer.count(), SOON).toBe(100);
    expect(await payload.inputValue()).toBe(JSON.stringify(correctEvent('cup')));
    expect(await page.getByText('This event no longer waits').count()).toBe(0);
    await page.getByRole('button', { name: 'Project the edited event' }).click();
    await page.getByText('Projected 1 event.').waitFor(SOON);
    await payload.waitFor({ ...SOON, state: 'detached' });
    await page.getByLabel('Choose all waiting events').check();
    await page.getByRole('button', { name: 'Dismiss 100 events' }).click();
    await page.getByText('Dismissed 100 events.').waitFor(SOON);
  });

  it('shows an opened event, and the result of its actions, in the visible part of a long list', async () => {
    await quarantine(...Array.from({ length: 40 }, () => '{"an":"event"}'));
    const page = await open('quarantine');
    await page.setViewportSize({ width: 1280, height: 800 });
    const opener = page.getByRole('button', { name: 'Open the event: not-a-cognito-event' }).nth(35);
    await opener.click(SOON);
    await expect.poll(() => focused(page), SOON).toContain('not-a-cognito-event');
    const panel = page.getByRole('region', { name: 'Event', exact: true });
    await panel.getByRole('textbox').fill('not JSON', SOON);
    await panel.getByRole('button', { name: 'Project the edited event' }).click();
    const refusal = panel.getByRole('alert').getByText('Not projected: 1 event (not-json');
    await refusal.waitFor(SOON);
    for (const part of [panel.getByRole('heading'), refusal])
      expect(await isVisibleOnScreen(part)).toBe(true);
    await panel.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => focused(page), SOON).toBe('Open');
    expect(await isVisibleOnScreen(opener)).toBe(true);
    await opener.click();
    await panel.getByRole('button', { name: 'Dismiss' }).click();
    const result = page.getByText('Dismissed 1 event.');
    await result.waitFor(SOON);
    expect(await isVisibleOnScreen(result)).toBe(true);
    await page.getByLabel('Choose all waiting events').check();
    await page.getByRole('button', { name: /^Dismiss \d+ events$/ }).click();
    await page.getByText(/^Dismissed \d+ events\.$/).waitFor(SOON);
  });

  it('says that an event was projected or dismissed, instead of how to correct it, and opens it only after a click', async () => {
    await quarantine(JSON.stringify({ ...correctEvent('mug'), identityPoolId: 'not an id' }));
    const page = await open('quarantine');
    const opener = page.getByRole('button', { name: /^Open the event: .*identityPoolId/ }).first();
    await opener.click(SOON);
    const panel = page.getByRole('region', { name: 'Event', exact: true });
    await panel.getByRole('textbox').fill(JSON.stringify(correctEvent('mug')), SOON);
    await panel.getByText('Correct the member').waitFor(SOON);
    await panel.getByRole('button', { name: 'Project the edited event' }).click();
    await page.getByText('Projected 1 event.').waitFor(SOON);
    await page.getByLabel('Also show projected and dismissed events').check();
    await row(page, /projected\s*\d\d:/)
      .filter({ hasText: 'identityPoolId' })
      .first()
      .waitFor(SOON);
    await row(page, /dismissed\s*\d\d:/)
      .first()
      .waitFor(SOON);
    expect(await panel.count()).toBe(0);
    await opener.click();
    await panel.getByText(/^This event was projected on 20.*as it arrived\.$/).waitFor(SOON);
    expect(await panel.getByText('Correct the member').count()).toBe(0);
    expect(await panel.getByRole('textbox').inputValue(SOON)).toContain('not an id');
  });

  const isVisibleOnScreen = async (part: Locator) => {
    const box = await part.boundingBox();
    const height = part.page().viewportSize()?.height ?? 0;
    return box !== null && box.y >= 0 && box.y + box.height <= height;
  };

  const correctEvent = (key: string) =>
    wireEvent({ identityPoolId: GAME_POOL, kinesisSyncRecords: [wireRecord({ key })] });

  it('tries the example event on the rules and shows the rule that reverts a value; rejects an event that is not JSON', async () => {
    const page = await open('rules');
    await page.getByRole('button', { name: 'Try' }).click(SOON);
    await row(page, 'datasets.game.keys.score').getByText('reverted').waitFor(SOON);
    await page.getByRole('textbox').fill('{');
    await page.getByRole('button', { name: 'Try' }).click();
    await page.getByRole('alert').getByText('not JSON').waitFor(SOON);
  });

  it('keeps the typed event and its result when the user follows the link to the rule', async () => {
    const page = await open('rules');
    const typed = JSON.stringify({
      datasetName: 'game',
      datasetRecords: { score: { oldValue: '9', newValue: '3' } },
    });
    await page.getByRole('textbox').fill(typed, SOON);
    await page.getByRole('button', { name: 'Try' }).click();
    const result = page.getByRole('region', { name: 'Result for game' });
    await result.getByRole('link', { name: 'datasets.game.keys.score' }).click(SOON);
    await page.locator('tr.marked').getByText('never decreases').waitFor(SOON);
    await expect.poll(() => focused(page), SOON).toBe('Dataset game');
    expect(await page.getByRole('textbox').inputValue()).toBe(typed);
    expect(await result.getByText('reverted').count()).toBe(1);
  });

  it('leads from a sync to its dataset while the page is open', async () => {
    const page = await open('live');
    await page.getByText('Waiting for activity.').waitFor(SOON);
    await writeAs(tested.device, nextPlayer(), 'game', { score: '1' });
    const sync = row(page, 'UpdateRecords game: 1 record').filter({ hasText: 'projected after' });
    await sync.getByRole('link').click(SOON);
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor(SOON);
    expect(new URLSearchParams(page.url().split('?')[1]).get('dataset')).toBe('game');
  });

  /** Hides a page or shows it again, as the browser does when the user changes the tab. */
  const setHidden = (page: Page, isHidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${isHidden} });
      document.dispatchEvent(new Event('visibilitychange'));`);

  /** Opens a page that has subscribed to the activity of the server. */
  async function openSubscribed(profile: BrowserContext): Promise<Page> {
    const page = await profile.newPage();
    await Promise.all([
      page.waitForResponse(/\/query\/activity/, SOON),
      page.goto(`${tested.cloud.url}/console#/live`, SOON),
    ]);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor(SOON);
    return page;
  }

  it('opens in a seventh tab while six tabs are hidden', async () => {
    const profile = await openProfile();
    for (let tab = 1; tab <= 6; tab += 1) await setHidden(await openSubscribed(profile), true);
    await openSubscribed(profile);
  }, 60_000);

  it('shows what happened while its tab was hidden', async () => {
    const page = await openSubscribed(await openProfile());
    await setHidden(page, true);
    await writeAs(tested.device, nextPlayer(), 'game', { score: '1', level: '2', name: 'Ada' });
    await setHidden(page, false);
    await row(page, 'UpdateRecords game: 3 records').waitFor(SOON);
  });

  it('shows push messages as they arrive', async () => {
    const person = await newPerson(tested.cloud);
    // A device can subscribe only to a dataset that exists.
    await change(person, 'game');
    const deviceId = await newSubscriber(person, 'game');
    await change(person, 'game');
    const page = await open('push');
    await page.getByRole('link', { name: deviceId }).click(SOON);
    const messages = page.getByRole('region', { name: 'Messages' }).getByRole('listitem');
    await messages.first().waitFor(SOON);
    await change(person, 'game');
    await messages.nth(1).waitFor(SOON);
  });

  it('can be navigated with the keyboard, and returns the focus when a dialog is closed', async () => {
    const page = await open();
    await page.getByText(/^Everything works/).waitFor(SOON);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toContain('Skip to the content');
    for (let press = 0; press < 4; press += 1) await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Data');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor(SOON);
    expect(await focused(page)).toBe('Data');
    await page.goto(`${tested.cloud.url}/console#/${dataOf(playerId(1))}`);
    await page.getByRole('button', { name: 'Edit name' }).focus(SOON);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor(SOON);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ ...SOON, state: 'detached' });
    expect(await focused(page)).toBe('Edit');
  });

  it('keeps the chosen theme after a reload', async () => {
    const page = await open();
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByLabel('Theme').selectOption('light', SOON);
    const light = await background();
    await page.getByLabel('Theme').selectOption('dark');
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByLabel('Theme').waitFor(SOON);
    expect(await background()).toBe(dark);
  });

  it.each([
    [
      'blocks the data of sites',
      "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });",
    ],
    [
      'has no space for data',
      "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    ],
  ])('runs SQL and changes the theme if the browser %s', async (_, content) => {
    const profile = await openProfile();
    await profile.addInitScript({ content });
    const page = await profile.newPage();
    await page.goto(`${tested.cloud.url}/console#/query`);
    await page.getByRole('textbox', { name: 'SQL' }).click(SOON);
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('select 41 + 1 as answer');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: '42' }).waitFor(SOON);
    await page.getByRole('button', { name: 'Run', exact: true }).waitFor(SOON);
    expect(await page.getByLabel('History').locator('option').allTextContents()).toContain(
      'select 41 + 1 as answer',
    );
    await page.getByLabel('Theme').selectOption('dark');
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  });

  it('names the command that adds the index of the newest records if the index is missing', async () => {
    const indexes = createOptionalIndexes(tested.cloud.database);
    await indexes.drop('changes');
    try {
      const page = await open();
      await page.getByText('indexes add changes').waitFor(SOON);
      expect(await page.getByRole('region', { name: 'Newest records' }).count()).toBe(0);
      await indexes.add('changes');
      await writeAs(tested.device, nextPlayer(), 'game', { score: '1' });
      await page.getByRole('region', { name: 'Newest records' }).waitFor(SOON);
    } finally {
      await indexes.add('changes');
    }
  });

  it('answers only GET requests of its own origin, with a strict content security policy', async () => {
    const answer = await fetch(`${tested.cloud.url}/console`, { redirect: 'manual' });
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect((await fetch(`${tested.cloud.url}/console/../console/nothing.js`)).status).toBe(404);
    expect((await fetch(`${tested.cloud.url}/console`, { method: 'POST' })).status).toBe(405);
    const foreign = await fetch(`${tested.cloud.url}/console/rules`, {
      headers: { Origin: 'https://foreign.example' },
    });
    expect(foreign.status).toBe(403);
  });

  it('says that everything works only after the number of events in quarantine is known', async () => {
    const page = await (await openProfile()).newPage();
    const held = Promise.withResolvers<void>();
    await page.route('**/query/counts', async (request) => {
      await held.promise;
      await request.continue();
    });
    await page.goto(`${tested.cloud.url}/console`);
    await page.getByRole('region', { name: 'Health' }).waitFor(SOON);
    expect(await page.getByText(/^Everything works/).count()).toBe(0);
    held.resolve();
    await page.getByText(/^Everything works/).waitFor(SOON);
  });

  it('says that the server is stopped, and reconnects when it answers again', async () => {
    const page = await open(dataOf(playerId(1)));
    await row(page, 'score').waitFor(SOON);
    const overview = await open();
    await overview.getByText(/^Everything works/).waitFor(SOON);
    const port = Number(new URL(tested.cloud.url).port);
    await tested.cloud.close();
    await page.getByText('The server does not answer.').first().waitFor(SOON);
    await overview.getByText('The server does not answer.').first().waitFor(SOON);
    expect(await overview.getByText(/^Everything works/).count()).toBe(0);
    await overview.getByRole('link', { name: 'Query', exact: true }).click();
    await overview.getByRole('textbox', { name: 'SQL' }).fill('select 41 + 1 as answer');
    await overview.getByText('The SQL editor is not loaded').waitFor(SOON);
    await row(page, 'score').waitFor(SOON);
    tested.cloud = await startCloud({ port, databaseUrl: tested.databaseUrl, rulesFile: RULES });
    await page
      .getByText('The server does not answer.')
      .first()
      .waitFor({ timeout: 20_000, state: 'detached' });
    await page.getByText('Connected', { exact: true }).waitFor(SOON);
    await overview.getByText('The SQL editor is not loaded').waitFor({ ...SOON, state: 'detached' });
    await overview.locator('.cm-content').getByText('select 41 + 1 as answer').click(SOON);
    await overview.keyboard.press('Control+Enter');
    await overview.getByRole('cell', { name: '42' }).waitFor(SOON);
    await overview.getByRole('link', { name: 'Overview', exact: true }).click();
    await overview.getByText(/^Everything works/).waitFor(SOON);
    await writeAs(tested.device, playerId(1), 'game', { score: '99999' });
    await row(page, 'score').getByText('99999').waitFor(SOON);
  });
});
