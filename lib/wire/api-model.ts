import {
  BulkPublish$,
  DeleteDataset$,
  DescribeDataset$,
  DescribeIdentityPoolUsage$,
  DescribeIdentityUsage$,
  GetBulkPublishDetails$,
  GetCognitoEvents$,
  GetIdentityPoolConfiguration$,
  ListDatasets$,
  ListIdentityPoolUsage$,
  ListRecords$,
  RegisterDevice$,
  SetCognitoEvents$,
  SetIdentityPoolConfiguration$,
  SubscribeToDataset$,
  UnsubscribeFromDataset$,
  UpdateRecords$,
} from '@aws-sdk/client-cognito-sync';
import { type Member, readStructure, type Structure } from './shape.ts';

export interface ApiOperation {
  name: string;
  method: string;
  /** The parts of the path between slashes: fixed words, and labels, which are names of input members. */
  path: readonly PathPart[];
  input: Structure;
  output: Structure;
}

export type PathPart = { word: string } | { label: string };

type OperationSchema = typeof UpdateRecords$;

/** The schemas are imported individually, so that a bundler can drop the rest of the client. */
const SCHEMAS: readonly OperationSchema[] = [
  BulkPublish$,
  DeleteDataset$,
  DescribeDataset$,
  DescribeIdentityPoolUsage$,
  DescribeIdentityUsage$,
  GetBulkPublishDetails$,
  GetCognitoEvents$,
  GetIdentityPoolConfiguration$,
  ListDatasets$,
  ListIdentityPoolUsage$,
  ListRecords$,
  RegisterDevice$,
  SetCognitoEvents$,
  SetIdentityPoolConfiguration$,
  SubscribeToDataset$,
  UnsubscribeFromDataset$,
  UpdateRecords$,
];

/**
 * Output members that are in the API reference (API_CognitoStreams), but not in the model from which the SDKs are
 * generated. The key is the name of the member whose structure contains these members. Clients that do not know these
 * members ignore them.
 */
const NOT_IN_THE_MODEL: ReadonlyMap<string, readonly Member[]> = new Map([
  [
    'CognitoStreams',
    [{ name: 'DisabledReason', shape: { kind: 'string' }, required: false, binding: { in: 'body' } }],
  ],
]);

/** All operations of the Cognito Sync API, version 2014-06-30, read from the SDK's schemas. */
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
    output: addUnmodeledMembers(readStructure(output)),
  };
}

function addUnmodeledMembers({ members }: Structure): Structure {
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
