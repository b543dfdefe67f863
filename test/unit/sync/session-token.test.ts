import { describe, expect, it } from 'vitest';
import type { DatasetKey } from '../../../lib/common/dataset-key.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { createSigner } from '../../../lib/common/signed-text.ts';
import { createSessionTokens } from '../../../lib/sync/session-token.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const HOUR = 60 * 60 * 1000;
const SESSION_ID = '00000000-0000-4000-8000-00000000000a';
const GAME: DatasetKey = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
const VERSION = { syncCount: 12, lastModifiedDate: NEW_YEAR - 1 };
const PAGE = {
  session: { sessionId: SESSION_ID, expiresAt: NEW_YEAR + HOUR, version: VERSION },
  lastSyncCount: 3,
  datasetSyncCount: 7,
  after: '5:00000000-0000-4000-8000-00000000000b',
};
const invalid = (name: string) =>
  expect.objectContaining({
    code: 'InvalidParameterException',
    message: `${name} not valid for these inputs`,
  });

function createTokens({ at = NEW_YEAR, key = 1 } = {}) {
  const clock = { now: at };
  const tokens = createSessionTokens({
    keys: [Buffer.alloc(32, key)],
    now: () => clock.now,
    randomId: () => SESSION_ID,
  });
  return { tokens, clock };
}

const others: [string, DatasetKey][] = [
  ['dataset', { ...GAME, datasetName: 'other' }],
  ['identity', { ...GAME, identityId: IDENTITY.replace('aaaa', 'bbbb') }],
  ['identity pool', { ...GAME, identityPoolId: POOL.replace('0001', '0002') }],
  ['split of the same names', { ...GAME, identityId: `${IDENTITY}","game`, datasetName: '' }],
];

describe('a SyncSessionToken', () => {
  it('identifies its session for 24 hours', () => {
    const { tokens, clock } = createTokens();
    const session = tokens.begin(VERSION);
    expect(session).toEqual({ sessionId: SESSION_ID, expiresAt: NEW_YEAR + 24 * HOUR, version: VERSION });
    const token = tokens.issue(session, GAME);
    clock.now += 24 * HOUR - 1;
    expect(tokens.verify(token, GAME)).toEqual(session);
    clock.now += 1;
    expect(() => tokens.verify(token, GAME)).toThrow(invalid('SyncSessionToken'));
  });

  it('says that the dataset did not exist', () => {
    const { tokens } = createTokens();
    const session = tokens.begin(null);
    expect(tokens.verify(tokens.issue(session, GAME), GAME)).toEqual(session);
    expect(session.version).toBeNull();
  });

  it('is valid without a version, as older versions of the service issued it', () => {
    const { tokens } = createTokens();
    const signer = createSigner([Buffer.alloc(32, 1)]);
    const expiresAt = NEW_YEAR + HOUR;
    const about = [GAME.identityPoolId, GAME.identityId, GAME.datasetName];
    const token = signer.sign(`${SESSION_ID} ${expiresAt}`, ['session', ...about]);
    const session = { sessionId: SESSION_ID, expiresAt, version: undefined };
    expect(tokens.verify(token, GAME)).toStrictEqual(session);
    expect(tokens.issue(session, GAME)).toBe(token);
    const page = signer.sign(`${SESSION_ID} ${expiresAt} 3 7 ${PAGE.after}`, ['records page', ...about]);
    expect(tokens.verifyPage(page, GAME)).toStrictEqual({ ...PAGE, session });
    expect(tokens.issuePage({ ...PAGE, session }, GAME)).toBe(page);
  });

  it('is the same text for the same session', () => {
    const { tokens } = createTokens();
    expect(tokens.issue(tokens.begin(null), GAME)).toBe(tokens.issue(tokens.begin(null), GAME));
  });

  it('needs no encoding in a URL', () => {
    const { tokens } = createTokens();
    expect(tokens.issue(tokens.begin(null), GAME)).toMatch(/^[\w.-]+$/);
  });

  it.each(others)('is invalid for another %s', (_, other) => {
    const { tokens } = createTokens();
    const token = tokens.issue(tokens.begin(null), GAME);
    expect(() => tokens.verify(token, other)).toThrow(invalid('SyncSessionToken'));
  });

  it('is invalid with any character changed, dropped or added', () => {
    const { tokens } = createTokens();
    const token = tokens.issue(tokens.begin(null), GAME);
    const changed = Array.from(token, (letter, at) => {
      const other = letter === 'A' ? 'B' : 'A';
      return [
        token.slice(0, at) + other + token.slice(at + 1),
        token.slice(0, at) + token.slice(at + 1),
        `${token.slice(0, at)}=${token.slice(at)}`,
      ];
    });
    for (const forged of [
      ...changed.flat(),
      `${token}A`,
      `${token}.`,
      '',
      '.',
      'x',
      'é',
      'A'.repeat(100_000),
    ]) {
      expect(() => tokens.verify(forged, GAME), forged).toThrow(invalid('SyncSessionToken'));
    }
  });

  it('is invalid if it was signed with another key', () => {
    const { tokens } = createTokens({ key: 2 });
    expect(() => createTokens().tokens.verify(tokens.issue(tokens.begin(null), GAME), GAME)).toThrow(
      invalid('SyncSessionToken'),
    );
  });

  it('requires a key of at least 32 bytes', () => {
    const now = () => NEW_YEAR;
    expect(() => createSessionTokens({ keys: [Buffer.alloc(31)], now, randomId: () => '' })).toThrow(
      SetupError,
    );
  });
});

