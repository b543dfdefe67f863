/**
 * The shapes of the API's operations on identity pools and their usage. As in `model.ts`, an optional member of an
 * input may be absent or undefined. A member of an output that is not set is null.
 */

export interface IdentityPoolInput {
  IdentityPoolId: string;
}

export interface IdentityPoolUsage {
  IdentityPoolId: string;
  SyncSessionsCount: number | null;
  DataStorage: number;
  LastModifiedDate: number | null;
}

export interface DescribeIdentityPoolUsageOutput {
  IdentityPoolUsage: IdentityPoolUsage;
}

export interface ListIdentityPoolUsageInput {
  NextToken?: string | undefined;
  MaxResults?: number | undefined;
}

export interface ListIdentityPoolUsageOutput {
  IdentityPoolUsages: IdentityPoolUsage[];
  MaxResults: number | null;
  Count: number;
  NextToken: string | null;
}

export interface DescribeIdentityUsageInput extends IdentityPoolInput {
  IdentityId: string;
}

export interface DescribeIdentityUsageOutput {
  IdentityUsage: {
    IdentityId: string;
    IdentityPoolId: string;
    LastModifiedDate: number | null;
    DatasetCount: number;
    DataStorage: number;
  };
}

/** Function ARNs by event name. */
export type CognitoEvents = Record<string, string>;

export interface GetCognitoEventsOutput {
  Events: CognitoEvents;
}

export interface SetCognitoEventsInput extends IdentityPoolInput {
  Events: CognitoEvents;
}

/** An empty object. */
export type SetCognitoEventsOutput = Record<string, never>;

export interface PushSyncInput {
  ApplicationArns?: string[] | undefined;
  RoleArn?: string | undefined;
}

export interface CognitoStreamsInput {
  StreamName?: string | undefined;
  RoleArn?: string | undefined;
  StreamingStatus?: 'ENABLED' | 'DISABLED' | undefined;
}

export interface SetIdentityPoolConfigurationInput extends IdentityPoolInput {
  PushSync?: PushSyncInput | undefined;
  CognitoStreams?: CognitoStreamsInput | undefined;
}

/** The output of GetIdentityPoolConfiguration and SetIdentityPoolConfiguration. */
export interface IdentityPoolConfiguration {
  IdentityPoolId: string;
  PushSync: { ApplicationArns: string[]; RoleArn: string | null } | null;
  CognitoStreams: {
    StreamName: string | null;
    RoleArn: string | null;
    StreamingStatus: 'ENABLED' | 'DISABLED';
    /** Why the service itself disabled streaming. */
    DisabledReason: string | null;
  } | null;
}

export interface BulkPublishOutput {
  IdentityPoolId: string;
}

export interface GetBulkPublishDetailsOutput {
  IdentityPoolId: string;
  BulkPublishStartTime: number | null;
  BulkPublishCompleteTime: number | null;
  BulkPublishStatus: 'NOT_STARTED' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  FailureMessage: string | null;
}
