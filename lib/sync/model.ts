import type { Caller } from '../common/caller.ts';
import type {
  BulkPublishOutput,
  DescribeIdentityPoolUsageOutput,
  DescribeIdentityUsageInput,
  DescribeIdentityUsageOutput,
  GetBulkPublishDetailsOutput,
  GetCognitoEventsOutput,
  IdentityPoolConfiguration,
  IdentityPoolInput,
  ListIdentityPoolUsageInput,
  ListIdentityPoolUsageOutput,
  SetCognitoEventsInput,
  SetCognitoEventsOutput,
  SetIdentityPoolConfigurationInput,
} from './pool-model.ts';
import type { PushPlatform } from './ports/push.ts';

/**
 * The input and output types of the Cognito Sync API's operations. Their members have the names of the API model. Dates
 * are epoch milliseconds here, but seconds in requests and responses. An optional member of an input may be absent or
 * undefined. A member of an output that is not set is null, as Amazon's service sends it.
 */

/**
 * An operation of the API.
 * @throws {ServiceError} the API's error response
 */
export type Operation<Input, Output> = (input: Input, caller: Caller) => Promise<Output>;

export interface SyncOperations {
  ListRecords: Operation<ListRecordsInput, ListRecordsOutput>;
  UpdateRecords: Operation<UpdateRecordsInput, UpdateRecordsOutput>;
  ListDatasets: Operation<ListDatasetsInput, ListDatasetsOutput>;
  DescribeDataset: Operation<DescribeDatasetInput, DescribeDatasetOutput>;
  DeleteDataset: Operation<DeleteDatasetInput, DeleteDatasetOutput>;
  BulkPublish: Operation<IdentityPoolInput, BulkPublishOutput>;
  GetBulkPublishDetails: Operation<IdentityPoolInput, GetBulkPublishDetailsOutput>;
  RegisterDevice: Operation<RegisterDeviceInput, RegisterDeviceOutput>;
  SubscribeToDataset: Operation<SubscriptionInput, SubscriptionOutput>;
  UnsubscribeFromDataset: Operation<SubscriptionInput, SubscriptionOutput>;
  DescribeIdentityPoolUsage: Operation<IdentityPoolInput, DescribeIdentityPoolUsageOutput>;
  DescribeIdentityUsage: Operation<DescribeIdentityUsageInput, DescribeIdentityUsageOutput>;
  ListIdentityPoolUsage: Operation<ListIdentityPoolUsageInput, ListIdentityPoolUsageOutput>;
  GetCognitoEvents: Operation<IdentityPoolInput, GetCognitoEventsOutput>;
  SetCognitoEvents: Operation<SetCognitoEventsInput, SetCognitoEventsOutput>;
  GetIdentityPoolConfiguration: Operation<IdentityPoolInput, IdentityPoolConfiguration>;
  SetIdentityPoolConfiguration: Operation<SetIdentityPoolConfigurationInput, IdentityPoolConfiguration>;
}

export interface Dataset {
  IdentityId: string;
  DatasetName: string;
  CreationDate: number;
  LastModifiedDate: number;
  LastModifiedBy: string | null;
  /** UTF-8 bytes of the keys and values of the dataset's live records. */
  DataStorage: number;
  /** Number of live records; tombstones do not count. */
  NumRecords: number;
}

/** A record. If its Value is null, it is the tombstone of a removed record. */
export interface SyncRecord {
  Key: string;
  Value: string | null;
  SyncCount: number;
  LastModifiedDate: number;
  LastModifiedBy: string | null;
  DeviceLastModifiedDate: number | null;
}

export interface RecordPatch {
  Op: 'replace' | 'remove';
  Key: string;
  /** The count of the record or of the dataset that the device last received; 0 if the device has received neither. */
  SyncCount: number;
  Value?: string | undefined;
  DeviceLastModifiedDate?: number | undefined;
}

interface DatasetInput {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

export interface ListRecordsInput extends DatasetInput {
  LastSyncCount?: number | undefined;
  NextToken?: string | undefined;
  MaxResults?: number | undefined;
  SyncSessionToken?: string | undefined;
}

export interface ListRecordsOutput {
  Records: SyncRecord[];
  NextToken: string | null;
  Count: number;
  DatasetSyncCount: number;
  LastModifiedBy: string | null;
  MergedDatasetNames: string[] | null;
  DatasetExists: boolean;
  DatasetDeletedAfterRequestedSyncCount: boolean;
  SyncSessionToken: string;
  /**
   * The remaining records of the page, which follow `Records`. `rest` is not a member of the API. It is present if a
   * listing without MaxResults has more records than one read returns. `Count` does not include the remaining records.
   */
  rest?: AsyncIterable<SyncRecord[]>;
}

export interface UpdateRecordsInput extends DatasetInput {
  SyncSessionToken: string;
  DeviceId?: string | undefined;
  RecordPatches?: RecordPatch[] | undefined;
  ClientContext?: string | undefined;
}

export interface UpdateRecordsOutput {
  Records: SyncRecord[];
}

export interface ListDatasetsInput {
  IdentityPoolId: string;
  IdentityId: string;
  NextToken?: string | undefined;
  MaxResults?: number | undefined;
}

export interface ListDatasetsOutput {
  Datasets: Dataset[];
  Count: number;
  NextToken: string | null;
}

export type DescribeDatasetInput = DatasetInput;

export interface DescribeDatasetOutput {
  Dataset: Dataset;
}

export type DeleteDatasetInput = DatasetInput;

export interface DeleteDatasetOutput {
  Dataset: Dataset;
}

export interface RegisterDeviceInput {
  IdentityPoolId: string;
  IdentityId: string;
  Platform: PushPlatform;
  Token: string;
}

export interface RegisterDeviceOutput {
  DeviceId: string;
}

export interface SubscriptionInput extends DatasetInput {
  DeviceId: string;
}

/** The output of SubscribeToDataset and UnsubscribeFromDataset: an empty object. */
export type SubscriptionOutput = Record<string, never>;
