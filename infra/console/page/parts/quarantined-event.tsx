import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { describeOutcome } from '../../../../lib/common/describe-outcome.ts';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { hasKey } from '../developer-key.tsx';
import { formatDate } from '../format.ts';
import type { EventItem } from '../model.ts';
import { type ActionResult, dismiss, readPayload, redrive, redriveWith } from '../operator-api.ts';
import { explainReason } from '../reason-words.ts';
import { InvisibleNote, Note } from './states.tsx';
import { Text } from './text.tsx';

export interface ActionMessage {
  kind: 'good' | 'bad';
  text: string;
}

/**
 * Shows an event in quarantine with its payload, which the user can edit and project.
 *
 * @param hasLeft whether the event no longer waits, although it waited when the user opened it
 * @param draft the text that the user typed; undefined if the payload was not edited
 * @param act runs an action on this event
 * @param message the result of the last action; null if there was none
 */
export function QuarantinedEvent({
  panel,
  event,
  hasLeft,
  draft,
  onDraft,
  act,
  message,
  onClose,
}: {
  panel: RefObject<HTMLElement | null>;
  event: EventItem;
  hasLeft: boolean;
  draft: string | undefined;
  onDraft: (text: string) => void;
  act: (work: () => Promise<ActionResult>) => Promise<void>;
  message: ActionMessage | null;
  onClose: () => void;
}) {
  const { quarantineId, reason, streamName, shardId, sequenceNumber, redrivenAt } = event;
  const [payload, setPayload] = useState<{ stored: string; isText: boolean } | null>(null);
  const [error, setError] = useState<string | null>(null);
  async function load(): Promise<void> {
    try {
      const { payload: data, payloadEncoding } = await readPayload(quarantineId);
      setPayload({ stored: formatJson(data), isText: payloadEncoding === 'utf8' });
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
  const edited = payload !== null && draft !== payload.stored ? draft : undefined;
  const isSettled = hasLeft || redrivenAt !== null;
  return (
    <section ref={panel} class="panel" aria-label="Event">
      <div class="head">
        <h2 tabIndex={-1}>
          <Text text={reason} />
        </h2>
        <button type="button" class="small" onClick={onClose}>
          Close
        </button>
      </div>
      {!hasLeft && (
        <p>
          {redrivenAt === null
            ? explainReason(reason)
            : `This event was ${describeOutcome(event)} on ${formatDate(redrivenAt)}. The text is the event as it arrived.`}
        </p>
      )}
      <p class="quiet">
        {streamName}, {shardId}, sequence number <code class="break">{sequenceNumber}</code>
      </p>
      {hasLeft && (
        <Note kind="warn">
          This event no longer waits: it was {describeOutcome(event)} after you opened it. The text stays here
          until you close the event.
        </Note>
      )}
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
            value={draft ?? payload.stored}
            spellcheck={false}
            readOnly={isSettled || !payload.isText}
            onInput={({ currentTarget }) => onDraft(currentTarget.value)}
          />
        </label>
      )}
      {payload !== null && <InvisibleNote text={draft ?? payload.stored} />}
      {message && <Note kind={message.kind}>{message.text}</Note>}
      {!isSettled && (
        <div class="actions">
          <button
            type="button"
            class="primary"
            onClick={() =>
              void act(() =>
                edited === undefined ? redrive([quarantineId]) : redriveWith(quarantineId, edited),
              )
            }
          >
            {edited === undefined ? 'Project again' : 'Project the edited event'}
          </button>
          <button type="button" onClick={() => void act(() => dismiss([quarantineId]))}>
            Dismiss
          </button>
        </div>
      )}
    </section>
  );
}
