import { describe, expect, it } from 'vitest';
import { linkLogins } from '../../../lib/identity/link-logins.ts';
import type { FoundLogins, LivingIdentity } from '../../../lib/identity/ports/identity-store.ts';

const login = (userId: string) => ({ provider: 'p', userId });
const identity = (identityId: string, createdAt = 1, isGuest = false): LivingIdentity => ({
  identityId,
  createdAt,
  isGuest,
  isUnlinked: false,
});
const owned = (owner: LivingIdentity, userId = owner.identityId) => ({ login: login(userId), owner });
const NOTHING: FoundLogins = { asked: null, proven: null, owned: [], unowned: [] };
const decide = (found: Partial<FoundLogins>, isVouchedFor = false) =>
  linkLogins({ ...NOTHING, ...found }, { newIdentityId: 'new', isVouchedFor });

describe('linkLogins without a requested identity', () => {
  it('creates an identity if the logins have no owner', () => {
    expect(decide({ unowned: [login('x')] })).toEqual({
      identityId: 'new',
      isNew: true,
      link: [login('x')],
      merge: [],
    });
  });

  it('selects the owner that was created first; if two were created at the same time, the lower id', () => {
    const found = [
      owned(identity('c', 2)),
      owned(identity('b', 1)),
      owned(identity('a', 2)),
      owned(identity('b2', 1)),
    ];
    expect(decide({ owned: found })).toMatchObject({ identityId: 'b', merge: ['b2', 'a', 'c'] });
  });

  it('counts an owner of several logins once', () => {
    const owner = identity('a');
    expect(decide({ owned: [owned(owner, 'x'), owned(owner, 'y')], proven: owner })).toEqual({
      identityId: 'a',
      isNew: false,
      link: [],
      merge: [],
    });
  });
});

describe('linkLogins for a guest', () => {
  const guest = identity('guest', 0, true);

  it('keeps the guest if the logins have no owner', () => {
    expect(decide({ asked: guest, unowned: [login('x')] })).toMatchObject({
      identityId: 'guest',
      link: [login('x')],
      merge: [],
    });
  });

  it('merges the guest into the owner of the logins, even if the guest is older', () => {
    expect(decide({ asked: guest, owned: [owned(identity('a', 5))] })).toMatchObject({
      identityId: 'a',
      merge: ['guest'],
    });
  });
});

describe('linkLogins for an authenticated identity', () => {
  const asked = identity('asked', 9);

  it('keeps the identity, even if other owners are older', () => {
    const found = { asked, owned: [owned(identity('a')), owned(asked)], unowned: [login('x')] };
    expect(decide(found)).toMatchObject({ identityId: 'asked', link: [login('x')], merge: ['a'] });
  });

  it('rejects logins of another owner or of no owner, unless a backend vouches for them', () => {
    for (const found of [
      { asked, owned: [owned(identity('a'))] },
      { asked, unowned: [login('x')] },
    ]) {
      expect(() => decide(found)).toThrow("Logins don't match");
      expect(decide(found, true)).toMatchObject({ identityId: 'asked' });
    }
  });

  it('accepts a proof of the same identity and rejects a proof of another identity', () => {
    expect(decide({ asked, proven: asked })).toMatchObject({ identityId: 'asked', merge: [] });
    const another = { asked, proven: identity('a'), owned: [owned(asked)] };
    expect(() => decide(another)).toThrow("Logins don't match");
    expect(() => decide({ ...another, asked: identity('guest', 1, true) })).toThrow("Logins don't match");
  });
});
