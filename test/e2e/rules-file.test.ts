import { randomUUID } from 'node:crypto';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CognitoSyncServiceException } from '@aws-sdk/client-cognito-sync';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { startProcess } from '../fixtures/local/npm-start.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../fixtures/rules/rules-folder.ts';
import { newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CHANGE = { timeout: 20_000, interval: 20 };

let folder: RulesFolder;
beforeEach(async () => {
  folder = await makeRulesFolder();
});
afterEach(() => folder.remove());

/** Writes a value of this size to `game` as a device. @returns `stored`, or the error */
type WriteBytes = (bytes: number) => Promise<'stored' | string>;

async function openDevice(cloud: Pick<LocalCloud, 'url' | 'dataDir'>): Promise<WriteBytes> {
  const identity = newIdentity();
  const client = await identityClient(cloud, identity);
  return async (bytes) => {
    try {
      await write(client, identity, 'game', [set(randomUUID(), 'x'.repeat(bytes))]);
      return 'stored';
    } catch (error) {
      if (!(error instanceof CognitoSyncServiceException)) throw error;
      return `${error.name}: ${error.message}`;
    }
  };
}

const longerThan = (bytes: number) =>
  expect.stringMatching(
    new RegExp(`^InvalidLambdaFunctionOutputException: .* longer than ${bytes} bytes\\.$`),
  );

describe('a local cloud with its own rules file', () => {
  it('applies the rules to devices, and reloads the rules when one of their files changes', async () => {
    await folder.write('limits.ts', 'export const max: number = 3;');
    await folder.write('rules.ts', `import { max } from './limits.ts'; ${rulesOfSize('max')}`);
    const cloud = await startCloud({ rulesFile: folder.rulesFile });
    onTestFinished(() => cloud.close());
    const writeBytes = await openDevice(cloud);
    expect(await writeBytes(3)).toBe('stored');
    expect(await writeBytes(4)).toEqual(longerThan(3));

    await folder.write('limits.ts', 'export const max: number = 2;');
    await vi.waitFor(async () => expect(await writeBytes(3)).toEqual(longerThan(2)), CHANGE);
    expect(await writeBytes(2)).toBe('stored');

    await folder.write('rules.ts', rulesOfSize(9).replace('maxBytes', 'maxByte'));
    await vi.waitFor(async () => expect(await writeBytes(2)).toMatch(/unknown option/), CHANGE);

    await folder.write('rules.ts', rulesOfSize(9));
    await vi.waitFor(async () => expect(await writeBytes(9)).toBe('stored'), CHANGE);
  });

  it.each([
    ['the file does not exist', undefined, 'ENOENT: no such file'],
    [
      'the file exports no rules',
      'export default {};',
      'invalid sync rules: the default export of the file must be the result of defineRules',
    ],
    ['an option is misspelt', rulesOfSize(1).replace('maxBytes', 'maxByte'), 'did you mean maxBytes?'],
  ])('fails to start, with one line, if %s', async (_, code, reason) => {
    if (code !== undefined) await folder.write('rules.ts', code);
    const starting = startCloud({ rulesFile: folder.rulesFile });
    const thrown = await starting.catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(SetupError);
    const { message } = thrown as SetupError;
    expect(message).toContain(`sync rules: cannot load ${folder.rulesFile}: `);
    expect(message).toContain(reason);
    expect(message).not.toContain('\n');
  });
});

describe('npm start with SYNC_RULES', () => {
  it('resolves the path in the working directory, logs each reload, and survives a broken file', async () => {
    await folder.write('rules.ts', rulesOfSize(3));
    const dataDir = join(folder.path, 'data');
    const started = await startProcess({
      DATA_DIR: dataDir,
      SYNC_RULES: relative(ROOT, folder.rulesFile),
      POWERTOOLS_LOG_LEVEL: 'INFO',
    });
    onTestFinished(async () => void (await started.end('SIGKILL')));
    const writeBytes = await openDevice({ url: started.url, dataDir });
    expect(await writeBytes(4)).toEqual(longerThan(3));
    expect(started.output()).not.toContain('sync rules:');

    await folder.write('rules.ts', 'export default (;');
    await vi.waitFor(() => {
      expect(started.output()).toContain(`"sync rules: cannot load ${folder.rulesFile}: Expression expected`);
    }, CHANGE);
    expect(await writeBytes(1)).toMatch(/^InvalidLambdaFunctionOutputException: .*Expression expected/);

    await folder.write('rules.ts', rulesOfSize(4));
    await vi.waitFor(
      () => expect(started.output()).toContain(`"sync rules: loaded ${folder.rulesFile}"`),
      CHANGE,
    );
    expect(await writeBytes(4)).toBe('stored');
    expect(await started.end('SIGINT')).toEqual({ code: 0 });
  });
});
