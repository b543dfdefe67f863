import {
  type CognitoIdentityClient,
  CreateIdentityPoolCommand,
  GetIdCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  ListIdentitiesCommand,
  MergeDeveloperIdentitiesCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  type CognitoSyncClient,
  ListDatasetsCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { createCognitoIdentityClient } from '../../../lib/aws/identity-deletion.ts';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import { COUNT_JUMP } from '../../../lib/move/take-over.ts';
import { localKinesis } from '../../fixtures/aws/kinesis.ts';
import { readEvents } from '../../fixtures/aws/read-stream.ts';
import { CLIENT_ID, type OidcServer } from '../../fixtures/identity/oidc-server.ts';
import { createSyncClient, list } from '../../fixtures/wire/sync-client.ts';
import { type Login, OWN } from './app.ts';
import { type PopulationLedger, placeName, type Side } from './ledger.ts';
import type { UserPlan } from './plan.ts';

const DEVELOPER_PROVIDER = 'login.game.example';
export const USER_POOL = 'cognito-idp.us-east-1.amazonaws.com/us-east-1_game';
/** A user's token is used again for this long. */
const TOKEN_MS = 300_000;
const CONCURRENT_READS = 8;

/** The contents of a side: live records and the sync count, by dataset. */
export interface Snapshot {
  identities: ReadonlySet<string>;
  records: Map<string, [key: string, value: string][]>;
  syncCounts: Map<string, number>;
}

/** Both services, as the app's backend and its operator use them. */
export interface Services {
  createPool(): Promise<string>;
  /** Gets a token from the login provider, or, through the app's own backend, from the service `side`. */
  logIn(side: Side, identityPoolId: string, user: Pick<UserPlan, 'name' | 'kind'>): Promise<Login>;
  /** Returns the identity to which a login leads. */
  identityOf(side: Side, identityPoolId: string, user: Pick<UserPlan, 'name' | 'kind'>): Promise<string>;
  merge(side: Side, identityPoolId: string, users: { source: string; destination: string }): Promise<void>;
  read(side: Side, identityPoolId: string): Promise<Snapshot>;
  /** Counts the updates at the target that no device made, by dataset, in the target's stream. */
  bridgeWritesAtTarget(ledger: PopulationLedger): Promise<Map<string, number>>;
  close(): void;
}

export function createServices(urls: Readonly<Record<Side, string>>, userPool: OidcServer): Services {
  const open = (url: string) => ({
    sync: createSyncClient(url),
    identity: createCognitoIdentityClient({
      region: 'us-east-1',
      endpoint: url,
      credentials: DEFAULT_CREDENTIALS,
    }),
  });
  const clients = { origin: open(urls.origin), target: open(urls.target) };
  const tokens = new Map<string, { token: string; until: number }>();

  async function tokenOf(user: string): Promise<string> {
    const known = tokens.get(user);
    if (known && known.until > Date.now()) return known.token;
    const token = await userPool.logIn(user);
    tokens.set(user, { token, until: Date.now() + TOKEN_MS });
    return token;
  }

  const logIn: Services['logIn'] = async (side, IdentityPoolId, { name, kind }) => {
    if (kind === 'login') return { identityId: null, logins: { [USER_POOL]: await tokenOf(name) } };
    const Logins = { [DEVELOPER_PROVIDER]: name };
    const command = new GetOpenIdTokenForDeveloperIdentityCommand({ IdentityPoolId, Logins });
    const { IdentityId, Token } = await clients[side].identity.send(command);
    return { identityId: String(IdentityId), logins: { [OWN]: String(Token) } };
  };

  return {
    logIn,
    async createPool() {
      const { IdentityPoolId } = await clients.origin.identity.send(
        new CreateIdentityPoolCommand({
          IdentityPoolName: 'Game',
          AllowUnauthenticatedIdentities: true,
          DeveloperProviderName: DEVELOPER_PROVIDER,
          CognitoIdentityProviders: [{ ProviderName: USER_POOL, ClientId: CLIENT_ID }],
        }),
      );
      const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' } as const;
      await clients.origin.sync.send(
        new SetIdentityPoolConfigurationCommand({ IdentityPoolId, CognitoStreams }),
      );
      return String(IdentityPoolId);
    },

    async identityOf(side, IdentityPoolId, user) {
      const { identityId, logins: Logins } = await logIn(side, IdentityPoolId, user);
      if (identityId !== null) return identityId;
      const command = new GetIdCommand({ IdentityPoolId, Logins });
      return String((await clients[side].identity.send(command)).IdentityId);
    },

    async merge(side, IdentityPoolId, { source, destination }) {
      await clients[side].identity.send(
        new MergeDeveloperIdentitiesCommand({
          IdentityPoolId,
          DeveloperProviderName: DEVELOPER_PROVIDER,
          SourceUserIdentifier: source,
          DestinationUserIdentifier: destination,
        }),
      );
    },

    async read(side, identityPoolId) {
      const { sync, identity } = clients[side];
      const identities = new Set(await listIdentities(identity, identityPoolId));
      const snapshot: Snapshot = { identities, records: new Map(), syncCounts: new Map() };
      const remaining = identities.values();
      const readNext = async () => {
        for (const identityId of remaining) await readIdentity(sync, identityPoolId, identityId, snapshot);
      };
      await Promise.all(Array.from({ length: CONCURRENT_READS }, readNext));
      return snapshot;
    },

    async bridgeWritesAtTarget(ledger) {
      const kinesis = localKinesis(urls.target);
      try {
        const counts = new Map<string, Set<number>>();
        for (const { event } of await readEvents(kinesis, 'cognito-sync')) {
          const { identityId, datasetName, syncCount } = event;
          // Before the takeover, events have the sync counts of the origin. The takeover raises the sync count.
          if (typeof syncCount !== 'number' || syncCount < COUNT_JUMP / 2) continue;
          const place = placeName({ identityId: String(identityId), datasetName: String(datasetName) });
          counts.set(place, (counts.get(place) ?? new Set()).add(syncCount));
        }
        return withoutDevices(counts, ledger);
      } finally {
        kinesis.destroy();
      }
    },

    close() {
      for (const { sync, identity } of Object.values(clients)) {
        sync.destroy();
        identity.destroy();
      }
    },
  };
}

async function listIdentities(client: CognitoIdentityClient, IdentityPoolId: string): Promise<string[]> {
  const ids: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(
      new ListIdentitiesCommand({ IdentityPoolId, MaxResults: 60, HideDisabled: false, NextToken }),
    );
    ids.push(...(page.Identities ?? []).map(({ IdentityId }) => String(IdentityId)));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return ids;
}

async function readIdentity(
  client: CognitoSyncClient,
  IdentityPoolId: string,
  IdentityId: string,
  { records, syncCounts }: Snapshot,
): Promise<void> {
  const { Datasets = [] } = await client.send(
    new ListDatasetsCommand({ IdentityPoolId, IdentityId, MaxResults: 60 }),
  );
  for (const { DatasetName: datasetName = '' } of Datasets) {
    const listed = await list(client, { IdentityPoolId, IdentityId }, datasetName);
    const place = placeName({ identityId: IdentityId, datasetName });
    const live = (listed.Records ?? []).flatMap(({ Key = '', Value }): [string, string][] =>
      Value === undefined || Value === null ? [] : [[Key, Value]],
    );
    records.set(place, live);
    syncCounts.set(place, listed.DatasetSyncCount ?? 0);
  }
}

/**
 * Removes the sync counts that belong to changes of devices. For a deletion or a change in doubt, the sync count is
 * unknown, so any one sync count is removed.
 */
function withoutDevices(
  counts: ReadonlyMap<string, ReadonlySet<number>>,
  { changes, deletions }: PopulationLedger,
): Map<string, number> {
  const writes = new Map<string, number>();
  for (const [place, all] of counts) {
    const isHere = (of: { side: Side; identityId: string; datasetName: string }) =>
      of.side === 'target' && placeName(of) === place;
    const here = changes.filter(isHere);
    const own = new Set(here.flatMap(({ syncCount }) => syncCount ?? []));
    const inDoubt = new Set(here.flatMap(({ syncCount, sentAt }) => (syncCount === null ? [sentAt] : [])));
    const unknown = inDoubt.size + deletions.filter(isHere).length;
    writes.set(place, Math.max(0, all.difference(own).size - unknown));
  }
  return writes;
}
