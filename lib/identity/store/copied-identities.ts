import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import {
  LOCK_IDENTITY,
  type LockedIdentityRow,
  MARK_UNLINKED,
  UNLINK_LOGINS,
} from './identity-statements.ts';

/** An identity of another service, as that service describes it. */
export interface CopiedIdentity {
  identityId: string;
  /** Epoch milliseconds. */
  createdAt: number;
  modifiedAt: number;
  /** Names of the providers at which the identity has logins there. The users are unknown. */
  providers: readonly string[];
  /** Whether no client can use the identity, because its logins were unlinked or it was merged into another identity. */
  isDisabled: boolean;
}

/** A row of READ_COPIED. */
export interface CopiedRow {
  identity_id: string;
  copied_providers: string | null;
  unlinked_ms: number | null;
  merged_into: string | null;
}

export const READ_COPIED = `
SELECT identity_id, copied_providers, unlinked_ms, merged_into FROM identity.identities WHERE identity_id = ANY ($1::text[])`;

/** Creates identities. Creates none if the pool does not exist, and does not change identities that already exist. */
const CREATE_COPIED = `
INSERT INTO identity.identities (
  identity_id, identity_pool_id, created_ms, modified_ms, unlinked_ms, copied_providers, copied_ms)
SELECT given.identity_id, pools.identity_pool_id, given.created_ms, given.modified_ms, given.unlinked_ms,
  given.copied_providers, $2::bigint
FROM sync.identity_pools AS pools,
  unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
    AS given (identity_id, created_ms, modified_ms, unlinked_ms, copied_providers)
WHERE pools.identity_pool_id = $1 AND pools.deleted_ms IS NULL
ORDER BY given.identity_id
ON CONFLICT (identity_id) DO NOTHING`;

/** `modified_ms` is the other service's date. `copied_ms` is the time of the change here, which an export needs. */
const CHANGE_COPIED = `
UPDATE identity.identities SET copied_providers = $2, unlinked_ms = $3, modified_ms = $4, copied_ms = $5
WHERE identity_id = $1`;

/** Records that a copy has changed the identity $1 at the time $2. */
export const MARK_CHANGED = 'UPDATE identity.identities SET copied_ms = $2 WHERE identity_id = $1';

/** Returns the providers at which the identities $1 have logins here. */
const LIST_LINKED = `
SELECT DISTINCT identity_id, provider FROM identity.logins WHERE identity_id = ANY ($1::text[])`;

const CHANGE_PROVIDERS = 'UPDATE identity.identities SET copied_providers = $2 WHERE identity_id = $1';

/**
 * How an identity is stored here. `isGuest`: its id is sufficient to use it. `isOutdated`: its providers or its state
 * differ from those at the other service. `hasNewLogin`: `countUnknownLogins` does not count the identity, although the
 * identity has a login there whose user is unknown here.
 */
export interface StoredCopy {
  isMerged: boolean;
  isGuest: boolean;
  isOutdated: boolean;
  hasNewLogin: boolean;
}

/** Returns how the identities are stored here, by id. Leaves out identities that do not exist here. */
export async function findCopied(
  on: Transaction,
  identities: readonly CopiedIdentity[],
  developerProvider: string | undefined,
): Promise<Map<string, StoredCopy>> {
  const ids = identities.map(({ identityId }) => identityId);
  const { rows } = await on.query<CopiedRow>(READ_COPIED, [textArray(ids)]);
  const stored = new Map(rows.map((row) => [row.identity_id, row]));
  const linked = await listLinked(on, ids);
  return new Map(
    identities.flatMap((identity) => {
      const { identityId } = identity;
      const row = stored.get(identityId);
      if (!row) return [];
      const known = linked.get(identityId) ?? new Set();
      const isMerged = row.merged_into !== null;
      const isCompletelyKnown = !isMerged && row.copied_providers === null;
      const copy = {
        isMerged,
        isGuest: isCompletelyKnown && row.unlinked_ms === null && known.size === 0,
        isOutdated: isOutdated(row, identity, { developerProvider, linked: known }),
        hasNewLogin: isCompletelyKnown && identity.providers.some((provider) => !known.has(provider)),
      };
      return [[identityId, copy]];
    }),
  );
}

async function listLinked(on: Transaction, ids: readonly string[]): Promise<Map<string, Set<string>>> {
  const { rows } = await on.query<{ identity_id: string; provider: string }>(LIST_LINKED, [textArray(ids)]);
  const rowsOf = Map.groupBy(rows, ({ identity_id }) => identity_id);
  return new Map([...rowsOf].map(([id, of]) => [id, new Set(of.map(({ provider }) => provider))]));
}

function isOutdated(
  row: CopiedRow,
  { providers, isDisabled }: CopiedIdentity,
  { developerProvider, linked }: { developerProvider: string | undefined; linked: ReadonlySet<string> },
): boolean {
  const unknown = new Set(providers).difference(linked);
  const hasFormerUsers =
    developerProvider !== undefined &&
    linked.has(developerProvider) &&
    !providers.includes(developerProvider);
  return (
    unknown.symmetricDifference(new Set(copiedProviders(row))).size > 0 ||
    hasFormerUsers ||
    (row.unlinked_ms !== null) !== isDisabled
  );
}

