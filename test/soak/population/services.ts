import {
  type CognitoIdentityClient,
  CreateIdentityPoolCommand,
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
import { createSyncClient, list } from '../../fixtures/wire/sync-client.ts';
import type { BackendLogin } from './app.ts';
import { type PopulationLedger, placeName, type Side } from './ledger.ts';

const DEVELOPER_PROVIDER = 'login.game.example';
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
  logIn(side: Side, identityPoolId: string, user: string): Promise<BackendLogin>;
  merge(side: Side, identityPoolId: string, users: { source: string; destination: string }): Promise<void>;
  read(side: Side, identityPoolId: string): Promise<Snapshot>;
  /** Counts the updates at the target that no device made, by dataset, in the target's stream. */
  bridgeWritesAtTarget(ledger: PopulationLedger): Promise<Map<string, number>>;
  close(): void;
}

export function createServices(urls: Readonly<Record<Side, string>>): Services {
  const open = (url: string) => ({
    sync: createSyncClient(url),
    identity: createCognitoIdentityClient({ region: 'us-east-1', endpoint: url, credentials: DEFAULT_CREDENTIALS }),
  });
  const clients = { origin: open(urls.origin), target: open(urls.target) };
  return {
    async createPool() {
      const { IdentityPoolId } = await clients.origin.identity.send(
        new CreateIdentityPoolCommand({
          IdentityPoolName: 'Game',
          AllowUnauthenticatedIdentities: true,
          DeveloperProviderName: DEVELOPER_PROVIDER,
        }),
      );
      const CognitoStreams = { StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' } as const;
      await clients.origin.sync.send(
        new SetIdentityPoolConfigurationCommand({ IdentityPoolId, CognitoStreams }),
      );
      return String(IdentityPoolId);
    },

    async logIn(side, IdentityPoolId, user) {
      const Logins = { [DEVELOPER_PROVIDER]: user };
      const command = new GetOpenIdTokenForDeveloperIdentityCommand({ IdentityPoolId, Logins });
      const { IdentityId, Token } = await clients[side].identity.send(command);
      return { IdentityId: String(IdentityId), Token: String(Token) };
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
          // Before the takeover, events have the counts of the origin.
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

/** Removes the counts of devices. A deletion and a change in doubt have no known count, so one count each is removed. */
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
