import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServiceKeys } from '../../../lib/common/service-keys.ts';
import { operate } from '../../fixtures/local/operator.ts';

const OWN = { AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'hidden' };
const KEY = Buffer.alloc(32, 0xfe);

describe('keys rotate', () => {
  let directory: string;
  let DATA_DIR: string;
  let files = 0;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'keys-'));
    DATA_DIR = directory;
    writeFileSync(join(DATA_DIR, 'token-key'), KEY);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  async function rotate(kind: string, env: Record<string, string>, ...more: string[]) {
    files += 1;
    const file = join(directory, `keys-${files}.json`);
    const result = await operate(['keys', 'rotate', kind, '--out', file, ...more], { DATA_DIR, ...env });
    return { ...result, file };
  }

  it('writes the current developer key and a new one to a private file', async () => {
    const { code, stdout, stderr, file } = await rotate('developer', OWN);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { developers, tokenKeys } = readServiceKeys({ SERVICE_KEYS: file });
    expect(developers).toEqual([
      { accessKeyId: 'own', secretAccessKey: 'hidden' },
      {
        accessKeyId: expect.stringMatching(/^DEV[0-9A-F]{16}$/),
        secretAccessKey: expect.stringMatching(/^[\w-]{40}$/),
      },
    ]);
    // The file has no token keys, so services continue to use the token key in the data directory.
    expect(tokenKeys).toBeNull();
    expect(stdout).toContain(developers[1]?.accessKeyId);
    for (const { secretAccessKey } of developers) expect(stdout).not.toContain(secretAccessKey);
  });

  it('writes the token key of the data directory and a new one, and prints the steps in order', async () => {
    const { code, stdout, file } = await rotate('token', OWN);
    expect(code).toBe(0);
    const { tokenKeys, developers } = readServiceKeys({ SERVICE_KEYS: file, ...OWN });
    expect(tokenKeys).toEqual([KEY, expect.any(Buffer)]);
    expect(tokenKeys?.[1]).toHaveLength(32);
    expect(developers).toMatchObject([{ accessKeyId: 'own' }]);
    const steps = [`1. Set SERVICE_KEYS=${file}`, '2. Move', '3. Wait seven days', '4. Remove'];
    expect(steps.map((step) => stdout.indexOf(step)).toSorted((a, b) => a - b)).not.toContain(-1);
    for (const key of JSON.parse(readFileSync(file, 'utf8')).tokenKeys) expect(stdout).not.toContain(key);
  });

  it('keeps all keys of SERVICE_KEYS, and creates another key each time', async () => {
    const first = await rotate('token', OWN);
    const second = await rotate('developer', { ...OWN, SERVICE_KEYS: first.file });
    const third = await rotate('token', { SERVICE_KEYS: second.file });
    const before = readServiceKeys({ SERVICE_KEYS: second.file });
    const after = readServiceKeys({ SERVICE_KEYS: third.file });
    expect(after.developers).toEqual(before.developers);
    expect(after.tokenKeys).toEqual([...(before.tokenKeys ?? []), expect.any(Buffer)]);
    expect(new Set(after.tokenKeys?.map(String)).size).toBe(3);
    expect(before.developers).toHaveLength(2);
  });

  it('prints one JSON object with --json', async () => {
    const { stdout, file } = await rotate('token', OWN, '--json');
    expect(JSON.parse(stdout)).toEqual({
      kind: 'token',
      file,
      created: 'a new token key',
      steps: Array(4).fill(expect.any(String)),
    });
  });

  it('does not overwrite a file', async () => {
    const file = join(directory, 'in-use.json');
    writeFileSync(file, 'in use');
    const { code, stderr } = await operate(['keys', 'rotate', 'token', '--out', file], { DATA_DIR });
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}: the file exists already and was not changed`);
    expect(readFileSync(file, 'utf8')).toBe('in use');
  });

  it('says what is wrong with the current keys', async () => {
    const none = join(directory, 'none');
    expect(await rotate('token', { DATA_DIR: none })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`there is no readable file token-key in DATA_DIR=${none}`),
    });
    const tooMany = Array.from({ length: 10 }, (_, byte) => Buffer.alloc(32, byte).toString('base64'));
    expect(await rotate('token', { SERVICE_KEYS: JSON.stringify({ tokenKeys: tooMany }) })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('tokenKeys is not a list of 1 to 10 keys'),
    });
    expect(await rotate('developer', { SERVICE_KEYS: '{"hidden":1}' })).toMatchObject({
      code: 1,
      stderr: expect.not.stringContaining('hidden'),
    });
  });

  it.each([
    [['keys'], 'keys takes rotate developer|token'],
    [['keys', 'list'], 'keys takes rotate developer|token'],
    [['keys', 'rotate', 'token', 'developer', '--out', 'f'], 'keys takes rotate developer|token'],
    [['keys', 'rotate', 'both', '--out', 'f'], 'keys rotate takes the kind of the key, developer or token'],
    [['keys', 'rotate', 'token'], 'keys rotate requires --out with the path of a file that does not exist'],
  ])('rejects %j', async (line, message) => {
    const { code, stderr } = await operate(line, { DATA_DIR });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
