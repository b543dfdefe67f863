import { Agent } from 'node:http';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  CognitoSyncClient,
  ListRecordsCommand,
  type ListRecordsCommandOutput,
  type RecordPatch,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';

export interface GuestSettings {
  url: string;
  poolId: string;
  /** The address that the guest connects from, for example `127.0.0.2`. Rate limits apply to it. */
  address: string;
}

export interface Guest {
  /** The members that name a dataset of the guest. */
  dataset(name: string): { IdentityPoolId: string; IdentityId: string; DatasetName: string };
  sync: CognitoSyncClient;
  identities: CognitoIdentityClient;
  agent: Agent;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
  /** Lists a dataset, as an app does before each update. */
  list(name: string): Promise<ListRecordsCommandOutput>;
  update(name: string, token: string | undefined, patches: RecordPatch[]): Promise<unknown>;
}

/** Registers a guest as an app does, with GetId and GetCredentialsForIdentity. */
export async function createGuest({ url, poolId, address }: GuestSettings): Promise<Guest> {
  const agent = new Agent({ keepAlive: true, localAddress: address });
  const options = {
    region: 'us-east-1',
    endpoint: url,

    requestHandler: { httpAgent: agent },
  };
  const identities = new CognitoIdentityClient({
    ...options,
    credentials: { accessKeyId: '', secretAccessKey: '' },
  });
  const { IdentityId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId: poolId }));
  const { Credentials } = await identities.send(new GetCredentialsForIdentityCommand({ IdentityId }));
  const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken };
  const sync = new CognitoSyncClient({ ...options, credentials });
  const dataset = (name: string) => ({ IdentityPoolId: poolId, IdentityId, DatasetName: name });
  return {
    dataset,
    sync,
    identities,
    agent,
    credentials,
    list: (name) => sync.send(new ListRecordsCommand(dataset(name))),
    update: (name, SyncSessionToken, RecordPatches) =>
      sync.send(new UpdateRecordsCommand({ ...dataset(name), SyncSessionToken, RecordPatches })),
  };
}
