import { expect } from 'vitest';
import type { Caller } from '../../lib/common/caller.ts';
import type { Database } from '../../lib/database/database.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { createSyncStore } from '../../lib/sync/store/sync-store.ts';
import { NEW_YEAR } from '../fixtures/sync/stream-events.ts';
import { createSyncService, DEVELOPER } from '../fixtures/sync/sync-service.ts';
import { createInvariants, recordsOf } from './invariants.ts';
import { modelPools } from './model-pools.ts';
import { modelRecords } from './model-records.ts';
import {
  createModelState,
  type ModelCall,
  type ModelDataset,
  type ModelName,
  type ModelProcess,
  type ModelState,
  nameOf,
} from './model-state.ts';
import { createTokens, type Outcome, settle } from './outcome.ts';
import { createServiceMerges, type ServiceMerges } from './service-merges.ts';
import { createServiceStream, type ServiceStream } from './service-stream.ts';
import { LIMITS, NO_STREAM, prepareRows, QUIET_POOL, STREAM, STREAMING_POOL } from './setup.ts';
import { createSyncTrigger } from './sync-trigger.ts';

type Inputs = { [Name in ModelName]: Parameters<SyncOperations[Name]>[0] };
type Outputs = { [Name in ModelName]: Awaited<ReturnType<SyncOperations[Name]>> };
type Operations = { [Name in ModelName]: (input: Inputs[Name], caller: Caller) => Promise<Outputs[Name]> };
type Model = { [Name in ModelName]: (input: Inputs[Name], call: ModelCall) => Outputs[Name] };

interface Process extends ModelProcess {
  operations: SyncOperations;
  clock: { now: number };
  merges: ServiceMerges;
}

/** The caller and the called process. By default, a developer calls process 0. */
interface By {
  process?: number;
  caller?: Caller;
}

/** One run of commands against both the service and its model. */
export interface Run {
  state: ModelState;
  stream: ServiceStream;
  /** The handles of all tokens, in the order in which they were returned. */
  handles: () => string[];
  process: (index: number) => Process;
  /** The latest time of any process so far. */
  latest: () => number;
  setClock: (index: number, now: number) => void;
  /** Restarts a process. */
  restart: (index: number, limits: Limits | undefined) => void;
  /** Calls service and model, and fails unless their outcomes are equal. Tokens are compared as the model's handles. */
  call: <Name extends ModelName>(name: Name, input: Inputs[Name], by?: By) => Promise<Outcome<Outputs[Name]>>;
  /** Tells the checks of invariants that each of these datasets changed once without a call. */
  seeChanges: (datasets: readonly ModelDataset[]) => void;
  /** The calls and their outcomes, one per line. */
  log: string[];
}

/**
 * Maximum difference between the clocks of the two processes. The service assumes that the clocks of two hosts differ
 * by less than an hour (CLOCK_SKEW_MS in lib/sync/jobs/finish-merges.ts).
 */
const MAX_SKEW_MS = 50 * 60 * 1000;

/** Clears the database, and creates the model and two processes of the service on the database. */
export async function createRun(database: Database): Promise<Run> {
  await prepareRows(database);
  const streaming = {
    StreamName: STREAM,
    StreamingStatus: 'ENABLED',
    RoleArn: null,
    DisabledReason: null,
  } as const;
  const state = createModelState({ [STREAMING_POOL]: { CognitoStreams: streaming }, [QUIET_POOL]: {} });
  const model: Model = { ...modelRecords(state), ...modelPools(state) };
  const trigger = createSyncTrigger();
  const tokens = createTokens();
  const invariants = createInvariants();
  const log: string[] = [];
  let latest = NEW_YEAR;

  function createProcess(limits: Limits | undefined): Process {
    if (!limits) throw new Error('there are no limits for this process');
    const streamExists = async (streamName: string) => streamName !== NO_STREAM;
    const store = createSyncStore(database);
    const more = { store, invokeFunction: trigger.invoke, streamExists };
    const { operations, clock } = createSyncService(database, limits, undefined, more);
    return {
      operations,
      clock,
      limits,
      merges: createServiceMerges(database, { clock, limits, store }),
      get now() {
        return clock.now;
      },
    };
  }

  const processes = [0, 1].map(() => createProcess(LIMITS[0]));

  function process(index: number): Process {
    const found = processes[index];
    if (!found) throw new Error(`there is no process ${index}`);
    return found;
  }

  return {
    state,
    stream: createServiceStream(database),
    handles: tokens.handles,
    process,
    log,

    latest: () => latest,

    setClock(index, now) {
      process(index).clock.now = now;
      latest = Math.max(latest, now);
      for (const { clock } of processes) clock.now = Math.max(clock.now, latest - MAX_SKEW_MS);
    },

    restart(index, limits) {
      const { now } = process(index);
      processes[index] = createProcess(limits);
      process(index).clock.now = now;
    },

    seeChanges(datasets) {
      for (const { pool, identity, name, count } of datasets) {
        invariants.change(nameOf(pool, identity, name));
        log.push(`${nameOf(pool, identity, name)} was merged and now has count ${count}`);
      }
    },

    async call(name, input, { process: index = 0, caller = DEVELOPER } = {}) {
      const other = process(1 - index);
      const operations: Operations = process(index).operations;
      trigger.reset(other.operations);
      state.invocations = [];
      const real = await settle(() => operations[name](tokens.toService(input), caller));
      const listed = 'output' in real ? recordsOf(real.output).map(({ Key }) => Key) : [];
      const expected = await settle(() =>
        model[name](input, { caller, process: process(index), other, listed }),
      );
      const found = tokens.toModel(real, expected);
      log.push(`${index} ${describeCaller(caller)}: ${name} ${JSON.stringify(input)} -> ${describe(found)}`);
      expect(found, 'the outcome of the service, compared with the model').toEqual(expected);
      expect(trigger.invocations(), 'the events sent to the sync trigger').toEqual(state.invocations);
      const concurrentChanges = trigger.concurrentChanges();
      invariants.check({ name, input, output: 'output' in found ? found.output : {}, concurrentChanges });
      return found;
    },
  };
}

function describeCaller(caller: Caller): string {
  return caller.kind === 'developer' ? 'developer' : `identity ${caller.identityId.slice(-1)}`;
}

function describe(outcome: Outcome<object>): string {
  return 'output' in outcome ? JSON.stringify(outcome.output) : `${outcome.rejected} ${outcome.message}`;
}
