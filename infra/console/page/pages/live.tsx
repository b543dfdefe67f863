import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { datasetOf, summarize } from '../activity-words.ts';
import { activities } from '../connection.ts';
import { formatTime } from '../format.ts';
import { ACTIVITY_KINDS, type ActivityKind, type ShownActivity } from '../model.ts';
import { Preformatted } from '../parts/preformatted.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { Empty } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Id } from '../parts/value.tsx';
import { linkTo, route } from '../router.ts';

const NAMES: Readonly<Record<ActivityKind, string>> = {
  sync: 'Syncs',
  trigger: 'Trigger decisions',
  projected: 'Projected batches',
  push: 'Push messages',
};

export function Live() {
  const { params } = route.value;
  const [kinds, setKinds] = useState<readonly ActivityKind[]>(ACTIVITY_KINDS);
  const [pool, setPool] = useState(params.get('pool') ?? '');
  const [identity, setIdentity] = useState(params.get('identity') ?? '');
  const paused = useSignal<readonly ShownActivity[] | null>(null);
  const shown = (paused.value ?? activities.value).filter(
    ({ kind, details }) =>
      kinds.includes(kind) &&
      aboutOf(details).some(
        (about) => matches(about.identityPoolId, pool) && matches(about.identityId, identity),
      ),
  );
  const toggle = (kind: ActivityKind) =>
    setKinds(kinds.includes(kind) ? kinds.filter((each) => each !== kind) : [...kinds, kind]);
  return (
    <>
      <div class="controls">
        <fieldset class="chips">
          <legend class="hidden">Show</legend>
          {ACTIVITY_KINDS.map((kind) => (
            <label key={kind} class="check">
              <input type="checkbox" checked={kinds.includes(kind)} onChange={() => toggle(kind)} />{' '}
              {NAMES[kind]}
            </label>
          ))}
        </fieldset>
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
            paused.value = paused.value === null ? activities.value : null;
          }}
        >
          {paused.value === null ? 'Pause' : 'Continue'}
        </button>
      </div>
      {shown.length === 0 ? (
        <Empty>
          <p>
            <strong>Waiting for activity.</strong> This page shows what happens after the console was opened.
            Sync a device, or run the demo:
          </p>
          <pre>npx cognito-sync-backend demo</pre>
        </Empty>
      ) : (
        <Table
          label="Activity, newest first"
          rows={shown}
          keyOf={({ number }) => number}
          columns={[
            { head: 'Time', kind: 'narrow', cell: ({ at }) => formatTime(at) },
            { head: 'What', cell: ({ kind }) => <span class={`badge ${kind}`}>{kind}</span> },
            { head: 'Details', kind: 'wide', cell: (activity) => <Details of={activity} /> },
            { head: 'Identity', cell: ({ details }) => <IdentityLink {...datasetOf(details)} /> },
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

/** The identities that an activity is about. A projected batch has a list of datasets. */
function aboutOf(details: ShownActivity['details']): ShownActivity['details'][] {
  return Array.isArray(details.datasets) ? details.datasets : [details];
}

function matches(value: unknown, filter: string): boolean {
  return filter === '' || value === undefined || String(value).includes(filter);
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

function Details({ of: { kind, details } }: { of: ShownActivity }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="value" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Text text={summarize(kind, details)} />
      </summary>
      {isOpen && <Preformatted text={JSON.stringify(details, null, 2)} />}
    </details>
  );
}
