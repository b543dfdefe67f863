import { describeOutcome } from '../../../../lib/common/describe-outcome.ts';
import { showInvisible } from '../invisible.ts';
import type { EventItem } from '../model.ts';
import { PoolName } from './pool-name.tsx';
import { Table } from './table.tsx';
import { When } from './value.tsx';

/** The list of events in quarantine, in which the user chooses those to project or to dismiss. */
export function QuarantineEvents({
  events,
  chosen,
  toggle,
  openId,
  isAllChosen,
  onChooseAll,
  onOpen,
}: {
  events: readonly EventItem[];
  chosen: ReadonlySet<string>;
  toggle: (id: string) => void;
  openId: string | null;
  isAllChosen: boolean;
  onChooseAll: (all: boolean) => void;
  onOpen: (event: EventItem, button: HTMLElement) => void;
}) {
  return (
    <Table
      label="Events in quarantine"
      rows={events}
      keyOf={({ quarantineId }) => quarantineId}
      isMarked={({ quarantineId }) => quarantineId === openId}
      columns={[
        {
          head: (
            <input
              type="checkbox"
              aria-label="Choose all waiting events"
              checked={isAllChosen}
              onChange={({ currentTarget }) => onChooseAll(currentTarget.checked)}
            />
          ),
          cell: ({ quarantineId, redrivenAt, reason }) =>
            redrivenAt === null && (
              <input
                type="checkbox"
                aria-label={`Choose the event: ${showInvisible(reason)}`}
                checked={chosen.has(quarantineId)}
                onChange={() => toggle(quarantineId)}
              />
            ),
        },
        {
          head: 'State',
          cell: (event) => <State of={event} />,
        },
        { head: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
        {
          head: 'Pool',
          cell: ({ identityPoolId }) => (identityPoolId ? <PoolName id={identityPoolId} /> : '–'),
        },
        { head: 'Arrived', kind: 'narrow', cell: ({ arrivedAt }) => <When date={arrivedAt} /> },
        {
          head: <span class="hidden">Open</span>,
          cell: (event) => (
            <button
              type="button"
              class="small"
              aria-label={`Open the event: ${showInvisible(event.reason)}`}
              onClick={({ currentTarget }) => onOpen(event, currentTarget)}
            >
              Open
            </button>
          ),
        },
      ]}
    />
  );
}

function State({ of: event }: { of: EventItem }) {
  const { redrivenAt, isDismissed } = event;
  if (redrivenAt === null) return <span class="state warn">waiting</span>;
  return (
    <>
      <span class={`state ${isDismissed === false ? 'good' : 'settled'}`}>{describeOutcome(event)}</span>{' '}
      <When date={redrivenAt} />
    </>
  );
}
