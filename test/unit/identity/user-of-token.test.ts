import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { userOfToken } from '../../../lib/identity/user-of-token.ts';
import { jwt } from '../../fixtures/identity/identity-service.ts';

const part = (text: string) => Buffer.from(text).toString('base64url');

describe('the user of a provider’s token', () => {
  it('is the subject of a JWT, signed or not', () => {
    expect(userOfToken(jwt({ sub: 'ann é' }))).toBe('ann é');
    expect(userOfToken(`${part('{}')}.${part('{"sub":"ann"}')}.`)).toBe('ann');
  });

  it.each([
    ['that is not a JWT', 'EAACEdEose0cBA'],
    ['of two parts', `${part('{}')}.${part('{"sub":"ann"}')}`],
    ['of four parts', `${jwt({ sub: 'ann' })}.x`],
    ['in another encoding', `${jwt({ sub: 'ann' })}+`],
    ['without a subject', jwt({ name: 'ann' })],
    ['with an empty subject', jwt({ sub: '' })],
    ['with a number for a subject', jwt({ sub: 1 })],
    ['with a subject that cannot be stored', jwt({ sub: 'a\0' })],
    ['whose payload is a list', jwt([{ sub: 'ann' }])],
    ['whose payload is null', `x.${part('null')}.x`],
    ['whose payload is not JSON', `x.${part('{')}.x`],
  ])('is the hash of a token %s', (_, token) => {
    expect(userOfToken(token)).toBe(hash('sha256', token, 'hex'));
  });

  it('cannot be read from an empty token', () => {
    expect(() => userOfToken('')).toThrow('Invalid login token.');
  });
});
