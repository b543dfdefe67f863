/// <reference lib="esnext.disposable" preserve="true" />
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { requireKnownNames } from './require-known-names.ts';

/** A fresh service for tests. */
export interface TestCloud extends AsyncDisposable {
  /** URL of all APIs, for example `http://127.0.0.1:40123`. */
  url: string;
  /** URL of the read-only SQL port, for `psql` and `pg`. */
  sqlUrl: string;
  /** Deletes all identities, datasets, stream events and rows of the query store. */
  reset(): Promise<void>;
  /**
   * Creates identities in the first identity pool, with datasets. Writes the datasets with the credentials of each
   * identity, so the sync rules apply.
   * @returns the ids of the identities, in the same order
   */
  seed(identities: readonly SeedIdentity[]): Promise<string[]>;
  /** Stops the service and removes its data. */
  close(): Promise<void>;
}

export interface SeedIdentity {
  /**
   * Id of an identity. Default: the service creates one, or finds the identity of `logins`. The datasets of an id that
   * Cognito Identity does not have are written with the developer's credentials, so the sync rules do not apply.
   */
  identityId?: string;
  /**
   * Tokens by provider name. The service does not verify tokens: the same token, or the same `sub` in a JWT, always
   * means the same user. Without logins, the identity is a guest.
   */
  logins?: Record<string, string>;
  /** Values by dataset name and record key. */
  datasets?: Record<string, Record<string, string>>;
}

export interface TestCloudOptions {
  /**
   * Path of a file with sync rules. Default: the file in the variable SYNC_RULES, or else `sync-rules.ts` in the working
   * directory. If neither exists, there are no rules.
   */
  rulesFile?: string;
}

/** Messages between this module and cloud-process.ts. */
export type TestCloudRequest = { id: number; call: 'reset' | 'seed' | 'close'; identities?: unknown };
export type TestCloudReply =
  | { id: 0; url: string; sqlUrl: string }
  | { id: number; result?: string[]; error?: string };

const CLOUD_PROCESS = fileURLToPath(new URL('./cloud-process.ts', import.meta.url));

/**
 * Starts a service for tests, on free ports and a temporary directory. It runs in a process of its own, so that it
 * works the same under every test runner, and also from CommonJS. That process ends when the caller's process ends.
 *
 * @throws {Error} an option is unknown, or the service cannot be started; the message says why and what to do
 */
export async function startLocalCloud(options: TestCloudOptions = {}): Promise<TestCloud> {
  requireNode(process.versions.node);
  requireKnownNames('startLocalCloud has no option', options, ['rulesFile']);
  const child = fork(CLOUD_PROCESS, [JSON.stringify(options)], {
    // The service does not inherit the flags of the test runner. Node 22 prints a warning about SQLite, which is in use
    // for the lock of the data directory.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // The service prints only errors, unless the test run has set another level.
    env: { POWERTOOLS_LOG_LEVEL: 'ERROR', ...process.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve(reply: TestCloudReply): void; reject(error: Error): void }>();
  let lastId = 0;

  const expectReply = (id: number) =>
    new Promise<TestCloudReply>((resolve, reject) => waiting.set(id, { resolve, reject }));
  child.on('message', (reply: TestCloudReply) => {
    const settlers = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply && reply.error !== undefined) settlers?.reject(new Error(reply.error));
    else settlers?.resolve(reply);
  });
  const fail = (message: string) => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  };
  // The process cannot be created, or no longer reads its messages.
  child.on('error', (error) => fail(`the service failed: ${error.message}`));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      fail('the service stopped');
      resolve();
    });
  });

  async function call(request: Omit<TestCloudRequest, 'id'>): Promise<string[]> {
    if (!child.connected) throw new Error('the service is closed');
    lastId += 1;
    const replied = expectReply(lastId);
    child.channel?.ref();
    child.send({ id: lastId, ...request });
    const reply = await replied.finally(() => {
      if (waiting.size === 0) child.channel?.unref();
    });
    return 'result' in reply && reply.result !== undefined ? reply.result : [];
  }

  let closing: Promise<void> | undefined;
  const close = () => {
    child.ref();
    closing ??= child.connected ? call({ call: 'close' }).then(() => exited) : exited;
    return closing;
  };
  const opened = await expectReply(0);
  // While no call is pending, the service does not keep its caller's process alive: a test may have forgotten `close`.
  child.unref();
  child.channel?.unref();
  if (!('url' in opened)) throw new Error('the service stopped');
  const { url, sqlUrl } = opened;
  return {
    url,
    sqlUrl,
    async reset() {
      await call({ call: 'reset' });
    },
    seed: (identities) => call({ call: 'seed', identities }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Checks the version of Node, because an older version would fail with only a stack trace. */
function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    throw new Error(`Node ${version} is too old for cognito-sync-backend; install Node 22.18 or newer`);
  }
}

/**
 * A fixture for Vitest: `const it = test.extend<{ cloud: TestCloud }>(localCloudFixture())`. Tests that use `cloud`
 * share one service per file, which starts when the first of them runs.
 */
export function localCloudFixture(options: TestCloudOptions = {}) {
  return {
    cloud: [
      // biome-ignore lint/correctness/noEmptyPattern: Vitest requires that the first parameter is destructured.
      async ({}, use: (cloud: TestCloud) => Promise<void>): Promise<void> => {
        const cloud = await startLocalCloud(options);
        try {
          await use(cloud);
        } finally {
          await cloud.close();
        }
      },
      { scope: 'file' },
    ] as [(context: object, use: (cloud: TestCloud) => Promise<void>) => Promise<void>, { scope: 'file' }],
  };
}

/** The hooks of a test runner. Jest's and Vitest's have these names. */
export interface TestHooks {
  beforeAll(hook: () => Promise<void>, timeoutMs?: number): void;
  beforeEach(hook: () => Promise<void>, timeoutMs?: number): void;
  afterAll(hook: () => Promise<void>, timeoutMs?: number): void;
}

const HOOK_TIMEOUT_MS = 60_000;

/**
 * Starts a service before the tests of a file, resets it before each test, and stops it after the last test. For Jest:
 * `const cloud = useLocalCloud({ beforeAll, beforeEach, afterAll })`.
 *
 * @returns an object whose members can be used in hooks and tests
 */
export function useLocalCloud(
  hooks: TestHooks,
  options: TestCloudOptions = {},
): Omit<TestCloud, keyof AsyncDisposable | 'close'> {
  let cloud: TestCloud | undefined;
  const running = (): TestCloud => {
    if (cloud === undefined) throw new Error('the service runs only during tests and hooks');
    return cloud;
  };
  hooks.beforeAll(async () => {
    cloud = await startLocalCloud(options);
  }, HOOK_TIMEOUT_MS);
  hooks.beforeEach(async () => {
    await running().reset();
  }, HOOK_TIMEOUT_MS);
  hooks.afterAll(async () => {
    await cloud?.close();
    cloud = undefined;
  }, HOOK_TIMEOUT_MS);
  return {
    get url() {
      return running().url;
    },
    get sqlUrl() {
      return running().sqlUrl;
    },
    reset: () => running().reset(),
    seed: (identities) => running().seed(identities),
  };
}
