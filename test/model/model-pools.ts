import {
  bytesOf,
  checkCaller,
  checkPageSize,
  findPool,
  live,
  type ModelCall,
  type ModelOperations,
  type ModelState,
  newPage,
  noSuchToken,
  type PoolName,
  reject,
} from './model-state.ts';
import { NO_STREAM } from './setup.ts';
import { FUNCTION_ARNS } from './trigger-rules.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Creates the operations on identity pools and their usage. */
export function modelPools(state: ModelState): ModelOperations<PoolName> {
  function poolOf(id: string, { caller }: ModelCall) {
    checkCaller(caller, id, null);
    return findPool(state, id);
  }

  function usageOf(pool: string, identity: string | null = null) {
    const all = [...state.datasets.values()]
      .filter((one) => one.count > 0 && one.pool === pool)
      .filter((one) => identity === null || one.identity === identity);
    const existing = all.filter((one) => one.exists);
    return {
      datasets: existing.length,
      bytes: bytesOf(existing.flatMap(live)),
      modified: all.length === 0 ? null : Math.max(...all.map(({ modified }) => modified)),
    };
  }

  function poolUsage(IdentityPoolId: string) {
    const { bytes, modified } = usageOf(IdentityPoolId);
    return { IdentityPoolId, SyncSessionsCount: null, DataStorage: bytes, LastModifiedDate: modified };
  }

  function configurationOf(IdentityPoolId: string) {
    const { PushSync, CognitoStreams } = findPool(state, IdentityPoolId);
    return { IdentityPoolId, PushSync, CognitoStreams };
  }

  return {
    DescribeIdentityPoolUsage({ IdentityPoolId }, call) {
      poolOf(IdentityPoolId, call);
      return { IdentityPoolUsage: poolUsage(IdentityPoolId) };
    },

    DescribeIdentityUsage({ IdentityPoolId, IdentityId }, { caller }) {
      checkCaller(caller, IdentityPoolId, IdentityId);
      findPool(state, IdentityPoolId);
      const { datasets, bytes, modified } = usageOf(IdentityPoolId, IdentityId);
      const usage = { LastModifiedDate: modified, DatasetCount: datasets, DataStorage: bytes };
      return { IdentityUsage: { IdentityPoolId, IdentityId, ...usage } };
    },

    ListIdentityPoolUsage({ NextToken, MaxResults }, { caller }) {
      checkCaller(caller, '', null);
      const size = checkPageSize(MaxResults);
      const page = NextToken === undefined ? { kind: 'pools', after: '' } : state.pages.get(NextToken);
      if (page?.kind !== 'pools') return noSuchToken('NextToken');
      const found = [...state.pools.keys()].sort().filter((id) => id > page.after);
      const shown = found.slice(0, size);
      const after = shown.at(-1) ?? '';
      return {
        IdentityPoolUsages: shown.map(poolUsage),
        MaxResults: MaxResults ?? null,
        Count: shown.length,
        NextToken: newPage(state, found.length > shown.length ? { kind: 'pools', after } : null),
      };
    },

    GetCognitoEvents({ IdentityPoolId }, call) {
      const { syncTrigger } = poolOf(IdentityPoolId, call);
      return { Events: syncTrigger === null ? {} : { SyncTrigger: syncTrigger } };
    },

    SetCognitoEvents({ IdentityPoolId, Events: { SyncTrigger, ...others } }, call) {
      checkCaller(call.caller, IdentityPoolId, null);
      const isValid = [undefined, '', ...FUNCTION_ARNS].includes(SyncTrigger);
      if (Object.keys(others).length > 0 || !isValid) reject('InvalidParameterException');
      const pool = findPool(state, IdentityPoolId);
      if (SyncTrigger !== undefined) pool.syncTrigger = SyncTrigger || null;
      return {};
    },

    GetIdentityPoolConfiguration({ IdentityPoolId }, call) {
      poolOf(IdentityPoolId, call);
      return configurationOf(IdentityPoolId);
    },

    SetIdentityPoolConfiguration({ IdentityPoolId, PushSync, CognitoStreams }, call) {
      const pool = poolOf(IdentityPoolId, call);
      if (CognitoStreams && Object.keys(CognitoStreams).length > 0) {
        const before = pool.CognitoStreams;
        const streams = {
          StreamName: CognitoStreams.StreamName ?? before?.StreamName ?? null,
          RoleArn: CognitoStreams.RoleArn ?? before?.RoleArn ?? null,
          StreamingStatus: CognitoStreams.StreamingStatus ?? before?.StreamingStatus ?? 'DISABLED',
          DisabledReason: CognitoStreams.StreamingStatus ? null : (before?.DisabledReason ?? null),
        };
        const enabled = streams.StreamingStatus === 'ENABLED';
        if (enabled && (streams.StreamName ?? NO_STREAM) === NO_STREAM) reject('InvalidParameterException');
        const isSame =
          before?.StreamName === streams.StreamName && before?.StreamingStatus === streams.StreamingStatus;
        const bulk = pool.bulkPublish;
        if (!isSame && bulk?.status === 'IN_PROGRESS') bulk.status = 'FAILED';
        pool.CognitoStreams = streams;
        if (!enabled) pool.streamIsComplete = false;
      }
      if (PushSync && Object.keys(PushSync).length > 0) {
        const before = pool.PushSync;
        pool.PushSync = {
          ApplicationArns: PushSync.ApplicationArns ?? before?.ApplicationArns ?? [],
          RoleArn: PushSync.RoleArn ?? before?.RoleArn ?? null,
        };
      }
      return configurationOf(IdentityPoolId);
    },

    BulkPublish({ IdentityPoolId }, call) {
      const pool = poolOf(IdentityPoolId, call);
      const { now } = call.process;
      const last = pool.bulkPublish;
      if (pool.CognitoStreams?.StreamingStatus !== 'ENABLED') reject('InvalidParameterException');
      if (last?.status === 'IN_PROGRESS') reject('DuplicateRequestException');
      const sinceMs = now - (last?.endedAt ?? 0);
      if (last?.status === 'SUCCEEDED' && sinceMs >= 0 && sinceMs < DAY_MS)
        reject('AlreadyStreamedException');
      const startedAt = Math.max(now, (last?.startedAt ?? 0) + 1);
      const started = { startedAt, endedAt: 0, cursor: '', allInOutbox: false };
      pool.bulkPublish = { status: 'IN_PROGRESS', ...started };
      return { IdentityPoolId };
    },

    GetBulkPublishDetails({ IdentityPoolId }, call) {
      const last = poolOf(IdentityPoolId, call).bulkPublish;
      return {
        IdentityPoolId,
        BulkPublishStartTime: last?.startedAt ?? null,
        BulkPublishCompleteTime: last?.status === 'SUCCEEDED' ? last.endedAt : null,
        BulkPublishStatus: last?.status ?? 'NOT_STARTED',
        // The message is for people, so it is not compared.
        FailureMessage: last?.status === 'FAILED' ? ANY_TEXT : null,
      };
    },
  };
}

/** A text in the output of the model that is not compared. */
export const ANY_TEXT = '(any text)';
