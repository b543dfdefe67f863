import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ServiceError, SetupError } from '../common/errors.ts';
import { createSigner, MIN_KEY_BYTES, type SigningKeys } from '../common/signed-text.ts';
import type { DatasetVersion, SyncSession } from './ports/sync-store.ts';

/**
 * The lifetime of Amazon's tokens is unknown. A token must outlive one sync, including the time a user takes to resolve
 * a conflict.
 */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

/**
 * The dataset's version when its listing started. Null if the dataset did not exist. Undefined if the version is unknown,
 * because an older version of the service issued the token.
 */
export type ListedVersion = DatasetVersion | null | undefined;

/** A session, as its token holds it. */
export interface ListedSession extends SyncSession {
  version: ListedVersion;
}

/**
 * The position at which a listing of records continues. All pages of a listing return the count and token of the first
 * page.
 */
export interface RecordsPage {
  session: ListedSession;
  /** The LastSyncCount of the first request. */
  lastSyncCount: number;
  /** The dataset's count when the first page was read. */
  datasetSyncCount: number;
  /** Where the next page starts: `next` of the store's last result (`ReadRecordsResult`). */
  after: string;
}

export interface SessionTokens {
  /** Starts a new session. @param version the dataset's version; null if the dataset does not exist */
  begin(version: DatasetVersion | null): ListedSession;
  /** Returns the SyncSessionToken of a session, which is always the same text for one session. */
  issue(session: ListedSession, dataset: DatasetKey): string;
  /**
   * @throws {ServiceError} InvalidParameterException if the token has expired, was not issued by this service, or
   *   belongs to another dataset
   */
  verify(token: string, dataset: DatasetKey): ListedSession;
  /** Returns the NextToken of a page of records. */
  issuePage(page: RecordsPage, dataset: DatasetKey): string;
  /** @throws {ServiceError} InvalidParameterException, as `verify` */
  verifyPage(nextToken: string, dataset: DatasetKey): RecordsPage;
  /** Returns the NextToken of a page of datasets. `lastName` is the name of the page's last dataset. */
  issueDatasetsPage(lastName: string, identity: IdentityKey): string;
  /** @throws {ServiceError} InvalidParameterException */
  verifyDatasetsPage(nextToken: string, identity: IdentityKey): string;
  /** Returns the NextToken of a page of identity pools. `lastId` is the id of the page's last pool. */
  issuePoolsPage(lastId: string): string;
  /** @throws {ServiceError} InvalidParameterException */
  verifyPoolsPage(nextToken: string): string;
}

/**
 * Returns the error for an invalid token. Text and code are Amazon's. Amazon's service also returns this error for a
 * token that an update has already used.
 */
export function notValidToken(name: 'SyncSessionToken' | 'NextToken' = 'SyncSessionToken'): ServiceError {
  return new ServiceError('InvalidParameterException', `${name} not valid for these inputs`);
}

/**
 * Creates the functions that issue and verify tokens. A token contains all its data, so issuing a token stores nothing.
 * A session is stored only when an update uses it.
 *
 * @param keys anyone who has one of these keys can create tokens
 * @param randomId returns UUIDs
 * @throws {SetupError} if a key is too short
 */
export function createSessionTokens({
  keys,
  now,
  randomId,
  lifetimeMs = LIFETIME_MS,
}: {
  keys: SigningKeys;
  now: () => number;
  randomId: () => string;
  lifetimeMs?: number;
}): SessionTokens {
  const short = keys.find((key) => key.length < MIN_KEY_BYTES);
  if (short !== undefined) {
    throw new SetupError(`session token key too short: ${short.length} bytes; use at least ${MIN_KEY_BYTES}`);
  }
  const signer = createSigner(keys);
  const isExpired = (session: SyncSession) => now() >= session.expiresAt;

  return {
    begin: (version) => ({ sessionId: randomId(), expiresAt: now() + lifetimeMs, version }),
    issue: (session, dataset) => signer.sign(writeSession(session), datasetContext('session', dataset)),
    verify(token, dataset) {
      const content = signer.open(token, datasetContext('session', dataset));
      const session = content === null ? null : readSession(content);
      if (session === null || isExpired(session)) throw notValidToken();
      return session;
    },
    issuePage: (page, dataset) => signer.sign(writePage(page), datasetContext('records page', dataset)),
    verifyPage(nextToken, dataset) {
      const content = signer.open(nextToken, datasetContext('records page', dataset));
      const page = content === null ? null : readPage(content);
      if (page === null || isExpired(page.session)) throw notValidToken('NextToken');
      return page;
    },
    issueDatasetsPage: (lastName, identity) =>
      signer.sign(lastName, identityContext('datasets page', identity)),
    verifyDatasetsPage(nextToken, identity) {
      const lastName = signer.open(nextToken, identityContext('datasets page', identity));
      if (lastName === null) throw notValidToken('NextToken');
      return lastName;
    },
    issuePoolsPage: (lastId) => signer.sign(lastId, ['pools page']),
    verifyPoolsPage(nextToken) {
      const lastId = signer.open(nextToken, ['pools page']);
      if (lastId === null) throw notValidToken('NextToken');
      return lastId;
    },
  };
}

function identityContext(purpose: string, { identityPoolId, identityId }: IdentityKey): string[] {
  return [purpose, identityPoolId, identityId];
}

function datasetContext(purpose: string, dataset: DatasetKey): string[] {
  return [...identityContext(purpose, dataset), dataset.datasetName];
}

const SEPARATOR = ' ';

/** Stands for the version of a dataset that did not exist. The count of an existing dataset is above 0. */
const NO_DATASET = '0';

// The version comes last in a token. Older versions of the service issue tokens without it, and ignore it.

function writeSession({ sessionId, expiresAt, version }: ListedSession): string {
  return [sessionId, expiresAt, ...writeVersion(version)].join(SEPARATOR);
}

function readSession(content: string): ListedSession | null {
  const [sessionId, expiresAt, ...version] = content.split(SEPARATOR);
  return toSession(sessionId, expiresAt, version);
}

function writePage({ session, lastSyncCount, datasetSyncCount, after }: RecordsPage): string {
  const { sessionId, expiresAt, version } = session;
  const parts = [sessionId, expiresAt, lastSyncCount, datasetSyncCount, after, ...writeVersion(version)];
  return parts.join(SEPARATOR);
}

function readPage(content: string): RecordsPage | null {
  const [sessionId, expiresAt, lastSyncCount, datasetSyncCount, after, ...version] = content.split(SEPARATOR);
  const session = toSession(sessionId, expiresAt, version);
  if (session === null || !lastSyncCount || !datasetSyncCount || !after) return null;
  return { session, lastSyncCount: Number(lastSyncCount), datasetSyncCount: Number(datasetSyncCount), after };
}

function toSession(
  sessionId: string | undefined,
  expiresAt: string | undefined,
  version: readonly string[],
): ListedSession | null {
  if (!sessionId || !expiresAt) return null;
  return { sessionId, expiresAt: Number(expiresAt), version: readVersion(version) };
}

function writeVersion(version: ListedVersion): readonly (string | number)[] {
  if (version === undefined) return [];
  return version === null ? [NO_DATASET] : [version.syncCount, version.lastModifiedDate];
}

function readVersion([syncCount, lastModifiedDate]: readonly string[]): ListedVersion {
  if (syncCount === NO_DATASET) return null;
  if (!syncCount || !lastModifiedDate) return undefined;
  return { syncCount: Number(syncCount), lastModifiedDate: Number(lastModifiedDate) };
}
