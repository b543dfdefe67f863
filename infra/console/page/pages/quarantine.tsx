import { useEffect, useState } from 'preact/hooks';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { hasKey } from '../developer-key.tsx';
import { formatDate, plural } from '../format.ts';
import type { EventItem } from '../model.ts';
import { type ActionResult, dismiss, readPayload, redrive, redriveWith } from '../operator-api.ts';
import { PoolName } from '../parts/pool-name.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { LoadState, Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When } from '../parts/value.tsx';
import { explainReason } from '../reason-words.ts';
import { type LoadedList, useList } from '../use-load.ts';

export function Quarantine() {
  const [showsAll, setShowsAll] = useState(false);
  const list = useList<EventItem>('/query/quarantine', { waiting: showsAll ? undefined : 'true' });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [openId, setOpenId] = useState<string | null>(null);
  const [message, setMessage] = useState<{ kind: 'good' | 'bad'; text: string } | null>(null);
  const events = list.data ?? [];
  const waiting = events.filter(({ redrivenAt }) => redrivenAt === null);
  const selected = waiting.filter(({ quarantineId }) => chosen.has(quarantineId));
  const opened = list.data?.find(({ quarantineId }) => quarantineId === openId);

  async function act(work: () => Promise<ActionResult>): Promise<void> {
    try {
      const { isDone, text } = await work();
      setMessage({ kind: isDone ? 'good' : 'bad', text });
      setChosen(new Set());
    } catch (error) {
      setMessage({ kind: 'bad', text: error instanceof Error ? error.message : String(error) });
    }
    list.reload();
  }
  const ids = selected.map(({ quarantineId }) => quarantineId);
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return (
    <>
      <div class="controls">
        <button type="button" disabled={ids.length === 0} onClick={() => void act(() => redrive(ids))}>
          {ids.length === 0 ? 'Project again' : `Project ${plural(ids.length, 'event')} again`}
        </button>
        <button type="button" disabled={ids.length === 0} onClick={() => void act(() => dismiss(ids))}>
          {ids.length === 0 ? 'Dismiss' : `Dismiss ${plural(ids.length, 'event')}`}
        </button>
        <label class="check">
          <input type="checkbox" checked={showsAll} onChange={() => setShowsAll(!showsAll)} /> Also show
          projected and dismissed events
        </label>
      </div>
      {message && <Note kind={message.kind}>{message.text}</Note>}
      <LoadState
        of={list}
        empty={
          list.hasMore
            ? 'No event waits among the newest events.'
            : showsAll
              ? 'Nothing is in quarantine. Every event was projected.'
              : 'No event waits in quarantine. Every event was projected or dismissed.'
        }
      />
      {events.length > 0 && (
        <Events
          {...{ events, chosen, toggle, openId }}
          isAllChosen={waiting.length > 0 && selected.length === waiting.length}
          onChooseAll={(all) =>
            setChosen(new Set(all ? waiting.map(({ quarantineId }) => quarantineId) : []))
          }
          onOpen={setOpenId}
        />
      )}
      <More list={list} />
      {opened && (
        <EventDetails key={opened.quarantineId} event={opened} act={act} onClose={() => setOpenId(null)} />
      )}
      <Snippets
        of={[
          {
            title: 'Command line',
            code: `npx cognito-sync-backend quarantine list\nnpx cognito-sync-backend quarantine show ${openId ?? '<id>'}\nnpx cognito-sync-backend quarantine edit ${openId ?? '<id>'}\nnpx cognito-sync-backend quarantine redrive ${openId ?? '<id>'}`,
          },
          curl('/query/quarantine?waiting=true'),
        ]}
      />
    </>
  );
}

function More({ list: { hasMore, more } }: { list: LoadedList<EventItem> }) {
  if (!hasMore) return null;
  return (
    <button type="button" onClick={more}>
      Show more events
    </button>
  );
}

function Events({
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
  onOpen: (id: string) => void;
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
                aria-label={`Choose the event: ${reason}`}
                checked={chosen.has(quarantineId)}
                onChange={() => toggle(quarantineId)}
              />
            ),
        },
        { head: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
        {
          head: 'Pool',
          cell: ({ identityPoolId }) => (identityPoolId ? <PoolName id={identityPoolId} /> : '–'),
        },
        { head: 'Arrived', kind: 'narrow', cell: ({ arrivedAt }) => <When date={arrivedAt} /> },
        {
          head: 'State',
          kind: 'narrow',
          cell: ({ redrivenAt }) =>
            redrivenAt === null ? (
              <span class="state warn">waiting</span>
            ) : (
              `settled ${formatDate(redrivenAt)}`
            ),
        },
        {
          head: <span class="hidden">Open</span>,
          cell: ({ quarantineId, reason }) => (
            <button
              type="button"
              class="small"
              aria-label={`Open the event: ${reason}`}
              onClick={() => onOpen(quarantineId)}
            >
              Open
            </button>
          ),
        },
      ]}
    />
  );
}

function EventDetails({
  event: { quarantineId, reason, streamName, shardId, sequenceNumber, redrivenAt },
  act,
  onClose,
}: {
  event: EventItem;
  act: (work: () => Promise<ActionResult>) => Promise<void>;
  onClose: () => void;
}) {
  const [payload, setPayload] = useState<{ stored: string; text: string; isText: boolean } | null>(null);
  const [error, setError] = useState<string | null>(null);
  async function load(): Promise<void> {
    try {
      const { payload: data, payloadEncoding } = await readPayload(quarantineId);
      const stored = formatJson(data);
      setPayload({ stored, text: stored, isText: payloadEncoding === 'utf8' });
      setError(null);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  }
  // Load the event immediately only if a developer key is known. Otherwise, the page would ask for a key, although the
  // user requested nothing.
  useEffect(() => {
    hasKey().then(
      (known) => (known ? load() : undefined),
      () => undefined,
    );
  }, []);
  const isEdited = payload !== null && payload.text !== payload.stored;
  return (
    <section class="panel" aria-label="Event">
      <div class="head">
        <h2>{reason}</h2>
        <button type="button" class="small" onClick={onClose}>
          Close
        </button>
      </div>
      <p>{explainReason(reason)}</p>
      <p class="quiet">
        {streamName}, {shardId}, sequence number <code class="break">{sequenceNumber}</code>
      </p>
      {error && <Note kind="bad">{error}</Note>}
      {payload === null ? (
        <button type="button" onClick={() => void load()}>
          Show the event
        </button>
      ) : (
        <label>
          {payload.isText ? 'The event' : 'The event in base64. It is not UTF-8 text and cannot be edited.'}
          <textarea
            rows={16}
            value={payload.text}
            spellcheck={false}
            readOnly={redrivenAt !== null || !payload.isText}
            onInput={({ currentTarget }) => setPayload({ ...payload, text: currentTarget.value })}
          />
        </label>
      )}
      {redrivenAt === null && (
        <div class="actions">
          <button
            type="button"
            class="primary"
            onClick={() =>
              void act(() => (isEdited ? redriveWith(quarantineId, payload.text) : redrive([quarantineId])))
            }
          >
            {isEdited ? 'Project the edited event' : 'Project again'}
          </button>
          <button type="button" onClick={() => void act(() => dismiss([quarantineId]))}>
            Dismiss
          </button>
        </div>
      )}
    </section>
  );
}
