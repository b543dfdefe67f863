import { describe, expect, it } from 'vitest';
import type { FoundLogins, LivingIdentity } from '../../../lib/identity/identity-store.ts';
import { linkLogins } from '../../../lib/identity/link-logins.ts';

const login = (userId: string) => ({ provider: 'p', userId });
const identity = (identityId: string, createdAt = 1, isGuest = false): LivingIdentity => ({
  identityId,
  createdAt,
  isGuest,
});
const owned = (owner: LivingIdentity, userId = owner.identityId) => ({ login: login(userId), owner });
const NOTHING: FoundLogins = { asked: null, proven: null, owned: [], unowned: [] };
const decide = (found: Partial<FoundLogins>, isVouchedFor = false) =>
  linkLogins({ ...NOTHING, ...found }, { newIdentityId: 'new', isVouchedFor });

describe('who shows logins', () => {
  it('is somebody new where nobody has them', () => {
    expect(decide({ unowned: [login('x')] })).toEqual({
      identityId: 'new',
      isNew: true,
      link: [login('x')],
      merge: [],
    });
  });

  it('is the one that was created first of those who have them, of two at one moment the one whose id is first', () => {
    const found = [
      owned(identity('c', 2)),
      owned(identity('b', 1)),
      owned(identity('a', 2)),
      owned(identity('b2', 1)),
    ];
    expect(decide({ owned: found })).toMatchObject({ identityId: 'b', merge: ['b2', 'a', 'c'] });
  });

  it('is one of them once, however many logins are theirs', () => {
    const one = identity('a');
    expect(decide({ owned: [owned(one, 'x'), owned(one, 'y')], proven: one })).toEqual({
      identityId: 'a',
      isNew: false,
      link: [],
      merge: [],
    });
  });
});

describe('a guest that is asked for', () => {
  const guest = identity('guest', 0, true);

  it('stays who it is where nobody has the logins', () => {
    expect(decide({ asked: guest, unowned: [login('x')] })).toMatchObject({
      identityId: 'guest',
      link: [login('x')],
      merge: [],
    });
  });

  it('never stays where somebody has them, though it was created first', () => {
    expect(decide({ asked: guest, owned: [owned(identity('a', 5))] })).toMatchObject({
      identityId: 'a',
      merge: ['guest'],
    });
  });
});

describe('an authenticated identity that is asked for', () => {
  const asked = identity('asked', 9);

  it('stays, though others were created first', () => {
    const found = { asked, owned: [owned(identity('a')), owned(asked)], unowned: [login('x')] };
    expect(decide(found)).toMatchObject({ identityId: 'asked', link: [login('x')], merge: ['a'] });
  });

  it('is not had by logins of others, or of nobody, unless a backend vouches for them', () => {
    for (const found of [
      { asked, owned: [owned(identity('a'))] },
      { asked, unowned: [login('x')] },
    ]) {
      expect(() => decide(found)).toThrow("Logins don't match");
      expect(decide(found, true)).toMatchObject({ identityId: 'asked' });
    }
  });

  it('is had by the proof to be it, and not by the proof to be another', () => {
    expect(decide({ asked, proven: asked })).toMatchObject({ identityId: 'asked', merge: [] });
    const another = { asked, proven: identity('a'), owned: [owned(asked)] };
    expect(() => decide(another)).toThrow("Logins don't match");
    expect(() => decide({ ...another, asked: identity('guest', 1, true) })).toThrow("Logins don't match");
  });
});
