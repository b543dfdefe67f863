import { useState } from 'preact/hooks';
import { numericColumns, toBars } from '../chart-data.ts';
import { isolate, showInvisible } from '../invisible.ts';
import type { SqlTable } from '../model.ts';
import { Note } from './states.tsx';
import { Text } from './text.tsx';

const MAX_BARS = 50;

/** A bar chart of one numeric column of a result, with the rows named by another column. */
export function Chart({ result }: { result: SqlTable }) {
  const { columns, rows } = result;
  const [chosen, setChosen] = useState<{ value?: number; name?: number }>({});
  const numeric = numericColumns(result);
  const last = numeric.at(-1);
  if (last === undefined) {
    return (
      <Note>
        <strong>No column contains numbers.</strong> A chart needs at least one, for example{' '}
        <code>count(*)</code>.
      </Note>
    );
  }
  // The result can be newer than the choice, and another column can contain the numbers now.
  const value = numeric.find((index) => index === chosen.value) ?? last;
  const all = columns.map((_, index) => index);
  const name = chosen.name ?? all.find((index) => index !== value) ?? value;
  return (
    <>
      <div class="controls">
        <ColumnChoice
          label="Value"
          columns={columns}
          among={numeric}
          chosen={value}
          onChoose={(index) => setChosen({ ...chosen, value: index })}
        />
        <ColumnChoice
          label="Name"
          columns={columns}
          among={all}
          chosen={name}
          onChoose={(index) => setChosen({ ...chosen, name: index })}
        />
      </div>
      <ol class="chart" aria-label={showInvisible(`${columns[value]?.name} by ${columns[name]?.name}`)}>
        {toBars(rows.slice(0, MAX_BARS), { value, name }).map((bar, index) => (
          <li key={index}>
            <span class="name" title={showInvisible(bar.name ?? '')}>
              {bar.name === null ? '(null)' : <Text text={bar.name} />}
            </span>
            <span class="track">
              {bar.size !== null && <span class="bar" style={{ width: `${bar.size * 100}%` }} />}
            </span>
            <span class="number" title={bar.value ?? ''}>
              {bar.value ?? '(null)'}
            </span>
          </li>
        ))}
      </ol>
      {rows.length > MAX_BARS && <p class="quiet">The chart shows the first {MAX_BARS} rows.</p>}
    </>
  );
}

function ColumnChoice({
  label,
  columns,
  among,
  chosen,
  onChoose,
}: {
  label: string;
  columns: SqlTable['columns'];
  among: readonly number[];
  chosen: number;
  onChoose: (index: number) => void;
}) {
  return (
    <label>
      {label}
      <select value={chosen} onChange={({ currentTarget }) => onChoose(Number(currentTarget.value))}>
        {among.map((index) => (
          <option key={index} value={index}>
            {isolate(columns[index]?.name ?? '')}
          </option>
        ))}
      </select>
    </label>
  );
}
