import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ServiceError } from '../../lib/common/errors.ts';
import type { Database } from '../../lib/database/database.ts';
import type { Logins } from '../../lib/identity/model.ts';
import { DATABASES } from '../fixtures/database/databases.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
  OWN_PROVIDER,
} from '../fixtures/identity/identity-service.ts';
import { DEVELOPER } from '../fixtures/wire/signing.ts';
import { createReference, type Reference, type Shown } from './identity-reference.ts';
import { RUNS, TIMEOUT_MS } from './projection-database.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const user = fc.constantFrom('u', 'v', 'w');
/** Users by provider: few, so that they meet again and again. */
const publicUsers = fc.dictionary(fc.constantFrom('p', 'q', 'r'), user, { maxKeys: 3 });
/** One of those that there are by then. */
const chosen = fc.nat({ max: 99 });

const command = fc.oneof(
  fc.record({ kind: fc.constant('getId' as const), users: publicUsers }),
  fc.record({ kind: fc.constant('enter' as const), asked: chosen, users: publicUsers }),
  fc.record({
    kind: fc.constant('developer' as const),
    asked: fc.option(chosen),
    developerUser: user,
    users: publicUsers,
  }),
  fc.record({
    kind: fc.constant('token' as const),
    token: chosen,
    asked: fc.option(chosen),
    users: publicUsers,
  }),
  fc.record({ kind: fc.constant('mergeUsers' as const), source: user, destination: user }),
);
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;
type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** Who somebody has to be, having shown what; null where it is nobody yet. */
interface Expected {
  who: string | null;
  shown: Shown;
}

interface Token {
  identityId: string;
  token: string;
}

const loginsOf = (users: Record<string, string>): Logins =>
  Object.assign({}, ...Object.entries(users).map(([provider, sub]) => login(sub, provider)));
const namesOf = (users: Record<string, string>) =>
  Object.entries(users).map(([provider, sub]) => `${provider} ${sub}`);
const developerName = (name: string) => `${DEVELOPER_PROVIDER} ${name}`;
const pick = <Item>(items: readonly Item[], choice: number): Item | undefined => items[choice % items.length];

