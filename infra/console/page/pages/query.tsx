import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import { toCsv } from '../csv.ts';
import { cut, plural } from '../format.ts';
import { showInvisible } from '../invisible.ts';
import type { SqlTable } from '../model.ts';
import { Chart } from '../parts/chart.tsx';
import { quoted, Snippets } from '../parts/snippets.tsx';
import { SqlField } from '../parts/sql-field.tsx';
import { Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Value } from '../parts/value.tsx';
import { keepDraft, readDraft, readHistory, remember } from '../query-texts.ts';
import { runSql } from '../sql.ts';

const EXAMPLES: readonly [string, string][] = [
  [
    'Newest records',
    'select dataset_name, record_key, record_value, last_modified_date, identity_id\nfrom query.records\norder by projected_at desc limit 100',
  ],
  [
    'Records per dataset',
    'select dataset_name, count(*)\nfrom query.records\ngroup by dataset_name\norder by count(*) desc limit 20',
  ],
  [
    'Highest score',
    "select identity_id, numeric_value\nfrom query.records_of('score')\nwhere numeric_value is not null\norder by numeric_value desc limit 10",
  ],
  [
    'Reasons for quarantine',
    "select split_part(reason, ':', 1) as reason, count(*)\nfrom query.quarantine\nwhere redriven_at is null\ngroup by 1",
  ],
];
const SCHEMA = `select table_schema, table_name, column_name from information_schema.columns
where table_schema = 'query' order by 1, 2, ordinal_position`;

export function Query() {
  const [state, setState] = useState<{ result?: SqlTable; error?: string; isRunning: boolean }>({
    isRunning: false,
  });
  const { result, error, isRunning } = state;
  const [history, setHistory] = useState(readHistory);
  const text = useSignal(readDraft() || (history[0] ?? EXAMPLES[0]?.[1] ?? ''));
  useSignalEffect(() => keepDraft(text.value));
  const [view, setView] = useState<'table' | 'chart'>('table');
  const ran = useRef('');

  async function run(): Promise<void> {
    const sql = text.peek().trim();
    if (sql === '' || isRunning) return;
    ran.current = sql;
    setState((before) => ({ ...before, isRunning: true }));
    setHistory(remember(sql));
    try {
      setState({ result: await runSql(sql), isRunning: false });
    } catch (error) {
      setState({ error: error instanceof Error ? error.message : String(error), isRunning: false });
    }
  }
  const choose = (sql: string) => {
    text.value = sql;
  };
  return (
    <>
      <SqlField text={text} readSchema={readSchema} onRun={() => void run()} />
      <div class="controls">
        {/* A disabled button would lose the focus. */}
        <button type="button" class="primary" aria-disabled={isRunning} onClick={() => void run()}>
          {isRunning ? 'Running …' : 'Run'}
        </button>
        <span class="quiet">or Ctrl+Enter</span>
        <Choice label="Examples" options={EXAMPLES} onChoose={choose} />
        <Choice
          label="History"
          options={history.map((sql) => [showInvisible(cut(sql.replace(/\s+/g, ' '), 80)), sql])}
          onChoose={choose}
        />
        {result && result.rows.length > 0 && (
          <>
            <button
              type="button"
              aria-pressed={view === 'chart'}
              onClick={() => setView(view === 'chart' ? 'table' : 'chart')}
            >
              {view === 'chart' ? 'Show the table' : 'Show a chart'}
            </button>
            <button type="button" onClick={() => download(result)}>
              Download CSV
            </button>
          </>
        )}
      </div>
      {error !== undefined && <Note kind="bad">{error}</Note>}
      {result !== undefined && (
        <>
          <p class="quiet" role="status">
            {plural(result.rows.length, 'row')} in {Math.round(result.milliseconds)} ms.
            {result.truncated && ' The result has more rows: add a limit, or aggregate.'}
          </p>
          {view === 'chart' && result.rows.length > 0 ? <Chart result={result} /> : <Rows result={result} />}
        </>
      )}
      <Snippets
        of={[
          {
            title: 'Command line',
            code: `npx cognito-sync-backend query ${quoted(ran.current || (EXAMPLES[0]?.[1] ?? ''))}`,
          },
          {
            title: 'curl',
            code: `curl -s ${location.origin}/query/sql -H 'Content-Type: application/json' -d ${quoted(JSON.stringify({ sql: ran.current || EXAMPLES[0]?.[1] }))}`,
          },
        ]}
      />
    </>
  );
}

function Rows({ result: { columns, rows } }: { result: SqlTable }) {
  return (
    <Table
      label="Result"
      rows={rows}
      keyOf={(_, index) => index}
      columns={columns.map(({ name, type }, index) => ({
        head: (
          <>
            <Text text={name} /> <small>{type}</small>
          </>
        ),
        kind: 'key' as const,
        cell: (row: readonly (string | null)[]) => <Value text={row[index] ?? null} />,
      }))}
    />
  );
}

function Choice({
  label,
  options,
  onChoose,
}: {
  label: string;
  options: readonly (readonly [string, string])[];
  onChoose: (value: string) => void;
}) {
  return (
    <select
      aria-label={label}
      value=""
      onChange={({ currentTarget }) => {
        const [, value] = options[Number(currentTarget.value)] ?? [];
        if (value !== undefined) onChoose(value);
        currentTarget.value = '';
      }}
    >
      <option value="">{label} …</option>
      {options.map(([name], index) => (
        <option key={name} value={index}>
          {name}
        </option>
      ))}
    </select>
  );
}

/**
 * Returns the views and columns that the SQL editor completes. If they cannot be read, returns an empty schema, and the
 * editor completes only keywords.
 */
async function readSchema(): Promise<Record<string, string[]>> {
  const result = await runSql(SCHEMA).catch(() => null);
  const schema: Record<string, string[]> = {};
  for (const [namespace, view, column] of result?.rows ?? []) {
    const name = `${namespace}.${view}`;
    schema[name] = [...(schema[name] ?? []), column ?? ''];
  }
  return schema;
}

function download(result: SqlTable): void {
  const url = URL.createObjectURL(new Blob([toCsv(result)], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'result.csv';
  link.click();
  // The browser reads the address after this function has returned.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