/** Locks an identity. @returns whether it exists and was not merged into another identity */
export async function lockLivingCopy(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<boolean> {
  const { rows } = await on.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  return rows[0]?.identity_pool_id === identityPoolId && rows[0].merged_into === null;
}

/** Creates the identities that do not exist yet. @returns the number of created identities */
export async function createCopied(
  on: Transaction,
  identityPoolId: string,
  identities: readonly CopiedIdentity[],
  copiedAt: number,
): Promise<number> {
  const { rowsChanged } = await on.query(CREATE_COPIED, [
    identityPoolId,
    copiedAt,
    textArray(identities.map(({ identityId }) => identityId)),
    plainArray(identities.map(({ createdAt }) => createdAt)),
    plainArray(identities.map(({ modifiedAt }) => modifiedAt)),
    plainArray(identities.map(unlinkedAt)),
    textArray(identities.map(({ providers }) => toText(providers))),
  ]);
  return rowsChanged;
}

/**
 * Gives an existing identity the providers and the state that it has at the other service. If the identity has a login
 * of a provider here, the provider is not stored as copied, because its user is known. If the identity no longer has
 * developer users there, its developer users are unlinked here, so that they can be linked to their new identity.
 *
 * @param about `at`: the current time, epoch milliseconds
 */
export async function changeCopied(
  on: Transaction,
  identity: CopiedIdentity,
  { developerProvider, at }: { developerProvider: string | undefined; at: number },
): Promise<void> {
  const { identityId, providers, modifiedAt } = identity;
  if (developerProvider !== undefined && !providers.includes(developerProvider))
    await on.query(UNLINK_LOGINS, [identityId, '{}', textArray([developerProvider])]);
  const linked = (await listLinked(on, [identityId])).get(identityId) ?? new Set();
  const unknown = providers.filter((provider) => !linked.has(provider));
  await on.query(CHANGE_COPIED, [identityId, toText(unknown), unlinkedAt(identity), modifiedAt, at]);
}

/** Stores the providers at which only the other service knows the user of an identity. */
export async function changeCopiedProviders(
  on: Transaction,
  identityId: string,
  providers: readonly string[],
): Promise<void> {
  await on.query(CHANGE_PROVIDERS, [identityId, toText(providers)]);
}

/**
 * Makes a guest's id insufficient to use the identity, because it is no longer a guest at the other service. Changes
 * nothing if the identity is not a guest here.
 *
 * @param about `providers`: the identity's providers there; empty if no client can use it, because it was merged there.
 *   `at`: epoch milliseconds
 */
export async function endGuest(
  on: Transaction,
  identity: IdentityKey,
  { providers, at }: { providers: readonly string[]; at: number },
): Promise<void> {
  if (!(await lockLivingCopy(on, identity))) return;
  const { identityId } = identity;
  const [stored] = (await on.query<CopiedRow>(READ_COPIED, [textArray([identityId])])).rows;
  const hasLogin = (await listLinked(on, [identityId])).size > 0;
  if (!stored || hasLogin || stored.copied_providers !== null || stored.unlinked_ms !== null) return;
  await on.query(MARK_CHANGED, [identityId, at]);
  if (providers.length > 0) await changeCopiedProviders(on, identityId, providers);
  else await on.query(MARK_UNLINKED, [identityId, at]);
}

/** Returns the providers at which a copied identity has a login whose user is unknown. */
export function copiedProviders({ copied_providers }: { copied_providers: string | null }): string[] {
  return copied_providers === null ? [] : JSON.parse(copied_providers);
}

function toText(providers: readonly string[]): string | null {
  return providers.length === 0 ? null : JSON.stringify([...providers].sort());
}

function unlinkedAt({ isDisabled, modifiedAt }: CopiedIdentity): number | null {
  return isDisabled ? modifiedAt : null;
}

const HAS_UNKNOWN_LOGIN = 'identity_pool_id = $1 AND copied_providers IS NOT NULL AND merged_into IS NULL';

const COUNT_UNKNOWN_LOGINS = `
SELECT count(*) AS identities FROM identity.identities WHERE ${HAS_UNKNOWN_LOGIN}`;

const LIST_UNKNOWN_LOGINS = `
SELECT identity_id FROM identity.identities WHERE ${HAS_UNKNOWN_LOGIN}
ORDER BY identity_id
LIMIT $2::bigint`;

/** Counts the identities of a pool with a login at the other service whose user is unknown here. */
export async function countUnknownLogins(on: Transaction, identityPoolId: string): Promise<number> {
  const { rows } = await on.query<{ identities: number }>(COUNT_UNKNOWN_LOGINS, [identityPoolId]);
  return rows[0]?.identities ?? 0;
}

/** Returns the ids of the first `limit` identities that `countUnknownLogins` counts. */
export async function listUnknownLogins(
  on: Transaction,
  identityPoolId: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await on.query<{ identity_id: string }>(LIST_UNKNOWN_LOGINS, [identityPoolId, limit]);
  return rows.map(({ identity_id }) => identity_id);
}
