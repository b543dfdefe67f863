import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ServiceError } from '../../lib/common/errors.ts';
import type { Database } from '../../lib/database/database.ts';
import type { Logins } from '../../lib/identity/model.ts';
import { SERVICE_DATABASES } from '../fixtures/database/databases.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
  OWN_PROVIDER,
} from '../fixtures/identity/identity-service.ts';
import { createIdentityDataDeletion } from '../fixtures/sync/deleting-service.ts';
import { DEVELOPER } from '../fixtures/wire/signing.ts';
import { createReference, type Proof, type Reference } from './identity-reference.ts';
import { RUNS, TIMEOUT_MS } from './projection-database.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const user = fc.constantFrom('u', 'v', 'w');
/** Users by provider: few, so that they collide often. */
const publicUsers = fc.dictionary(fc.constantFrom('p', 'q', 'r'), user, { maxKeys: 3 });
/** An index into the existing items, taken modulo their number. */
const chosen = fc.nat({ max: 99 });

const command = fc.oneof(
  fc.record({ kind: fc.constant('getId' as const), users: publicUsers }),
  fc.record({ kind: fc.constant('enter' as const), requested: chosen, users: publicUsers }),
  fc.record({
    kind: fc.constant('developer' as const),
    requested: fc.option(chosen),
    developerUser: user,
    users: publicUsers,
  }),
  fc.record({
    kind: fc.constant('token' as const),
    token: chosen,
    requested: fc.option(chosen),
    users: publicUsers,
  }),
  fc.record({ kind: fc.constant('mergeUsers' as const), source: user, destination: user }),
  fc.record({
    kind: fc.constant('unlink' as const),
    requested: chosen,
    users: publicUsers,
    removed: fc.subarray(['p', 'q', 'r']),
  }),
  fc.record({ kind: fc.constant('unlinkUser' as const), requested: chosen, developerUser: user }),
  fc.record({ kind: fc.constant('remove' as const), requested: chosen }),
);
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;
type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** The identity that a call must return (null for a new identity), and the proof that the caller gave. */
interface Expected {
  identityId: string | null;
  proof: Proof;
}

interface Step {
  expected: Expected | 'rejected';
  call: () => Promise<string>;
}

/** A call that returns no identity. `apply` makes its change in the model; null if the service rejects the call. */
interface Removal {
  apply: (() => void) | null;
  call: () => Promise<unknown>;
}

interface Token {
  identityId: string;
  token: string;
  issuedAt: number;
}

const loginsOf = (users: Record<string, string>): Logins =>
  Object.assign({}, ...Object.entries(users).map(([provider, sub]) => login(sub, provider)));
const namesOf = (users: Record<string, string>) =>
  Object.entries(users).map(([provider, sub]) => `${provider} ${sub}`);
const developerName = (name: string) => `${DEVELOPER_PROVIDER} ${name}`;
const pick = <Item>(items: readonly Item[], choice: number): Item | undefined => items[choice % items.length];

