import { randomUUID } from 'node:crypto';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { loadSyncManager } from '../clients/load-sync-manager.ts';
import { createDevice, type Device, type DeviceDataset } from '../clients/sync-manager-device.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import {
  FOREIGN_HOST,
  launchBrowser,
  newProfile,
  serveApp,
  type WebServer,
  whyNoBrowser,
} from '../fixtures/wire/browser.ts';
import type { Resolution } from './app.ts';

const SUCCESS = { ended: 'success', message: null, callbacks: [] };

const missing = whyNoBrowser();
if (missing) console.log(`skipped: amazon-cognito-js in a browser (${missing})`);

describe.skipIf(missing)('amazon-cognito-js in a browser', () => {
  const started = new AsyncDisposableStack();
  let cloud: LocalCloud;
  let site: WebServer;
  let browser: Browser;
  /** Requests and errors of pages that no test expects. */
  const unexpected: string[] = [];

  beforeAll(async () => {
    cloud = await startCloud();
    started.defer(() => cloud.close());
    site = await serveApp();
    started.defer(() => site.close());
    const launched = await launchBrowser();
    started.defer(() => launched.close());
    browser = launched.browser;
  });
  afterAll(() => started.disposeAsync());
  afterEach(async () => {
    for (const profile of browser.contexts()) await profile.close();
    expect(unexpected.splice(0)).toEqual([]);
  });

  /** Opens the app in a new browser profile. */
  async function openPage(...others: string[]): Promise<Page> {
    const origins = [site.origin, cloud.url, ...others];
    const page = await (await newProfile(browser, { origins, unexpected })).newPage();
    await page.goto(`${site.origin}/`);
    return page;
  }

  function start(page: Page, token: string): Promise<string> {
    return page.evaluate(([url, pool, token]) => app.start(url, pool, token), [
      cloud.url,
      POOL,
      token,
    ] as const);
  }

  interface Games {
    page: Page;
    token: string;
    device: Device;
    onDevice: DeviceDataset;
  }

  /** Creates a page and a device of the same person that both have synced the same game. */
  async function pageAndDevice(values: Record<string, string> = {}): Promise<Games> {
    const token = `token of ${randomUUID()}`;
    const page = await openPage();
    const sdk = loadSyncManager();
    const device = await createDevice(sdk, {
      url: cloud.url,
      identityPoolId: POOL,
      logins: { 'graph.facebook.com': token },
      dataStore: sdk.CognitoSyncManager.StoreInMemory,
    });
    expect(await start(page, token)).toBe(device.identityId());
    const onDevice = await device.open('game');
    await onDevice.putAll(values);
    expect(await onDevice.sync()).toEqual(SUCCESS);
    expect(await sync(page)).toEqual(SUCCESS);
    return { page, token, device, onDevice };
  }

  const put = (page: Page, key: string, value: string) =>
    page.evaluate(([key, value]) => app.put(key, value), [key, value] as const);
  const valuesIn = (page: Page) => page.evaluate(() => app.values());
  const sync = (page: Page, resolution: Resolution = 'none') =>
    page.evaluate((resolution) => app.sync(resolution), resolution);
  const callsIn = (page: Page) => page.evaluate(() => app.calls());

  async function expectAgreement({ page, onDevice }: Games, values: Record<string, string>) {
    expect(await onDevice.sync()).toEqual(SUCCESS);
    expect(await sync(page)).toEqual(SUCCESS);
    expect(await valuesIn(page)).toEqual(values);
    expect(await onDevice.getAll()).toEqual(values);
  }

  it('runs in a browser that enforces the same-origin policy', async () => {
    const other = await serveApp();
    const page = await openPage(other.origin);
    expect(await fetchFrom(page, `${site.origin}/`)).toContain('amazon-cognito');
    expect(await fetchFrom(page, `${other.origin}/`)).toBe('blocked');
    await other.close();
  });

  it('syncs with another device in both directions', async () => {
    const games = await pageAndDevice({ score: '42' });
    expect(await valuesIn(games.page)).toEqual({ score: '42' });
    await put(games.page, 'name', 'Zoë 😀');
    await games.onDevice.put('score', '43');
    expect(await sync(games.page)).toEqual(SUCCESS);
    await expectAgreement(games, { score: '43', name: 'Zoë 😀' });
  });

  it.each([
    ['remote', '50'],
    ['local', '45'],
  ] as const)('resolves a conflict with the %s record', async (resolution, score) => {
    const games = await pageAndDevice({ score: '42' });
    await games.onDevice.put('score', '50');
    await games.onDevice.sync();
    await put(games.page, 'score', '45');
    expect(await sync(games.page, resolution)).toEqual({ ...SUCCESS, callbacks: ['conflict: score'] });
    await expectAgreement(games, { score });
  });

  it('receives the error of a conflicting push and resolves the conflict', async () => {
    const games = await pageAndDevice({ score: '42' });
    await games.onDevice.put('score', '50');
    await put(games.page, 'score', '45');
    await games.page.exposeFunction('beforeUpdate', async () => {
      await games.onDevice.sync();
    });
    const before = (await callsIn(games.page)).length;
    expect(await sync(games.page, 'local')).toEqual({ ...SUCCESS, callbacks: ['conflict: score'] });
    expect((await callsIn(games.page)).slice(before)).toEqual([
      'listRecords',
      'updateRecords ResourceConflictException',
      'listRecords',
      'updateRecords',
      'listRecords',
    ]);
    await expectAgreement(games, { score: '45' });
  });

  it('deletes a dataset, and the next sync of another device reports the deletion', async () => {
    const { page, onDevice } = await pageAndDevice({ score: '42' });
    expect(await page.evaluate(() => app.deleteGame())).toEqual(SUCCESS);
    expect((await callsIn(page)).at(-1)).toBe('deleteDataset');
    expect(await onDevice.sync()).toMatchObject({ ended: 'failure', callbacks: ['deleted: game'] });
  });

  it('keeps identity, data and unsent changes when the page is loaded again', async () => {
    const games = await pageAndDevice({ score: '42' });
    await put(games.page, 'score', '43');
    await games.page.reload();
    expect(await start(games.page, games.token)).toBe(games.device.identityId());
    expect(await callsIn(games.page)).toEqual(['getCredentialsForIdentity']);
    expect(await valuesIn(games.page)).toEqual({ score: '43' });
    expect(await sync(games.page)).toEqual(SUCCESS);
    await expectAgreement(games, { score: '43' });
  });

  it('can read the code and request id of a rejected unsigned request, but no data', async () => {
    const { page, device } = await pageAndDevice({ score: '42' });
    const path = `/identitypools/${POOL}/identities/${device.identityId()}/datasets/game`;
    const result = await page.evaluate(async (url) => {
      const response = await fetch(url);
      const code = response.headers.get('x-amzn-ErrorType');
      return {
        status: response.status,
        code,
        id: response.headers.get('x-amzn-RequestId'),
        text: await response.text(),
      };
    }, cloud.url + path);
    expect(result).toMatchObject({ status: 403, code: 'MissingAuthenticationTokenException:' });
    expect(result.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(result.text)).toEqual({
      __type: 'MissingAuthenticationTokenException',
      message: expect.any(String),
    });
  });

  it("receives the service's error message if the service returns no credentials for an empty token", async () => {
    await expect(start(await openPage(), '')).rejects.toThrow(
      'ValidationException: 1 validation error detected',
    );
  });

  it('receives LimitExceededException if an update would exceed the maximum size of a dataset', async () => {
    const { page } = await pageAndDevice();
    await page.evaluate(() => app.put('large', 'x'.repeat(1_048_575)));
    expect(await sync(page)).toMatchObject({ ended: 'failure' });
    expect((await callsIn(page)).at(-1)).toBe('updateRecords LimitExceededException');
  });

  it('cannot reach the service under another host name', async () => {
    const origin = `http://${FOREIGN_HOST}:${new URL(cloud.url).port}`;
    const page = await (await newProfile(browser, { origins: [origin], unexpected })).newPage();
    for (const path of ['/healthz', '/identitypools', '/']) {
      const response = await page.goto(origin + path);
      const refusal = { message: 'this Host is not allowed; use localhost' };
      expect([path, response?.status(), await response?.json()]).toEqual([path, 403, refusal]);
    }
  });

  it.each([
    '/healthz',
    '/push/00000000-0000-4000-8000-000000000001',
    '/query/records',
    '/console',
    '/nothing',
  ])('cannot read %s from a page of another origin', async (path) => {
    const page = await openPage();
    expect(await fetchFrom(page, cloud.url + path)).toBe('blocked');
  });

  it('cannot reach Kinesis, even with developer credentials', async () => {
    const page = await openPage();
    const refused = await page.evaluate((url) => app.createStream(url, 'from-a-page'), cloud.url);
    expect(refused).toBe('NetworkingError');
    const kinesis = localKinesis(cloud.url);
    const { StreamNames } = await kinesis.send(new ListStreamsCommand({}));
    kinesis.destroy();
    expect(StreamNames).toEqual(['cognito-sync']);
  });

  /** Returns what a page can read from the URL. */
  function fetchFrom(page: Page, url: string): Promise<string> {
    return page.evaluate(
      (url) =>
        fetch(url).then(
          (response) => response.text(),
          () => 'blocked',
        ),
      url,
    );
  }
});
