import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  loopbackOrigins,
  readLoginMode,
  readLoginProviders,
} from '../../../lib/common/read-login-settings.ts';

describe('LOGINS', () => {
  it('is trusted by default only if no other machine can reach the service', () => {
    expect(readLoginMode({}, true)).toBe('trusted');
    expect(readLoginMode({ LOGINS: '' }, false)).toBe('verified');
    expect(readLoginMode({ LOGINS: 'verified' }, true)).toBe('verified');
    expect(readLoginMode({ LOGINS: 'trusted' }, true)).toBe('trusted');
  });

  it('cannot be trusted if other machines can reach the service', () => {
    expect(() => readLoginMode({ LOGINS: 'trusted' }, false)).toThrow(SetupError);
    expect(() => readLoginMode({ LOGINS: 'trusted' }, false)).toThrow('only on a loopback HOST');
  });

  it('is rejected if it is neither `verified` nor `trusted`', () => {
    expect(() => readLoginMode({ LOGINS: 'refused' }, true)).toThrow(
      'invalid LOGINS "refused": use verified or trusted',
    );
  });
});

describe('LOGIN_PROVIDERS', () => {
  const read = (value: unknown) => readLoginProviders({ LOGIN_PROVIDERS: JSON.stringify(value) });

  it('contains settings per provider', () => {
    expect(readLoginProviders({})).toEqual(new Map());
    expect(
      read({
        'login.example': {
          clientIds: ['a', 'b'],
          issuer: 'https://login.example/',
          jwksUri: 'https://k.example/',
        },
        'graph.facebook.com': { appId: '1', appSecret: 's' },
        'www.amazon.com': { endpoint: 'https://api.amazon.example' },
        local: { clientIds: ['a'], issuer: 'http://[::1]:4000' },
      }),
    ).toEqual(
      new Map<string, object>([
        [
          'login.example',
          { clientIds: ['a', 'b'], issuer: 'https://login.example', jwksUri: 'https://k.example/' },
        ],
        ['graph.facebook.com', { appId: '1', appSecret: 's' }],
        ['www.amazon.com', { endpoint: 'https://api.amazon.example' }],
        ['local', { clientIds: ['a'], issuer: 'http://[::1]:4000' }],
      ]),
    );
  });

  it.each([
    [
      { 'https://login.example': {} },
      '"https://login.example" is a URL; use the key in Logins, without https://',
    ],
    [{ 'a b': {} }, '"a b" is not the key of a provider'],
    [{ 'login.example': 'app' }, 'login.example is not an object'],
    [{ 'login.example': { clientIDs: [] } }, 'does not have the member "clientIDs"; did you mean clientIds?'],
    [{ 'login.example': { appSecret: 'hidden' } }, 'use clientIds, issuer, jwksUri'],
    [{ 'graph.facebook.com': { clientIds: ['1'] } }, 'does not have the member "clientIds"'],
    [{ 'graph.facebook.com': { appId: '1' } }, 'graph.facebook.com has only one of appId and appSecret'],
    [{ 'graph.facebook.com': { appId: 1, appSecret: 'hidden' } }, 'graph.facebook.com.appId must be a text'],
    [{ 'www.amazon.com': { clientIds: ['1'] } }, 'use endpoint'],
    [
      { 'api.twitter.com': {} },
      'logins of api.twitter.com are not supported: they are signed with OAuth 1.0a',
    ],
    [{ 'login.example': { clientIds: 'hidden' } }, 'login.example.clientIds must be an array of client ids'],
    [{ 'login.example': { clientIds: [] } }, 'login.example.clientIds must be an array'],
    [{ 'login.example': { clientIds: ['a', 1] } }, 'login.example.clientIds must be an array'],
    [{ 'login.example': { issuer: 'hidden' } }, 'login.example.issuer must be an https URL'],
    [{ 'login.example': { issuer: 'http://login.example' } }, 'or an http URL of a loopback address'],
    [{ 'login.example': { issuer: 'http://127.0.0.1.evil.example' } }, 'must be an https URL'],
    [{ 'login.example': { jwksUri: 'file:///etc/passwd' } }, 'login.example.jwksUri must be an https URL'],
    [{ 'login.example': { jwksUri: 'https://u:hidden@login.example' } }, 'without credentials'],
    [{ 'login.example': { jwksUri: 'https://login.example?key=hidden' } }, 'without credentials, query'],
  ])('cannot be %j', (value, message) => {
    expect(() => read(value)).toThrow(SetupError);
    expect(() => read(value)).toThrow(message);
    expect(() => read(value)).toThrow(/^invalid LOGIN_PROVIDERS: /);
    expect(() => read(value)).not.toThrow(/hidden/);
  });

  it('cannot be a text that is neither JSON nor the path of a file', () => {
    expect(() => readLoginProviders({ LOGIN_PROVIDERS: '{"a' })).toThrow('invalid LOGIN_PROVIDERS');
    expect(() => readLoginProviders({ LOGIN_PROVIDERS: '/does/not/exist' })).toThrow('ENOENT');
  });

  it('names the only loopback addresses to which the service connects', () => {
    const settings = read({
      a: { clientIds: ['a'], issuer: 'http://127.0.0.1:4000/realm', jwksUri: 'http://localhost:5000/keys' },
      b: { clientIds: ['a'], issuer: 'https://login.example' },
      'www.amazon.com': { endpoint: 'http://[::1]:6000' },
    });
    expect(loopbackOrigins(settings)).toEqual(
      new Set(['http://127.0.0.1:4000', 'http://localhost:5000', 'http://[::1]:6000']),
    );
  });
});
