import * as api from '@aws-sdk/client-cognito-sync';
import { type Member, readStructure, type Structure } from './shape.ts';

export interface ApiOperation {
  name: string;
  method: string;
  /** The path between its slashes: words, and the names of the input's members that stand there. */
  path: readonly PathPart[];
  input: Structure;
  output: Structure;
}

export type PathPart = { word: string } | { label: string };

type OperationSchema = typeof api.UpdateRecords$;

/** By name each, because a bundler then leaves out the rest of the client. */
const SCHEMAS: readonly OperationSchema[] = [
  api.BulkPublish$,
  api.DeleteDataset$,
  api.DescribeDataset$,
  api.DescribeIdentityPoolUsage$,
  api.DescribeIdentityUsage$,
  api.GetBulkPublishDetails$,
  api.GetCognitoEvents$,
  api.GetIdentityPoolConfiguration$,
  api.ListDatasets$,
  api.ListIdentityPoolUsage$,
  api.ListRecords$,
  api.RegisterDevice$,
  api.SetCognitoEvents$,
  api.SetIdentityPoolConfiguration$,
  api.SubscribeToDataset$,
  api.UnsubscribeFromDataset$,
  api.UpdateRecords$,
];

/**
 * In the API reference (API_CognitoStreams), not in the model that the SDKs are made of: what structures of outputs
 * have besides, by the name of the member they stand in. Clients that do not know it pass over it.
 */
const NOT_IN_THE_MODEL: ReadonlyMap<string, readonly Member[]> = new Map([
  [
    'CognitoStreams',
    [{ name: 'DisabledReason', shape: { kind: 'string' }, required: false, binding: { in: 'body' } }],
  ],
]);

/** All operations of the Cognito Sync API of 2014-06-30, as the SDK's schemas describe them. */
export const API_OPERATIONS: readonly ApiOperation[] = SCHEMAS.map(readOperation);

function readOperation([, , name, traits, input, output]: OperationSchema): ApiOperation {
  const http = typeof traits === 'object' ? traits.http : undefined;
  if (!http) throw new Error(`the API model has no route for ${name}`);
  const [method, path] = http;
  return {
    name,
    method,
    path: path.split('/').slice(1).map(readPathPart),
    input: readStructure(input),
    output: withMore(readStructure(output)),
  };
}

function withMore({ members }: Structure): Structure {
  return {
    kind: 'structure',
    members: members.map((member) => {
      const more = NOT_IN_THE_MODEL.get(member.name);
      if (!more || member.shape.kind !== 'structure') return member;
      return { ...member, shape: { kind: 'structure', members: [...member.shape.members, ...more] } };
    }),
  };
}

function readPathPart(part: string): PathPart {
  const label = /^\{(\w+)\}$/.exec(part)?.[1];
  return label === undefined ? { word: part } : { label };
}
