import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readClientConfig } from '../../../infra/cli/client-config.ts';
import { readLocalConfig } from '../../../infra/local/local-config.ts';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { readServiceKeys } from '../../../lib/common/service-keys.ts';

const OLD = { accessKeyId: 'OLD', secretAccessKey: 'hidden-old' };
const NEW = { accessKeyId: 'NEW', secretAccessKey: 'hidden-new' };
const OLD_KEY = Buffer.alloc(32, 0xfb);
const NEW_KEY = Buffer.alloc(48, 2);
const ALL = {
  developers: [OLD, NEW],
  tokenKeys: [OLD_KEY.toString('base64'), NEW_KEY.toString('base64')],
};

const directory = mkdtempSync(join(tmpdir(), 'service-keys-'));
afterAll(() => rmSync(directory, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const read = (keys: unknown, more = {}) =>
  readServiceKeys({ SERVICE_KEYS: typeof keys === 'string' ? keys : JSON.stringify(keys), ...more });

describe('readServiceKeys', () => {
  it('reads the keys from JSON or from a file with JSON', () => {
    const expected = { developers: [OLD, NEW], tokenKeys: [OLD_KEY, NEW_KEY] };
    expect(read(ALL)).toEqual(expected);
    expect(read(` ${JSON.stringify(ALL, null, 2)}\n`)).toEqual(expected);
    expect(read(file('keys.json', JSON.stringify(ALL)))).toEqual(expected);
  });

  it('accepts standard and URL-safe base64, with and without padding', () => {
    const forms = [OLD_KEY.toString('base64'), OLD_KEY.toString('base64url')];
    for (const form of forms) expect(read({ tokenKeys: [form] }).tokenKeys).toEqual([OLD_KEY]);
    expect(forms[0]).toMatch(/[+/].*=$/);
    expect(forms[1]).toMatch(/[-_].*[^=]$/);
  });

  it('uses the other variables and the data directory for what SERVICE_KEYS does not contain', () => {
    const own = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'own' };
    const developers = [{ accessKeyId: 'id', secretAccessKey: 'own' }];
    expect(readServiceKeys({})).toEqual({ developers: [DEFAULT_CREDENTIALS], tokenKeys: null });
    expect(readServiceKeys(own)).toEqual({ developers, tokenKeys: null });
    expect(read({ tokenKeys: ALL.tokenKeys }, own)).toMatchObject({ developers });
    expect(read({ developers: [OLD] }, own)).toEqual({ developers: [OLD], tokenKeys: null });
  });

  it.each([
    [
      'hidden',
      'the value is not JSON, and a file with this path cannot be read (ENOENT); use JSON or the path',
    ],
    ['{"developers":"hidden', 'the value starts with { but is not JSON'],
    [file('text', 'hidden'), 'the file does not contain JSON'],
    [file('list', '["hidden"]'), 'it is not a JSON object; use the members developers and tokenKeys'],
    [{}, 'it has no keys; use developers, tokenKeys, or both'],
    [{ hidden: 1 }, 'it has an unknown member; use only developers and tokenKeys'],
    [
      { developers: 'hidden' },
      'developers is not a list of 1 to 10 keys; omit developers to use the default',
    ],
    [{ developers: [] }, 'developers is not a list of 1 to 10 keys'],
    [{ tokenKeys: Array(11).fill('hidden') }, 'tokenKeys is not a list of 1 to 10 keys'],
    [{ developers: ['hidden'] }, 'developers[0] is not a JSON object'],
    [
      { developers: [{ ...OLD, hidden: 1 }] },
      'developers[0] has an unknown member; use only accessKeyId and',
    ],
    [{ developers: [OLD, { accessKeyId: 'NEW' }] }, 'developers[1].secretAccessKey is missing'],
    [
      { developers: [{ ...OLD, accessKeyId: 'a/hidden' }] },
      'developers[0].accessKeyId is not valid; use 1 to 128',
    ],
    [
      { developers: [{ ...OLD, secretAccessKey: 'is hidden' }] },
      'secretAccessKey is not valid; use 1 to 256',
    ],
    [{ developers: [{ ...OLD, secretAccessKey: 7 }] }, 'in a JSON string'],
    [{ developers: [OLD, { ...NEW, accessKeyId: 'OLD' }] }, 'developers[1] repeats the key of developers[0]'],
    [{ tokenKeys: ['hidden*'] }, 'tokenKeys[0] is not valid; use base64'],
    [
      { tokenKeys: [OLD_KEY.subarray(1).toString('base64')] },
      'tokenKeys[0] has 31 bytes; use at least 32 random',
    ],
    [
      { tokenKeys: [OLD_KEY.toString('base64'), OLD_KEY.toString('base64url')] },
      'tokenKeys[1] repeats the key of tokenKeys[0]; remove one',
    ],
  ])('rejects %j with one line that names the mistake but no secret', (keys, message) => {
    expect(() => read(keys)).toThrow(SetupError);
    expect(() => read(keys)).toThrow(`invalid SERVICE_KEYS: `);
    expect(() => read(keys)).toThrow(message);
    expect(() => read(keys)).not.toThrow(/\n|hidden|[+/]{8}/);
  });
});

describe('SERVICE_KEYS', () => {
  const env = { SERVICE_KEYS: JSON.stringify(ALL) };

  it('contains the keys of the service; programs on this machine use the first developer key', () => {
    expect(readLocalConfig(env)).toMatchObject({
      credentials: OLD,
      otherDevelopers: [NEW],
      tokenKeys: [OLD_KEY, NEW_KEY],
    });
    expect(readClientConfig(env).credentials).toEqual(OLD);
  });

  it('suffices for a HOST that other machines reach, unless one of its keys has the default secret key', () => {
    expect(readLocalConfig({ ...env, HOST: '192.0.2.1' }).host).toBe('192.0.2.1');
    const withDefault = JSON.stringify({ developers: [OLD, { ...DEFAULT_CREDENTIALS, accessKeyId: 'NEW' }] });
    expect(() => readLocalConfig({ SERVICE_KEYS: withDefault, HOST: '192.0.2.1' })).toThrow(
      'HOST=192.0.2.1 is reachable from other machines, but the default credentials are public knowledge',
    );
  });
});
