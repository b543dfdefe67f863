import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { datasetOf } from '../activity-words.ts';
import { liveRows } from '../connection.ts';
import { formatTime } from '../format.ts';
import { datasetsOf, firstOf, type LiveRow, requestOf } from '../live-rows.ts';
import { decisionsOf, isWaiting } from '../live-steps.ts';
import type { ShownActivity } from '../model.ts';
import { LiveActivity } from '../parts/live-activity.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { Empty } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Id } from '../parts/value.tsx';
import { linkTo, route } from '../router.ts';

/** What the user can choose to see. */
const CHOICES: readonly (readonly [name: string, isShown: (row: LiveRow) => boolean])[] = [
  ['Everything', () => true],
  ['Syncs', (row) => requestOf(row) !== undefined],
  ['Syncs that rules changed or rejected', (row) => decisionsOf(row).length > 0],
  ['Syncs with an error', (row) => Boolean(firstOf(row, 'sync')?.details.error)],
  ['Other batches and push messages', (row) => requestOf(row) === undefined],
];
/** Interval at which the page checks whether a projection is late. */
const CHECK_MS = 1_000;

export function Live() {
  const { params } = route.value;
  const [choice, setChoice] = useState(0);
  const [pool, setPool] = useState(params.get('pool') ?? '');
  const [identity, setIdentity] = useState(params.get('identity') ?? '');
  const paused = useSignal<readonly LiveRow[] | null>(null);
  const rows = paused.value ?? liveRows.value;
  const now = useNow(paused.value === null ? rows : []);
  const isChosen = CHOICES[choice]?.[1] ?? (() => true);
  const shown = rows.filter((row) => isChosen(row) && matches(row, { pool, identity }));
  return (
    <>
      <div class="controls">
        <label>
          Show
          <select value={choice} onChange={({ currentTarget }) => setChoice(Number(currentTarget.value))}>
            {CHOICES.map(([name], index) => (
              <option key={name} value={index}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="grow">
          Identity pool{' '}
          <input
            value={pool}
            placeholder="any"
            spellcheck={false}
            onInput={({ currentTarget }) => setPool(currentTarget.value.trim())}
          />
        </label>
        <label class="grow">
          Identity{' '}
          <input
            value={identity}
            placeholder="any"
            spellcheck={false}
            onInput={({ currentTarget }) => setIdentity(currentTarget.value.trim())}
          />
        </label>
        <button
          type="button"
          aria-pressed={paused.value !== null}
          onClick={() => {
            paused.value = paused.value === null ? liveRows.value : null;
          }}
        >
          {paused.value === null ? 'Pause' : 'Continue'}
        </button>
      </div>
      {rows.length === 0 ? <Waiting /> : shown.length === 0 && <Empty>Nothing matches the filters.</Empty>}
      {shown.length > 0 && (
        <Table
          label="Activity, newest first"
          rows={shown}
          keyOf={({ number }) => number}
          columns={[
            { head: 'Time', kind: 'narrow', cell: ({ at }) => formatTime(at) },
            { head: 'Activity', kind: 'wide', cell: (row) => <LiveActivity row={row} now={now} /> },
            {
              head: 'Identity',
              kind: 'narrow',
              cell: (row) => <IdentityLink {...datasetOf(aboutOf(row))} />,
            },
          ]}
        />
      )}
      <Snippets
        of={[
          { title: 'Command line', code: 'npx cognito-sync-backend tail' },
          { title: 'curl', code: `curl -sN ${location.origin}/query/activity` },
          curl('/query/changes'),
        ]}
      />
    </>
  );
}

function Waiting() {
  return (
    <Empty>
      <p>
        <strong>Waiting for activity.</strong> This page shows what happens after the console was opened. Sync
        a device, or run the demo:
      </p>
      <pre>npx cognito-sync-backend demo</pre>
    </Empty>
  );
}

/**
 * Returns the time, and a new time each second while a row waits for its projection.
 * @param rows those that still change: a paused page does not receive the projection, so it cannot say that it is late
 */
function useNow(rows: readonly LiveRow[]): number {
  const [now, setNow] = useState(Date.now());
  const isTicking = rows.some((row) => isWaiting(row, now));
  useEffect(() => {
    if (!isTicking) return;
    const timer = setInterval(() => setNow(Date.now()), CHECK_MS);
    return () => clearInterval(timer);
  }, [isTicking]);
  return now;
}

/** The data that names the pool, the identity and the dataset of a row. */
function aboutOf(row: LiveRow): ShownActivity['details'] {
  return (requestOf(row) ?? row.activities[0])?.details ?? {};
}

function matches(row: LiveRow, { pool, identity }: Readonly<Record<'pool' | 'identity', string>>): boolean {
  const about = aboutOf(row);
  const datasets = 'datasets' in about ? datasetsOf(about) : [about];
  const contains = (value: unknown, filter: string) =>
    filter === '' || (typeof value === 'string' && value.includes(filter));
  return (
    (pool === '' && identity === '') ||
    datasets.some(
      ({ identityPoolId, identityId }) => contains(identityPoolId, pool) && contains(identityId, identity),
    )
  );
}

function IdentityLink({ identityPoolId, identityId, datasetName }: ShownActivity['details']) {
  if (typeof identityId !== 'string') return null;
  const [pool, dataset] = [identityPoolId, datasetName].map((each) =>
    typeof each === 'string' ? each : undefined,
  );
  return (
    <a href={linkTo('data', { pool, identity: identityId, dataset })}>
      <Id id={identityId} />
    </a>
  );
}
