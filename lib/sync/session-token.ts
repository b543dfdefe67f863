import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ServiceError, SetupError } from '../common/errors.ts';
import { createSigner } from '../common/signed-text.ts';
import type { SyncSession } from './ports/sync-store.ts';

/** Amazon's is unknown. It must outlive one sync, with the person it asks about a conflict. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;
const MIN_KEY_BYTES = 32;

/** Where a listing of records goes on. All its pages tell the first one's count and token. */
export interface RecordsPage {
  session: SyncSession;
  /** The count that the client named at first. */
  lastSyncCount: number;
  /** The dataset's count when the first page was read. */
  datasetSyncCount: number;
  /** The store's. */
  after: string;
}

export interface SessionTokens {
  /** A session that has not been before. */
  begin(): SyncSession;
  /** The SyncSessionToken of a session: always the same text. */
  issue(session: SyncSession, dataset: DatasetKey): string;
  /** @throws {ServiceError} InvalidParameterException: not of this dataset of this identity, expired, or not ours */
  verify(token: string, dataset: DatasetKey): SyncSession;
  /** The NextToken of a page of records. */
  issuePage(page: RecordsPage, dataset: DatasetKey): string;
  /** @throws {ServiceError} InvalidParameterException, as `verify` */
  verifyPage(nextToken: string, dataset: DatasetKey): RecordsPage;
  /** The NextToken of a page of datasets that ended with this name. */
  issueDatasetsPage(lastName: string, identity: IdentityKey): string;
  /** @throws {ServiceError} InvalidParameterException */
  verifyDatasetsPage(nextToken: string, identity: IdentityKey): string;
  /** The NextToken of a page of identity pools that ended with this id. */
  issuePoolsPage(lastId: string): string;
  /** @throws {ServiceError} InvalidParameterException */
  verifyPoolsPage(nextToken: string): string;
}

/** The text is the service's own, and so is its use for a token that is spent. */
export function notValidToken(name: 'SyncSessionToken' | 'NextToken' = 'SyncSessionToken'): ServiceError {
  return new ServiceError('InvalidParameterException', `${name} not valid for these inputs`);
}

/**
 * Tokens that carry what they stand for, so that none is stored until it is spent.
 * @param key of HMAC-SHA-256, at least 32 bytes; whoever has it can make tokens
 * @param randomId UUIDs
 * @throws {SetupError} the key is too short
 */
export function createSessionTokens({
  key,
  now,
  randomId,
  lifetimeMs = LIFETIME_MS,
}: {
  key: Buffer;
  now: () => number;
  randomId: () => string;
  lifetimeMs?: number;
}): SessionTokens {
  if (key.length < MIN_KEY_BYTES) {
    throw new SetupError(`the key of session tokens has ${key.length} bytes; use at least ${MIN_KEY_BYTES}`);
  }
  const signer = createSigner(key);
  const isOver = (session: SyncSession) => now() >= session.expiresAt;

  return {
    begin: () => ({ sessionId: randomId(), expiresAt: now() + lifetimeMs }),
    issue: (session, dataset) => signer.sign(writeSession(session), aboutDataset('session', dataset)),
    verify(token, dataset) {
      const content = signer.open(token, aboutDataset('session', dataset));
      const session = content === null ? null : readSession(content);
      if (session === null || isOver(session)) throw notValidToken();
      return session;
    },
    issuePage: (page, dataset) => signer.sign(writePage(page), aboutDataset('records page', dataset)),
    verifyPage(nextToken, dataset) {
      const content = signer.open(nextToken, aboutDataset('records page', dataset));
      const page = content === null ? null : readPage(content);
      if (page === null || isOver(page.session)) throw notValidToken('NextToken');
      return page;
    },
    issueDatasetsPage: (lastName, identity) =>
      signer.sign(lastName, aboutIdentity('datasets page', identity)),
    verifyDatasetsPage(nextToken, identity) {
      const lastName = signer.open(nextToken, aboutIdentity('datasets page', identity));
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

function aboutIdentity(purpose: string, { identityPoolId, identityId }: IdentityKey): string[] {
  return [purpose, identityPoolId, identityId];
}

function aboutDataset(purpose: string, dataset: DatasetKey): string[] {
  return [...aboutIdentity(purpose, dataset), dataset.datasetName];
}

const SEPARATOR = ' ';

function writeSession({ sessionId, expiresAt }: SyncSession): string {
  return [sessionId, expiresAt].join(SEPARATOR);
}

function readSession(content: string): SyncSession | null {
  const [sessionId, expiresAt] = content.split(SEPARATOR);
  return sessionId && expiresAt ? { sessionId, expiresAt: Number(expiresAt) } : null;
}

function writePage({ session, lastSyncCount, datasetSyncCount, after }: RecordsPage): string {
  return [writeSession(session), lastSyncCount, datasetSyncCount, after].join(SEPARATOR);
}

function readPage(content: string): RecordsPage | null {
  const session = readSession(content);
  const [, , lastSyncCount, datasetSyncCount, after] = content.split(SEPARATOR);
  if (session === null || !lastSyncCount || !datasetSyncCount || !after) return null;
  return { session, lastSyncCount: Number(lastSyncCount), datasetSyncCount: Number(datasetSyncCount), after };
}
