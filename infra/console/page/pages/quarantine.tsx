import { useEffect, useRef, useState } from 'preact/hooks';
import { plural } from '../format.ts';
import type { EventItem } from '../model.ts';
import { type ActionResult, dismiss, redrive } from '../operator-api.ts';
import { QuarantineEvents } from '../parts/quarantine-events.tsx';
import { type ActionMessage, QuarantinedEvent } from '../parts/quarantined-event.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { LoadState, Note } from '../parts/states.tsx';
import { type LoadedList, useList } from '../use-load.ts';

export function Quarantine() {
  const [showsAll, setShowsAll] = useState(false);
  const list = useList<EventItem>('/query/quarantine', { waiting: showsAll ? undefined : 'true' });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  // The opened event stays open when it leaves the list, and its text is kept, so that nothing typed is lost.
  const [held, setHeld] = useState<EventItem | null>(null);
  const [drafts, setDrafts] = useState<ReadonlyMap<string, string>>(new Map());
  // The panel of the opened event shows the result of its own actions, if it stays open.
  const [message, setMessage] = useState<(ActionMessage & { isInPanel: boolean }) | null>(null);
  const panel = useRef<HTMLElement>(null);
  const opener = useRef<HTMLElement | null>(null);
  const result = useRef<HTMLDivElement>(null);
  const events = list.data ?? [];
  const waiting = events.filter(({ redrivenAt }) => redrivenAt === null);
  const selected = waiting.filter(({ quarantineId }) => chosen.has(quarantineId));
  const openId = held?.quarantineId ?? null;
  const opened = events.find(({ quarantineId }) => quarantineId === openId) ?? held;
  // The row that the user clicked can be far below the panel.
  useEffect(() => {
    panel.current?.scrollIntoView({ block: 'start' });
    panel.current?.querySelector('h2')?.focus({ preventScroll: true });
  }, [held]);
  const close = (ids: readonly string[]) => {
    setHeld((event) => (event !== null && ids.includes(event.quarantineId) ? null : event));
    setDrafts((before) => new Map([...before].filter(([id]) => !ids.includes(id))));
  };

  async function act(
    about: readonly string[],
    work: () => Promise<ActionResult>,
    isInPanel = false,
  ): Promise<void> {
    try {
      const { isDone, text } = await work();
      setMessage({ kind: isDone ? 'good' : 'bad', text, isInPanel: isInPanel && !isDone });
      setChosen(new Set());
      if (isDone) {
        close(about);
        // The button that had the focus disappears or becomes disabled.
        result.current?.focus();
      }
    } catch (error) {
      setMessage({ kind: 'bad', text: error instanceof Error ? error.message : String(error), isInPanel });
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
        <button type="button" disabled={ids.length === 0} onClick={() => void act(ids, () => redrive(ids))}>
          {ids.length === 0 ? 'Project again' : `Project ${plural(ids.length, 'event')} again`}
        </button>
        <button type="button" disabled={ids.length === 0} onClick={() => void act(ids, () => dismiss(ids))}>
          {ids.length === 0 ? 'Dismiss' : `Dismiss ${plural(ids.length, 'event')}`}
        </button>
        <label class="check">
          <input type="checkbox" checked={showsAll} onChange={() => setShowsAll(!showsAll)} /> Also show
          projected and dismissed events
        </label>
      </div>
      <div ref={result} tabIndex={-1}>
        {message && !message.isInPanel && <Note kind={message.kind}>{message.text}</Note>}
      </div>
      {held && opened && (
        <QuarantinedEvent
          key={opened.quarantineId}
          panel={panel}
          event={opened}
          hasLeft={hasLeft(held, list)}
          draft={drafts.get(opened.quarantineId)}
          onDraft={(text) => setDrafts((before) => new Map(before).set(opened.quarantineId, text))}
          act={(work) => act([opened.quarantineId], work, true)}
          message={message?.isInPanel ? message : null}
          onClose={() => {
            close([opened.quarantineId]);
            opener.current?.focus();
          }}
        />
      )}
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
        <QuarantineEvents
          {...{ events, chosen, toggle, openId }}
          isAllChosen={waiting.length > 0 && selected.length === waiting.length}
          onChooseAll={(all) =>
            setChosen(new Set(all ? waiting.map(({ quarantineId }) => quarantineId) : []))
          }
          onOpen={(event, button) => {
            opener.current = button;
            setMessage(null);
            // A new object, so that the page also scrolls to the panel if it shows this event already.
            setHeld({ ...event });
          }}
        />
      )}
      <More list={list} />
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

/**
 * Returns whether an event that waited when the user opened it no longer waits. The list has the newest events first, so
 * an event that is missing may only be older than the events that are loaded.
 */
function hasLeft(held: EventItem, { data, hasMore }: LoadedList<EventItem>): boolean {
  if (held.redrivenAt !== null || data === undefined) return false;
  const listed = data.find(({ quarantineId }) => quarantineId === held.quarantineId);
  if (listed !== undefined) return listed.redrivenAt !== null;
  const last = data.at(-1);
  return !hasMore || (last !== undefined && Date.parse(held.quarantinedAt) > Date.parse(last.quarantinedAt));
}

function More({ list: { hasMore, more } }: { list: LoadedList<EventItem> }) {
  if (!hasMore) return null;
  return (
    <button type="button" onClick={more}>
      Show more events
    </button>
  );
}