describe('a NextToken', () => {
  it('of records holds the position until its session expires', () => {
    const { tokens, clock } = createTokens();
    const nextToken = tokens.issuePage(PAGE, GAME);
    expect(tokens.verifyPage(nextToken, GAME)).toEqual(PAGE);
    clock.now += HOUR;
    expect(() => tokens.verifyPage(nextToken, GAME)).toThrow(invalid('NextToken'));
  });

  it('of records may start at sync count 0', () => {
    const { tokens } = createTokens();
    const page = { ...PAGE, lastSyncCount: 0 };
    expect(tokens.verifyPage(tokens.issuePage(page, GAME), GAME)).toEqual(page);
  });

  it.each(others)('of records is invalid for another %s', (_, other) => {
    const { tokens } = createTokens();
    const nextToken = tokens.issuePage(PAGE, GAME);
    expect(() => tokens.verifyPage(nextToken, other)).toThrow(invalid('NextToken'));
  });

  it('of datasets holds the last name, and is invalid for another identity', () => {
    const { tokens } = createTokens();
    const nextToken = tokens.issueDatasetsPage('game', GAME);
    expect(tokens.verifyDatasetsPage(nextToken, GAME)).toBe('game');
    const other = { ...GAME, identityId: 'us-east-1:other' };
    expect(() => tokens.verifyDatasetsPage(nextToken, other)).toThrow(invalid('NextToken'));
  });

  it('of identity pools holds the last id, and is invalid if it is altered or belongs to another list', () => {
    const { tokens } = createTokens();
    const nextToken = tokens.issuePoolsPage(POOL);
    expect(tokens.verifyPoolsPage(nextToken)).toBe(POOL);
    for (const other of [
      nextToken.slice(1),
      tokens.issueDatasetsPage(POOL, GAME),
      createTokens({ key: 2 }).tokens.issuePoolsPage(POOL),
    ]) {
      expect(() => tokens.verifyPoolsPage(other)).toThrow(invalid('NextToken'));
    }
    expect(() => tokens.verifyDatasetsPage(nextToken, GAME)).toThrow(invalid('NextToken'));
  });

  it('is not valid as a SyncSessionToken, and a SyncSessionToken is not valid as a NextToken', () => {
    const { tokens } = createTokens();
    const token = tokens.issue(tokens.begin(null), GAME);
    const nextToken = tokens.issuePage(PAGE, GAME);
    expect(() => tokens.verifyPage(token, GAME)).toThrow(invalid('NextToken'));
    expect(() => tokens.verifyDatasetsPage(nextToken, GAME)).toThrow(invalid('NextToken'));
    expect(() => tokens.verify(nextToken, GAME)).toThrow(invalid('SyncSessionToken'));
  });
});
