import { useState } from 'preact/hooks';
import { postJson } from '../api.ts';
import { showInvisible } from '../invisible.ts';
import { RuleLink } from './rule-link.tsx';
import { Note } from './states.tsx';
import { Table } from './table.tsx';
import { Text } from './text.tsx';
import { Name, Value } from './value.tsx';

interface Entry {
  oldValue?: string;
  newValue?: string;
  op?: string;
}

interface TriedEvent {
  datasetName: string;
  hasRules: boolean;
  requested: Readonly<Record<string, Entry | null>>;
  verdict:
    | {
        kind: 'answer';
        event: { datasetRecords: Readonly<Record<string, Entry | null>> };
        decisions: Decision[];
      }
    | { kind: 'rejected'; reason: string; decisions: Decision[] };
}

interface Decision {
  rule: string;
  key: string | null;
  action: string;
  reason: string;
}

interface Trial {
  mode: 'enforce' | 'observe';
  results: TriedEvent[];
  thrown: string[];
}

const SAMPLE = JSON.stringify(
  { datasetName: 'game', datasetRecords: { score: { oldValue: '10', newValue: '5' }, name: 'Ada' } },
  null,
  2,
);

/** A form that shows what the rules do to an event. Nothing is stored. */
export function TryEvent() {
  const [text, setText] = useState(SAMPLE);
  const [trial, setTrial] = useState<Trial | null>(null);
  const [error, setError] = useState<string | null>(null);
  async function tryIt(): Promise<void> {
    try {
      setTrial(await postJson<Trial>('/console/rules', text));
      setError(null);
    } catch (failure) {
      setTrial(null);
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  }
  return (
    <>
      <h2>Try an event</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void tryIt();
        }}
      >
        <label>
          A sync trigger event. A text is a new value; an object has the stored value and the value that the
          device sends.
          <textarea
            rows={8}
            value={text}
            spellcheck={false}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Try
        </button>
      </form>
      {error && <Note kind="bad">{error}</Note>}
      {trial?.thrown.map((line) => (
        <Note key={line} kind="bad">
          A rule failed: <Text text={line} />
        </Note>
      ))}
      {trial?.mode === 'observe' && <Note kind="warn">In mode observe, none of this takes effect.</Note>}
      {trial?.results.map((result, index) => (
        <Result key={index} of={result} />
      ))}
    </>
  );
}

function Result({ of: { datasetName, hasRules, requested, verdict } }: { of: TriedEvent }) {
  const stored = verdict.kind === 'answer' ? verdict.event.datasetRecords : null;
  const keys = [...new Set([...Object.keys(requested), ...Object.keys(stored ?? {})])];
  const general = verdict.decisions.filter(({ key }) => key === null);
  return (
    <section aria-label={`Result for ${showInvisible(datasetName)}`}>
      {!hasRules && (
        <Note>
          There are no rules for the dataset <Text text={datasetName} />.
        </Note>
      )}
      {verdict.kind === 'rejected' && (
        <Note kind="warn">
          <strong>The whole call is rejected.</strong> The device receives: <Text text={verdict.reason} />
        </Note>
      )}
      {general.map(({ rule, action, reason }) => (
        <p key={`${rule} ${action} ${reason}`}>
          <code>
            <Text text={rule} />
          </code>
          : {action}, <Text text={reason} />
        </p>
      ))}
      <Table
        label={`Decisions for ${showInvisible(datasetName)}`}
        rows={keys}
        keyOf={(key) => key}
        columns={[
          {
            head: 'Key',
            kind: 'key',
            cell: (key) => (
              <code>
                <Name text={key} />
              </code>
            ),
          },
          { head: 'Stored before', cell: (key) => <Value text={requested[key]?.oldValue ?? null} /> },
          { head: 'Device sends', cell: (key) => <Value text={sentOf(requested[key])} /> },
          {
            head: 'Stored after',
            cell: (key) => (
              <Value text={(stored === null ? requested[key]?.oldValue : sentOf(stored[key])) ?? null} />
            ),
          },
          {
            head: 'Decision',
            kind: 'wide',
            cell: (key) => (
              <Decisions
                of={verdict.decisions.filter((each) => each.key === key)}
                isRejected={stored === null}
              />
            ),
          },
        ]}
      />
    </section>
  );
}

function sentOf(entry: Entry | null | undefined): string | null {
  return entry?.op === 'remove' ? null : (entry?.newValue ?? null);
}

function Decisions({ of: decisions, isRejected }: { of: readonly Decision[]; isRejected: boolean }) {
  if (decisions.length === 0) return <>{isRejected ? 'rejected with the whole call' : 'accepted'}</>;
  return (
    <>
      {decisions.map(({ rule, action, reason }) => (
        <div key={`${rule} ${action}`}>
          <strong>{action}</strong> by <RuleLink path={rule} />: <Text text={reason} />
        </div>
      ))}
    </>
  );
}