/** What the reference says of a command, and the command as the service is asked. Null where nobody is there to ask. */
function createRun(service: IdentityService, IdentityPoolId: string, reference: Reference) {
  const { operations } = service;
  const tokens: Token[] = [];
  const choose = (asked: number | null) => (asked === null ? undefined : pick(reference.identities, asked));

  const expectAsked = (asked: string, shown: Shown, vouched = false): Expected | 'refused' => {
    const root = reference.find(asked);
    const withAsked = { ...shown, identities: [...shown.identities, root] };
    if (reference.isGuest(root)) return { who: reference.oldestOf(shown) ?? root, shown: withAsked };
    const owners = shown.logins.map((name) => reference.find(reference.logins.get(name) ?? ''));
    const isKnown = vouched || [...owners, ...shown.identities.map(reference.find)].includes(root);
    return isKnown ? { who: root, shown: withAsked } : 'refused';
  };
  const expectShown = (shown: Shown): Expected => ({ who: reference.oldestOf(shown), shown });

  const enter = async (IdentityId: string, Logins: Logins) =>
    (await operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId;
  const getId = async (Logins: Logins) => (await operations.GetId({ IdentityPoolId, Logins })).IdentityId;

  return {
    getId: ({ users }: Of<'getId'>) => ({
      expected: expectShown({ logins: namesOf(users), identities: [] }),
      ask: () => getId(loginsOf(users)),
    }),

    enter({ asked: choice, users }: Of<'enter'>) {
      const asked = choose(choice);
      if (asked === undefined) return null;
      const shown = { logins: namesOf(users), identities: [] };
      const isForbidden =
        shown.logins.length === 0 && !(reference.isGuest(asked) && reference.find(asked) === asked);
      return {
        expected: isForbidden ? ('refused' as const) : expectAsked(asked, shown),
        ask: () => enter(asked, loginsOf(users)),
      };
    },

    developer({ asked: choice, developerUser, users }: Of<'developer'>) {
      const asked = choose(choice);
      const shown = { logins: [developerName(developerUser), ...namesOf(users)], identities: [] };
      const owner = reference.logins.get(developerName(developerUser));
      const isAnothers =
        asked !== undefined && owner !== undefined && reference.find(owner) !== reference.find(asked);
      const unlessAnothers = () =>
        asked === undefined ? expectShown(shown) : expectAsked(asked, shown, true);
      return {
        expected: isAnothers ? ('refused' as const) : unlessAnothers(),
        ask: async () => {
          const Logins = { [DEVELOPER_PROVIDER]: developerUser, ...loginsOf(users) };
          const { IdentityId, Token } = await operations.GetOpenIdTokenForDeveloperIdentity(
            { IdentityPoolId, IdentityId: asked, Logins, TokenDuration: 86_400 },
            DEVELOPER,
          );
          tokens.push({ identityId: IdentityId, token: Token });
          return IdentityId;
        },
      };
    },

    token({ token: choice, asked: askedChoice, users }: Of<'token'>) {
      const token = pick(tokens, choice);
      if (token === undefined) return null;
      const asked = choose(askedChoice);
      const shown = { logins: namesOf(users), identities: [token.identityId] };
      const Logins = { [OWN_PROVIDER]: token.token, ...loginsOf(users) };
      if (asked === undefined) return { expected: expectShown(shown), ask: () => getId(Logins) };
      const isAnothers = reference.find(asked) !== reference.find(token.identityId);
      return {
        expected: isAnothers ? ('refused' as const) : expectAsked(asked, shown),
        ask: () => enter(asked, Logins),
      };
    },

    mergeUsers({ source, destination }: Of<'mergeUsers'>) {
      const names = [developerName(source), developerName(destination)];
      const [, into] = names.map((name) => reference.logins.get(name));
      const areThere = names.every((name) => reference.logins.has(name));
      return {
        expected:
          areThere && into !== undefined
            ? { who: reference.find(into), shown: { logins: names, identities: [] } }
            : ('refused' as const),
        ask: async () =>
          (
            await operations.MergeDeveloperIdentities(
              {
                IdentityPoolId,
                SourceUserIdentifier: source,
                DestinationUserIdentifier: destination,
                DeveloperProviderName: DEVELOPER_PROVIDER,
              },
              DEVELOPER,
            )
          ).IdentityId,
      };
    },
  };
}

function stepOf(run: ReturnType<typeof createRun>, one: Command) {
  switch (one.kind) {
    case 'getId':
      return run.getId(one);
    case 'enter':
      return run.enter(one);
    case 'developer':
      return run.developer(one);
    case 'token':
      return run.token(one);
    case 'mergeUsers':
      return run.mergeUsers(one);
  }
}

describe.each(DATABASES)('identities and their logins on $name', ({ open }) => {
  let database: Database;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('are those of the reference after any sequence of operations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ one: command, later: fc.boolean() }), { maxLength: 40, size: 'max' }),
        async (commands) => {
          const service = createIdentityService(database);
          const IdentityPoolId = await service.newIdentityPool();
          const reference = createReference();
          const run = createRun(service, IdentityPoolId, reference);
          for (const { one, later } of commands) {
            if (later) service.clock.now += 1;
            const step = stepOf(run, one);
            if (step) await follow(service, reference, step);
          }
          await expectSame(service, IdentityPoolId, reference);
        },
      ),
      { numRuns: RUNS },
    );
  });

  /** Asks the service, and expects of it what the reference says; then that it is so in the reference as well. */
  async function follow(
    { merges, clock }: IdentityService,
    reference: Reference,
    { expected, ask }: { expected: Expected | 'refused'; ask: () => Promise<string> },
  ): Promise<void> {
    merges.splice(0);
    if (expected === 'refused') {
      await expect(ask()).rejects.toBeInstanceOf(ServiceError);
      expect(merges).toEqual([]);
      return;
    }
    const answer = await ask();
    if (expected.who === null) {
      expect(reference.identities).not.toContain(answer);
      reference.add(answer, clock.now);
    } else {
      expect(answer).toBe(expected.who);
    }
    const merged = reference.unite(answer, expected.shown);
    const reported = merges.map(({ from, into }) => ({ from: from.identityId, into }));
    expect(reported.sort(byFrom)).toEqual(merged.map((from) => ({ from, into: answer })).sort(byFrom));
  }

  const byFrom = (a: { from: string }, b: { from: string }) => (a.from < b.from ? -1 : 1);

  async function expectSame(
    { operations }: IdentityService,
    IdentityPoolId: string,
    reference: Reference,
  ): Promise<void> {
    const { rows } = await database.query<{ identity_id: string; merged_into: string | null }>(
      'SELECT identity_id, merged_into FROM identity.identities WHERE identity_pool_id = $1',
      [IdentityPoolId],
    );
    // Each stands for itself, or is told at once where it has ended up.
    const ends = rows.map(({ identity_id, merged_into }) => `${identity_id} ${merged_into ?? identity_id}`);
    expect(ends.sort()).toEqual(reference.identities.map((id) => `${id} ${reference.find(id)}`).sort());
    const pendingRows = await database.query<{ identity_id: string; into_identity_id: string }>(
      'SELECT identity_id, into_identity_id FROM sync.pending_merges WHERE identity_pool_id = $1',
      [IdentityPoolId],
    );
    expect(
      pendingRows.rows
        .map(({ identity_id, into_identity_id }) => `${identity_id} ${into_identity_id}`)
        .sort(),
      // Step by step: what is still written goes the way that went before it.
    ).toEqual([...reference.merges].map(([from, into]) => `${from} ${into}`).sort());
    for (const [name, owner] of reference.logins) {
      const [provider = '', sub = ''] = name.split(' ');
      if (provider === DEVELOPER_PROVIDER) continue;
      const { IdentityId } = await operations.GetId({ IdentityPoolId, Logins: login(sub, provider) });
      expect(IdentityId).toBe(reference.find(owner));
    }
    // Once somebody has logged in as an identity, or it is part of another, nobody gets it without a login.
    for (const IdentityId of reference.identities) {
      const asked = operations.GetCredentialsForIdentity({ IdentityId });
      if (reference.isGuest(IdentityId)) expect((await asked).IdentityId).toBe(IdentityId);
      else await expect(asked).rejects.toMatchObject({ code: 'NotAuthorizedException' });
    }
  }
});
