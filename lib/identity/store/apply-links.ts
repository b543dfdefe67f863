import { isDeepStrictEqual } from 'node:util';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import { transact } from '../../sync/store/transact.ts';
import type { FoundLogins, LinkChange, LivingIdentity, UnlinkedLogins } from '../ports/identity-store.ts';
import { changeCopiedProviders } from './copied-identities.ts';
import { findLogins } from './find-logins.ts';
import {
  ADD_PENDING_MERGES,
  CREATE_IDENTITY,
  KEEP_UNLINKED,
  LINK_LOGINS,
  LOCK_IDENTITY,
  type LockedIdentityRow,
  MARK_UNLINKED,
  MERGE_IDENTITIES,
  MODIFY_IDENTITY,
  MOVE_LOGINS,
  REDIRECT_MERGED,
  UNLINK_LOGINS,
} from './identity-statements.ts';
import { loginId } from './login-id.ts';

/** Thrown to roll back the transaction, because the state has changed since the decision. */
class OutdatedError extends Error {
  override name = 'OutdatedError';
}

/**
 * Implements `IdentityStore.applyLinks`. A transaction that changes an identity's logins, or merges the identity, first
 * locks the identity's row. Once all rows are locked, the transaction checks that the state on which the decision was
 * based still holds. If several transactions link a login without an owner, the login's primary key lets only the first
 * transaction succeed.
 */
export async function applyLinks(database: Database, change: LinkChange): Promise<boolean> {
  try {
    await transact(database, (transaction) => applyInTransaction(transaction, change));
    return true;
  } catch (error) {
    if (error instanceof OutdatedError) return false;
    throw error;
  }
}

async function applyInTransaction(transaction: Transaction, change: LinkChange): Promise<void> {
  const { question, found, decision } = change;
  for (const identityId of identitiesIn(found)) await lockLiving(transaction, identityId);
  if (!isDeepStrictEqual(await findLogins(transaction, question), found)) throw new OutdatedError();
  if (decision.unlink) {
    await unlinkLogins(transaction, change, decision.unlink);
    return;
  }
  if (decision.isNew) await createIdentity(transaction, change);
  else await transaction.query(MODIFY_IDENTITY, [decision.identityId, change.at]);
  if (decision.merge.length > 0) await mergeIdentities(transaction, change);
  if (decision.link.length > 0) await linkLogins(transaction, change);
  await settleCopied(transaction, change);
}

/**
 * Updates the copied providers of the client's identity. These are the providers of the logins that only the origin of
 * a migration knows. Adds the copied providers of merged identities, and removes the providers whose user is now known.
 */
async function settleCopied(transaction: Transaction, { found, decision }: LinkChange): Promise<void> {
  const { identityId, merge, known = [] } = decision;
  const copiedOf = (id: string) => livingIn(found).find((living) => living.identityId === id)?.copied ?? [];
  const before = copiedOf(identityId);
  const after = [...new Set([...before, ...merge.flatMap(copiedOf)])].filter((name) => !known.includes(name));
  const isSame = new Set(before).symmetricDifference(new Set(after)).size === 0;
  if (!isSame) await changeCopiedProviders(transaction, identityId, after);
}

/**
 * Locks the row of an identity, and rolls the transaction back if the identity was merged in the meantime. All
 * transactions lock identities in the same order, so they do not deadlock.
 *
 * The rollback must release the lock of a merged identity. Suppose that identity A was merged into B. Another
 * transaction that merges B into C also updates A's row (REDIRECT_MERGED), but not in that order. If this transaction
 * kept A locked and waited for another row, both transactions could wait for each other.
 */
async function lockLiving(transaction: Transaction, identityId: string): Promise<void> {
  const { rows } = await transaction.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  if (rows[0]?.merged_into !== null) throw new OutdatedError();
}

function livingIn({ asked, proven, named = null, owned }: FoundLogins): LivingIdentity[] {
  const all = [asked, proven, named, ...owned.map(({ owner }) => owner)];
  return all.filter((identity) => identity !== null);
}

function identitiesIn(found: FoundLogins): string[] {
  return [...new Set(livingIn(found).map(({ identityId }) => identityId))].sort();
}

async function createIdentity(transaction: Transaction, { question, decision, at }: LinkChange) {
  const values = [question.identityPoolId, decision.identityId, at];
  const { rowsChanged } = await transaction.query(CREATE_IDENTITY, values);
  // The pool no longer exists.
  if (rowsChanged === 0) throw new OutdatedError();
}

async function linkLogins(transaction: Transaction, { question, decision, at }: LinkChange) {
  const { identityPoolId } = question;
  const { identityId, link } = decision;
  const { rowsChanged } = await transaction.query(LINK_LOGINS, [
    identityPoolId,
    identityId,
    at,
    plainArray(link.map((login) => loginId(identityPoolId, login))),
    textArray(link.map(({ provider }) => provider)),
    textArray(link.map(({ userId }) => userId)),
  ]);
  if (rowsChanged !== link.length) throw new OutdatedError();
}

async function unlinkLogins(
  transaction: Transaction,
  { question: { identityPoolId }, found, decision: { identityId }, at }: LinkChange,
  { logins, providers }: UnlinkedLogins,
) {
  const ids = plainArray(logins.map((login) => loginId(identityPoolId, login)));
  const { rowsChanged } = await transaction.query(UNLINK_LOGINS, [identityId, ids, textArray(providers)]);
  const copied = livingIn(found).find((living) => living.identityId === identityId)?.copied ?? [];
  const kept = copied.filter((provider) => !providers.includes(provider));
  if (kept.length < copied.length) await changeCopiedProviders(transaction, identityId, kept);
  if (rowsChanged > 0 || kept.length < copied.length)
    await transaction.query(MARK_UNLINKED, [identityId, at]);
}

/**
 * Merges identities. If A was merged into B earlier and B is now merged into C, A is redirected to C, so that no lookup
 * follows more than one step. A's datasets, however, are still moved to B first and from there to C. Otherwise a later
 * write to A could reach C before an earlier write to A that is still being moved from B.
 */
async function mergeIdentities(transaction: Transaction, { question, decision, at }: LinkChange) {
  const { identityPoolId } = question;
  const { identityId: into, merge } = decision;
  const merged = textArray(merge);
  await transaction.query(REDIRECT_MERGED, [into, merged]);
  await transaction.query(MERGE_IDENTITIES, [into, at, merged]);
  await transaction.query(KEEP_UNLINKED, [into, merged]);
  await transaction.query(MOVE_LOGINS, [into, merged]);
  const rowIds = plainArray(merge.map((identityId) => identityRowId({ identityPoolId, identityId })));
  await transaction.query(ADD_PENDING_MERGES, [identityPoolId, into, at, rowIds, merged]);
}
