import { useState } from 'preact/hooks';
import { summarize } from '../activity-words.ts';
import { formatDuration, plural } from '../format.ts';
import { type LiveRow, requestOf } from '../live-rows.ts';
import { decisionsOf, receivedAt, type ShownDecision, type Step, stepsOf } from '../live-steps.ts';
import type { ShownActivity } from '../model.ts';
import { Preformatted } from './preformatted.tsx';
import { RuleLink } from './rule-link.tsx';
import { Text } from './text.tsx';
import { Name } from './value.tsx';

/** Maximum number of decisions that a row shows. The details contain all of them. */
const MAX_DECISIONS = 3;

/**
 * A row of the page Live: a sync with its steps and the decisions of the rules, or another activity.
 * @param now epoch milliseconds
 */
export function LiveActivity({ row, now }: { row: LiveRow; now: number }) {
  const request = requestOf(row);
  const [first] = row.activities;
  const decisions = request === undefined ? [] : decisionsOf(row);
  return (
    <>
      {request !== undefined && <RequestTitle of={request} />}
      {request === undefined && first !== undefined && <OtherTitle of={first} />}
      <div class="travel">
        {request !== undefined && <Steps of={stepsOf(row, now)} />}
        {decisions.slice(0, MAX_DECISIONS).map((decision, index) => (
          <p key={index} class="decision">
            <Decision of={decision} />
          </p>
        ))}
        {decisions.length > MAX_DECISIONS && (
          <p class="decision quiet">
            {plural(decisions.length - MAX_DECISIONS, 'more decision')} in the details
          </p>
        )}
        <Details of={row} />
      </div>
    </>
  );
}

function Steps({ of: steps }: { of: readonly Step[] }) {
  return (
    <ol class="steps" aria-label="Steps">
      {steps.map(({ text, state }) => (
        <li key={text} class={`state ${state}`}>
          <Text text={text} />
        </li>
      ))}
    </ol>
  );
}

function OtherTitle({ of: { kind, details } }: { of: ShownActivity }) {
  return (
    <>
      <span class={`badge ${kind}`}>{kind}</span> <Text text={summarize(kind, details)} />
    </>
  );
}

/** `UpdateRecords game: 3 records`. Until the request is answered, only the decisions of its trigger are known. */
function RequestTitle({ of: { kind, details } }: { of: ShownActivity }) {
  const { operation, datasetName, records, recordCount } = details;
  const count = Number((kind === 'sync' ? records : recordCount) ?? 0);
  return (
    <>
      <strong>{kind === 'sync' ? String(operation) : 'UpdateRecords'}</strong>
      {typeof datasetName === 'string' && (
        <>
          {' '}
          <Text text={datasetName} />
        </>
      )}
      {count > 0 && `: ${plural(count, 'record')}`}
    </>
  );
}

function Decision({ of: { key, decision, rule, reason } }: { of: ShownDecision }) {
  return (
    <>
      {key !== null && (
        <code>
          <Name text={key} />
        </code>
      )}{' '}
      {decision}
      {rule !== null && (
        <>
          {' '}
          by <RuleLink path={rule} />
        </>
      )}
      {reason !== null && (
        <>
          : <Text text={reason} />
        </>
      )}
    </>
  );
}

/** The activities of a row, with the time since the service received the request, and their data. */
function Details({ of: row }: { of: LiveRow }) {
  const [isOpen, setOpen] = useState(false);
  const startedAt = receivedAt(row);
  return (
    <details class="value" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Details</summary>
      {isOpen && (
        <>
          <ol class="timeline">
            {row.activities.map(({ number, kind, at, details }) => (
              <li key={number}>
                <span class="number">+{formatDuration(Math.max(0, at.getTime() - startedAt))}</span>
                <span class={`badge ${kind}`}>{kind}</span>
                <Text text={summarize(kind, details)} />
              </li>
            ))}
          </ol>
          <Preformatted
            text={row.activities
              .map(({ kind, details }) => JSON.stringify({ kind, ...details }, null, 2))
              .join('\n')}
          />
        </>
      )}
    </details>
  );
}
