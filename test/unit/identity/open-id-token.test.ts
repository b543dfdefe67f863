import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSigner } from '../../../lib/common/signed-text.ts';
import { createOpenIdTokens } from '../../../lib/identity/open-id-token.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const KEY = Buffer.alloc(32, 7);
const identity = { identityPoolId: POOL, identityId: IDENTITY };
const INVALID = { state: 'invalid' };

describe('an OpenID token', () => {
  let now: number;
  const tokens = createOpenIdTokens({ keys: [KEY], now: () => now });
  beforeEach(() => {
    now = NEW_YEAR;
  });

  it('contains the id of its identity, and whether that identity is authenticated', () => {
    const open = (providers: string[]) => tokens.open(tokens.issue(identity, providers, 1));
    const times = { issuedAt: NEW_YEAR, expiresAt: NEW_YEAR / 1000 + 1 };
    expect(open([])).toEqual({ state: 'valid', identity, isAuthenticated: false, ...times });
    expect(open(['p'])).toEqual({ state: 'valid', identity, isAuthenticated: true, ...times });
    // A login provider can have any name, even this one.
    expect(open(['unauthenticated'])).toMatchObject({ isAuthenticated: true });
  });

  it('is valid for the requested number of seconds', () => {
    now = NEW_YEAR + 999;
    const token = tokens.issue(identity, [], 600);
    now = NEW_YEAR + 600_000 - 1;
    expect(tokens.open(token)).toMatchObject({ state: 'valid' });
    now = NEW_YEAR + 600_000;
    expect(tokens.open(token)).toEqual({ state: 'expired' });
  });

  it('expires earlier if another token that it must not outlive expires earlier', () => {
    const expiryOf = (notAfter: number) => tokens.open(tokens.issue(identity, ['p'], 600, notAfter));
    const second = NEW_YEAR / 1000;
    expect(expiryOf(second + 3)).toMatchObject({ expiresAt: second + 3 });
    expect(expiryOf(second + 600)).toMatchObject({ expiresAt: second + 600 });
    expect(expiryOf(second + 601)).toMatchObject({ expiresAt: second + 600 });
  });

  it('has room for the maximum number of login providers', () => {
    const providers = Array.from({ length: 10 }, (_, index) => `${index}`.padEnd(128, 'x'));
    expect(tokens.open(tokens.issue(identity, providers, 1))).toMatchObject({ state: 'valid' });
  });

  it('is invalid unless a key of the service signed it as an OpenID token', () => {
    const token = tokens.issue(identity, [], 600);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const content = `${header}.${payload}`;
    const forgeries = [
      createOpenIdTokens({ keys: [Buffer.alloc(32, 8)], now: () => now }).issue(identity, [], 600),
      `${content}.${createHmac('sha256', KEY).update(content).digest('base64url')}`,
      `${content}.${createSigner([KEY]).signatureOf(content, ['session'])}`,
      `${content}.${signature.slice(1)}`,
      `${content}.`,
      content,
      `${token}.`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`,
      '',
    ];
    for (const forged of forgeries) expect(tokens.open(forged)).toEqual(INVALID);
  });
});