/** Pairs each command's call with the outcome in the model. Null if no identity or token exists yet. */
function createRun(service: IdentityService, IdentityPoolId: string, reference: Reference) {
  const { operations } = service;
  const tokens: Token[] = [];
  /** Deleted identities, which later calls may request. */
  const deleted: string[] = [];
  const choose = (requested: number | null) =>
    requested === null ? undefined : pick([...reference.identities, ...deleted], requested);

  const expectRequested = (requested: string, proof: Proof, vouched = false): Expected | 'rejected' => {
    if (deleted.includes(requested)) return 'rejected';
    const root = reference.find(requested);
    const withRequested = { ...proof, identities: [...proof.identities, root] };
    if (reference.isGuest(root)) {
      return { identityId: reference.oldestOf(proof) ?? root, proof: withRequested };
    }
    const owners = proof.logins.map((name) => reference.find(reference.logins.get(name) ?? ''));
    const isKnown = vouched || [...owners, ...proof.identities.map(reference.find)].includes(root);
    return isKnown ? { identityId: root, proof: withRequested } : 'rejected';
  };
  const expectProven = (proof: Proof): Expected => ({ identityId: reference.oldestOf(proof), proof });

  const enter = async (IdentityId: string, Logins: Logins) =>
    (await operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId;
  const getId = async (Logins: Logins) => (await operations.GetId({ IdentityPoolId, Logins })).IdentityId;

  return {
    getId: ({ users }: Of<'getId'>) => ({
      expected: expectProven({ logins: namesOf(users), identities: [] }),
      call: () => getId(loginsOf(users)),
    }),

    enter({ requested: choice, users }: Of<'enter'>) {
      const requested = choose(choice);
      if (requested === undefined) return null;
      const proof = { logins: namesOf(users), identities: [] };
      const isForbidden =
        proof.logins.length === 0 &&
        !(reference.isGuest(requested) && reference.find(requested) === requested);
      return {
        expected: isForbidden ? ('rejected' as const) : expectRequested(requested, proof),
        call: () => enter(requested, loginsOf(users)),
      };
    },

    developer({ requested: choice, developerUser, users }: Of<'developer'>) {
      const requested = choose(choice);
      const proof = { logins: [developerName(developerUser), ...namesOf(users)], identities: [] };
      const owner = reference.logins.get(developerName(developerUser));
      const belongsToAnother =
        requested !== undefined && owner !== undefined && reference.find(owner) !== reference.find(requested);
      const ifAllowed = () =>
        requested === undefined ? expectProven(proof) : expectRequested(requested, proof, true);
      return {
        expected: belongsToAnother ? ('rejected' as const) : ifAllowed(),
        call: async () => {
          const Logins = { [DEVELOPER_PROVIDER]: developerUser, ...loginsOf(users) };
          const { IdentityId, Token } = await operations.GetOpenIdTokenForDeveloperIdentity(
            { IdentityPoolId, IdentityId: requested, Logins, TokenDuration: 86_400 },
            DEVELOPER,
          );
          tokens.push({ identityId: IdentityId, token: Token, issuedAt: service.clock.now });
          return IdentityId;
        },
      };
    },

    token({ token: choice, requested: requestedChoice, users }: Of<'token'>) {
      const token = pick(tokens, choice);
      if (token === undefined) return null;
      const requested = choose(requestedChoice);
      const proof = { logins: namesOf(users), identities: [token.identityId] };
      const Logins = { [OWN_PROVIDER]: token.token, ...loginsOf(users) };
      const isValid = reference.canBeProven(token.identityId, token.issuedAt);
      if (requested === undefined) {
        return { expected: isValid ? expectProven(proof) : ('rejected' as const), call: () => getId(Logins) };
      }
      const belongsToAnother = reference.find(requested) !== reference.find(token.identityId);
      return {
        expected: belongsToAnother || !isValid ? ('rejected' as const) : expectRequested(requested, proof),
        call: () => enter(requested, Logins),
      };
    },

    mergeUsers({ source, destination }: Of<'mergeUsers'>) {
      const names = [developerName(source), developerName(destination)];
      const [, into] = names.map((name) => reference.logins.get(name));
      const exist = names.every((name) => reference.logins.has(name));
      return {
        expected:
          exist && into !== undefined
            ? { identityId: reference.find(into), proof: { logins: names, identities: [] } }
            : ('rejected' as const),
        call: async () =>
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

    unlink({ requested: choice, users, removed }: Of<'unlink'>) {
      const requested = choose(choice);
      if (requested === undefined) return null;
      const isKnown =
        !deleted.includes(requested) &&
        namesOf(users).some(
          (name) => reference.find(reference.logins.get(name) ?? '') === reference.find(requested),
        );
      const names = removed.flatMap((provider) => ['u', 'v', 'w'].map((sub) => `${provider} ${sub}`));
      return {
        apply: isKnown ? () => reference.unlink(requested, names, service.clock.now) : null,
        call: () =>
          operations.UnlinkIdentity({
            IdentityId: requested,
            Logins: loginsOf(users),
            LoginsToRemove: removed,
          }),
      };
    },

    unlinkUser({ requested: choice, developerUser }: Of<'unlinkUser'>) {
      const requested = choose(choice);
      if (requested === undefined) return null;
      const name = developerName(developerUser);
      const isOwner =
        !deleted.includes(requested) &&
        reference.find(reference.logins.get(name) ?? '') === reference.find(requested);
      return {
        apply: isOwner ? () => reference.unlink(requested, [name], service.clock.now) : null,
        call: () =>
          operations.UnlinkDeveloperIdentity(
            {
              IdentityPoolId,
              IdentityId: requested,
              DeveloperProviderName: DEVELOPER_PROVIDER,
              DeveloperUserIdentifier: developerUser,
            },
            DEVELOPER,
          ),
      };
    },

    remove({ requested: choice }: Of<'remove'>) {
      const requested = choose(choice);
      if (requested === undefined) return null;
      // The merges of this test never end, so a merged identity can only be deleted with the surviving identity.
      const isMerged = reference.find(requested) !== requested;
      const apply = () => {
        if (deleted.includes(requested)) return;
        deleted.push(...reference.identities.filter((id) => reference.find(id) === requested));
        reference.remove(requested);
      };
      return {
        apply: isMerged ? null : apply,
        call: async () => {
          const input = { IdentityIdsToDelete: [requested] };
          const { UnprocessedIdentityIds } = await operations.DeleteIdentities(input, DEVELOPER);
          if (UnprocessedIdentityIds.length > 0)
            throw new ServiceError('InternalErrorException', 'not deleted');
        },
      };
    },
  };
}

function stepOf(run: ReturnType<typeof createRun>, one: Command): Step | Removal | null {
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
    case 'unlink':
      return run.unlink(one);
    case 'unlinkUser':
      return run.unlinkUser(one);
    case 'remove':
      return run.remove(one);
  }
}

describe.each(SERVICE_DATABASES)('identities and their logins on $name', ({ open }) => {
  let database: Database;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('match a simple model after any sequence of operations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ one: command, later: fc.boolean() }), { maxLength: 40, size: 'max' }),
        async (commands) => {
          const service = createIdentityService(database, {
            deleteIdentityData: createIdentityDataDeletion(database),
          });
          const IdentityPoolId = await service.newIdentityPool();
          const reference = createReference();
          const run = createRun(service, IdentityPoolId, reference);
          for (const { one, later } of commands) {
            if (later) service.clock.now += 1;
            const step = stepOf(run, one);
            if (step === null) continue;
            if ('apply' in step) await followRemoval(step);
            else await follow(service, reference, { ...step, expected: limit(reference, step.expected) });
          }
          await expectSame(service, IdentityPoolId, reference);
        },
      ),
      { numRuns: RUNS },
    );
  });

  /** Returns the expected outcome, or `rejected` if the identity would get logins that one identity cannot have. */
  function limit(reference: Reference, expected: Expected | 'rejected'): Expected | 'rejected' {
    if (expected === 'rejected') return expected;
    const { identityId, proof } = expected;
    return reference.canUnite(identityId, proof, DEVELOPER_PROVIDER) ? expected : 'rejected';
  }

  /** Calls the service, compares the outcome with the model in `reference`, and updates the model. */
  async function follow(
    { merges, clock }: IdentityService,
    reference: Reference,
    { expected, call }: Step,
  ): Promise<void> {
    merges.splice(0);
    if (expected === 'rejected') {
      await expect(call()).rejects.toBeInstanceOf(ServiceError);
      expect(merges).toEqual([]);
      return;
    }
    const returned = await call();
    if (expected.identityId === null) {
      expect(reference.identities).not.toContain(returned);
      reference.add(returned, clock.now);
    } else {
      expect(returned).toBe(expected.identityId);
    }
    const merged = reference.unite(returned, expected.proof);
    const reported = merges.map(({ from, into }) => ({ from: from.identityId, into }));
    expect(reported.sort(byFrom)).toEqual(merged.map((from) => ({ from, into: returned })).sort(byFrom));
  }

  async function followRemoval({ apply, call }: Removal): Promise<void> {
    if (apply === null) {
      await expect(call()).rejects.toBeInstanceOf(ServiceError);
      return;
    }
    await call();
    apply();
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
    // A merged identity refers directly to the final survivor.
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
      // Each step of a chain of merges stays pending, so that late writes are merged along the same chain.
    ).toEqual([...reference.merges].map(([from, into]) => `${from} ${into}`).sort());
    for (const [name, owner] of reference.logins) {
      const [provider = '', sub = ''] = name.split(' ');
      if (provider === DEVELOPER_PROVIDER) continue;
      const { IdentityId } = await operations.GetId({ IdentityPoolId, Logins: login(sub, provider) });
      expect(IdentityId).toBe(reference.find(owner));
    }
    // An identity with a login, or one merged into such an identity, requires a login.
    for (const IdentityId of reference.identities) {
      const requested = operations.GetCredentialsForIdentity({ IdentityId });
      if (reference.isGuest(IdentityId)) expect((await requested).IdentityId).toBe(IdentityId);
      else await expect(requested).rejects.toMatchObject({ code: 'NotAuthorizedException' });
    }
  }
});
