import { DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { firstPoolId } from '../../infra/local/names.ts';
import { localKinesis, putAll } from '../fixtures/aws/kinesis.ts';
import { problemsOf, SOON, useConsoleBrowser } from '../fixtures/console/console-browser.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { change, newPerson, newSubscriber } from '../fixtures/sync/push-devices.ts';
import { wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { whyNoBrowser } from '../fixtures/wire/browser.ts';
import { newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const missing = whyNoBrowser();
if (missing) console.log(`skipped: the page Live in a browser (${missing})`);

describe.skipIf(missing)('the page Live', () => {
  const tested = useConsoleBrowser(1);

  /** Opens the page, and waits until it has subscribed to the activity of the server. */
  async function openLive(): Promise<Page> {
    const page = await (await tested.openProfile()).newPage();
    await Promise.all([
      page.waitForResponse(/\/query\/activity/, SOON),
      page.goto(`${tested.cloud.url}/console#/live`),
    ]);
    return page;
  }
  const rows = (page: Page, text: string) => page.locator('tbody tr').filter({ hasText: text });
  const steps = (page: Page, text: string) =>
    rows(page, text).first().getByRole('list', { name: 'Steps' }).getByRole('listitem');

  it('shows a sync in one row with the steps from the device to the row, and a link from a decision to its rule', async () => {
    const identity = newIdentity();
    const client = await identityClient(tested.cloud, identity);
    const page = await openLive();
    await write(client, identity, 'game', [set('score', '500'), set('name', 'Ada')]);
    const about = identity.IdentityId.slice(-4);
    await expect
      .poll(() => steps(page, about).allInnerTexts(), SOON)
      .toEqual([
        'received',
        'rules: accepted',
        expect.stringMatching(/^stored in \d+ ms$/),
        expect.stringMatching(/^projected after /),
      ]);
    expect(await rows(page, about).count()).toBe(1);
    await write(client, identity, 'game', [set('score', '400', 1)]);
    await expect.poll(() => steps(page, about).allInnerTexts(), SOON).toContain('rules: score reverted');
    await expect.poll(() => rows(page, about).count(), SOON).toBe(2);
    expect(await problemsOf(page)).toEqual([]);
    await rows(page, about).first().locator('summary').first().click();
    await rows(page, about).first().locator('.timeline').getByText('trigger', { exact: true }).waitFor(SOON);
    expect(await problemsOf(page)).toEqual([]);
    await page.getByRole('link', { name: 'datasets.game.keys.score' }).click();
    await page.getByRole('heading', { level: 1, name: 'Rules' }).waitFor(SOON);
    const rule = page.locator('tr.marked');
    await rule.getByText('never decreases').waitFor(SOON);
    expect(await page.locator('tr.marked').count()).toBe(1);
    await expect.poll(() => page.evaluate('document.activeElement.textContent'), SOON).toBe('Dataset game');
    await page.goto(`${tested.cloud.url}/console#/rules?rule=datasets.game.unknownKeys`);
    await page.getByText('Keys without a rule: drop.').waitFor(SOON);
    expect(await page.getByText('There is no rule').count()).toBe(0);
    await page.goto(`${tested.cloud.url}/console#/rules?rule=datasets.game.keys.gone`);
    await page.getByText('There is no rule datasets.game.keys.gone now.').waitFor(SOON);
  });

  it('shows a rejected sync without a projection, and filters the rows', async () => {
    const identity = newIdentity();
    const client = await identityClient(tested.cloud, identity);
    const page = await openLive();
    await write(client, identity, 'game', [set('score', '5')]);
    await write(client, identity, 'game', [set('name', 'x'.repeat(41))]).catch(() => undefined);
    const about = identity.IdentityId.slice(-4);
    await expect
      .poll(() => steps(page, about).allInnerTexts(), SOON)
      .toEqual(['received', 'rules: name rejected', expect.stringMatching(/Exception after \d+ ms$/)]);
    const show = page.getByRole('combobox', { name: /^Show/ });
    await show.selectOption('Syncs with an error');
    await expect.poll(() => rows(page, about).count(), SOON).toBe(1);
    await show.selectOption('Other batches and push messages');
    await page.getByText('Nothing matches the filters.').waitFor(SOON);
    await show.selectOption('Syncs');
    await page.getByLabel('Identity', { exact: true }).fill(identity.IdentityId);
    await expect.poll(() => rows(page, about).count(), SOON).toBe(2);
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
    await expect.poll(() => rows(page, 'DeleteDataset').count(), SOON).toBe(1);
    await expect.poll(() => steps(page, 'DeleteDataset').allInnerTexts(), SOON).toHaveLength(3);
  });

  it('does not call a projection late while the page is paused', async () => {
    const identity = newIdentity();
    const client = await identityClient(tested.cloud, identity);
    const page = await openLive();
    await page.clock.install();
    const about = identity.IdentityId.slice(-4);
    const last = () => steps(page, about).last().innerText(SOON);
    await tested.cloud.database.transaction(async (transaction) => {
      // The projection waits until the transaction ends.
      await transaction.query('LOCK TABLE projection.datasets, projection.records IN EXCLUSIVE MODE');
      await write(client, identity, 'game', [set('score', '5')]);
      await expect.poll(last, SOON).toBe('waiting for the projection');
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.clock.runFor(12_000);
      expect(await last()).toBe('waiting for the projection');
      await page.getByRole('button', { name: 'Continue' }).click();
      await expect.poll(last, SOON).toBe('not projected within 10 s');
    });
    await expect.poll(last, SOON).toMatch(/^projected after /);
  });

  it('adds push messages to the sync, and shows an event of another producer as a row of its own', async () => {
    const person = await newPerson(tested.cloud);
    await change(person, 'game');
    await newSubscriber(person, 'game');
    const page = await openLive();
    await change(person, 'game');
    const about = person.identity.IdentityId.slice(-4);
    await expect.poll(() => steps(page, about).allInnerTexts(), SOON).toContain('pushed to 1 device');
    await expect.poll(() => steps(page, about).allInnerTexts(), SOON).toHaveLength(4);
    expect(await rows(page, about).count()).toBe(1);
    const kinesis = localKinesis(tested.cloud.url);
    const event = wireEvent({
      identityPoolId: firstPoolId('us-east-1'),
      kinesisSyncRecords: [wireRecord({ key: 'medal' })],
    });
    await putAll(kinesis, [Buffer.from(JSON.stringify(event))]);
    kinesis.destroy();
    await rows(page, '1 event of').getByText('projected', { exact: true }).waitFor(SOON);
  });
});
