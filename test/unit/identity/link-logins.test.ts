import { describe, expect, it } from 'vitest';
import { linkLogins, MAX_LOGINS, requireLinkable } from '../../../lib/identity/link-logins.ts';
import type { FoundLogins, LivingIdentity } from '../../../lib/identity/ports/identity-store.ts';

const login = (userId: string, provider = 'p') => ({ provider, userId });
const identity = (identityId: string, createdAt = 1, isGuest = false): LivingIdentity => ({
  identityId,
  createdAt,
  isGuest,
  isUnlinked: false,
  unlinkedAt: null,
  providers: [],
  copied: [],
});
const withLogins = (identityId: string, ...providers: string[]): LivingIdentity => ({
  ...identity(identityId),
  providers,
});
const owned = (owner: LivingIdentity, userId = owner.identityId) => ({ login: login(userId), owner });
const NOTHING: FoundLogins = { asked: null, proven: null, owned: [], unowned: [] };
const decide = (found: Partial<FoundLogins>, isVouchedFor = false) =>
  linkLogins({ ...NOTHING, ...found }, { newIdentityId: 'new', developerProvider: 'own', isVouchedFor });

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

  it('keeps the identity, even if other owners of the logins are older', () => {
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

describe('linkLogins if the origin of a migration names an identity', () => {
  const named = { ...withLogins('named', 'p', 'q'), copied: ['p', 'q'] };
  const guest = identity('guest', 0, true);

  it('links the logins to the named identity, although its copy has logins of these providers whose users only the origin knows', () => {
    expect(decide({ named, unowned: [login('x')] })).toEqual({
      identityId: 'named',
      isNew: false,
      link: [login('x')],
      merge: [],
      known: ['p'],
    });
  });

  it('creates an identity if the named identity was deleted in this service', () => {
    expect(decide({ named: null, unowned: [login('x')] })).toMatchObject({ identityId: 'new', isNew: true });
  });

  it('merges a requested guest, and the owners of the other logins, even if they are older', () => {
    const found = { asked: guest, named, owned: [owned(identity('old', 0))], unowned: [login('x')] };
    expect(decide(found)).toMatchObject({ identityId: 'named', merge: ['old', 'guest'] });
    expect(decide({ asked: guest, named: guest, unowned: [login('x')] })).toMatchObject({
      identityId: 'guest',
      merge: [],
    });
  });

  it('rejects another requested identity, because knowing an id proves nothing, unless it owns one of the logins', () => {
    const asked = withLogins('asked', 'r');
    expect(() => decide({ asked, named, unowned: [login('x')] })).toThrow("Logins don't match");
    expect(() => decide({ asked: { ...asked, isUnlinked: true }, named })).toThrow("Logins don't match");
    const owner = { asked, named, owned: [owned(asked)], unowned: [login('x')] };
    expect(decide(owner)).toMatchObject({ identityId: 'named', merge: ['asked'] });
  });

  it('keeps an identity that the client has proven with a token, and one for which a backend vouches', () => {
    const asked = withLogins('asked', 'own');
    const found = { asked, named, unowned: [login('x')] };
    for (const decision of [
      decide({ ...found, proven: asked }),
      decide({ ...found, asked: null, proven: asked }),
      decide(found, true),
    ])
      expect(decision).toMatchObject({ identityId: 'asked', merge: ['named'], link: [login('x')] });
  });

  it('rejects a second login of a provider if this service knows the user of the first login', () => {
    const both = { ...named, copied: ['q'] };
    expect(() => decide({ named: both, unowned: [login('x')] })).toThrow(
      'only one login of a public provider',
    );
  });
});

describe('the logins of an identity', () => {
  const conflict = (message: string) =>
    expect.objectContaining({ code: 'ResourceConflictException', message: expect.stringContaining(message) });
  const SECOND = conflict('only one login of a public provider');

  /** Returns the error with which the decision is rejected, or null. */
  function rejection(found: Partial<FoundLogins>, decision: { link?: string[]; merge?: string[] }): unknown {
    const link = (decision.link ?? []).map((provider) => login('x', provider));
    const change = { identityId: 'a', link, merge: decision.merge ?? [] };
    try {
      requireLinkable({ ...NOTHING, ...found }, change, 'own');
      return null;
    } catch (error) {
      return error;
    }
  }

  it('include at most one login of each public provider', () => {
    const asked = withLogins('a', 'google');
    expect(rejection({ asked }, { link: ['facebook'] })).toBeNull();
    expect(rejection({ asked }, { link: ['google'] })).toEqual(SECOND);
    expect(rejection({ owned: [owned(asked)] }, { link: ['google'] })).toEqual(SECOND);
    expect(rejection({ proven: asked }, { link: ['google'] })).toEqual(SECOND);
    expect(rejection({}, { link: ['google', 'facebook'] })).toBeNull();
  });

  it('include the logins of the identities that are merged', () => {
    const found = (...providers: string[]) => ({
      asked: withLogins('a', 'google'),
      owned: [owned(withLogins('b', ...providers)), owned(withLogins('c', 'apple'))],
    });
    expect(rejection(found('facebook'), { merge: ['b', 'c'] })).toBeNull();
    expect(rejection(found('facebook', 'google'), { merge: ['b'] })).toEqual(SECOND);
    expect(rejection(found('apple'), { merge: ['b', 'c'] })).toEqual(SECOND);
    expect(rejection(found('facebook'), { merge: ['b'], link: ['facebook'] })).toEqual(SECOND);
  });

  it('include any number of users of the developer provider, up to the limit', () => {
    const asked = withLogins('a', 'own', 'own');
    const owners = { asked, owned: [owned(withLogins('b', 'own', 'own'))] };
    expect(rejection(owners, { link: ['own'], merge: ['b'] })).toBeNull();
  });

  it('are at most 20, together with those of the merged identities', () => {
    const own = (count: number) => Array.from({ length: count }, () => 'own');
    const tooMany = conflict(`at most ${MAX_LOGINS} logins`);
    const asked = withLogins('a', ...own(MAX_LOGINS - 1));
    expect(rejection({ asked }, { link: ['own'] })).toBeNull();
    expect(rejection({ asked }, { link: ['own', 'google'] })).toEqual(tooMany);
    const merged = [owned(withLogins('b', 'google')), owned(withLogins('c', 'apple'))];
    expect(rejection({ asked, owned: merged }, { merge: ['b'] })).toBeNull();
    expect(rejection({ asked, owned: merged }, { merge: ['b', 'c'] })).toEqual(tooMany);
  });

  it('may exceed the limits per provider and per identity if they were linked earlier', () => {
    const many = withLogins('a', ...Array.from({ length: 2 * MAX_LOGINS }, () => 'google'));
    expect(rejection({ asked: many }, {})).toBeNull();
    expect(decide({ asked: many, owned: [owned(many)] })).toMatchObject({ identityId: 'a' });
  });
});
